//! What of a document becomes what, and what is told.

use std::collections::BTreeMap;

use eventsmith_codegen::model::Kind;
use eventsmith_documents::import::{Imported, import};
use serde_json::{Value, json};

use crate::{of_text, sound};

fn file(imported: &Imported, path: &str) -> Value {
    let text = imported.files.get(path).unwrap_or_else(|| panic!("{path} is none of {:?}", imported.files.keys()));
    serde_json::from_str(text).unwrap()
}

fn told(imported: &Imported) -> String {
    let lines = imported.notes.iter().map(|note| format!("{} {}\n", note.place, note.message));
    lines.collect()
}

const V3: &str = r##"
asyncapi: 3.0.0
info: {title: Light House, version: 1.0.0}
servers: {nats: {host: localhost, protocol: nats}}
channels:
  measured:
    address: lights.{lampId}.measured
    parameters: {lampId: {location: '$message.payload#/lamp_id'}}
    messages: {LightMeasuredV2: {$ref: '#/components/messages/measured'}}
  turn:
    address: lights.turn
    messages:
      turnOn: {payload: {type: object, properties: {lamp_id: {$ref: '#/components/schemas/Id'}}}, headers: {type: object}}
  turned:
    address: null
    messages: {turnedOn: {payload: {type: object, properties: {at: {type: string, format: date-time}}}}}
  binary:
    address: lights.binary
    messages: {Raw: {payload: {schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: {type: record}}}}
operations:
  sendMeasured: {action: send, channel: {$ref: '#/channels/measured'}}
  onTurn:
    action: receive
    channel: {$ref: '#/channels/turn'}
    reply: {channel: {$ref: '#/channels/turned'}}
components:
  messages:
    measured:
      summary: How bright it is.
      payload:
        type: object
        required: [lamp_id]
        properties:
          lamp_id: {$ref: '#/components/schemas/Id'}
          tree: {$ref: '#/components/schemas/Tree'}
      examples: [{payload: {lamp_id: a}}, {payload: {lamp_id: 7}}]
  schemas:
    Id: {type: string, maxLength: 40}
    Tree: {type: object, discriminator: kind, properties: {below: {type: array, items: {$ref: '#/components/schemas/Tree'}}}}
"##;

#[test]
fn messages_are_events_and_answered_ones_commands() {
    let imported = of_text("api.yaml", V3).unwrap();

    let loaded = sound(&imported);

    let named: Vec<(Kind, &str, u32)> =
        loaded.catalogue.versions().map(|(event, version)| (event.kind, &*event.event_type, version.number)).collect();
    assert_eq!(named, [(Kind::Domain, "light_measured", 2), (Kind::Command, "turn_on", 1)], "{}", told(&imported));
    let measured = file(&imported, "domain/light_measured.v2.json");
    assert_eq!(measured["x-event"], json!({"subject": "lights.{lamp_id}.measured"}));
    assert_eq!(measured["description"], "How bright it is.");
    assert_eq!(measured["properties"]["tree"], json!({"$ref": "../common.json#/definitions/Tree"}));
    assert_eq!(
        file(&imported, "common.json")["definitions"]["Tree"]["properties"]["below"]["items"],
        json!({"$ref": "#/definitions/Tree"})
    );
    assert_eq!(file(&imported, "command/turn_on.v1.reply.json")["properties"]["at"]["format"], "date-time");
    let manifest = &imported.files["eventsmith.toml"];
    assert!(
        manifest.contains("[services.\"light_house\"]\npublishes = [\"light_measured\"]\nhandles = [\"turn_on\"]"),
        "{manifest}"
    );
}

#[test]
fn what_is_not_taken_over_is_told() {
    let imported = of_text("api.yaml", V3).unwrap();

    let told = told(&imported);

    for part in [
        "api.yaml#/servers is left out",
        "api.yaml#/channels/turn/messages/turnOn/headers is left out",
        "\"application/vnd.apache.avro;version=1.9.0\", and JSON Schema is what can be taken",
        "the keyword \"discriminator\" is none of draft 7",
        "loses its examples",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn version_2_is_read_from_the_side_of_whoever_uses_the_service() {
    let text = json!({
        "asyncapi": "2.6.0", "info": {"title": "Accounts", "version": "1"},
        "channels": {
            "user/signedup": {
                "subscribe": {"message": {"oneOf": [
                    {"name": "UserSignedUp", "payload": {"type": "object"}},
                    {"$ref": "#/components/messages/UserLeft"}
                ]}},
                "publish": {"operationId": "sendWelcome", "message": {"payload": {"type": "object"}}}
            }
        },
        "components": {"messages": {"UserLeft": {"payload": {"$ref": "parts/user.json#/definitions/left"}}}}
    });
    let files = BTreeMap::from([
        ("api.json", text.to_string()),
        (
            "parts/user.json",
            json!({"definitions": {"left": {"type": "object", "properties": {"id": {"$ref": "id.yaml"}}}}}).to_string(),
        ),
        ("parts/id.yaml", "type: string\nmaxLength: 9\n".to_owned()),
    ]);

    let imported =
        import("api.json", &mut |path| files.get(path).cloned().ok_or(format!("{path} is missing"))).unwrap();

    sound(&imported);
    let manifest = &imported.files["eventsmith.toml"];
    assert!(
        manifest.contains("publishes = [\"user_left\",\"user_signed_up\"]\nconsumes = [\"send_welcome\"]"),
        "{manifest}"
    );
    assert_eq!(file(&imported, "common.json")["definitions"]["id"]["maxLength"], 9);
}

#[test]
fn what_no_catalogue_can_have_is_left_out_and_the_rest_stays() {
    let imported = of_text(
        "api.yaml",
        r##"
asyncapi: 3.0.0
info: {title: t, version: '1'}
channels:
  a: {address: a/b, messages: {Good: {payload: {type: object}}, Bad: {payload: {type: object, properties: {x: {pattern: '('}}}}}}
  b: {address: b, messages: {Shared: {payload: {type: object, properties: {x: {$ref: '#/components/schemas/Broken'}, y: {$ref: 'http://example.com/y'}}}}}}
components: {schemas: {Broken: {type: string, pattern: '['}}}
"##,
    )
    .unwrap();

    sound(&imported);

    assert!(imported.files.contains_key("domain/good.v1.json") && !imported.files.contains_key("domain/bad.v1.json"));
    assert_eq!(file(&imported, "common.json")["definitions"]["Broken"], json!(true));
    let told = told(&imported);
    assert!(told.contains("messages/Bad is left out") && told.contains("leads into the network"), "{told}");
}

#[test]
fn what_is_no_document_is_refused() {
    for (text, part) in [
        ("{}", "no AsyncAPI document"),
        ("asyncapi: 1.2.0", "AsyncAPI 1.2.0"),
        ("openapi: 3.1.0", "no AsyncAPI document"),
        ("{", "neither JSON nor YAML"),
        ("a: &a [*a, *a]", "alias"),
    ] {
        let error = of_text("x.yaml", text).unwrap_err();

        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn deep_and_wide_documents_end() {
    let deep = format!(
        "{{\"asyncapi\": \"3.0.0\", \"channels\": {{\"c\": {{\"messages\": {{\"m\": {{\"payload\": {}{}}}}}}}}}}}",
        "{\"not\":".repeat(110),
        "{}".to_owned() + &"}".repeat(110)
    );

    match of_text("x.json", &deep) {
        Ok(imported) => assert!(told(&imported).contains("nested deeper"), "{}", told(&imported)),
        Err(reason) => assert!(reason.contains("neither JSON nor YAML"), "{reason}"),
    }
    let circle =
        r##"{"asyncapi": "3.0.0", "channels": {"c": {"$ref": "#/channels/d"}, "d": {"$ref": "#/channels/c"}}}"##;
    assert!(told(&of_text("x.json", circle).unwrap()).contains("circle"));
}

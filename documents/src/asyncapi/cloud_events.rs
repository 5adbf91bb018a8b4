//! Events that are written as CloudEvents: what is in headers, and what is in the body.

use eventsmith_codegen::manifest::Wire;
use eventsmith_codegen::model::{Event, Version};
use serde_json::{Map, Value, json};

/// The attributes of such an event, with the schema of each.
fn attributes(event: &Event, version: &Version) -> [(&'static str, Value); 12] {
    let number = version.number.to_string();
    let text = |description: &str| json!({"type": "string", "description": description});
    [
        ("specversion", json!({"const": "1.0"})),
        (
            "id",
            json!({"type": "string", "minLength": 1, "description": "Identifies the event together with its source."}),
        ),
        (
            "source",
            json!({"type": "string", "minLength": 1, "description": "The service that published it, as a reference."}),
        ),
        ("type", json!({"const": event.event_type})),
        ("subject", text("The subject of NATS that it was published to.")),
        ("time", json!({"type": "string", "format": "date-time"})),
        ("datacontenttype", json!({"const": "application/json"})),
        ("dataschema", json!({"const": format!("urn:eventsmith:{}:{number}", event.event_type)})),
        ("dataversion", json!({"const": number, "description": "The version of the schema of its data."})),
        ("correlationid", text("What all messages of one business process have in common.")),
        ("causationid", text("The id of the message that it was made in answer to.")),
        ("metadata", text("About the circumstances: an object, as JSON.")),
    ]
}

/// Those that every message has.
const REQUIRED: [&str; 5] = ["specversion", "id", "source", "type", "dataversion"];

/// Adds the headers that hold attributes, in binary mode; or says of the body that it is a document of structured mode.
pub(super) fn headers(wire: Wire, event: &Event, version: &Version, headers: &mut Value) {
    let Some(Value::Object(properties)) = headers.get_mut("properties") else { return };
    if wire == Wire::CloudEventsStructured {
        properties
            .insert("Content-Type".to_owned(), json!({"type": "string", "pattern": "^application/cloudevents\\+json"}));
        return;
    }
    for (name, mut schema) in attributes(event, version) {
        // Texts are percent-encoded there, so that no format can be asserted but that of times.
        if let (Value::Object(schema), false) = (&mut schema, name == "time") {
            schema.remove("format");
        }
        properties.insert(format!("ce-{name}"), schema);
    }
    let required: Vec<String> = REQUIRED.iter().map(|name| format!("ce-{name}")).collect();
    if let Value::Object(headers) = headers {
        headers.insert("required".to_owned(), json!(required));
    }
}

/// The schema of a document of structured mode around a payload.
pub(super) fn document(event: &Event, version: &Version, data: &Value) -> Value {
    let mut properties: Map<String, Value> =
        attributes(event, version).into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    properties.insert("data".to_owned(), data.clone());
    let required: Vec<&str> = REQUIRED.into_iter().chain(["data"]).collect();
    json!({
        "description": format!("{} v{} as a CloudEvent.", event.event_type, version.number),
        "type": "object",
        "required": required,
        "properties": properties,
    })
}

/// A document of structured mode around an example.
pub(super) fn example(event: &Event, version: &Version, (index, source): (usize, &str), data: &Value) -> Value {
    json!({
        "specversion": "1.0",
        "id": format!("01900000-0000-7000-8000-{index:012}"),
        "source": source,
        "type": event.event_type,
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "dataschema": format!("urn:eventsmith:{}:{}", event.event_type, version.number),
        "dataversion": version.number.to_string(),
        "data": data,
    })
}

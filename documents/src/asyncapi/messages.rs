//! Messages: envelope, headers, correlation, examples.

use eventsmith_codegen::Loaded;
use eventsmith_codegen::bundle::bundle;
use eventsmith_codegen::manifest::Wire;
use eventsmith_codegen::model::{Event, Version, VersionPart};
use eventsmith_codegen::payload::ENVELOPE_FILE;
use eventsmith_codegen::schema::Validator;
use eventsmith_exact::schema::is_rounded;
use serde_json::{Map, Value, json};

use super::cloud_events;
use super::schemas::{Schemas, holds_reference};

/// The name of the schema that all envelopes share.
const ENVELOPE: &str = "Envelope";
/// The header by which tools find what belongs together.
const CORRELATION: &str = "Eventsmith-Correlation";

/// The name of the message of a part of a version, which is that of its schema, too.
pub(super) fn name(event: &Event, version: &Version, part: VersionPart) -> String {
    let part = if part.is_answer() { format!(".{}", part.as_str()) } else { String::new() };
    format!("{}.v{}{part}", event.event_type, version.number)
}

/// The correlation id that messages with an envelope name.
pub(super) fn correlation() -> Value {
    json!({
        "description": "What all messages of one business process have in common; the envelope has it as `correlation_id`.",
        "location": format!("$message.header#/{CORRELATION}"),
    })
}

/// Adds the schema of envelopes: that of the catalogue if it has one.
pub(super) fn envelope(loaded: &Loaded, schemas: &mut Schemas<'_>) -> Value {
    if loaded.catalogue.documents.contains_key(ENVELOPE_FILE) {
        return schemas.of_file(ENVELOPE_FILE);
    }
    let text = json!({"type": "string"});
    let optional = json!({"type": ["string", "null"]});
    let schema = json!({
        "title": ENVELOPE,
        "description": "What every message on the wire has in common, around the payload in `data`.",
        "type": "object",
        "required": ["id", "type", "source", "subject", "time", "version", "data"],
        "properties": {
            "id": {"description": "Identifies the message; the same when it is published again.", "type": "string", "minLength": 1},
            "type": text,
            "source": text,
            "subject": text,
            "time": {"type": "string", "format": "date-time"},
            "version": text,
            "correlation_id": optional,
            "causation_id": optional,
            "metadata": {"type": ["object", "null"]},
            "data": true,
        },
    });
    schemas.add(ENVELOPE, schema)
}

/// The message of an event or request: its payload in an envelope.
pub(super) fn enveloped(loaded: &Loaded, schemas: &mut Schemas<'_>, event: &Event, version: &Version) -> Value {
    let name = name(event, version, VersionPart::Itself);
    let wire = loaded.catalogue.wire_of(event);
    if wire.is_cloud_event() {
        return cloud_event(loaded, schemas, (event, version), wire, &name);
    }
    let common = envelope(loaded, schemas);
    let data = schemas.of_file(&version.file);
    let schema = json!({
        "description": format!("{} in its envelope.", VersionPart::Itself.of(&event.event_type, version.number)),
        "allOf": [common],
        "type": "object",
        "required": ["type", "version", "data"],
        "properties": {
            "type": {"const": event.event_type},
            "version": {"const": version.number.to_string()},
            "data": data,
        },
    });
    let payload = schemas.add(&format!("{name}.message"), schema);
    let mut message = described(loaded, event, &name, &version.file);
    message.insert("headers".to_owned(), headers(event, version));
    message.insert("correlationId".to_owned(), json!({"$ref": "#/components/correlationIds/eventsmith"}));
    message.insert("payload".to_owned(), payload);
    let examples = examples(loaded, &version.file).map(|(index, data)| {
        let payload = json!({
            "id": format!("01900000-0000-7000-8000-{index:012}"),
            "type": event.event_type,
            "source": source(loaded, event),
            "subject": subject(event, version, &data),
            "time": "2026-01-01T00:00:00Z",
            "version": version.number.to_string(),
            "data": data,
        });
        json!({"name": format!("example-{}", index + 1), "payload": payload})
    });
    let is_envelope = validator(loaded, ENVELOPE_FILE);
    let examples: Vec<Value> = examples
        .filter(|example| is_envelope.as_ref().is_none_or(|validator| validator.is_valid(&example["payload"])))
        .collect();
    finished(message, examples, extension(event, version, &version.file))
}

/// The message of an event that is written as a CloudEvent.
fn cloud_event(
    loaded: &Loaded,
    schemas: &mut Schemas<'_>,
    (event, version): (&Event, &Version),
    wire: Wire,
    name: &str,
) -> Value {
    let data = schemas.of_file(&version.file);
    let mut message = described(loaded, event, name, &version.file);
    let mut headers = headers(event, version);
    cloud_events::headers(wire, event, version, &mut headers);
    message.insert("headers".to_owned(), headers);
    message.insert("correlationId".to_owned(), json!({"$ref": "#/components/correlationIds/eventsmith"}));
    let is_structured = wire == Wire::CloudEventsStructured;
    let payload = match is_structured {
        true => schemas.add(&format!("{name}.message"), cloud_events::document(event, version, &data)),
        false => data,
    };
    if is_structured {
        message.insert("contentType".to_owned(), json!("application/cloudevents+json"));
    }
    message.insert("payload".to_owned(), payload);
    let source = source(loaded, event);
    let examples = examples(loaded, &version.file).map(|(index, data)| {
        let payload = if is_structured { cloud_events::example(event, version, (index, &source), &data) } else { data };
        json!({"name": format!("example-{}", index + 1), "payload": payload})
    });
    let examples = examples.collect();
    let mut extension = extension(event, version, &version.file);
    if let Value::Object(extension) = &mut extension {
        extension.insert("wire".to_owned(), json!(wire.as_str()));
    }
    finished(message, examples, extension)
}

/// The message that a request is answered with: the payload alone.
pub(super) fn answer(
    loaded: &Loaded,
    schemas: &mut Schemas<'_>,
    (event, version): (&Event, &Version),
    part: VersionPart,
    file: &str,
) -> Value {
    let name = name(event, version, part);
    let mut message = described(loaded, event, &name, file);
    if part == VersionPart::Error {
        message.insert("headers".to_owned(), refused());
    }
    message.insert("payload".to_owned(), schemas.of_file(file));
    let examples =
        examples(loaded, file).map(|(index, data)| json!({"name": format!("example-{}", index + 1), "payload": data}));
    let examples = examples.collect();
    finished(message, examples, extension(event, version, file))
}

/// The answer to a request whose schema says nothing of its reply.
pub(super) fn empty_reply() -> Value {
    json!({
        "name": "empty-reply",
        "title": "An empty reply",
        "summary": "The request was done, and there is nothing to tell.",
        "contentType": "application/json",
        "payload": {"type": ["object", "null"]},
    })
}

/// What a service answers that did not do what it was asked, whatever the request.
pub(super) fn failure() -> Value {
    json!({
        "name": "failure",
        "title": "A failure",
        "summary": "The request was not done: 400 invalid, 404 unknown, 408 too late, 429 too many, 500 failed, 503 unavailable.",
        "contentType": "application/json",
        "headers": refused(),
        "payload": {},
    })
}

fn refused() -> Value {
    json!({
        "type": "object",
        "required": ["Nats-Service-Error", "Nats-Service-Error-Code"],
        "properties": {
            "Nats-Service-Error": {"description": "What is wrong, in words.", "type": "string"},
            "Nats-Service-Error-Code": {"description": "What is wrong, as a number.", "type": "string", "pattern": "^[0-9]{3}$"},
        },
    })
}

fn headers(event: &Event, version: &Version) -> Value {
    let mut properties = json!({
        "Nats-Msg-Id": {"description": "The id of the envelope, by which streams drop what is published twice.", "type": "string"},
        "Eventsmith-Type": {"description": "The type of the envelope.", "const": event.event_type},
        "Eventsmith-Version": {"description": "The version of the envelope.", "const": version.number.to_string()},
        "Content-Type": {"const": "application/json"},
        CORRELATION: {"description": "The correlation of the envelope.", "type": "string"},
        "Eventsmith-Causation": {"description": "The causation of the envelope.", "type": "string"},
        "traceparent": {"description": "The trace, as the W3C has it.", "type": "string"},
        "tracestate": {"type": "string"},
    });
    if let (true, Value::Object(properties)) = (event.kind.is_request(), &mut properties) {
        let timeout = json!({"description": "For how many milliseconds somebody waits.", "type": "string", "pattern": "^[0-9]+$"});
        properties.insert("Eventsmith-Timeout".to_owned(), timeout);
    }
    json!({"type": "object", "properties": properties})
}

fn described(loaded: &Loaded, event: &Event, name: &str, file: &str) -> Map<String, Value> {
    let schema = loaded.catalogue.documents.get(file).map(|document| &document.schema);
    let text = |keyword: &str| schema.and_then(|schema| schema.get(keyword)).and_then(Value::as_str);
    let mut message = Map::new();
    message.insert("name".to_owned(), json!(name));
    message.insert("title".to_owned(), json!(text("title").unwrap_or(name)));
    if let Some(description) = text("description") {
        message.insert("description".to_owned(), json!(description));
    }
    message.insert("contentType".to_owned(), json!("application/json"));
    message.insert("tags".to_owned(), super::tags::tags(event));
    message
}

fn finished(mut message: Map<String, Value>, examples: Vec<Value>, extension: Value) -> Value {
    if !examples.is_empty() {
        message.insert("examples".to_owned(), Value::Array(examples));
    }
    message.insert("x-eventsmith".to_owned(), extension);
    Value::Object(message)
}

fn extension(event: &Event, version: &Version, file: &str) -> Value {
    let mut all =
        json!({"type": event.event_type, "version": version.number, "kind": event.kind.as_str(), "file": file});
    let more = [("key", version.key.as_deref()), ("aggregate", version.aggregate.as_deref())];
    for (name, value) in more {
        if let (Value::Object(all), Some(value)) = (&mut all, value) {
            all.insert(name.to_owned(), json!(value));
        }
    }
    all
}

/// The examples of a schema file that are valid, and that tools take for what they are, with their places.
fn examples(loaded: &Loaded, file: &str) -> impl Iterator<Item = (usize, Value)> {
    let members = loaded.catalogue.documents.get(file).and_then(|document| document.schema.as_object());
    let examples =
        members.filter(|members| !is_rounded(members, "examples")).and_then(|members| members.get("examples"));
    let examples = examples.and_then(Value::as_array).cloned().unwrap_or_default();
    let validator = if examples.is_empty() { None } else { validator(loaded, file) };
    let is_shown = move |example: &Value| {
        !holds_reference(example) && validator.as_ref().is_some_and(|validator| validator.is_valid(example))
    };
    examples.into_iter().enumerate().filter(move |(_, example)| is_shown(example))
}

/// A validator of a schema file; none where the catalogue has no such file.
fn validator(loaded: &Loaded, file: &str) -> Option<Validator> {
    loaded.catalogue.documents.get(file)?;
    Validator::new(&bundle(loaded, file)).ok()
}

/// Who sends such messages: the first service that says so.
fn source(loaded: &Loaded, event: &Event) -> String {
    let mut services = loaded.catalogue.manifest.services.iter();
    let sends = |types: &[_]| {
        types.iter().any(|name: &eventsmith_codegen::manifest::Named| name.get_ref() == &event.event_type)
    };
    let service = services.find(|(_, service)| sends(&service.publishes) || sends(&service.asks));
    service.map_or_else(|| "somebody".to_owned(), |(name, _)| name.get_ref().clone())
}

/// The subject of an example.
fn subject(event: &Event, version: &Version, data: &Value) -> String {
    use eventsmith_codegen::model::Token;
    let Some(template) = &version.template else { return event.subject.clone() };
    let tokens = template.tokens.iter().map(|token| match token {
        Token::Literal(text) => text.clone(),
        Token::Property(name) => match &data[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
    });
    tokens.collect::<Vec<_>>().join(".")
}

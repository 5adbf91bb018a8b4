//! A catalogue as an AsyncAPI document.
//!
//! Who sends and receives what is said by operations, one for each service and type; what is on the wire by messages, one for each
//! version; what payloads are by schemas, each once under `components/schemas`. What AsyncAPI has no word for stands under
//! `x-eventsmith`.

mod channels;
mod cloud_events;
mod messages;
mod operations;
mod schemas;
mod server;
mod tags;
mod yaml;

use std::collections::BTreeMap;

use eventsmith_codegen::Loaded;
use eventsmith_codegen::manifest::duration_text;
use eventsmith_codegen::model::VersionPart;
use serde_json::{Map, Value, json};

use schemas::Schemas;

pub use schemas::Note;
pub use server::Server;

/// What the catalogue does not say.
#[derive(Debug, Clone)]
pub struct Options {
    /// The version of AsyncAPI.
    pub specification: Specification,
    /// The title; without one that of the root of all subjects.
    pub title: Option<String>,
    /// The version of the document.
    pub version: String,
    /// The servers, by name: `nats://demo.nats.io:4222`, or `tls://` for one that encrypts.
    pub servers: Vec<Server>,
}

/// A version of AsyncAPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Specification {
    /// 3.0.0
    V3_0,
    /// 3.1.0
    #[default]
    V3_1,
}

impl Default for Options {
    fn default() -> Self {
        Self { specification: Specification::default(), title: None, version: "1.0.0".to_owned(), servers: Vec::new() }
    }
}

/// An AsyncAPI document.
#[derive(Debug, Clone)]
pub struct Document {
    /// What it says. Numbers that no double holds stand beside their keywords: write it by the methods.
    pub value: Value,
    /// What it says less exactly than the catalogue, sorted.
    pub notes: Vec<Note>,
}

impl Document {
    /// The document as JSON.
    pub fn to_json(&self) -> String {
        eventsmith_exact::schema::pretty_text(&self.value) + "\n"
    }

    /// The document as YAML.
    pub fn to_yaml(&self) -> String {
        yaml::text(&self.value)
    }
}

/// The document of a catalogue that is free of errors.
pub fn document(loaded: &Loaded, options: &Options) -> Document {
    let catalogue = &loaded.catalogue;
    let mut roots = BTreeMap::new();
    for (event, version) in catalogue.versions() {
        roots.extend(version.parts().map(|(part, file)| (file.clone(), messages::name(event, version, part))));
    }
    roots.insert(eventsmith_codegen::payload::ENVELOPE_FILE.to_owned(), "Envelope".to_owned());
    let mut schemas = Schemas::new(loaded, roots);
    let mut all_messages = Map::new();
    for (event, version) in catalogue.versions() {
        if event.kind.is_document() {
            // A document lies in its bucket, and is no message.
            schemas.of_file(&version.file);
            continue;
        }
        let name = messages::name(event, version, VersionPart::Itself);
        all_messages.insert(name, messages::enveloped(loaded, &mut schemas, event, version));
        for (part, file) in version.parts().filter(|(part, _)| part.is_answer()) {
            let message = messages::answer(loaded, &mut schemas, (event, version), part, file);
            all_messages.insert(messages::name(event, version, part), message);
        }
    }
    if catalogue.events.iter().any(|event| event.kind.is_request()) {
        all_messages.insert("empty-reply".to_owned(), messages::empty_reply());
        all_messages.insert("failure".to_owned(), messages::failure());
    }
    let channels = channels::channels(loaded);
    let written = schemas.finish();
    let root = catalogue.manifest.root.get_ref();
    let mut document = json!({
        "asyncapi": match options.specification {
            Specification::V3_0 => "3.0.0",
            Specification::V3_1 => "3.1.0",
        },
        "info": {
            "title": options.title.clone().unwrap_or_else(|| format!("Messages of {root}")),
            "version": options.version,
            "description": format!("All events, commands and queries below the subject `{root}`, written by eventsmith from the schemas of the catalogue."),
            "tags": kinds(loaded),
        },
        "defaultContentType": "application/json",
    });
    let members = [
        ("servers", Value::Object(servers(&options.servers))),
        ("channels", channels::written(loaded, &channels, &options.servers)),
        ("operations", operations::operations(loaded, &channels)),
        (
            "components",
            json!({
                "messages": all_messages,
                "schemas": written,
                "correlationIds": {"eventsmith": messages::correlation()},
            }),
        ),
        ("x-eventsmith", extension(loaded, &schemas.notes)),
    ];
    if let Value::Object(document) = &mut document {
        let is_there = |value: &Value| value.as_object().is_none_or(|members| !members.is_empty());
        document.extend(
            members.into_iter().filter(|(_, value)| is_there(value)).map(|(name, value)| (name.to_owned(), value)),
        );
    }
    Document { value: document, notes: schemas.notes }
}

fn servers(servers: &[Server]) -> Map<String, Value> {
    let of = |server: &Server| {
        let mut written =
            json!({"host": server.host, "protocol": server.protocol, "description": "A NATS server with JetStream."});
        if let (Value::Object(written), false) = (&mut written, server.path.is_empty()) {
            written.insert("pathname".to_owned(), json!(server.path));
        }
        (server.name.clone(), written)
    };
    servers.iter().map(of).collect()
}

fn kinds(loaded: &Loaded) -> Value {
    use eventsmith_codegen::model::Kind;
    let is_there = |kind: &Kind| loaded.catalogue.events.iter().any(|event| event.kind == *kind);
    let kinds = Kind::ALL.into_iter().filter(is_there);
    kinds
        .map(|kind| json!({"name": kind.as_str(), "description": format!("What has to do with {}.", kind.described())}))
        .collect()
}

/// What AsyncAPI has no word for: streams, buckets, sagas; and what is said less exactly than in the catalogue.
fn extension(loaded: &Loaded, notes: &[Note]) -> Value {
    let manifest = &loaded.catalogue.manifest;
    let streams = manifest.streams.iter().map(|(name, stream)| {
        let subjects: Vec<&String> = stream.subjects.iter().map(|subject| subject.get_ref()).collect();
        let sagas: BTreeMap<&String, &String> =
            stream.sagas.iter().map(|(saga, state)| (saga.get_ref(), state.get_ref())).collect();
        let mut written = json!({"description": stream.description, "subjects": subjects, "replicas": stream.replicas});
        if let Value::Object(written) = &mut written {
            written.extend(stream.max_age.map(|age| ("maxAge".to_owned(), json!(duration_text(age)))));
            written.extend(stream.max_bytes.map(|bytes| ("maxBytes".to_owned(), json!(bytes))));
            written.extend(stream.max_messages.map(|count| ("maxMessages".to_owned(), json!(count))));
            written.extend((!sagas.is_empty()).then(|| ("sagas".to_owned(), json!(sagas))));
        }
        (name.get_ref().clone(), written)
    });
    let buckets = manifest.buckets.iter().map(|(name, bucket)| {
        let newest = loaded.catalogue.event(bucket.state.get_ref()).and_then(|event| Some((event, event.versions.last()?)));
        let schema = newest.map(|(event, version)| schemas::to(&messages::name(event, version, VersionPart::Itself)));
        let written = json!({"description": bucket.description, "state": bucket.state.get_ref(), "history": bucket.history, "schema": schema});
        (name.get_ref().clone(), written)
    });
    let (streams, buckets): (Map<_, _>, Map<_, _>) = (streams.collect(), buckets.collect());
    let notes = notes.iter().map(|note| json!({"file": note.file, "pointer": note.pointer, "message": note.message}));
    json!({"streams": streams, "buckets": buckets, "lessExact": notes.collect::<Vec<_>>()})
}

//! The catalogue as plain data: what [`load`](crate::load()) makes and everything else reads.

mod aggregate;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Position};
use crate::manifest::{Manifest, Service, Wire};
use crate::pointer::{Places, join, percent_encoded};
use crate::schema;
use crate::walk::every_schema;

pub use aggregate::Aggregate;

/// Every event of a folder of schema files, with the documents they refer to.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// The folder that holds `eventsmith.toml`.
    pub dir: PathBuf,
    /// What `eventsmith.toml` says.
    pub manifest: Manifest,
    /// The text of `eventsmith.toml`, for positions.
    pub manifest_source: String,
    /// The events, sorted by kind and type.
    pub events: Vec<Event>,
    /// Every JSON file, by its path relative to the folder with `/` between steps.
    pub documents: BTreeMap<String, Document>,
}

/// One event, request or document with all its versions.
#[derive(Debug, Clone)]
pub struct Event {
    /// What it is for.
    pub kind: Kind,
    /// Its path below the kind joined by dots: `rule.created`.
    pub event_type: String,
    /// Root, kind and type joined by dots; of documents, the wildcard of the subjects below which their bucket keeps them.
    pub subject: String,
    /// The versions, oldest first; at least one.
    pub versions: Vec<Version>,
}

/// One version of one event: one file.
#[derive(Debug, Clone)]
pub struct Version {
    /// The `N` of `NAME.vN.json`.
    pub number: u32,
    /// The path of its schema file.
    pub file: String,
    /// JSON pointer of the ordering key in the payload.
    pub key: Option<String>,
    /// The subject template that takes the place of the event's subject.
    pub template: Option<Template>,
    /// The aggregate whose history the event is a part of. Then the template ends in the aggregate's id, which is the key.
    pub aggregate: Option<String>,
    /// Whether the answer to a command is kept by the id of the request.
    pub idempotent: Option<Idempotent>,
    /// The path of the schema file of a request's reply.
    pub reply: Option<String>,
    /// The path of the schema file of a request's refusals.
    pub error: Option<String>,
}

/// That the answer to a command is kept, so that whoever asks again under the same id gets the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idempotent {
    /// For how long: whole seconds.
    pub window: Duration,
    /// Whether a command that was begun by a service which was lost is begun again.
    pub reruns_lost: bool,
}

/// What a schema file of a version describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VersionPart {
    /// The event or the request itself: `get.v1.json`.
    Itself,
    /// The reply to a request: `get.v1.reply.json`.
    Reply,
    /// The refusal of a request: `get.v1.error.json`.
    Error,
}

impl VersionPart {
    /// What a request is answered with.
    pub const ANSWERS: [Self; 2] = [Self::Reply, Self::Error];

    /// The word that names it in files and commands; empty for the event or request itself.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Itself => "",
            Self::Reply => "reply",
            Self::Error => "error",
        }
    }

    /// Whether servers write it, and not callers or publishers.
    pub const fn is_answer(self) -> bool {
        !matches!(self, Self::Itself)
    }

    /// The part of a version in a sentence: `rule.get v1`, `the reply of rule.get v1`.
    pub fn of(self, event_type: &str, version: u32) -> String {
        match self {
            Self::Itself => format!("{event_type} v{version}"),
            Self::Reply | Self::Error => format!("the {} of {event_type} v{version}", self.as_str()),
        }
    }
}

/// What a payload is for; the name of the first folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A fact of the domain.
    Domain,
    /// A fact for or from other systems.
    Integration,
    /// A request to do something.
    Command,
    /// A request to tell something.
    Query,
    /// A document of a key-value bucket.
    State,
}

/// What becomes of the payloads of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// They are published, stored in a stream and consumed.
    Event,
    /// They are asked and answered, and stored nowhere.
    Request,
    /// They are put into a bucket and read from it, and have no subject of their own.
    Document,
}

impl Kind {
    /// All kinds, in the order of the catalogue.
    pub const ALL: [Self; 5] = [Self::Domain, Self::Integration, Self::Command, Self::Query, Self::State];

    /// The folder's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Integration => "integration",
            Self::Command => "command",
            Self::Query => "query",
            Self::State => "state",
        }
    }

    /// The kind in a sentence.
    pub const fn described(self) -> &'static str {
        match self {
            Self::Domain => "a domain event",
            Self::Integration => "an integration event",
            Self::Command => "a command",
            Self::Query => "a query",
            Self::State => "a document of a bucket",
        }
    }

    /// What becomes of payloads of this kind.
    pub const fn usage(self) -> Usage {
        match self {
            Self::Domain | Self::Integration => Usage::Event,
            Self::Command | Self::Query => Usage::Request,
            Self::State => Usage::Document,
        }
    }

    /// Whether payloads of this kind are asked and answered. Only these have replies and refusals.
    pub const fn is_request(self) -> bool {
        matches!(self.usage(), Usage::Request)
    }

    /// Whether payloads of this kind lie in a bucket. These are not published, and no stream captures them.
    pub const fn is_document(self) -> bool {
        matches!(self.usage(), Usage::Document)
    }

    /// The kind of a folder's name.
    pub fn of_folder(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A subject whose tokens may be filled from the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The tokens, in order.
    pub tokens: Vec<Token>,
}

/// One token of a subject template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Stands for itself.
    Literal(String),
    /// The name of the payload's property whose value stands here.
    Property(String),
}

/// Whether a text is one plain token of a subject, which is also what servers take for a name.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

impl Template {
    /// The subject filter that matches every subject of the template.
    pub fn wildcard(&self) -> String {
        let tokens = self.tokens.iter().map(|token| match token {
            Token::Literal(text) => text.as_str(),
            Token::Property(_) => "*",
        });
        tokens.collect::<Vec<_>>().join(".")
    }
}

impl Version {
    /// The schema file of a part, if there is one.
    pub fn part(&self, part: VersionPart) -> Option<&String> {
        match part {
            VersionPart::Itself => Some(&self.file),
            VersionPart::Reply => self.reply.as_ref(),
            VersionPart::Error => self.error.as_ref(),
        }
    }

    /// Every schema file with what it describes: its own, that of the reply, that of the refusal.
    pub fn parts(&self) -> impl Iterator<Item = (VersionPart, &String)> {
        let parts = [VersionPart::Itself, VersionPart::Reply, VersionPart::Error];
        parts.into_iter().filter_map(move |part| Some((part, self.part(part)?)))
    }

    /// The paths of all its schema files.
    pub fn files(&self) -> impl Iterator<Item = &String> {
        self.parts().map(|(_, file)| file)
    }

    /// The subject of this version: the event's, or the wildcard of the template.
    pub fn subject(&self, event: &Event) -> String {
        self.template.as_ref().map_or_else(|| event.subject.clone(), Template::wildcard)
    }
}

/// Writes references as URIs have it where their authors did not: `#/definitions/Record<string,string>` is what generators of
/// schemas write, and nothing else can be meant.
fn encode_references(source: &str, schema: &mut Value) {
    let is_odd = |reference: &str| percent_encoded(reference) != reference;
    // Most files have no such reference, and are not walked.
    if !source.split("\"$ref\"").skip(1).filter_map(|rest| rest.split('"').nth(1)).any(is_odd) {
        return;
    }
    let mut found = Vec::new();
    every_schema(schema, &mut |at, inner| {
        if let Some(reference) = inner.get("$ref").and_then(Value::as_str).filter(|reference| is_odd(reference)) {
            found.push((join(at, "$ref"), Value::String(percent_encoded(reference))));
        }
    });
    for (at, reference) in found {
        if let Some(place) = schema.pointer_mut(&at) {
            *place = reference;
        }
    }
}

/// A parsed JSON file.
#[derive(Debug, Clone)]
pub struct Document {
    /// The path relative to the catalogue's folder.
    pub path: String,
    /// The text.
    pub source: String,
    /// What it says.
    pub schema: Value,
    /// A meta-schema of somebody's own that the file names, and that its schema therefore names no more: nobody but
    /// its owner knows what it means, so that the file is read as the newest draft.
    pub foreign_dialect: Option<String>,
    /// Where everything stands, once somebody asks.
    places: OnceLock<Places>,
}

impl Document {
    /// A file by its path and text.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn parse(path: impl Into<String>, source: String) -> Result<Self, serde_json::Error> {
        let mut schema: Value = eventsmith_exact::schema::read(&source)?;
        let foreign_dialect = match schema.get("$schema") {
            Some(Value::String(uri)) if schema::is_foreign(&schema, uri) => Some(uri.clone()),
            _ => None,
        };
        if let (Some(_), Value::Object(members)) = (&foreign_dialect, &mut schema) {
            members.shift_remove("$schema");
        }
        encode_references(&source, &mut schema);
        Ok(Self { path: path.into(), source, schema, foreign_dialect, places: OnceLock::new() })
    }

    /// Line and column of a place in the file.
    pub fn position(&self, at: &str) -> Option<Position> {
        self.places.get_or_init(|| Places::of(&self.source)).locate(&self.source, at)
    }

    /// The members that have the name of an earlier one of their object, which reading has dropped.
    pub fn repeated_keys(&self) -> Vec<(Cow<'_, str>, Position)> {
        // To find none costs a look at each byte; to find where they are costs more.
        if colons(&self.source) == members(&self.schema) {
            return Vec::new();
        }
        self.places.get_or_init(|| Places::of(&self.source)).repeated(&self.source).collect()
    }

    /// An error at a place of the file.
    pub fn error(
        &self,
        rule: &'static str,
        at: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(rule, &self.path, message, help).at(self.position(at));
        diagnostic.pointer = at.to_owned();
        diagnostic
    }
}

/// How many members the objects of a JSON text have.
fn colons(source: &str) -> usize {
    let (mut count, mut is_text, mut is_escaped) = (0, false, false);
    for byte in source.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_text = !is_text,
            b':' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

/// How many members all objects of a value have together.
fn members(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
        Value::Array(items) => items.iter().map(members).sum(),
        _ => 0,
    }
}

impl Catalogue {
    /// Every version of every event.
    pub fn versions(&self) -> impl Iterator<Item = (&Event, &Version)> {
        self.events.iter().flat_map(|event| event.versions.iter().map(move |version| (event, version)))
    }

    /// How an event is written: as the services say that publish it, or else the catalogue. What is no event is always plain.
    pub fn wire_of(&self, event: &Event) -> Wire {
        let publishes = |service: &&Service| service.publishes.iter().any(|name| *name.get_ref() == event.event_type);
        let wire_of = |service: &Service| service.wire.as_ref().map(|wire| *wire.get_ref());
        match event.kind.usage() {
            Usage::Event => {
                let publisher = self.manifest.services.values().find(publishes);
                publisher.and_then(wire_of).unwrap_or(self.manifest.wire)
            }
            Usage::Request | Usage::Document => Wire::Plain,
        }
    }

    /// The event of a type.
    pub fn event(&self, event_type: &str) -> Option<&Event> {
        self.events.iter().find(|event| event.event_type == event_type)
    }
}

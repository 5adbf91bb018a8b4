//! Channels: one for each subject that messages are sent to.

use std::collections::{BTreeMap, BTreeSet};

use eventsmith_codegen::Loaded;
use eventsmith_codegen::lookup;
use eventsmith_codegen::model::{Event, Template, Token, Version, VersionPart};
use eventsmith_codegen::references::{Location, Target};
use serde_json::{Map, Value, json};

use super::messages;
use super::schemas::key;
use super::server::Server;
use super::tags::tags;

/// A subject, and what is sent to it.
pub(super) struct Channel<'a> {
    /// Its name in the document.
    pub(super) name: String,
    /// That of the channel on which requests are answered.
    pub(super) reply: String,
    /// Whether the newest version is sent there: publishers know no other.
    pub(super) is_newest: bool,
    pub(super) event: &'a Event,
    /// The versions that are sent there, oldest first; at least one.
    pub(super) versions: Vec<&'a Version>,
}

/// The channels of all events and requests, in the order of the catalogue.
pub(super) fn channels(loaded: &Loaded) -> Vec<Channel<'_>> {
    let mut channels = Vec::new();
    // A type has its own name before any other channel: `order.place.reply` may be one.
    let mut taken: BTreeSet<String> = loaded.catalogue.events.iter().map(|event| event.event_type.clone()).collect();
    for event in loaded.catalogue.events.iter().filter(|event| !event.kind.is_document()) {
        let mut by_subject: BTreeMap<String, Vec<&Version>> = BTreeMap::new();
        for version in &event.versions {
            by_subject.entry(address(event, version)).or_default().push(version);
        }
        let newest = event.versions.last().map(|version| address(event, version));
        for (subject, versions) in by_subject {
            let is_newest = Some(&subject) == newest.as_ref();
            let name = match versions.last() {
                Some(last) if !is_newest => free(&format!("{}.v{}", event.event_type, last.number), &mut taken),
                _ => event.event_type.clone(),
            };
            let is_request = event.kind.is_request();
            let reply = if is_request { free(&format!("{name}.reply"), &mut taken) } else { String::new() };
            channels.push(Channel { name, reply, event, versions, is_newest });
        }
    }
    channels
}

/// A name that is not taken, which it is from now on.
fn free(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{wanted}-{number}"));
    let name =
        std::iter::once(wanted.to_owned()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(name.clone());
    name
}

impl Channel<'_> {
    /// A reference to the channel.
    pub(super) fn reference(&self) -> Value {
        json!({"$ref": format!("#/channels/{}", self.name)})
    }

    /// A reference to the channel on which requests are answered.
    pub(super) fn reply(&self) -> Value {
        json!({"$ref": format!("#/channels/{}", self.reply)})
    }

    /// The names of its messages.
    pub(super) fn messages(&self) -> Vec<String> {
        self.versions.iter().map(|version| messages::name(self.event, version, VersionPart::Itself)).collect()
    }

    /// The names of the messages that its requests are answered with.
    pub(super) fn answers(&self) -> Vec<String> {
        let mut names = Vec::new();
        for version in &self.versions {
            names.extend(
                VersionPart::ANSWERS
                    .into_iter()
                    .filter(|part| version.part(*part).is_some())
                    .map(|part| messages::name(self.event, version, part)),
            );
        }
        if self.versions.iter().any(|version| version.reply.is_none()) {
            names.push("empty-reply".to_owned());
        }
        names.push("failure".to_owned());
        names
    }
}

/// All channels as the document has them.
pub(super) fn written(loaded: &Loaded, channels: &[Channel<'_>], servers: &[Server]) -> Value {
    let mut all = Map::new();
    for channel in channels {
        let Some(newest) = channel.versions.last() else { continue };
        let streams: Vec<&str> =
            lookup::streams(&loaded.catalogue, channel.event).iter().map(|(name, _)| *name).collect();
        let description = if channel.event.kind.is_request() {
            format!("Where {} is asked for.", channel.event.event_type)
        } else {
            format!("Where {} is published.", channel.event.event_type)
        };
        let mut written = json!({
            "address": address(channel.event, newest),
            "title": channel.event.event_type,
            "description": description,
            "messages": references(&channel.messages()),
            "tags": tags(channel.event),
        });
        let parameters = parameters(loaded, newest);
        if let Value::Object(written) = &mut written {
            if !parameters.is_empty() {
                written.insert("parameters".to_owned(), Value::Object(parameters));
            }
            if !servers.is_empty() {
                let servers = servers.iter().map(|server| json!({"$ref": format!("#/servers/{}", server.name)}));
                written.insert("servers".to_owned(), servers.collect());
            }
            let filter = newest.subject(channel.event);
            written.insert("x-eventsmith".to_owned(), json!({"subject": filter, "streams": streams}));
        }
        all.insert(channel.name.clone(), written);
        if channel.event.kind.is_request() {
            let reply = json!({
                "address": null,
                "title": format!("Replies to {}", channel.event.event_type),
                "description": "The inbox of whoever asks, which the request names as its reply subject.",
                "messages": references(&channel.answers()),
                "tags": tags(channel.event),
            });
            all.insert(channel.reply.clone(), reply);
        }
    }
    Value::Object(all)
}

fn references(names: &[String]) -> Value {
    let messages = names.iter().map(|name| (name.clone(), json!({"$ref": format!("#/components/messages/{name}")})));
    Value::Object(messages.collect())
}

/// A subject with its open tokens in braces.
fn address(event: &Event, version: &Version) -> String {
    let Some(Template { tokens }) = &version.template else { return event.subject.clone() };
    let tokens = tokens.iter().map(|token| match token {
        Token::Literal(text) => text.clone(),
        Token::Property(name) => format!("{{{}}}", parameter(name)),
    });
    tokens.collect::<Vec<_>>().join(".")
}

/// The name of a property as parameters may have it.
fn parameter(property: &str) -> String {
    key(property).replace('.', "_")
}

fn parameters(loaded: &Loaded, version: &Version) -> Map<String, Value> {
    let tokens = version.template.iter().flat_map(|template| &template.tokens);
    let properties = tokens.filter_map(|token| match token {
        Token::Property(name) => Some(name),
        Token::Literal(_) => None,
    });
    properties.map(|name| (parameter(name), of_property(loaded, version, name))).collect()
}

fn of_property(loaded: &Loaded, version: &Version, name: &str) -> Value {
    let at = Location::root(&version.file).below(&eventsmith_codegen::pointer::join("/properties", name));
    let schema =
        loaded.catalogue.documents.get(&version.file).and_then(|document| document.schema.pointer(&at.pointer));
    let link = loaded.references.links(&at.file).iter().find(|link| link.pointer == at.pointer);
    let target = match link.and_then(|link| link.target.as_ref()) {
        Some(Target::Location(target)) => {
            loaded.catalogue.documents.get(&target.file).and_then(|document| document.schema.pointer(&target.pointer))
        }
        _ => None,
    };
    let said = |keyword: &str| [schema, target].into_iter().flatten().find_map(|schema| schema.get(keyword));
    let texts = |keyword: &str| {
        let values = said(keyword).and_then(Value::as_array)?;
        let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        (texts.len() == values.len() && !texts.is_empty()).then_some(texts)
    };
    let step = name.replace('~', "~0").replace('/', "~1");
    let mut written = json!({"location": format!("$message.payload#/data/{step}")});
    if let Value::Object(written) = &mut written {
        written.extend(said("description").map(|text| ("description".to_owned(), text.clone())));
        written.extend(texts("enum").map(|texts| ("enum".to_owned(), json!(texts))));
        written.extend(texts("examples").map(|texts| ("examples".to_owned(), json!(texts))));
    }
    written
}

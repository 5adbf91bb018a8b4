//! The payloads of a catalogue, and the schemas they are checked against.

use std::collections::BTreeMap;

use heck::ToShoutySnakeCase;

use crate::bundle::bundle;
use crate::load::Loaded;
use crate::model::{Event, Version};
use crate::parallel;
use crate::shape::identifiers::snake;
use crate::shape::{Id, Program};

use super::layout::line;
use super::literal::raw_text;

/// The private module that holds every schema text. It is long, and nothing in it needs formatting.
pub(super) fn schemas(loaded: &Loaded) -> String {
    let versions = loaded.catalogue.events.iter().flat_map(|event| event.versions.iter().map(move |one| (event, one)));
    let files: Vec<(String, &String)> = versions
        .flat_map(|(event, version)| {
            let own = (schema_name(event, version, false), &version.file);
            let reply = version.reply.as_ref().map(|reply| (schema_name(event, version, true), reply));
            std::iter::once(own).chain(reply)
        })
        .collect();
    let constants = parallel::map(&files, |(name, file)| {
        let text = raw_text(&eventsmith_exact::schema::text(&bundle(loaded, file)));
        line(1, &format!("pub(super) const {name}: &str = {text};"))
    });
    let doc = "/// The schemas of all payloads, each with everything that it refers to.";
    format!("{doc}\nmod schemas {{\n{}}}\n", constants.concat())
}

pub(super) fn schema_name(event: &Event, version: &Version, is_reply: bool) -> String {
    let steps: Vec<String> = event.event_type.split('.').map(|step| snake(step).to_shouty_snake_case()).collect();
    let reply = if is_reply { "_REPLY" } else { "" };
    format!("{}_{}_V{}{reply}", event.kind.as_str().to_uppercase(), steps.join("__"), version.number)
}

/// What makes a definition a payload.
pub(super) enum Payload<'a> {
    /// The version of an event at an index.
    Event(&'a Event, usize),
    /// The reply to a version.
    Reply(&'a Event, &'a Version),
}

/// The payloads of a catalogue by their definitions.
pub(super) fn payloads<'a>(loaded: &'a Loaded, program: &Program) -> BTreeMap<Id, Payload<'a>> {
    let mut payloads = BTreeMap::new();
    for event in &loaded.catalogue.events {
        for (index, version) in event.versions.iter().enumerate() {
            if let Some(id) = program.root_of(&version.file) {
                payloads.insert(id, Payload::Event(event, index));
            }
            if let Some(id) = version.reply.as_ref().and_then(|reply| program.root_of(reply)) {
                payloads.insert(id, Payload::Reply(event, version));
            }
        }
    }
    payloads
}

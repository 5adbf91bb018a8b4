//! The payloads of a catalogue, and the schemas they are checked against.

use std::collections::BTreeMap;

use heck::ToShoutySnakeCase;

use crate::bundle::bundle_text;
use crate::load::Loaded;
use crate::model::{Event, Version, VersionPart};
use crate::parallel;
use crate::shape::identifiers::snake;
use crate::shape::{Id, Program};

use super::layout::line;
use super::literal::raw_text;

/// The private module that holds every schema text. It is long, and nothing in it needs formatting.
pub(super) fn schemas(loaded: &Loaded) -> String {
    let of_version = |(event, version)| {
        let named = move |(part, file)| (schema_name(event, version, part), file);
        Version::parts(version).map(named)
    };
    let files: Vec<(String, &String)> = loaded.catalogue.versions().flat_map(of_version).collect();
    let constants = parallel::map(&files, |(name, file)| {
        let text = raw_text(&bundle_text(loaded, file));
        line(1, &format!("pub(super) const {name}: &str = {text};"))
    });
    let doc = "/// The schemas of all payloads, each with everything that it refers to.";
    format!("{doc}\nmod schemas {{\n{}}}\n", constants.concat())
}

pub(super) fn schema_name(event: &Event, version: &Version, part: VersionPart) -> String {
    let steps: Vec<String> = event.event_type.split('.').map(|step| snake(step).to_shouty_snake_case()).collect();
    let part = match part {
        VersionPart::Itself => "",
        VersionPart::Reply => "_REPLY",
        VersionPart::Error => "_ERROR",
    };
    format!("{}_{}_V{}{part}", event.kind.as_str().to_uppercase(), steps.join("__"), version.number)
}

/// What makes a definition a payload.
pub(super) enum Payload<'a> {
    /// The version of an event at an index.
    Event(&'a Event, usize),
    /// What a version is answered with.
    Answer(&'a Event, &'a Version, VersionPart),
}

/// The payloads of a catalogue by their definitions.
pub(super) fn payloads<'a>(loaded: &'a Loaded, program: &Program) -> BTreeMap<Id, Payload<'a>> {
    let mut payloads = BTreeMap::new();
    for event in &loaded.catalogue.events {
        for (index, version) in event.versions.iter().enumerate() {
            for (part, file) in version.parts() {
                let Some(id) = program.root_of(file) else { continue };
                let is_answer = part.is_answer();
                let payload =
                    if is_answer { Payload::Answer(event, version, part) } else { Payload::Event(event, index) };
                payloads.insert(id, payload);
            }
        }
    }
    payloads
}

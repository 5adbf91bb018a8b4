//! The front page of a catalogue's documentation: its payloads by kind and group, each with a link to its type.

use std::collections::BTreeMap;

use crate::load::Loaded;
use crate::model::{Event, Kind, Version, VersionPart};
use crate::shape::{Id, Program};

use super::docs::{code, summary};
use super::runtime::Runtime;
use super::source::Source;
use super::types::Types;

/// The page as Markdown. Its links are right in the module that takes in the generated text.
pub(crate) fn text(loaded: &Loaded, program: &Program, runtime: &Runtime) -> String {
    let page = Page { loaded, types: Types::new(Source { program, runtime }, &[]), program };
    let parts = Kind::ALL.into_iter().filter_map(|kind| page.kind(kind));
    parts.collect::<Vec<_>>().join("\n")
}

struct Page<'a> {
    loaded: &'a Loaded,
    types: Types<'a>,
    program: &'a Program,
}

impl Page<'_> {
    fn kind(&self, kind: Kind) -> Option<String> {
        let mut groups: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        for event in self.loaded.catalogue.events.iter().filter(|event| event.kind == kind) {
            let group = event.event_type.rsplit_once('.').map_or("", |(group, _)| group);
            groups.entry(group).or_default().push(event);
        }
        if groups.is_empty() {
            return None;
        }
        let mut text = format!("# {}\n", heading(kind));
        for (group, events) in groups {
            if !group.is_empty() {
                text.push_str(&format!("\n## {}\n", code(group)));
            }
            text.push('\n');
            events.into_iter().for_each(|event| text.push_str(&self.event(event)));
        }
        Some(text)
    }

    /// One event, with its versions from the newest to the oldest.
    fn event(&self, event: &Event) -> String {
        let Some((newest, older)) = event.versions.split_last() else { return String::new() };
        let mut text = format!("- {}", self.link(&newest.file, None));
        let description = self.id(&newest.file).map(|id| summary(&self.program.definitions[id].doc));
        if let Some(description) = description.filter(|description| !description.is_empty()) {
            text.push_str(&format!(": {description}"));
        }
        text.push('\n');
        let mut facts = vec![match event.kind.is_document() {
            true => code(&event.event_type),
            false => format!("Subject {}", code(newest.subject(event).as_str())),
        }];
        facts.extend(answer(newest, VersionPart::Reply).map(|file| format!("reply {}", self.link(file, None))));
        facts.extend(answer(newest, VersionPart::Error).map(|file| format!("refusal {}", self.link(file, None))));
        facts.push(format!("version {}", newest.number));
        facts.extend(older.iter().rev().map(|version| self.link(&version.file, Some(version.number))));
        text.push_str(&format!("  <br>{}\n", facts.join(", ")));
        text
    }

    fn id(&self, file: &str) -> Option<Id> {
        self.program.root_of(file)
    }

    /// A link to the type of a file's payload, under its name or the number of its version.
    fn link(&self, file: &str, version: Option<u32>) -> String {
        let Some(id) = self.id(file) else { return code(file) };
        // Links name keywords as they are: `#` would begin a fragment.
        let path = self.types.path(id).to_string().replace(' ', "").replace("r#", "");
        let name = match version {
            Some(number) => format!("version {number}"),
            None => code(&self.program.definitions[id].name),
        };
        format!("[{name}](type@self::{path})")
    }
}

fn answer(version: &Version, part: VersionPart) -> Option<&str> {
    version.part(part).map(String::as_str)
}

fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Domain => "Domain events",
        Kind::Integration => "Integration events",
        Kind::Command => "Commands",
        Kind::Query => "Queries",
        Kind::State => "Documents of buckets",
    }
}

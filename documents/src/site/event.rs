//! The page of an event, a request or a document: what it means, who has to do with it, and every version of it.

use std::collections::BTreeSet;
use std::iter;

use eventsmith_codegen::breaking::changes::changes;
use eventsmith_codegen::bundle::bundle;
use eventsmith_codegen::lookup;
use eventsmith_codegen::manifest::{Named, Service, duration_text};
use eventsmith_codegen::model::{Event, Usage, Version, VersionPart};
use eventsmith_codegen::references::Location;
use eventsmith_operations::flow::{Edge, Flow, Item, Mark, Node, NodeKind};
use handlebars::RenderError;
use serde_json::{Value, json};

use super::names::Page;
use super::{Pages, highlight, rust, verdict};

impl Pages<'_> {
    pub(super) fn event(&self, event: &Event) -> Result<(), RenderError> {
        let page = Page::Event(event.event_type.clone());
        let mut anchors: BTreeSet<String> =
            ["main", "search", "query", "found", "count", "theme", "tip"].map(str::to_owned).into();
        let mut versions = Vec::new();
        for (at, version) in event.versions.iter().enumerate().rev() {
            let before = at.checked_sub(1).and_then(|before| event.versions.get(before));
            versions.push(self.version(event, version, before, &page, &mut anchors));
        }
        let description = self.description(event);
        let place = event.versions.last().map_or("", |version| version.file.as_str());
        let data = json!({
            "kind": event.kind.described(),
            "name": event.event_type,
            "description": self.html(description, place),
            "facts": self.facts(event),
            "picture": self.picture_of(event)?,
            "versions": versions,
        });
        self.page(&page, (&event.event_type, event.kind.as_str()), description, "event", &data)
    }

    fn version(
        &self,
        event: &Event,
        version: &Version,
        before: Option<&Version>,
        page: &Page,
        anchors: &mut BTreeSet<String>,
    ) -> Value {
        let id = format!("v{}", version.number);
        anchors.extend([id.clone(), format!("{id}-changes"), format!("{id}-rust")]);
        let mut parts = Vec::new();
        for (part, file) in version.parts() {
            parts.push(self.part(event, version, (part, file), page, anchors));
        }
        let (from, changes, verdicts, upcast) = match before {
            Some(before) => self.step(event, before, version),
            None => (None, Vec::new(), Vec::new(), String::new()),
        };
        let (path, code) = match self.types.get(&version.file) {
            Some(payload) => {
                let path: Vec<&str> = iter::once(&self.crate_name)
                    .chain(&payload.module)
                    .chain(iter::once(&payload.name))
                    .map(String::as_str)
                    .collect();
                let path = path.join("::");
                let code = rust::lines(event, version, &path, &payload.name, version.error.is_some());
                (path, code)
            }
            None => Default::default(),
        };
        json!({
            "id": id, "number": version.number, "is_newest": event.versions.last().is_some_and(|newest| newest.number == version.number),
            "parts": parts, "from": from, "changes": changes, "verdicts": verdicts, "upcast": upcast, "rust_path": path, "rust": code,
        })
    }

    /// One schema file of a version: its fields and examples.
    fn part(
        &self,
        event: &Event,
        version: &Version,
        (part, file): (VersionPart, &str),
        page: &Page,
        anchors: &mut BTreeSet<String>,
    ) -> Value {
        let number = version.number;
        let suffix = if part.is_answer() { format!("-{}", part.as_str()) } else { String::new() };
        let id = format!("v{number}{suffix}-fields");
        anchors.insert(id.clone());
        let is_newest = event.versions.last().is_some_and(|newest| newest.number == number);
        let (title, description) = match part {
            // The page begins with what the newest version says.
            VersionPart::Itself if is_newest => ("Fields", String::new()),
            VersionPart::Itself => ("Fields", self.html(self.text(file, "", "description"), file)),
            VersionPart::Reply => ("The reply", self.html(self.text(file, "", "description"), file)),
            VersionPart::Error => ("A refusal", self.html(self.text(file, "", "description"), file)),
        };
        let location = Location::root(file);
        let answer = if part.is_answer() { format!(" {}", part.as_str()) } else { String::new() };
        let what = format!("{} v{number}{answer}", event.event_type);
        let kind = if is_newest { "field" } else { "field of an older version" };
        let fields = self.table(&location, page, (&what, kind, &format!("v{number}{suffix}.")), anchors);
        let document = self.loaded.catalogue.documents.get(file);
        let examples = document.and_then(|document| document.schema.get("examples")).and_then(Value::as_array);
        let examples: Vec<String> = examples.into_iter().flatten().map(highlight::html).collect();
        json!({
            "id": id, "title": title, "file": file, "description": description, "fields": fields, "examples": examples,
            "label": format!("Fields of {what}"), "kind": self.reader.whole(&location).kind,
        })
    }

    /// What changed from one version to the next, and how the older becomes the newer.
    fn step(
        &self,
        event: &Event,
        before: &Version,
        version: &Version,
    ) -> (Option<u32>, Vec<Value>, Vec<Value>, String) {
        let (old, new) = (bundle(self.loaded, &before.file), bundle(self.loaded, &version.file));
        let mut all: Vec<Value> = changes(&old, &new)
            .iter()
            .map(|change| json!({"pointer": change.pointer, "message": change.message}))
            .collect();
        if all.is_empty() {
            all.push(json!({"pointer": "", "message": "nothing in the schema"}));
        }
        let (verdicts, is_proved) = verdict::verdicts((before.number, &old), (version.number, &new));
        let (older, newer) = (before.number, version.number);
        let what = if event.kind.is_request() { "A request" } else { "A payload" };
        let upcast = match is_proved {
            true => format!(
                "{what} of version {older} becomes one of version {newer} by itself: the conversion is derived, and consumers see version {newer} alone."
            ),
            false => format!(
                "{what} of version {older} becomes one of version {newer} by an upcast: derived where a default fills in what is missing, else written by hand, which the compiler asks for. Consumers see the newest version alone."
            ),
        };
        (Some(older), all, verdicts, upcast)
    }

    fn facts(&self, event: &Event) -> Vec<Value> {
        let mut facts = Vec::new();
        let mut fact = |name: &str, items: Vec<Value>| {
            if !items.is_empty() {
                facts.push(json!({"name": name, "items": items}));
            }
        };
        let code = |text: &str| json!({"text": text, "href": null, "is_code": true});
        let plain = |text: String| json!({"text": text, "href": null, "is_code": false});
        let by = |types: fn(&Service) -> &Vec<Named>| -> Vec<Value> {
            self.services_with(event, types)
                .into_iter()
                .map(|name| self.linked(&Page::Service(name.to_owned()), name))
                .collect()
        };
        let manifest = &self.loaded.catalogue.manifest;
        let nobody =
            |items: Vec<Value>, words: &str| if items.is_empty() { vec![plain(words.to_owned())] } else { items };
        match event.kind.usage() {
            Usage::Event => {
                fact("Published by", nobody(by(|service| &service.publishes), "no service of the catalogue"));
                fact("Consumed by", nobody(by(|service| &service.consumes), "no service of the catalogue"));
            }
            Usage::Request => {
                fact("Asked by", nobody(by(|service| &service.asks), "no service of the catalogue"));
                fact("Answered by", nobody(by(|service| &service.handles), "no service of the catalogue"));
            }
            Usage::Document => {
                let bucket = manifest.bucket_of(&event.event_type);
                fact(
                    "Lies in",
                    bucket
                        .iter()
                        .map(|(name, _)| self.linked(&Page::Bucket(name.get_ref().clone()), name.get_ref()))
                        .collect(),
                );
                let sagas = manifest.sagas().filter(|(_, _, state)| *state.get_ref() == event.event_type);
                fact(
                    "State of the saga",
                    sagas
                        .map(|(_, name, _)| self.linked(&Page::Saga(name.get_ref().clone()), name.get_ref()))
                        .collect(),
                );
            }
        }
        if !event.kind.is_document() {
            let subjects: BTreeSet<String> = event.versions.iter().map(|version| version.subject(event)).collect();
            fact("Subject", subjects.iter().map(|subject| code(subject)).collect());
        }
        for (name, stream) in lookup::streams(&self.loaded.catalogue, event) {
            let kept = super::others::kept(stream);
            fact("Stream", vec![self.linked(&Page::Stream(name.to_owned()), name), plain(kept)]);
        }
        let streams: Vec<&str> =
            lookup::streams(&self.loaded.catalogue, event).into_iter().map(|(name, _)| name).collect();
        if !event.kind.is_document() {
            for (what, lines) in self.seen.of_type(&event.event_type, &streams) {
                fact(&what, lines.into_iter().map(plain).collect());
            }
        }
        let newest = event.versions.last();
        fact("Aggregate", newest.and_then(|version| version.aggregate.as_deref()).map(code).into_iter().collect());
        fact("Order is kept by", newest.and_then(|version| version.key.as_deref()).map(code).into_iter().collect());
        let kept = newest.and_then(|version| version.idempotent).map(|kept| {
            let lost = if kept.reruns_lost {
                "one whose service was lost is run again"
            } else {
                "one whose service was lost is answered as unknown"
            };
            plain(format!("for {}; {lost}", duration_text(kept.window)))
        });
        fact("Its answer is kept", kept.into_iter().collect());
        facts
    }

    /// The services that name a type among those of one kind.
    fn services_with(&self, event: &Event, types: fn(&Service) -> &Vec<Named>) -> Vec<&str> {
        let services = self.loaded.catalogue.manifest.services.iter();
        let has = |service: &Service| types(service).iter().any(|name| *name.get_ref() == event.event_type);
        services.filter(|(_, service)| has(service)).map(|(name, _)| name.get_ref().as_str()).collect()
    }

    /// Who sends it on the left, who receives it on the right.
    fn picture_of(&self, event: &Event) -> Result<String, RenderError> {
        let (senders, receivers) = match event.kind.usage() {
            Usage::Event => (
                self.services_with(event, |service| &service.publishes),
                self.services_with(event, |service| &service.consumes),
            ),
            Usage::Request => (
                self.services_with(event, |service| &service.asks),
                self.services_with(event, |service| &service.handles),
            ),
            Usage::Document => return Ok(String::new()),
        };
        let mut flow = Flow { title: format!("Who sends and receives {}", event.event_type), ..Flow::default() };
        flow.nodes.push(Node { name: event.event_type.clone(), kind: NodeKind::Focus, lines: Vec::new() });
        for (name, is_sender) in
            senders.iter().map(|name| (name, true)).chain(receivers.iter().map(|name| (name, false)))
        {
            let at = flow.nodes.len();
            flow.nodes.push(Node { name: (*name).to_owned(), kind: NodeKind::Service, lines: Vec::new() });
            let word = match (is_sender, event.kind.is_request()) {
                (true, false) => "publishes",
                (true, true) => "asks",
                (false, false) => "consumes",
                (false, true) => "answers",
            };
            let item = Item { name: word.to_owned(), mark: Mark::Declared, figure: None, dead: 0.0 };
            let (from, to) = if is_sender { (at, 0) } else { (0, at) };
            flow.edges.push(Edge { from, to, is_request: event.kind.is_request(), items: vec![item] });
        }
        self.around(&flow, 0)
    }
}

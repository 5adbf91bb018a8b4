//! From the paths of files to events and versions: the path is the subject.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::load::event_options::{self, EventOptions};
use crate::load::part::{VersionName, of_part, version_name};
use crate::load::request_options;
use crate::manifest::Manifest;
use crate::model::{Document, Event, Kind, Version, VersionPart, is_token};

/// The largest number of a version. Versions count up by one, and which are left out is looked for.
const LATEST: u32 = 1_000_000;

/// What the name of a file below a kind's folder says.
struct FileName<'a> {
    path: &'a str,
    kind: Kind,
    /// The tokens of the type.
    tokens: Vec<&'a str>,
    number: u32,
    part: VersionPart,
}

/// The events of a list of files. Replies and refusals are joined to their requests.
pub(super) fn events(
    manifest: &Manifest,
    files: &[String],
    documents: &BTreeMap<String, Document>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Event> {
    let root = manifest.root.get_ref();
    for token in root.split('.').filter(|token| !is_token(token)) {
        let message = format!("the root {root:?} is not a subject: {token:?} is not a legal token");
        let help = "a root is one token or several with dots between, each of A-Z a-z 0-9 _ -: root = \"rules\"";
        diagnostics.push(Diagnostic::error("bad-token", crate::manifest::FILE_NAME, message, help));
    }
    let mut events: BTreeMap<(Kind, String), Event> = BTreeMap::new();
    let mut answers = Vec::new();
    for path in files {
        let document = documents.get(path);
        let Some(name) = file_name(path, document, diagnostics) else { continue };
        if name.part.is_answer() {
            answers.push(name);
            continue;
        }
        let Some(document) = document else { continue };
        let event_type = name.tokens.join(".");
        let event = events.entry((name.kind, event_type.clone())).or_insert_with(|| Event {
            kind: name.kind,
            subject: subject(manifest, name.kind, &event_type),
            event_type,
            versions: Vec::new(),
        });
        if let Some(twin) = event.versions.iter().find(|version| version.number == name.number) {
            diagnostics.push(two_files(path, &twin.file, &name.part.of(&event.event_type, name.number)));
            continue;
        }
        let EventOptions { key, template, aggregate } =
            event_options::read(document, name.kind, &event.subject, diagnostics);
        event.versions.push(Version {
            number: name.number,
            file: path.clone(),
            key,
            template,
            aggregate,
            idempotent: request_options::read(document, name.kind, diagnostics),
            reply: None,
            error: None,
        });
    }
    for answer in answers {
        if let Some(document) = documents.get(answer.path) {
            request_options::refuse_in_answer(document, answer.part, diagnostics);
        }
        join_answer(&answer, &mut events, diagnostics);
    }
    let mut events: Vec<Event> = events.into_values().collect();
    for event in &mut events {
        event.versions.sort_by_key(|version| version.number);
    }
    report_types_in_two_kinds(&events, diagnostics);
    events
}

/// Where payloads of a type go: the path is the subject, but for documents, which lie in a bucket.
fn subject(manifest: &Manifest, kind: Kind, event_type: &str) -> String {
    if kind.is_document() {
        let bucket = manifest.bucket_of(event_type).map_or("*", |(name, _)| name.get_ref());
        return format!("$KV.{bucket}.>");
    }
    format!("{}.{}.{event_type}", manifest.root.get_ref(), kind.as_str())
}

fn join_answer(answer: &FileName<'_>, events: &mut BTreeMap<(Kind, String), Event>, diagnostics: &mut Vec<Diagnostic>) {
    let (path, number, part) = (answer.path, answer.number, answer.part);
    let (rule, word) = (stray(part), part.as_str());
    let event_type = answer.tokens.join(".");
    if !answer.kind.is_request() {
        let message = format!("{} has no {word}", answer.kind.described());
        let help = "only commands and queries are answered; move the file below command or query";
        diagnostics.push(Diagnostic::error(rule, path, message, help));
        return;
    }
    let version = events
        .get_mut(&(answer.kind, event_type.clone()))
        .and_then(|event| event.versions.iter_mut().find(|version| version.number == number));
    let Some(version) = version else {
        let message = format!("there is no {event_type} version {number} for this {word}");
        let help = format!("name the {word} after its request: get.v1.json and get.v1.{word}.json");
        diagnostics.push(Diagnostic::error(rule, path, message, help));
        return;
    };
    if let Some(twin) = version.part(part) {
        diagnostics.push(two_files(path, twin, &part.of(&event_type, number)));
        return;
    }
    match part {
        VersionPart::Error => version.error = Some(path.to_owned()),
        VersionPart::Reply | VersionPart::Itself => version.reply = Some(path.to_owned()),
    }
}

/// The rule about an answer without its request.
fn stray(part: VersionPart) -> &'static str {
    match part {
        VersionPart::Error => "stray-error",
        VersionPart::Reply | VersionPart::Itself => "stray-reply",
    }
}

fn two_files(path: &str, twin: &str, described: &str) -> Diagnostic {
    let message = format!("{twin} describes {described} already");
    Diagnostic::error("duplicate-version", path, message, "delete one of the two, or give it the next version number")
}

/// The type is what messages are routed by, so it names one event only.
fn report_types_in_two_kinds(events: &[Event], diagnostics: &mut Vec<Diagnostic>) {
    for (index, event) in events.iter().enumerate() {
        let Some(twin) = events[..index].iter().find(|twin| twin.event_type == event.event_type) else { continue };
        for version in &event.versions {
            let (kind, first) = (twin.kind.as_str(), &twin.versions[0].file);
            let message =
                format!("{} is of the kind {kind} already, by {first}: a type belongs to one kind", event.event_type);
            let help = "rename one of the two, or make this file a version of the other";
            diagnostics.push(Diagnostic::error("duplicate-version", &version.file, message, help));
        }
    }
}

const TOKEN_HELP: &str = "a token is one or more of A-Z a-z 0-9 _ -; rename the file or folder";

/// Reads a path such as `domain/rule/created.v1.json`; `None` for files that describe no event.
fn file_name<'a>(
    path: &'a str,
    document: Option<&Document>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<FileName<'a>> {
    let (folder, below) = path.split_once('/')?;
    let kind = Kind::of_folder(folder)?;
    let mut tokens: Vec<&str> = below.split('/').collect();
    let file = tokens.pop()?.strip_suffix(".json")?;
    let Some(VersionName { name, number, part }) = version_name(file) else {
        let (stem, _) = of_part(file);
        if document.is_none_or(|document| holds_only_definitions(&document.schema)) {
            return None;
        }
        let message = format!("the name of the file says no version of {:?}", stem);
        let help = format!("name it {}, or keep nothing but $defs in a file that others share", versioned(file));
        diagnostics.push(Diagnostic::error("no-version", path, message, help));
        return None;
    };
    let Some(number) = number.parse().ok().filter(|number| (1..=LATEST).contains(number)) else {
        let message = format!("{number:?} is not a version");
        let help = "versions count from 1: created.v1.json, created.v2.json";
        diagnostics.push(Diagnostic::error("no-version", path, message, help));
        return None;
    };
    tokens.push(name);
    let illegal: Vec<&&str> = tokens.iter().filter(|token| !is_token(token)).collect();
    for token in &illegal {
        let message = format!("{token:?} is not a legal subject token");
        diagnostics.push(Diagnostic::error("bad-token", path, message, TOKEN_HELP));
    }
    illegal.is_empty().then_some(FileName { path, kind, tokens, number, part })
}

/// The name that a file without a version was probably meant to have: `placed.V1` and `placed_v1` are `placed.v1.json`.
fn versioned(file: &str) -> String {
    let (stem, _) = of_part(file);
    let part = &file[stem.len()..];
    let lower = stem.to_ascii_lowercase();
    let name = lower.strip_suffix(".schema").map_or(stem, |rest| &stem[..rest.len()]);
    let rest = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = &name[rest.len()..];
    let is_number = !number.is_empty() && !number.starts_with('0');
    let word = rest.strip_suffix(['v', 'V']).and_then(|rest| rest.strip_suffix(['.', '_', '-']));
    match word.filter(|word| is_number && !word.is_empty()) {
        Some(word) => format!("{word}.v{number}{part}.json"),
        None => format!("{name}.v1{part}.json"),
    }
}

fn holds_only_definitions(schema: &Value) -> bool {
    const ANNOTATIONS: &[&str] =
        &["$defs", "definitions", "$schema", "$id", "id", "$comment", "title", "description", "x-lint-allow"];
    schema.as_object().is_some_and(|members| members.keys().all(|keyword| ANNOTATIONS.contains(&keyword.as_str())))
}

#[cfg(test)]
mod tests {
    use super::versioned;

    #[test]
    fn a_version_that_is_written_otherwise_is_not_doubled() {
        for (file, name) in [
            ("placed", "placed.v1.json"),
            ("placed.V1", "placed.v1.json"),
            ("placed_v2", "placed.v2.json"),
            ("placed-v2", "placed.v2.json"),
            ("updated.v1.schema", "updated.v1.json"),
            ("updated.schema", "updated.v1.json"),
            ("get.V1.reply", "get.v1.reply.json"),
            ("get_v2.error", "get.v2.error.json"),
            ("v1", "v1.v1.json"),
        ] {
            assert_eq!(versioned(file), name);
        }
    }
}

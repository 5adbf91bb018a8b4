//! What was published and is gone or goes by another name: events, versions, subjects, keys, streams, answers.

use std::collections::HashMap;

use toml::Spanned;

use crate::diagnostic::{Diagnostic, Severity};
use crate::filter::{captures, matches};
use crate::lint;
use crate::load::Loaded;
use crate::manifest::{Policy, Retention, Stream};
use crate::model::{Catalogue, Event, Template, Token, Usage, Version};

use super::places::{in_file, in_manifest};
use super::{buckets, idempotence, moved};

/// Everything about the events that is not about their schemas.
pub(super) fn findings(previous: &Loaded, current: &Loaded) -> Vec<Diagnostic> {
    // Without its manifest an earlier catalogue has no root and no streams that could be compared.
    let is_manifest_sound = !previous.diagnostics.iter().any(|finding| MANIFEST_RULES.contains(&finding.rule));
    let is_there = |file: &str| previous.files.iter().any(|known| known == file);
    let is_here = |file: &str| current.files.iter().any(|known| known == file);
    let (previous, current) = (&previous.catalogue, &current.catalogue);
    let mut findings = Vec::new();
    if is_manifest_sound {
        root(previous, current, &mut findings);
        streams(previous, current, &mut findings);
        sagas(previous, current, &mut findings);
        buckets::findings(previous, current, &mut findings);
        wildcards(previous, current, &mut findings);
    }
    let now: HashMap<&str, &Event> = current.events.iter().map(|event| (event.event_type.as_str(), event)).collect();
    let then: HashMap<&str, &Event> = previous.events.iter().map(|event| (event.event_type.as_str(), event)).collect();
    for event in &previous.events {
        match now.get(event.event_type.as_str()) {
            // A file that is there and cannot be read is reported by the loader.
            None if event.versions.iter().any(|version| is_here(&version.file)) => {}
            None => removed_event(event, moved::event(event, previous, current), &mut findings),
            Some(later) => {
                kind(event, later, current, &mut findings);
                versions((previous, event), (current, later), &is_here, &mut findings);
                idempotence::findings(event, later, current, &mut findings);
                for (earlier, later) in shared(event, later) {
                    template(previous, current, (earlier, later), event, &mut findings);
                    key(current, event, earlier, later, &mut findings);
                    aggregate(current, event, earlier, later, &mut findings);
                    reply(event, earlier, later, &mut findings);
                    error(event, earlier, later, &mut findings);
                }
            }
        }
    }
    for event in &current.events {
        gaps(then.get(event.event_type.as_str()).copied(), event, &is_there, &mut findings);
    }
    findings
}

const MANIFEST_RULES: &[&str] = &["bad-manifest", "no-manifest"];

/// The versions that are in both.
fn shared<'a>(then: &'a Event, now: &'a Event) -> Vec<(&'a Version, &'a Version)> {
    let later = |number| now.versions.iter().find(|version| version.number == number);
    then.versions.iter().filter_map(|version| Some((version, later(version.number)?))).collect()
}

fn removed_event(event: &Event, moved: Option<&Event>, findings: &mut Vec<Diagnostic>) {
    let Some(newest) = event.versions.last() else { return };
    let (who, unused) = match event.kind.usage() {
        Usage::Event | Usage::Request => ("who consumes it", "an event that nobody publishes any more"),
        Usage::Document => ("who reads it", "a document that nobody puts any more"),
    };
    let message = format!("{} is gone; what is stored of it and {who} need its schema", event.event_type);
    let help = match moved.and_then(|event| Some((&event.event_type, &event.versions.last()?.file))) {
        Some((event_type, file)) => format!(
            "it seems to be {file} now, and {event_type} is another event, with a subject of its own: put {} back, publish the new one \
             beside it until nobody consumes the old one, and let it stay in the catalogue",
            newest.file
        ),
        None => format!("put {} back; {unused} may stay in the catalogue", newest.file),
    };
    findings.push(Diagnostic::error("removed-event", &newest.file, message, help));
}

fn versions(
    (previous, then): (&Catalogue, &Event),
    (current, now): (&Catalogue, &Event),
    is_here: &impl Fn(&str) -> bool,
    findings: &mut Vec<Diagnostic>,
) {
    for version in &then.versions {
        if !now.versions.iter().any(|later| later.number == version.number) && !is_here(&version.file) {
            let message = format!(
                "{} v{} is gone; what is stored of it cannot be read any more",
                then.event_type, version.number
            );
            let is_new = |later: &&Version| !then.versions.iter().any(|known| known.number == later.number);
            let moved = moved::version((previous, version), current, now.versions.iter().filter(is_new));
            let help = match moved {
                Some(later) => format!(
                    "it seems to be {} now, and a version keeps its number: put {} back, and keep the new file for what comes next",
                    later.file, version.file
                ),
                None => format!("put {} back", version.file),
            };
            findings.push(Diagnostic::error("removed-version", &version.file, message, help));
        }
    }
}

/// New versions that leave out a number.
fn gaps(then: Option<&Event>, now: &Event, is_there: &impl Fn(&str) -> bool, findings: &mut Vec<Diagnostic>) {
    let published = |number| then.is_some_and(|event| event.versions.iter().any(|version| version.number == number));
    for (index, version) in now.versions.iter().enumerate().skip(1) {
        let before = now.versions[index - 1].number;
        let is_gap = before + 1 < version.number && !(before + 1..version.number).any(published);
        if is_gap && !published(version.number) && !is_there(&version.file) {
            let message = format!("{} v{} comes right after v{before}", now.event_type, version.number);
            let help = format!("versions count up by one: name it v{}", before + 1);
            let gap = Diagnostic::error("version-gap", &version.file, message, help);
            findings.push(Diagnostic { severity: Severity::Warning, ..gap });
        }
    }
}

const SUBJECT_HELP: &str = "consumers listen to the old subject, and streams store it: keep it, or add a new event";

fn root(previous: &Catalogue, current: &Catalogue, findings: &mut Vec<Diagnostic>) {
    let (then, now) = (&previous.manifest.root, &current.manifest.root);
    if then.get_ref() != now.get_ref() {
        let message = format!("the root of all subjects was {:?} and is {:?} now", then.get_ref(), now.get_ref());
        findings.push(in_manifest("changed-subject", current, Some(now), message, SUBJECT_HELP));
    }
}

fn kind(then: &Event, now: &Event, current: &Catalogue, findings: &mut Vec<Diagnostic>) {
    let Some((_, newest)) = shared(then, now).pop().filter(|_| then.kind != now.kind) else { return };
    let (was, is) = (then.kind.as_str(), now.kind.as_str());
    let message = format!("the kind of {} was {was} and is {is} now, and its subject {}", now.event_type, now.subject);
    findings.push(in_file("changed-subject", current, &newest.file, "", message, SUBJECT_HELP));
}

fn template(
    previous: &Catalogue,
    current: &Catalogue,
    (then, now): (&Version, &Version),
    event: &Event,
    findings: &mut Vec<Diagnostic>,
) {
    let below = |template: &Option<Template>, catalogue: &Catalogue| {
        let text = spelled(template.as_ref()?);
        let root = format!("{}.", catalogue.manifest.root.get_ref());
        Some(text.strip_prefix(&root).map(str::to_owned).unwrap_or(text))
    };
    if below(&then.template, previous) == below(&now.template, current) {
        return;
    }
    let said = |template: &Option<Template>, otherwise: &str| template.as_ref().map_or(otherwise.to_owned(), spelled);
    let own = "the subject of its path";
    let (was, is) = (said(&then.template, own), said(&now.template, own));
    let message = format!("the subject of {} v{} was {was} and is {is} now", event.event_type, now.number);
    findings.push(in_file("changed-subject", current, &now.file, "/x-event/subject", message, SUBJECT_HELP));
}

fn spelled(template: &Template) -> String {
    let tokens = template.tokens.iter().map(|token| match token {
        Token::Literal(text) => text.clone(),
        Token::Property(name) => format!("{{{name}}}"),
    });
    tokens.collect::<Vec<_>>().join(".")
}

fn key(current: &Catalogue, event: &Event, then: &Version, now: &Version, findings: &mut Vec<Diagnostic>) {
    if then.key == now.key {
        return;
    }
    let said = |key: &Option<String>| key.clone().unwrap_or_else(|| "none".to_owned());
    let (was, is) = (said(&then.key), said(&now.key));
    let message = format!("the ordering key of {} v{} was {was} and is {is} now", event.event_type, now.number);
    let help = "what is stored is ordered by the old key: keep it, or make the change in a new version";
    findings.push(in_file("changed-key", current, &now.file, "/x-event/key", message, help));
}

/// An event that becomes one of an aggregate mostly gets another subject, which is found as such.
fn aggregate(current: &Catalogue, event: &Event, then: &Version, now: &Version, findings: &mut Vec<Diagnostic>) {
    let help = match (&then.aggregate, &now.aggregate) {
        (was, is) if was == is => return,
        (None, Some(_)) if then.subject(event) != now.subject(event) => return,
        (None, _) => "what is stored under this subject has no number, and is a part of no history: add a new event",
        (Some(_), _) => {
            "what is stored is a part of the old one's histories, which lack it now: keep it, or add a new event"
        }
    };
    let said = |version: &Version| version.aggregate.clone().unwrap_or_else(|| "none".to_owned());
    let (was, is) = (said(then), said(now));
    let message = format!("the aggregate of {} v{} was {was} and is {is} now", event.event_type, now.number);
    findings.push(in_file("changed-aggregate", current, &now.file, "/x-event/aggregate", message, help));
}

/// A program looks for the end of a history under the wildcard that it knows, and appends there whatever lies beside it.
fn wildcards(previous: &Catalogue, current: &Catalogue, findings: &mut Vec<Diagnostic>) {
    let below = |catalogue: &Catalogue, subject: &str| {
        let root = format!("{}.", catalogue.manifest.root.get_ref());
        subject.strip_prefix(&root).unwrap_or(subject).to_owned()
    };
    let now = current.aggregates();
    for then in previous.aggregates() {
        let Some(now) = now.iter().find(|now| now.name == then.name) else { continue };
        let (was, is) = (below(previous, &then.subject()), below(current, &now.subject()));
        if was == is {
            continue;
        }
        let is_beside = |event: &&&Event| {
            let subject = event.versions.last().map(|version| below(current, &version.subject(event)));
            subject.is_some_and(|subject| !matches(&was, &subject))
        };
        let event = now.events.iter().find(is_beside).or(now.events.first());
        let Some(newest) = event.and_then(|event| event.versions.last()) else { continue };
        let message = format!("the events of the aggregate {} were those on {was} and are those on {is} now", now.name);
        let help = "programs that run look at the old subjects alone, and append beside what lies on the others: give all events of \
                    the aggregate subjects of the old wildcard";
        findings.push(in_file("changed-aggregate", current, &newest.file, "/x-event/aggregate", message, help));
    }
}

fn reply(event: &Event, then: &Version, now: &Version, findings: &mut Vec<Diagnostic>) {
    let request = format!("{} v{}", event.event_type, now.number);
    let (file, message, help) = match (&then.reply, &now.reply) {
        (None, Some(file)) => {
            let message = format!("{request} is answered with a schema now, and had none");
            (file, message, "who answers today does not know it: answer so in a new version of the request".to_owned())
        }
        (Some(file), None) => {
            let message = format!("the reply of {request} is gone; who asks still reads it");
            (file, message, format!("put {file} back, or leave the reply out of a new version of the request"))
        }
        _ => return,
    };
    findings.push(Diagnostic::error("changed-reply", file, message, help));
}

/// A refusal that comes later is none that breaks: callers have to expect that a request fails, and see one that failed. One that
/// goes leaves new callers without the schema of what old servers send.
fn error(event: &Event, then: &Version, now: &Version, findings: &mut Vec<Diagnostic>) {
    let (Some(file), None) = (&then.error, &now.error) else { return };
    let request = format!("{} v{}", event.event_type, now.number);
    let message = format!("the error of {request} is gone; servers of before still refuse so");
    let help = format!("put {file} back, or leave the error out of a new version of the request");
    findings.push(Diagnostic::error("removed-error", file, message, help));
}

/// What servers of a version that is new answer, and callers of older versions do not understand.
pub(super) fn unreadable_answers(previous: &Loaded, current: &Loaded, policy: Policy) -> Vec<Diagnostic> {
    let published = |file: &str| previous.files.iter().any(|known| known == file);
    let found = lint::unreadable_answers(current, policy);
    found.into_iter().filter(|finding| !published(&finding.file)).collect()
}

/// Streams keep their name, storage and retention, and events stay in their stream.
fn streams(previous: &Catalogue, current: &Catalogue, findings: &mut Vec<Diagnostic>) {
    for (name, stream) in &current.manifest.streams {
        let then = previous.manifest.streams.iter().find(|(earlier, _)| earlier.get_ref() == name.get_ref());
        let Some((_, then)) = then else { continue };
        let mut changed = Vec::new();
        if then.storage != stream.storage {
            changed.push(("storage", then.storage.as_str(), stream.storage.as_str()));
        }
        // Between limits and interest a server changes a stream that exists; to and from a work queue it does not.
        let is_queue = |stream: &Stream| stream.retention == Retention::WorkQueue;
        if is_queue(then) != is_queue(stream) {
            changed.push(("retention", retention(then), retention(stream)));
        }
        for (what, was, is) in changed {
            let message = format!("the {what} of stream {} was {was} and is {is} now", name.get_ref());
            let help = "a stream that exists cannot be changed so: keep it, or declare a new stream for new events";
            findings.push(in_manifest("changed-stream", current, Some(name), message, help));
        }
    }
    let now: HashMap<&str, &Event> = current.events.iter().map(|event| (event.event_type.as_str(), event)).collect();
    for event in previous.events.iter().filter(|event| !event.kind.is_document()) {
        let Some(later) = now.get(event.event_type.as_str()) else { continue };
        let Some((was, _)) = stream_of(previous, event) else { continue };
        let is = stream_of(current, later).map(|(name, _)| name);
        if is.is_none_or(|is| is.get_ref() != was.get_ref()) {
            let place = is.map_or_else(|| "in no stream".to_owned(), |is| format!("in stream {}", is.get_ref()));
            let message = format!("{} was stored in stream {} and is {place} now", event.event_type, was.get_ref());
            let help = "what is stored stays behind in the old stream: leave the event there, or copy the stream first";
            findings.push(in_manifest("changed-stream", current, is, message, help));
        }
    }
}

/// Sagas keep their name, their stream and the type of their state: instances lie where they began.
fn sagas(previous: &Catalogue, current: &Catalogue, findings: &mut Vec<Diagnostic>) {
    for (was, saga, state) in previous.manifest.sagas() {
        let (saga, was) = (saga.get_ref(), was.get_ref());
        let now = current.manifest.sagas().find(|(_, later, _)| later.get_ref() == saga);
        let Some((is, _, later)) = now else {
            let message =
                format!("the saga {saga} of stream {was} is gone; nobody goes on with instances of it that run");
            let help = "leave it there until `eventsmith sagas list` has none of it; a new name is a new saga";
            findings.push(in_manifest("changed-stream", current, None, message, help));
            continue;
        };
        if is.get_ref() != was {
            let message = format!("the saga {saga} lay in stream {was} and is in stream {} now", is.get_ref());
            let help = "instances stay behind in the old stream: leave the saga there, or declare one of another name in the new stream";
            findings.push(in_manifest("changed-stream", current, Some(is), message, help));
        }
        if later.get_ref() != state.get_ref() {
            let (state, later) = (state.get_ref(), later.get_ref());
            let message = format!("the state of the saga {saga} was {state} and is {later} now");
            let help = "the states of instances that run are of the old type: keep it and give it a new version, or declare another saga";
            findings.push(in_manifest("changed-stream", current, Some(is), message, help));
        }
    }
}

const fn retention(stream: &Stream) -> &'static str {
    match stream.retention {
        Retention::Limits => "limits",
        Retention::Interest => "interest",
        Retention::WorkQueue => "work_queue",
    }
}

/// The stream that captures an event.
fn stream_of<'a>(catalogue: &'a Catalogue, event: &Event) -> Option<(&'a Spanned<String>, &'a Stream)> {
    let streams = catalogue.manifest.streams.iter();
    streams.into_iter().find(|(_, stream)| stream.subjects.iter().any(|filter| captures(filter.get_ref(), event)))
}

//! Aggregates: their events are told from all others by their subjects, and lie in one stream.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::filter::{captures, overlap};
use crate::manifest::Stream;
use crate::model::{Aggregate, Catalogue, Event, Version};
use crate::shape::identifiers::type_name;

const RULE: &str = "bad-aggregate";

/// Adds what is wrong with the aggregates of a catalogue.
pub(super) fn check(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    versions(catalogue, diagnostics);
    let aggregates = catalogue.aggregates();
    names(catalogue, &aggregates, diagnostics);
    for aggregate in &aggregates {
        if lengths(catalogue, aggregate, diagnostics) {
            strangers(catalogue, aggregate, diagnostics);
        }
        streams(catalogue, aggregate, diagnostics);
    }
}

fn error(catalogue: &Catalogue, version: &Version, at: &str, message: String, help: &str) -> Diagnostic {
    match catalogue.documents.get(&version.file) {
        Some(document) => document.error(RULE, at, message, help),
        None => Diagnostic::error(RULE, &version.file, message, help),
    }
}

/// All versions of an event lie in the same history, under the same subject.
fn versions(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    for event in &catalogue.events {
        let (event_type, Some(newest)) = (&event.event_type, event.versions.last()) else { continue };
        for version in &event.versions {
            let said = |version: &Version| version.aggregate.clone().unwrap_or_else(|| "none".to_owned());
            if version.aggregate != newest.aggregate {
                let (own, other) = (said(version), said(newest));
                let message = format!(
                    "the aggregate of {event_type} v{} is {own}, and that of v{} is {other}",
                    version.number, newest.number
                );
                let help = "all versions of an event are of one aggregate: write the same x-event into each";
                diagnostics.push(error(catalogue, version, "/x-event", message, help));
            } else if version.aggregate.is_some() && version.subject(event) != newest.subject(event) {
                let (own, other) = (version.subject(event), newest.subject(event));
                let message = format!(
                    "{event_type} v{} is stored under {own}, and v{} under {other}",
                    version.number, newest.number
                );
                let help = "all versions of an aggregate's event have one subject: write the same x-event into each";
                diagnostics.push(error(catalogue, version, "/x-event/subject", message, help));
            }
        }
    }
}

/// Two aggregates must not become one type.
fn names(catalogue: &Catalogue, aggregates: &[Aggregate<'_>], diagnostics: &mut Vec<Diagnostic>) {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for aggregate in aggregates {
        let Some(first) = known.insert(type_name(aggregate.name), aggregate.name) else { continue };
        let Some(version) = aggregate.events.first().and_then(|event| event.versions.last()) else { continue };
        let message = format!("the aggregates {first} and {} fall together in Rust", aggregate.name);
        let help = "rename one of the two, or make them one";
        diagnostics.push(error(catalogue, version, "/x-event/aggregate", message, help));
    }
}

/// One wildcard stands for all events of an aggregate, so that their subjects have as many tokens.
fn lengths(catalogue: &Catalogue, aggregate: &Aggregate<'_>, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let length = |event: &Event| event.versions.last().map_or(0, |newest| newest.subject(event).split('.').count());
    let Some((first, others)) = aggregate.events.split_first() else { return true };
    let mut is_sound = true;
    for event in others.iter().filter(|event| length(event) != length(first)) {
        let Some(newest) = event.versions.last() else { continue };
        let (name, one, other) = (aggregate.name, length(first), length(event));
        let message = format!(
            "the subjects of {} and {} have {one} and {other} tokens, and one wildcard is to find all events of a {name}",
            first.event_type, event.event_type
        );
        let help = "give the subjects of an aggregate's events as many tokens, with the id at the end: \"subject\"";
        diagnostics.push(error(catalogue, newest, "/x-event", message, help));
        is_sound = false;
    }
    is_sound
}

/// What is not of the aggregate must not look as if it were.
fn strangers(catalogue: &Catalogue, aggregate: &Aggregate<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let wildcard = aggregate.subject();
    let is_other = |event: &&Event| event.aggregate() != Some(aggregate.name) && !event.kind.is_document();
    for event in catalogue.events.iter().filter(is_other) {
        let is_caught = |version: &&Version| overlap(&wildcard, &version.subject(event));
        let Some(version) = event.versions.iter().rev().find(is_caught) else { continue };
        let message = format!(
            "{} would be taken for an event of the aggregate {}: its subject {} is one of {wildcard}",
            event.event_type,
            aggregate.name,
            version.subject(event)
        );
        let help = format!(
            "make it one, \"aggregate\": {:?}, or give it or the events of the aggregate other subjects",
            aggregate.name
        );
        diagnostics.push(error(catalogue, version, "", message, &help));
    }
}

/// A history lies in one stream, or it has no order.
fn streams(catalogue: &Catalogue, aggregate: &Aggregate<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let home = |event: &Event| {
        let captured = |stream: &Stream| stream.subjects.iter().any(|filter| captures(filter.get_ref(), event));
        let mut streams = catalogue.manifest.streams.iter();
        streams.find(|(_, stream)| captured(stream)).map(|(name, _)| name.get_ref().as_str())
    };
    let Some((first, others)) = aggregate.events.split_first() else { return };
    // An event in no stream has been reported.
    let Some(stream) = home(first) else { return };
    for event in others {
        let (Some(other), Some(newest)) = (home(event).filter(|other| *other != stream), event.versions.last()) else {
            continue;
        };
        let (name, first, event) = (aggregate.name, &first.event_type, &event.event_type);
        let message =
            format!("the aggregate {name} is scattered: {first} is in the stream {stream}, {event} in {other}");
        let help = format!("let one stream of eventsmith.toml capture {}", aggregate.subject());
        diagnostics.push(error(catalogue, newest, "/x-event/aggregate", message, &help));
    }
}

//! Buckets of eventsmith.toml against the documents that exist, and against the streams; so those of answers.

use heck::ToShoutySnakeCase;

use crate::diagnostic::Diagnostic;
use crate::filter::overlap;
use crate::lookup;
use crate::manifest::duration::text;
use crate::model::{Catalogue, Event, Kind};

use super::filters::subjects_of_bucket;
use super::manifest::error;
use super::replies;

const STREAM_OVER_BUCKET: &str = "stream-over-bucket";

/// Adds what is wrong with the buckets of a manifest that could be read.
pub(super) fn check(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let meant = states(catalogue, diagnostics);
    coverage(catalogue, &meant, diagnostics);
    markers(catalogue, diagnostics);
    streams(catalogue, diagnostics);
}

/// The documents of the catalogue.
pub(super) fn documents(catalogue: &Catalogue) -> impl Iterator<Item = &Event> {
    catalogue.events.iter().filter(|event| event.kind.is_document())
}

/// Every bucket holds documents that exist. Returns the types that were probably meant where it does not.
fn states<'a>(catalogue: &'a Catalogue, diagnostics: &mut Vec<Diagnostic>) -> Vec<&'a str> {
    let mut meant = Vec::new();
    for (name, bucket) in &catalogue.manifest.buckets {
        let (name, state) = (name.get_ref(), bucket.state.get_ref());
        if documents(catalogue).any(|document| document.event_type == *state) {
            continue;
        }
        let is = catalogue.event(state).map_or("no type of a document", |event| event.kind.described());
        let message = format!("bucket {name} holds {state}, which is {is}");
        let near = near(catalogue, state);
        let help = lookup::did_you_mean(&near).unwrap_or_else(|| {
            format!(
                "name the type of a file below {0}/: {0}/rule/compiled.v1.json is rule.compiled",
                Kind::State.as_str()
            )
        });
        diagnostics.push(error(catalogue, &bucket.state, "unknown-state", message, &help));
        meant.extend(near);
    }
    meant
}

/// The types of documents nearest to one that no document has. Paths have the kind before the type.
pub(super) fn near<'a>(catalogue: &'a Catalogue, unknown: &str) -> Vec<&'a str> {
    let prefix = format!("{}.", Kind::State.as_str());
    let unknown = unknown.strip_prefix(&prefix).unwrap_or(unknown);
    lookup::nearest(unknown, documents(catalogue).map(|event| event.event_type.as_str()))
}

/// Every type of a document lies in exactly one bucket. One that a bucket probably means has been reported there.
fn coverage(catalogue: &Catalogue, meant: &[&str], diagnostics: &mut Vec<Diagnostic>) {
    for document in documents(catalogue) {
        let state = &document.event_type;
        let mut buckets = catalogue.manifest.buckets.iter().filter(|(_, bucket)| bucket.state.get_ref() == state);
        match (buckets.next(), buckets.next()) {
            (None, _) if meant.contains(&state.as_str()) => {}
            (None, _) if catalogue.manifest.is_saga_state(state) => {}
            (None, _) => {
                let Some(newest) = document.versions.last() else { continue };
                let message = format!("{state} is in no bucket");
                let name = state.replace('.', "_").to_shouty_snake_case();
                let help = format!(
                    "add one to eventsmith.toml:\n    [buckets.{name}]\n    state = {state:?}\n    description = \"..\""
                );
                diagnostics.push(Diagnostic::error("no-bucket", &newest.file, message, help));
            }
            (Some((first, _)), Some((second, bucket))) => {
                let message = format!("{state} is in two buckets, {} and {}", first.get_ref(), second.get_ref());
                let help =
                    "a type says which bucket it lies in: remove one bucket, or give it a type of its own below state";
                diagnostics.push(error(catalogue, &bucket.state, "two-buckets", message, help));
            }
            (Some(_), None) => {}
        }
    }
}

/// A marker is a value like others to the bucket: it goes when its time there is over.
fn markers(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    for (name, bucket) in &catalogue.manifest.buckets {
        let (Some(ttl), Some(marker_ttl)) = (bucket.ttl, bucket.marker_ttl) else { continue };
        if marker_ttl > ttl {
            let (bucket, ttl, marker_ttl) = (name.get_ref(), text(ttl), text(marker_ttl));
            let message = format!(
                "markers of the bucket {bucket} are to stand for {marker_ttl}, and nothing stays there for more than {ttl}"
            );
            let help = format!("write a `marker_ttl` of {ttl} or less, or a longer `ttl`");
            diagnostics.push(error(catalogue, name, "bad-manifest", message, &help));
        }
    }
}

/// A bucket brings a stream of its own, and no server takes two streams of one name or over the same subjects. The buckets of
/// answers are declared nowhere.
fn streams(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    for bucket in catalogue.manifest.buckets.keys().map(|name| name.get_ref()) {
        let (is, keeps) = (format!("the bucket {bucket}"), format!("documents of the bucket {bucket}"));
        streams_over(catalogue, bucket, (&is, &keeps), diagnostics);
    }
    for (bucket, service) in replies::buckets(catalogue) {
        let keeps = format!("the answers of {service} to idempotent commands");
        if let Some(declared) = catalogue.manifest.buckets.keys().find(|name| *name.get_ref() == bucket) {
            let message = format!("{bucket} is the bucket of {keeps}");
            let help = "a service brings the bucket of its answers: give this one another name";
            diagnostics.push(error(catalogue, declared, STREAM_OVER_BUCKET, message, help));
            continue;
        }
        streams_over(catalogue, &bucket, (&format!("the bucket of {keeps}"), &keeps), diagnostics);
    }
}

/// Streams that have the name of a bucket's own, or capture what it keeps.
fn streams_over(catalogue: &Catalogue, bucket: &str, (is, keeps): (&str, &str), diagnostics: &mut Vec<Diagnostic>) {
    let (own, subjects) = (format!("KV_{bucket}"), subjects_of_bucket(bucket));
    for (name, stream) in &catalogue.manifest.streams {
        if *name.get_ref() == own {
            let message = format!("{own} is the stream of {is}");
            let help = "a bucket brings its own stream: remove this one, or give it another name";
            diagnostics.push(error(catalogue, name, STREAM_OVER_BUCKET, message, help));
        } else if let Some(subject) = stream.subjects.iter().find(|subject| overlap(subject.get_ref(), &subjects)) {
            let message = format!("stream {} captures {}, and with it {keeps}", name.get_ref(), subject.get_ref());
            let help = format!("the bucket's own stream, {own}, has them: remove the subject, or narrow it");
            diagnostics.push(error(catalogue, subject, STREAM_OVER_BUCKET, message, &help));
        }
    }
}

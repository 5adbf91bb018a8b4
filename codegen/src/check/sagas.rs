//! Sagas of eventsmith.toml: their names, their states, and the streams that they lie in.

use std::collections::BTreeMap;

use toml::Spanned;

use crate::diagnostic::Diagnostic;
use crate::filter::matches;
use crate::lookup;
use crate::manifest::Discard;
use crate::model::{Catalogue, Kind, is_token};

use super::buckets::{documents, near};
use super::filters::SAGAS;
use super::manifest::error;

const BAD_SAGA: &str = "bad-saga";

/// Adds what is wrong with the sagas of a manifest that could be read.
pub(super) fn check(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    subjects(catalogue, diagnostics);
    schedules(catalogue, diagnostics);
    names(catalogue, diagnostics);
    states(catalogue, diagnostics);
    runners(catalogue, diagnostics);
}

/// A service runs versions of sagas that lie in a stream of the catalogue.
fn runners(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let known: Vec<&str> = catalogue.manifest.sagas().map(|(_, saga, _)| saga.get_ref().as_str()).collect();
    for (service, runs) in
        catalogue.manifest.services.iter().flat_map(|(name, it)| it.runs.iter().map(move |runs| (name, runs)))
    {
        let (service, text) = (service.get_ref(), runs.get_ref());
        let Some((saga, _)) = saga_version(text) else {
            let message = format!("the service {service} runs {text:?}, which is no version of a saga");
            let help = "write NAME@VERSION, such as checkout@1, with the version that the program gives it";
            diagnostics.push(error(catalogue, runs, BAD_SAGA, message, help));
            continue;
        };
        if !known.contains(&saga) {
            let message = format!("the service {service} runs the saga {saga}, which no stream holds");
            let help = lookup::did_you_mean(&lookup::nearest(saga, known.iter().copied()))
                .unwrap_or_else(|| format!("name it in a stream: sagas = {{ {saga} = \"TYPE OF ITS STATE\" }}"));
            diagnostics.push(error(catalogue, runs, BAD_SAGA, message, &help));
        }
    }
}

/// Name and version of `NAME@VERSION`.
fn saga_version(text: &str) -> Option<(&str, u32)> {
    let (saga, version) = text.split_once('@')?;
    let version = version.parse().ok().filter(|number: &u32| number.to_string() == version)?;
    is_token(saga).then_some((saga, version))
}

/// A stream of sagas captures each of them, and nothing else.
fn subjects(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let root = catalogue.manifest.root.get_ref();
    for (name, stream) in catalogue.manifest.streams.iter().filter(|(_, stream)| !stream.sagas.is_empty()) {
        for subject in &stream.subjects {
            let below = subject.get_ref().strip_prefix(&format!("{root}.{SAGAS}."));
            let is_of_sagas = below.is_some_and(|below| below == ">" || is_of_one(below));
            if !is_of_sagas {
                let (name, subject_text) = (name.get_ref(), subject.get_ref());
                let message = format!("stream {name} holds sagas, and captures {subject_text}");
                let help = format!(
                    "only sagas lie there, as whoever publishes to it could roll it up: write {root}.{SAGAS}.>, and give all else a stream \
                     of its own"
                );
                diagnostics.push(error(catalogue, subject, BAD_SAGA, message, &help));
            }
        }
        for saga in stream.sagas.keys().filter(|saga| is_token(saga.get_ref())) {
            let subject = format!("{root}.{SAGAS}.{}.x", saga.get_ref());
            if !stream.subjects.iter().any(|filter| matches(filter.get_ref(), &subject)) {
                let message = format!("stream {} does not capture the saga {}", name.get_ref(), saga.get_ref());
                let help =
                    format!("add {root}.{SAGAS}.{}.> to its subjects, or write {root}.{SAGAS}.>", saga.get_ref());
                diagnostics.push(error(catalogue, saga, BAD_SAGA, message, &help));
            }
        }
    }
}

/// The time-outs of sagas are scheduled messages, which a stream that refuses new messages when it is full cannot have: nats-server 2.12
/// and later refuse such a stream.
fn schedules(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let streams = catalogue.manifest.streams.iter().filter(|(_, stream)| !stream.sagas.is_empty());
    for (name, _) in streams.filter(|(_, stream)| stream.discard == Discard::New) {
        let message =
            format!("stream {} holds sagas, whose time-outs no stream keeps with discard = \"new\"", name.get_ref());
        let help = "remove `discard`, and the limits of the stream: a saga must not be forgotten either";
        diagnostics.push(error(catalogue, name, BAD_SAGA, message, help));
    }
}

/// Whether what follows `ROOT.saga.` is `NAME.>`.
fn is_of_one(below: &str) -> bool {
    below.strip_suffix(".>").is_some_and(is_token)
}

/// A name is one token of subjects, and lies in one stream.
fn names(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    let mut known: BTreeMap<&str, &Spanned<String>> = BTreeMap::new();
    for (stream, saga, _) in catalogue.manifest.sagas() {
        if !is_token(saga.get_ref()) {
            let message = format!("{:?} is no name of a saga", saga.get_ref());
            let help = "a name is one or more of A-Z a-z 0-9 _ -";
            diagnostics.push(error(catalogue, saga, BAD_SAGA, message, help));
        }
        if let Some(first) = known.insert(saga.get_ref(), stream) {
            let message =
                format!("the saga {} is in two streams, {} and {}", saga.get_ref(), first.get_ref(), stream.get_ref());
            let help = "all of a saga lies in one stream: remove it from the other, or give it another name";
            diagnostics.push(error(catalogue, saga, BAD_SAGA, message, help));
        }
    }
}

/// The state of a saga is a document of the catalogue.
fn states(catalogue: &Catalogue, diagnostics: &mut Vec<Diagnostic>) {
    for (_, saga, state) in catalogue.manifest.sagas() {
        if documents(catalogue).any(|document| document.event_type == *state.get_ref()) {
            continue;
        }
        let is = catalogue.event(state.get_ref()).map_or("no type of a document", |event| event.kind.described());
        let message = format!("the state of the saga {} is {}, which is {is}", saga.get_ref(), state.get_ref());
        let help = lookup::did_you_mean(&near(catalogue, state.get_ref())).unwrap_or_else(|| {
            let folder = Kind::State.as_str();
            format!("name the type of a file below {folder}/: {folder}/checkout/progress.v1.json is checkout.progress")
        });
        diagnostics.push(error(catalogue, state, "unknown-state", message, &help));
    }
}

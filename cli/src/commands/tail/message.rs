//! One message: of which type it is, and whether it is valid.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use eventsmith::Envelope;
use eventsmith::admin::PassedMessage;
use eventsmith_codegen::model::{Event, Version};
use eventsmith_codegen::payload::{Checker, Options, cloud_event_version, repeats_names};
use eventsmith_codegen::{Loaded, lookup};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::format::visible;
use crate::payload;

/// How much of a payload is printed in a line, in characters.
const LONGEST: usize = 200;

/// Says of messages whether they are what the catalogue describes.
pub(in super::super) struct Judge<'a> {
    loaded: &'a Loaded,
    envelopes: Checker<'a>,
}

/// A message and what is wrong with it.
pub(in super::super) struct Judged {
    message: PassedMessage,
    /// The message as one document.
    document: Vec<u8>,
    /// The type and version, as far as they are known.
    event: Option<(String, String)>,
    /// Whether it is a request without an envelope.
    is_bare: bool,
    /// What is wrong, each with its place; nothing where the catalogue says nothing of the subject.
    problems: Option<Vec<(String, String)>>,
}

impl<'a> Judge<'a> {
    pub(in super::super) fn new(loaded: &'a Loaded) -> Self {
        Self { loaded, envelopes: Checker::new(loaded, Options::default()) }
    }

    pub(in super::super) fn judge(&self, message: PassedMessage) -> anyhow::Result<Judged> {
        let header = |name: &str| message.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        let headers = (header("Eventsmith-Type"), header("Eventsmith-Version"));
        let is_request =
            lookup::of_subject(&self.loaded.catalogue, &message.subject).is_some_and(|event| event.kind.is_request());
        // Whoever knows nothing of us sends a request as it is, whatever members it has.
        let is_bare = is_request && headers == (None, None) && Envelope::read(&message.payload).is_err();
        let malformed = message.malformed.iter().map(|explanation| (String::new(), explanation.clone()));
        let mut problems: Vec<(String, String)> = malformed.collect();
        // What is a CloudEvent and cannot be read is no document.
        let (document, is_readable) = match message.document() {
            Ok(document) => (document.into_owned(), true),
            Err(reason) => {
                problems.push((String::new(), reason));
                (message.payload.to_vec(), false)
            }
        };
        let said = if is_bare { None } else { said(&document, &headers) };
        let Some((event, version)) = self.event_of(&message.subject, said.as_ref()) else {
            let problems = Some(problems).filter(|problems| !problems.is_empty());
            return Ok(Judged { message, document, event: said, is_bare, problems });
        };
        problems.extend(match is_bare {
            true => payload::problems(self.loaded, &version.file, &message.payload)?,
            false if is_readable => payload::found(&self.envelopes, &with_headers(&document, &headers))?,
            false => Vec::new(),
        });
        let is_other = said.as_ref().filter(|(event_type, _)| *event_type != event.event_type);
        if let Some((event_type, _)) = is_other {
            let place = if headers.0.is_some() { "" } else { "/type" };
            problems.push((
                place.to_owned(),
                format!("it says that it is {event_type}, and came on the subject of {}", event.event_type),
            ));
        }
        let said = said.unwrap_or_else(|| (event.event_type.clone(), version.number.to_string()));
        Ok(Judged { message, document, event: Some(said), is_bare, problems: Some(problems) })
    }

    /// The event or request of a subject, in the version that a message says it is, or else the newest.
    fn event_of(&self, subject: &str, said: Option<&(String, String)>) -> Option<(&Event, &Version)> {
        let event = lookup::of_subject(&self.loaded.catalogue, subject)?;
        let of_number = |version: &&Version| said.is_some_and(|(_, said)| version.number.to_string() == *said);
        Some((event, event.versions.iter().find(of_number).or(event.versions.last())?))
    }
}

/// The type and version that a message says it is: its headers count before its envelope, as they do for those who read it.
fn said(payload: &[u8], headers: &(Option<String>, Option<String>)) -> Option<(String, String)> {
    let envelope: Option<Value> = serde_json::from_slice(payload).ok();
    let named = |member: &str| Some(envelope.as_ref()?.get(member)?.as_str()?.to_owned());
    let event_type = headers.0.clone().or_else(|| named("type"));
    let of_cloud_event = || cloud_event_version(envelope.as_ref()?);
    event_type.zip(headers.1.clone().or_else(|| named("version")).or_else(of_cloud_event))
}

/// An envelope as those who read it take it: with the type and version of its headers.
fn with_headers<'a>(payload: &'a [u8], headers: &(Option<String>, Option<String>)) -> Cow<'a, [u8]> {
    let read = || {
        let text = str::from_utf8(payload).ok().filter(|text| !repeats_names(text))?;
        let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
        for (name, header) in [("type", &headers.0), ("version", &headers.1), ("dataversion", &headers.1)] {
            if let (Some(header), true) = (header, members.contains_key(name)) {
                members.insert(name.to_owned(), to_raw_value(header).ok()?);
            }
        }
        serde_json::to_vec(&members).ok()
    };
    let is_overridden = headers.0.is_some() || headers.1.is_some();
    is_overridden.then(read).flatten().map_or(Cow::Borrowed(payload), Cow::Owned)
}

impl Judged {
    /// What is wrong with it, each with its place; nothing where the catalogue says nothing of the subject.
    pub(in super::super) fn problems(&self) -> Option<&[(String, String)]> {
        self.problems.as_deref()
    }

    pub(super) fn is_invalid(&self) -> bool {
        self.problems.as_ref().is_some_and(|problems| !problems.is_empty())
    }

    pub(super) fn to_json(&self) -> anyhow::Result<String> {
        #[derive(Serialize)]
        struct Shown<'a> {
            time: String,
            subject: &'a str,
            r#type: Option<&'a str>,
            version: Option<&'a str>,
            stream: Option<&'a str>,
            sequence: Option<u64>,
            valid: Option<bool>,
            problems: Vec<Value>,
            headers: Map<String, Value>,
            payload: Box<RawValue>,
        }
        let PassedMessage { subject, headers, payload: body, time, stored, .. } = &self.message;
        let mut all: Map<String, Value> = Map::new();
        for (name, value) in headers {
            // Of several values the first is what readers take.
            all.entry(name.clone()).or_insert_with(|| json!(value));
        }
        let shown = Shown {
            time: time.to_string(),
            subject,
            r#type: self.event.as_ref().map(|(event_type, _)| event_type.as_str()),
            version: self.event.as_ref().map(|(_, version)| version.as_str()),
            stream: stored.as_ref().map(|(stream, _)| stream.as_str()),
            sequence: stored.as_ref().map(|(_, sequence)| *sequence),
            valid: self.problems.as_ref().map(Vec::is_empty),
            problems: payload::problems_as_member(self.problems.iter().flatten()),
            headers: all,
            payload: payload::as_member(body)?,
        };
        Ok(serde_json::to_string(&shown)?)
    }
}

/// A line, and one more for each problem.
impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PassedMessage { subject, time, .. } = &self.message;
        let is_valid = match &self.problems {
            None => "unknown",
            Some(problems) if problems.is_empty() => "valid",
            Some(_) => "INVALID",
        };
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            data: &'a RawValue,
        }
        let text = String::from_utf8_lossy(&self.document);
        // The payload is what matters; the envelope is in the other format.
        let text = match serde_json::from_str::<Envelope<'_>>(&text) {
            Ok(envelope) if !self.is_bare => envelope.data.get().to_owned(),
            _ => text.into_owned(),
        };
        let mut shown: String = text.chars().take(LONGEST).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        let event = self
            .event
            .as_ref()
            .map_or_else(|| "-".to_owned(), |(event_type, version)| format!("{event_type}@{version}"));
        writeln!(f, "{time:.3} {is_valid} {} {} {}", visible(&event), visible(subject), visible(&shown))?;
        for (pointer, message) in self.problems.iter().flatten() {
            writeln!(f, "    {}: {}", payload::place(pointer), visible(message))?;
        }
        Ok(())
    }
}

//! One message: of which type it is, and whether it is valid.

use std::fmt;

use eventsmith::admin::PassedMessage;
use eventsmith_codegen::model::{Event, Version};
use eventsmith_codegen::payload::{Checker, Options};
use eventsmith_codegen::{Loaded, lookup};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::format::visible;
use crate::payload;

/// How much of a payload is printed in a line, in characters.
const LONGEST: usize = 200;

/// Says of messages whether they are what the catalogue describes.
pub(super) struct Judge<'a> {
    loaded: &'a Loaded,
    envelopes: Checker<'a>,
}

/// A message and what is wrong with it.
pub(super) struct Judged {
    message: PassedMessage,
    /// The type and version, as far as they are known.
    event: Option<(String, String)>,
    /// What is wrong, each with its place; nothing where the catalogue says nothing of the subject.
    problems: Option<Vec<(String, String)>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(loaded: &'a Loaded) -> Self {
        Self { loaded, envelopes: Checker::new(loaded, Options::default()) }
    }

    pub(super) fn judge(&self, message: PassedMessage) -> anyhow::Result<Judged> {
        let envelope: Option<Value> = serde_json::from_slice(&message.payload).ok();
        let named = |member: &str| {
            let text = envelope.as_ref()?.get(member)?.as_str()?;
            Some(text.to_owned())
        };
        let said = named("type").zip(named("version"));
        let Some((event, version)) = self.event_of(&message.subject, said.as_ref()) else {
            return Ok(Judged { message, event: said, problems: None });
        };
        let header = |name: &str| message.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value);
        // Whoever knows nothing of us sends a request as it is.
        let is_bare = event.kind.is_request() && said.is_none() && header("Eventsmith-Type").is_none();
        let mut problems = match is_bare {
            true => payload::problems(self.loaded, &version.file, &message.payload)?,
            false => payload::found(&self.envelopes, &message.payload)?,
        };
        let is_other = said.as_ref().filter(|(event_type, _)| *event_type != event.event_type);
        if let Some((event_type, _)) = is_other {
            problems.push((
                "/type".to_owned(),
                format!("it says that it is {event_type}, and came on the subject of {}", event.event_type),
            ));
        }
        let said = said.unwrap_or_else(|| (event.event_type.clone(), version.number.to_string()));
        Ok(Judged { message, event: Some(said), problems: Some(problems) })
    }

    /// The event or request of a subject, in the version that a message says it is, or else the newest.
    fn event_of(&self, subject: &str, said: Option<&(String, String)>) -> Option<(&Event, &Version)> {
        let event = lookup::of_subject(&self.loaded.catalogue, subject)?;
        let of_number = |version: &&Version| said.is_some_and(|(_, said)| version.number.to_string() == *said);
        Some((event, event.versions.iter().find(of_number).or(event.versions.last())?))
    }
}

impl Judged {
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
        let PassedMessage { subject, payload: body, time, .. } = &self.message;
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
        let text = String::from_utf8_lossy(body);
        // The payload is what matters; the envelope is in the other format.
        let text = match serde_json::from_str::<Envelope<'_>>(&text) {
            Ok(envelope) => envelope.data.get().to_owned(),
            Err(_) => text.into_owned(),
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

//! What every message on the wire has in common, around the payload of its event.

mod cloud_event;
mod fast_path;
mod outgoing;
mod version;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::clip::clip;
use crate::date_time::DateTime;
use crate::wire::Wire;
use fast_path::Head;

pub use cloud_event::{CloudEvent, WireHeaders};
pub use outgoing::Outgoing;
pub use version::parse_version;

/// The envelope of a received event: everything but its payload.
///
/// Members that it does not know are ignored; those without `Option` here must be there.
///
/// ```
/// use eventsmith::Envelope;
///
/// let message = br#"{"id": "1", "type": "rule.deleted", "source": "admin", "subject": "rules.domain.rule.deleted",
///     "time": "2026-11-23T10:00:00Z", "version": "1", "data": {"rule_id": "r-1"}}"#;
/// let (envelope, data) = Envelope::read(message)?;
/// assert_eq!((envelope.event_type.as_str(), envelope.version), ("rule.deleted", 1));
/// assert_eq!(data.get(), r#"{"rule_id": "r-1"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Envelope {
    /// Identifies the message; the same when it was published again. Ours are UUIDs of version 7.
    pub id: String,
    /// The type of the event, `rule.created`.
    pub event_type: String,
    /// The service that published it.
    pub source: String,
    /// The subject that it was published to.
    pub subject: String,
    /// When the message was made.
    pub time: DateTime,
    /// The version of the schema of its payload.
    pub version: u32,
    /// What all messages of one business process have in common.
    pub correlation_id: Option<String>,
    /// The id of the message that this one was made in answer to.
    pub causation_id: Option<String>,
    /// About the circumstances: `user_id`, `session_id`, `request_id`, `source`, `environment`, `region` and more.
    pub metadata: Map<String, Value>,
}

impl Envelope {
    /// Reads an envelope, and leaves the payload as it stands.
    ///
    /// # Errors
    /// [`EnvelopeError`] when the message is no envelope.
    pub fn read(bytes: &[u8]) -> Result<(Self, &RawValue), EnvelopeError> {
        let (wire, version) = Plain::read(text(bytes)?)?;
        let envelope = Self {
            id: wire.id.into_owned(),
            event_type: wire.event_type.into_owned(),
            source: wire.source.into_owned(),
            subject: wire.subject.into_owned(),
            time: wire.time,
            version,
            correlation_id: wire.correlation_id.map(Cow::into_owned),
            causation_id: wire.causation_id.map(Cow::into_owned),
            metadata: wire.metadata.unwrap_or_default(),
        };
        Ok((envelope, wire.data))
    }

    /// Reads a message, whichever way its headers say it is written, and leaves the payload as it stands.
    ///
    /// # Errors
    /// [`EnvelopeError`] when it is neither an envelope nor a CloudEvent that can be read.
    #[doc(hidden)]
    pub fn of_message<'a>(headers: &WireHeaders<'a>, payload: &'a [u8]) -> Result<(Self, &'a RawValue), EnvelopeError> {
        if !headers.wire().is_cloud_event() {
            return Self::read(payload);
        }
        let event = cloud_event::open(headers, payload).map_err(EnvelopeError::of_cloud_event)?;
        let data = serde_json::from_str(event.data).map_err(EnvelopeError::of_cloud_event)?;
        let envelope = Self {
            id: event.id.into_owned(),
            event_type: event.event_type.into_owned(),
            source: event.source.into_owned(),
            subject: event.subject.into_owned(),
            time: event.time.unwrap_or_else(DateTime::now),
            version: event.version,
            correlation_id: event.correlation_id.map(Cow::into_owned),
            causation_id: event.causation_id.map(Cow::into_owned),
            metadata: event.metadata,
        };
        Ok((envelope, data))
    }
}

impl Envelope {
    /// Reads an envelope that was found to be one before, with the type and version that its headers name.
    pub fn reread(bytes: &[u8], event_type: &str, version: u32) -> Self {
        let event_type = event_type.to_owned();
        match Self::read(bytes) {
            Ok((envelope, _)) => Self { event_type, version, ..envelope },
            // Only metadata nested deeper than this parser reads gets here, and a handler is no place to fail.
            Err(_) => Self::bare(String::new(), &event_type, version, "", DateTime::now()),
        }
    }

    /// The same, with the subject that the message came on where it names none.
    #[must_use]
    #[doc(hidden)]
    pub fn on(mut self, subject: &str) -> Self {
        if self.subject.is_empty() {
            subject.clone_into(&mut self.subject);
        }
        self
    }

    /// The envelope of a message that came without one.
    pub fn bare(id: String, event_type: &str, version: u32, subject: &str, time: DateTime) -> Self {
        Self {
            id,
            event_type: event_type.to_owned(),
            source: String::new(),
            subject: subject.to_owned(),
            time,
            version,
            correlation_id: None,
            causation_id: None,
            metadata: Map::new(),
        }
    }
}

/// What routing needs of an envelope, without a copy of its texts.
#[derive(Debug)]
pub struct BorrowedEnvelope<'a> {
    /// See [`Envelope::event_type`].
    pub event_type: Cow<'a, str>,
    /// See [`Envelope::version`].
    pub version: u32,
    /// The payload, as it stands in the message.
    pub data: &'a str,
    /// Whether the whole message was parsed. If not, `data` is the payload, and the message is JSON, only if `data`
    /// is one JSON value.
    pub is_complete: bool,
    /// How the message is written.
    pub wire: Wire,
}

impl<'a> BorrowedEnvelope<'a> {
    /// Reads the envelope, and if it is written as ours are, leaves the payload to whoever decodes it.
    ///
    /// # Errors
    /// [`EnvelopeError`] when the message is no envelope.
    pub fn read(bytes: &'a [u8]) -> Result<Self, EnvelopeError> {
        // Checked as a whole, which is quicker than text by text.
        let text = text(bytes)?;
        match fast_path::split(text) {
            Some(Head { event_type, version, data }) => {
                Ok(Self { event_type: Cow::Borrowed(event_type), version, data, is_complete: false, wire: Wire::Plain })
            }
            None => Self::of(text),
        }
    }

    /// Parses the whole message.
    ///
    /// # Errors
    /// [`EnvelopeError`] when the message is no envelope.
    pub fn read_completely(bytes: &'a [u8]) -> Result<Self, EnvelopeError> {
        Self::of(text(bytes)?)
    }

    /// Reads a message, whichever way its headers say it is written.
    ///
    /// # Errors
    /// [`EnvelopeError`] when it is neither an envelope nor a CloudEvent that can be read.
    pub fn of_message(headers: &WireHeaders<'a>, payload: &'a [u8]) -> Result<Self, EnvelopeError> {
        match headers.wire() {
            Wire::Plain => Self::read(payload),
            wire => Self::of_cloud_event(wire, headers, payload),
        }
    }

    /// The same, and the whole message is parsed.
    ///
    /// # Errors
    /// [`EnvelopeError`] when it is neither an envelope nor a CloudEvent that can be read.
    pub fn of_message_completely(headers: &WireHeaders<'a>, payload: &'a [u8]) -> Result<Self, EnvelopeError> {
        match headers.wire() {
            Wire::Plain => Self::read_completely(payload),
            wire => Self::of_cloud_event(wire, headers, payload),
        }
    }

    fn of_cloud_event(wire: Wire, headers: &WireHeaders<'a>, payload: &'a [u8]) -> Result<Self, EnvelopeError> {
        let event = cloud_event::open(headers, payload).map_err(EnvelopeError::of_cloud_event)?;
        let (event_type, version, data) = (event.event_type, event.version, event.data);
        Ok(Self { event_type, version, data, is_complete: true, wire })
    }

    fn of(text: &'a str) -> Result<Self, EnvelopeError> {
        let (plain, version) = Plain::read(text)?;
        let (event_type, data) = (plain.event_type, plain.data.get());
        Ok(Self { event_type, version, data, is_complete: true, wire: Wire::Plain })
    }
}

/// A message as one document: the envelope that it is, or the CloudEvent, in structured mode whichever mode it has.
///
/// # Errors
/// [`EnvelopeError`] when it is a CloudEvent whose headers cannot be read, or whose body is no JSON.
pub fn document<'a>(headers: &WireHeaders<'a>, payload: &'a [u8]) -> Result<Cow<'a, [u8]>, EnvelopeError> {
    match headers.wire() {
        Wire::Plain => Ok(Cow::Borrowed(payload)),
        _ => cloud_event::document(headers, payload).map_err(EnvelopeError::of_cloud_event),
    }
}

fn text(bytes: &[u8]) -> Result<&str, EnvelopeError> {
    std::str::from_utf8(bytes).map_err(EnvelopeError::new)
}

/// Why a message has no envelope.
#[derive(Debug, thiserror::Error)]
#[error("the message is {what}: {}", clip(source.to_string()))]
pub struct EnvelopeError {
    what: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl EnvelopeError {
    fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what: "no envelope", source: source.into() }
    }

    fn of_cloud_event(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what: "a CloudEvent that cannot be read", source: source.into() }
    }
}

#[derive(Deserialize)]
struct Plain<'a> {
    /// The member that no CloudEvent is without, and no envelope has.
    specversion: Option<IgnoredAny>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    subject: Cow<'a, str>,
    time: DateTime,
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow, default)]
    correlation_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    causation_id: Option<Cow<'a, str>>,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// What tells a CloudEvent that is no envelope for what it is.
#[derive(Deserialize)]
struct Announced {
    specversion: Option<IgnoredAny>,
}

impl<'a> Plain<'a> {
    /// Reads an envelope, and its version.
    fn read(text: &'a str) -> Result<(Self, u32), EnvelopeError> {
        let reason = "the header Content-Type of structured mode is missing: application/cloudevents+json";
        let wire: Self = match serde_json::from_str(text) {
            Ok(Self { specversion: Some(_), .. }) => return Err(EnvelopeError::of_cloud_event(reason)),
            Ok(wire) => wire,
            // Read once more only where it is none.
            Err(error) => {
                let is_cloud_event = matches!(serde_json::from_str(text), Ok(Announced { specversion: Some(_) }));
                return Err(if is_cloud_event {
                    EnvelopeError::of_cloud_event(reason)
                } else {
                    EnvelopeError::new(error)
                });
            }
        };
        if wire.id.is_empty() {
            return Err(EnvelopeError::new("its id is empty"));
        }
        let version = parse_version(&wire.version)
            .ok_or_else(|| EnvelopeError::new(format!("its version is {:?}, not a decimal number", wire.version)))?;
        Ok((wire, version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREIGN: &str = r#"{"id":"a-1","type":"rule.activated","source":"cron","subject":"rules.domain.rule.activated",
        "time":"2026-11-23T10:00:00+01:00","version":"1","extra":{"x":1},"data": {"rule_id" : "r1"} }"#;

    #[test]
    fn unknown_members_are_ignored_and_the_payload_keeps_its_bytes() {
        let (envelope, data) = Envelope::read(FOREIGN.as_bytes()).unwrap();

        assert_eq!(envelope.version, 1);
        assert_eq!(envelope.correlation_id, None);
        assert_eq!(data.get(), r#"{"rule_id" : "r1"}"#);
    }

    #[test]
    fn what_is_needed_and_missing_is_named() {
        for member in ["id", "type", "source", "subject", "time", "version", "data"] {
            let text = FOREIGN.replace(&format!("\"{member}\":"), "\"other\":");

            let error = Envelope::read(text.as_bytes()).unwrap_err().to_string();

            assert!(error.contains(member), "{error}");
        }
    }

    #[test]
    fn a_version_is_a_plain_number_from_one() {
        assert_eq!(parse_version("12"), Some(12));
        for text in ["", "0", "+1", "1.0", "v1", "99999999999"] {
            assert_eq!(parse_version(text), None, "{text}");
        }
    }

    #[test]
    fn a_written_envelope_can_be_read() {
        let data = serde_json::json!({"a": [1, 2]});
        let written = Outgoing {
            id: "x",
            event_type: "rule.created",
            source: "s",
            subject: "rules.domain.rule.created",
            time: DateTime::now(),
            version: "2",
            correlation_id: Some("c"),
            causation_id: None,
            metadata: &Map::new(),
            data: &data,
        };

        let bytes = serde_json::to_vec(&written).unwrap();
        let (envelope, payload) = Envelope::read(&bytes).unwrap();

        assert_eq!((envelope.version, envelope.correlation_id.as_deref()), (2, Some("c")));
        assert_eq!(payload.get(), r#"{"a":[1,2]}"#);
        assert!(!String::from_utf8(bytes).unwrap().contains("causation_id"));
    }
}

//! How events are written on the wire.

use std::fmt;

/// How an event is written: what `wire` in `eventsmith.toml` says.
///
/// ```
/// use eventsmith::Wire;
///
/// assert!(Wire::CloudEvents.reads(Wire::CloudEventsStructured));
/// assert!(!Wire::Plain.reads(Wire::CloudEvents)); // told, and never taken for something else
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Wire {
    /// Our envelope around the payload, as `envelope.v1.json` describes it: `plain`.
    #[default]
    Plain,
    /// A CloudEvent in binary mode, its attributes in headers and the payload alone in the body: `cloudevents`.
    CloudEvents,
    /// A CloudEvent in structured mode, all of it one JSON document: `cloudevents-structured`.
    CloudEventsStructured,
}

impl Wire {
    /// The word that `eventsmith.toml` has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::CloudEvents => "cloudevents",
            Self::CloudEventsStructured => "cloudevents-structured",
        }
    }

    /// Whether it is one of those of CloudEvents.
    pub const fn is_cloud_event(self) -> bool {
        !matches!(self, Self::Plain)
    }

    /// Whether whoever reads this wire reads what was written by that one: both modes of CloudEvents, or the plain wire.
    pub const fn reads(self, other: Self) -> bool {
        self.is_cloud_event() == other.is_cloud_event()
    }

    /// What a message of it is, in a sentence.
    pub const fn described(self) -> &'static str {
        match self {
            Self::Plain => "an envelope of the plain wire",
            Self::CloudEvents => "a CloudEvent in binary mode",
            Self::CloudEventsStructured => "a CloudEvent in structured mode",
        }
    }

    /// Why an event that is read from this wire is not read from a message of another; nothing if it is.
    pub fn refuses(self, event_type: &str, found: Self) -> Option<String> {
        (!self.reads(found)).then(|| {
            format!(
                "the message is {}, and {event_type} is read from the wire `{self}` here; publisher and consumer need the same \
                 `wire` in eventsmith.toml",
                found.described()
            )
        })
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

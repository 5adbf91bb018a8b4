//! What is wrong with a payload, said so that somebody can mend it.

use std::fmt;

use crate::clip::clip;

/// A payload that its schema does not accept, with its violations: the first 32 of them, and of a payload of more than 4,096
/// values one. No text in it is longer than 200 characters; a longer one lacks its middle.
///
/// ```
/// use eventsmith::{Event, Invalid};
///
/// /// What to log where payloads hold personal data: the places, and what was expected there.
/// fn log_line<E: Event>(event: &E) -> Option<String> {
///     let invalid: Invalid = event.validate().err()?;
///     Some(invalid.masked().to_string())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Invalid {
    event_type: &'static str,
    version: u32,
    violations: Vec<Violation>,
    /// For the violations at these indices, places without the names that only the payload has.
    masks: Vec<(usize, String)>,
    omitted: Omitted,
}

/// The violations that are not named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Omitted {
    /// So many.
    Counted(usize),
    /// Nobody looked for more.
    Unknown,
}

impl Invalid {
    /// An error about `event_type` in `version`; `violations` holds at least one.
    pub fn new(event_type: &'static str, version: u32, violations: Vec<Violation>) -> Self {
        let violations = violations.into_iter().map(Violation::clipped).collect();
        Self { event_type, version, violations, masks: Vec::new(), omitted: Omitted::Counted(0) }
    }

    /// Replaces the places of some violations once the error is masked.
    pub(crate) fn with_masks(self, masks: Vec<(usize, String)>) -> Self {
        let masks = masks.into_iter().map(|(index, place)| (index, clip(place))).collect();
        Self { masks, ..self }
    }

    /// The same error about a payload that has violations beyond those that are named.
    pub(crate) fn with_omitted(self, omitted: Omitted) -> Self {
        Self { omitted, ..self }
    }

    /// The type of the event whose payload this is.
    pub fn event_type(&self) -> &'static str {
        self.event_type
    }

    /// The version whose schema was violated.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// What is wrong, in the order of the schema.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Whether nothing else is wrong than the [violations](Self::violations) that are named.
    pub fn is_complete(&self) -> bool {
        self.omitted == Omitted::Counted(0)
    }

    /// The same error without anything that came from the payload, for payloads with personal data: no values that were
    /// found, and no names that the schema does not know. Such a name is a `*` in [`Violation::instance`].
    #[must_use]
    pub fn masked(mut self) -> Self {
        for (index, place) in std::mem::take(&mut self.masks) {
            if let Some(violation) = self.violations.get_mut(index) {
                violation.instance = place;
            }
        }
        for violation in &mut self.violations {
            violation.found = None;
        }
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{} is invalid", self.event_type, self.version)?;
        for (index, violation) in self.violations.iter().enumerate() {
            write!(f, "{} {violation}", if index == 0 { ":" } else { ";" })?;
        }
        match self.omitted {
            Omitted::Counted(0) => Ok(()),
            Omitted::Counted(more) => write!(f, "; … and {more} more"),
            Omitted::Unknown => f.write_str("; … and perhaps more"),
        }
    }
}

/// One rule of a schema that a payload breaks.
///
/// ```
/// use eventsmith::Violation;
///
/// let violation = Violation::new("/priority", "/properties/priority/maximum", "at most 10").with_found("11");
/// assert_eq!(violation.to_string(), "/priority: expected at most 10, found 11");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// JSON pointer of the offending value in the payload; empty for the whole payload.
    pub instance: String,
    /// JSON pointer of the violated keyword in the schema; empty when the payload is not JSON.
    pub schema: String,
    /// What the schema asks for there, in words that hold nothing from the payload.
    pub expected: String,
    /// What stands there instead, shortened; `None` once masked.
    pub found: Option<String>,
}

impl Violation {
    /// A violation of which is known where it is and what was expected: for tests, and for events that are checked by other
    /// means than their schema.
    pub fn new(instance: impl Into<String>, schema: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { instance: instance.into(), schema: schema.into(), expected: expected.into(), found: None }
    }

    /// The same, with what stands there instead.
    #[must_use]
    pub fn with_found(self, found: impl Into<String>) -> Self {
        Self { found: Some(found.into()), ..self }
    }

    fn clipped(self) -> Self {
        let Self { instance, schema, expected, found } = self;
        Self { instance: clip(instance), schema: clip(schema), expected: clip(expected), found: found.map(clip) }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.instance.is_empty() { "the payload" } else { &self.instance };
        write!(f, "{place}: expected {}", self.expected)?;
        match &self.found {
            Some(found) => write!(f, ", found {found}"),
            None => Ok(()),
        }
    }
}

/// Why a payload did not become an event.
///
/// ```
/// use eventsmith::{DecodeError, Event};
///
/// fn explain<E: Event>(version: u32, data: &[u8]) -> String {
///     match E::decode(version, data) {
///         Ok(_) => "valid".to_owned(),
///         Err(DecodeError::Invalid(invalid)) => format!("{} violations", invalid.violations().len()),
///         Err(DecodeError::UnknownVersion { newest, .. }) => format!("not of a version up to {newest}"),
///         Err(other) => other.to_string(),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The payload violates the schema of its version.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The event exists, but not in this version.
    #[error("{}", unknown_version(event_type, *version, *newest))]
    UnknownVersion {
        /// The type of the event.
        event_type: &'static str,
        /// The version that was asked for.
        version: u32,
        /// The newest version that this program knows.
        newest: u32,
    },
}

fn unknown_version(event_type: &str, version: u32, newest: u32) -> String {
    if version < newest {
        return format!(
            "{event_type} v{version} is older than v{newest}, and nothing here upcasts it: the catalogue has no such \
             version any more, or #[domain_event] on the struct of v{newest} says `older = none`"
        );
    }
    format!(
        "{event_type} has no version {version}, the newest known here is {newest}; rebuild with a catalogue that has it"
    )
}

impl DecodeError {
    /// The error of a type that is asked for in a version it does not have.
    #[doc(hidden)]
    pub fn unknown_version(event_type: &'static str, version: u32, newest: u32) -> Self {
        Self::UnknownVersion { event_type, version, newest }
    }
}

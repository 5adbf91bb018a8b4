//! Why events are dead-lettered.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Why an event was dead-lettered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DeadReason {
    /// It has no envelope, or violates its schema.
    Undecodable,
    /// Its handler said that it will never go better.
    Rejected,
    /// It failed as often as it may, or its handler never came to an end.
    Exhausted,
    /// The server delivered it as often as it may (`max_deliver`), and no delivery was acknowledged. Whether a handler ever ran, nobody
    /// knows. Versions before this reason wrote [`Exhausted`](Self::Exhausted).
    MaxDeliveries,
    /// Its version is one that the consumer can no longer read.
    TooOld,
    /// Its version is newer than the newest that the consumer knows.
    TooNew,
    /// No handler of the consumer is for its type.
    Unrouted,
    /// Its type does not belong on the subject that it was published to.
    WrongSubject,
    /// Its headers are such that no client can read it.
    Malformed,
}

impl DeadReason {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::Undecodable,
        Self::Rejected,
        Self::Exhausted,
        Self::MaxDeliveries,
        Self::TooOld,
        Self::TooNew,
        Self::Unrouted,
        Self::WrongSubject,
        Self::Malformed,
    ];

    /// The reason as the header and the command line write it, `too-old`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Rejected => "rejected",
            Self::Exhausted => "exhausted",
            Self::MaxDeliveries => "max-deliveries",
            Self::TooOld => "too-old",
            Self::TooNew => "too-new",
            Self::Unrouted => "unrouted",
            Self::WrongSubject => "wrong-subject",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DeadReason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or_else(|| format!("not one of {}", all()))
    }
}

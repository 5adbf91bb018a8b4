//! Events that are stored only where their publisher expects.

use crate::transport::Headers;

/// Where a stream must end for an event to be stored, so that of two who decide upon the same state one finds out.
///
/// A publish whose acknowledgement was lost is sent again, and then the stream does not end there any more: because of
/// the event itself. That is found out, and is success.
///
/// ```
/// use eventsmith::{Expect, PublishOptions};
///
/// // Stored only if number 17 is still the last of the event's subject.
/// let options = PublishOptions { expect: Some(Expect::LastSubjectSequence(17)), ..PublishOptions::default() };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// The last message of the stream has this number; 0 for a stream without any.
    LastSequence(u64),
    /// The last message with the event's subject has this number; 0 if there is none.
    LastSubjectSequence(u64),
}

impl Expect {
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::LastSequence(_) => Headers::EXPECTED_LAST,
            Self::LastSubjectSequence(_) => Headers::EXPECTED_LAST_OF_SUBJECT,
        }
    }

    pub(super) fn sequence(self) -> u64 {
        match self {
            Self::LastSequence(sequence) | Self::LastSubjectSequence(sequence) => sequence,
        }
    }
}

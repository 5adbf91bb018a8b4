//! Events that are stored only where their publisher expects.

use super::{Prepared, Publisher, id, transient};
use crate::transport::{Headers, Select, SendFailure, Stored};

/// Where a stream must end for an event to be stored, so that of two who decide upon the same state one finds out.
///
/// A publish whose acknowledgement was lost is sent again, and then the stream does not end there any more: because of
/// the event itself. That is found out, and is success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl Publisher {
    /// Where the message is, if it is what made its own expectation wrong: the server looks at expectations before it
    /// looks for duplicates. If ours was stored, it was so at the very place that it expected.
    pub(super) async fn stored_before(
        &self,
        prepared: &Prepared,
        expect: Expect,
    ) -> Result<Option<Stored>, SendFailure> {
        let subject = &*prepared.message.subject;
        let next = expect.sequence().saturating_add(1);
        let place = match expect {
            Expect::LastSequence(_) => Select::Sequence(next),
            Expect::LastSubjectSequence(_) => Select::NextOf { subject, from: next },
        };
        let Some(stream) = self.transport.streams_of(subject).await.map_err(transient)?.pop() else { return Ok(None) };
        let found = self.transport.message(&stream, place).await.map_err(transient)?;
        let ours = found.filter(|kept| id(&kept.message) == id(&prepared.message));
        Ok(ours.map(|kept| Stored { stream, sequence: kept.sequence, duplicate: true }))
    }
}

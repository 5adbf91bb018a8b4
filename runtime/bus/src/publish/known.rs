//! Whether a stream holds a message already: what a failed expectation may be about.

use std::time::Duration;

use jiff::Timestamp;

use super::expect::Expect;
use super::prepare::Prepared;
use super::publisher::{Publisher, id, transient};
use crate::transport::{
    Follow, FollowStart, Followed, Message, MessageSelector, PublishAck, SendFailure, ServerFailure,
};

/// The server's code for a stream whose last message has not the id that is expected.
const WRONG_LAST_ID: u64 = 10070;
/// By how much our clock and the server's may differ.
const CLOCKS: Duration = Duration::from_secs(60);

impl Publisher {
    /// Where the message is, if it is what made its own expectation wrong: the server looks at expectations before it
    /// looks for duplicates. If ours was stored, it was so at the very place that it expected.
    pub(super) async fn stored_before(
        &self,
        prepared: &Prepared,
        expect: Expect,
    ) -> Result<Option<PublishAck>, SendFailure> {
        let subject = &*prepared.message.subject;
        let next = expect.sequence().saturating_add(1);
        let place = match expect {
            Expect::LastSequence(_) => MessageSelector::Sequence(next),
            Expect::LastSubjectSequence(_) => {
                MessageSelector::NextOf { subject: prepared.filter.as_deref().unwrap_or(subject), from: next }
            }
        };
        let Some(stream) = self.transport.streams_of(subject).await.map_err(transient)?.pop() else { return Ok(None) };
        let (sequence, is_ours) = match self.transport.message(&stream, place).await.map_err(transient)? {
            Some(kept) => (kept.sequence, id(&kept.message) == id(&prepared.message)),
            None => (u64::MAX, false),
        };
        if is_ours {
            return Ok(Some(PublishAck { stream, sequence, duplicate: true }));
        }
        // Nothing goes from where histories lie.
        if prepared.filter.is_some() {
            return Ok(None);
        }
        // What was stored may be gone, as a work queue drops what is done. Its id is remembered all the same. Whoever is at
        // the place by now came later, or ours would not have been stored.
        let places = match expect {
            Expect::LastSequence(_) => next..sequence.min(next.saturating_add(1)),
            Expect::LastSubjectSequence(_) => next..sequence,
        };
        if places.is_empty() {
            return Ok(None);
        }
        Ok(self.known(&prepared.message).await?.filter(|stored| places.contains(&stored.sequence)))
    }

    /// Where the stream stored a message, if it remembers its id.
    pub(super) async fn known(&self, message: &Message) -> Result<Option<PublishAck>, SendFailure> {
        let subject = &*message.subject;
        let Some(stream) = self.transport.streams_of(subject).await.map_err(transient)?.pop() else { return Ok(None) };
        let extent = self.transport.extent(&stream).await.map_err(transient)?;
        match extent {
            Some(extent) if extent.replicas > 1 => self.search(stream, message, extent.duplicate_window).await,
            Some(_) => self.ask_for_duplicate(message).await,
            None => Ok(None),
        }
    }

    /// Asks a stream whether it remembers the id of a message. A duplicate is answered with the place of what was stored; what is none
    /// meets an expectation that nothing fulfils.
    ///
    /// Not for a stream with replicas: their leader looks at this expectation only when it has the others store the message, and one that
    /// starts and finds it there refuses to go on. (Seen with nats-server 2.15.1: "stream write error: last msgid mismatch".)
    async fn ask_for_duplicate(&self, message: &Message) -> Result<Option<PublishAck>, SendFailure> {
        let found = match self.transport.send(&message.unless_new()).await {
            Ok(ack) => ack.await,
            Err(failure) => Err(failure),
        };
        match found {
            Err(SendFailure::Refused { code: Some(WRONG_LAST_ID), .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Reads what a stream has stored on the subject for as long as it remembers ids.
    async fn search(
        &self,
        stream: String,
        message: &Message,
        window: Duration,
    ) -> Result<Option<PublishAck>, SendFailure> {
        let since = self.transport.time().checked_sub(window + CLOCKS).unwrap_or(Timestamp::MIN);
        let subject = message.subject.to_string();
        let start = FollowStart::Time(since);
        let wanted = Follow { stream: stream.clone(), subject, start, headers_only: true };
        let failed = |failure: ServerFailure| transient(failure.into());
        let mut follower = self.transport.follow(&wanted).await.map_err(failed)?;
        while let Followed::Message(kept) = follower.next().await.map_err(failed)? {
            if id(&kept.message) == id(message) {
                return Ok(Some(PublishAck { stream, sequence: kept.sequence, duplicate: true }));
            }
        }
        Ok(None)
    }
}

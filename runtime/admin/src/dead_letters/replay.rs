//! Replaying dead letters: each event is published again once.
//!
//! Between the event's publication and the dead letter's deletion a process may die, and two operators may replay at the same
//! time. Within the duplicate window of the event's stream its id keeps it from being stored twice. For later there is
//! the mark: before publishing, a copy of the dead letter is put beside it that says where the event's subject ended at that
//! time. Whoever finds a mark looks from there on for an event that names the dead letter.

use bytes::Bytes;
use eventsmith_bus::cause::Cause;
use eventsmith_bus::dead_letters::record::{self, DeadLetter, Mark, write_mark};
use eventsmith_bus::dead_letters::writer::{last_of, send, send_shortened};
use eventsmith_bus::observe::{self, Incoming, MessageType, Relation, SpanOf};
use eventsmith_bus::transport::{
    Follow, FollowStart, Followed, Headers, Message, MessageSelector, PublishAck, SendFailure, Unavailable,
};

use tracing::{Instrument, Span};

use super::filter::DeadLetterFilter;
use super::store::{DeadLetterError, DeadLetters};

/// Who is to get a replayed event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayTo {
    /// The consumer that dead-lettered it; all others ack it unhandled.
    Consumer,
    /// All consumers of its subject, also those that handled it already.
    Everyone,
}

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replayed {
    /// The event is back on its subject, and the dead letter is deleted.
    Now {
        /// The stream that stored the event.
        stream: String,
        /// Its number there.
        sequence: u64,
    },
    /// The event had been brought back before, by a replay that did not come to its end. The dead letter is deleted.
    Before,
    /// There is no such dead letter, or no longer.
    NotFound,
}

/// What keeps a dead letter from being replayed twice.
enum Marked {
    /// By this call.
    Now { copy: u64 },
    /// By an earlier one, which may have published the event.
    Before { copy: u64, after: u64 },
    /// The dead letter is gone.
    NotFound,
}

impl DeadLetters {
    /// Publishes the event of a dead letter again to its subject, with its own headers, a new id and a link to the dead
    /// letter (`Eventsmith-Replay-Of`), and deletes the dead letter once that is acknowledged. Its deliveries are counted
    /// from 1 again.
    ///
    /// Replaying twice does not double, not at the same time and not after a crash in between, as long as the event's
    /// stream still holds what was replayed.
    ///
    /// # Errors
    /// [`DeadLetterError`]; the dead letter is still there then.
    pub async fn replay(&self, sequence: u64, to: ReplayTo) -> Result<Replayed, DeadLetterError> {
        match self.get(sequence).await? {
            Some(dead_letter) => self.replay_one(&dead_letter, to).await,
            None => Ok(Replayed::NotFound),
        }
    }

    /// Replays the dead letters that a filter selects, oldest first, and returns how many events are back on their subjects.
    /// What is dead-lettered again meanwhile is not replayed again.
    ///
    /// # Errors
    /// [`DeadLetterError`] at the first dead letter that cannot be replayed; those before it are.
    pub async fn replay_all(&self, filter: &DeadLetterFilter, to: ReplayTo) -> Result<u64, DeadLetterError> {
        let (mut list, mut replayed) = (self.list(filter), 0);
        while let Some(dead_letter) = list.next().await? {
            let outcome = self.replay_one(&dead_letter, to).await?;
            replayed += u64::from(outcome != Replayed::NotFound);
        }
        Ok(replayed)
    }

    /// Replays a dead letter, within a span that is linked to the one that published the event. The event keeps the context that it has.
    async fn replay_one(&self, dead_letter: &DeadLetter, to: ReplayTo) -> Result<Replayed, DeadLetterError> {
        let message = MessageType::OTHER;
        let of = SpanOf {
            operation: "replay",
            operation_type: "send",
            kind: "producer",
            message,
            group: Some(&dead_letter.consumer),
        };
        let headers = record::original_headers(dead_letter);
        let span = self.observers.open(of, &Incoming { headers: &headers, relation: Relation::Aside });
        span.record("messaging.destination.name", &*dead_letter.subject);
        span.record("eventsmith.stream", &*self.stream);
        span.record("eventsmith.sequence", dead_letter.sequence);
        let replayed = self.replay_with(dead_letter, headers, to).instrument(span.clone()).await;
        match &replayed {
            Err(DeadLetterError::Replay { .. }) => observe::failed(&span, "not_replayed"),
            Err(_) => observe::failed(&span, "unavailable"),
            Ok(Replayed::NotFound) => observe::failed(&span, "not_found"),
            Ok(_) => {}
        }
        replayed
    }

    async fn replay_with(
        &self,
        dead_letter: &DeadLetter,
        mut headers: Headers,
        to: ReplayTo,
    ) -> Result<Replayed, DeadLetterError> {
        let failed = |reason| DeadLetterError::Replay { sequence: dead_letter.sequence, reason };
        if record::has_illegible_subject(dead_letter) {
            let reason = "no client can read its subject, so it would be dead-lettered again; have its event published to \
                          another subject, and purge the dead letter";
            return Err(failed(reason.into()));
        }
        let number = dead_letter.mark.map_or(dead_letter.sequence, |mark| mark.of);
        let link = format!("{}:{number}", self.stream);
        let copy = match self.mark(dead_letter).await? {
            Marked::NotFound => return Ok(Replayed::NotFound),
            Marked::Before { copy, after } if self.is_replayed(&dead_letter.subject, after, &link).await? => {
                self.forget(number, copy).await?;
                return Ok(Replayed::Before);
            }
            Marked::Before { copy, .. } | Marked::Now { copy } => copy,
        };
        // The number alone does not tell letters apart: a stream that was deleted and made anew counts from 1 again. The time
        // is in the copy, too, so that every replay of this letter has this id.
        let id = format!("replay:{link}:{}", dead_letter.dead_lettered.as_nanosecond());
        Span::current().record("messaging.message.id", &*id);
        headers.push(Headers::ID, &*id);
        headers.push(Headers::REPLAY_OF, link);
        if to == ReplayTo::Consumer {
            headers.push(Headers::ONLY, &*dead_letter.consumer);
        }
        let payload = self.payload(dead_letter).await?;
        let event = Message { subject: dead_letter.subject.clone().into(), headers, payload: payload.clone() };
        let PublishAck { stream, sequence, duplicate } = send(self.transport(), event)
            .await
            .map_err(|failure| failed(Cause::about(&dead_letter.subject, failure)))?;
        if duplicate {
            // What is no longer there was ours: nobody else makes such an id.
            let stored = self.transport().message(&stream, MessageSelector::Sequence(sequence)).await?;
            if stored.is_some_and(|stored| stored.message.payload != payload) {
                return Err(failed(format!("{sequence} of {stream} is another event with the id {id}").into()));
            }
        }
        self.forget(number, copy).await?;
        Ok(if duplicate { Replayed::Before } else { Replayed::Now { stream, sequence } })
    }

    /// Puts the mark, unless it is there.
    async fn mark(&self, dead_letter: &DeadLetter) -> Result<Marked, DeadLetterError> {
        if let Some(Mark { after, .. }) = dead_letter.mark {
            return Ok(Marked::Before { copy: dead_letter.sequence, after });
        }
        let after = last_of(self.transport(), &dead_letter.subject).await?.map_or(0, |last| last.sequence);
        // On the subject there may be dead letters after this one: about an event of the same number in an earlier stream of
        // the same name. Whoever marks a dead letter or deletes it changes what is last, so nobody comes between. What is
        // last the server says: before 2.12 it is sometimes mistaken, but sticks to it.
        let mut expected = dead_letter.sequence;
        for _ in 0..3 {
            let mut mark = write_mark(dead_letter, after);
            mark.headers.push(Headers::EXPECTED_LAST_OF_SUBJECT, expected.to_string());
            match send_shortened(self.transport(), mark).await {
                Ok(stored) if expected == dead_letter.sequence || self.get(dead_letter.sequence).await?.is_some() => {
                    return Ok(Marked::Now { copy: stored.sequence });
                }
                Ok(stored) => {
                    self.remove(stored.sequence).await?;
                    return Ok(Marked::NotFound);
                }
                Err(SendFailure::WrongSequence { last }) => expected = last,
                Err(failure) => return Err(Unavailable(Cause::about(&dead_letter.address, failure)).into()),
            }
            if self.get(dead_letter.sequence).await?.is_none() {
                return Ok(Marked::NotFound);
            }
            let mut from = dead_letter.sequence + 1;
            let next = |from| MessageSelector::NextOf { subject: &dead_letter.address, from };
            while let Some(kept) = self.transport().message(&self.stream, next(from)).await? {
                let copy = kept.sequence;
                from = copy + 1;
                if let Some(Mark { of, after }) = record::read(kept).and_then(|found| found.mark)
                    && of == dead_letter.sequence
                {
                    return Ok(Marked::Before { copy, after });
                }
            }
        }
        Err(Unavailable(format!("others write on {} at the same time", dead_letter.address).into()).into())
    }
}

impl DeadLetters {
    /// The payload of a dead letter's event, which was too large for some dead letters.
    async fn payload(&self, dead_letter: &DeadLetter) -> Result<Bytes, DeadLetterError> {
        let DeadLetter { origin_stream: stream, origin_sequence, sequence, .. } = dead_letter;
        if dead_letter.headers.get(record::PAYLOAD).is_none() {
            return Ok(dead_letter.payload.clone());
        }
        let origin = self.transport().message(stream, MessageSelector::Sequence(*origin_sequence)).await?;
        match origin.filter(|origin| origin.stored == dead_letter.stored) {
            Some(origin) => Ok(origin.message.payload),
            None => Err(DeadLetterError::Replay {
                sequence: *sequence,
                reason: format!(
                    "its payload was too large for a dead letter, and {stream} no longer holds the event {origin_sequence}; \
                     have it published again, and purge the dead letter"
                ).into(),
            }),
        }
    }

    /// Whether the event of a dead letter was stored after a message on its subject.
    async fn is_replayed(&self, subject: &str, after: u64, link: &str) -> Result<bool, DeadLetterError> {
        let Some(stream) = self.transport().streams_of(subject).await?.into_iter().next() else { return Ok(false) };
        let start = FollowStart::Sequence(after + 1);
        let wanted = Follow { stream, subject: subject.to_owned(), start, headers_only: true };
        let Ok(mut follower) = self.transport().follow(&wanted).await else {
            // This user may not create a consumer.
            return self.is_replayed_singly(&wanted, after, link).await;
        };
        while let Followed::Message(kept) = follower.next().await? {
            if kept.message.headers.get(Headers::REPLAY_OF) == Some(link) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The same, by reading each message for itself.
    async fn is_replayed_singly(&self, wanted: &Follow, after: u64, link: &str) -> Result<bool, DeadLetterError> {
        let Follow { stream, subject, .. } = wanted;
        let mut from = after + 1;
        while let Some(kept) = self.transport().message(stream, MessageSelector::NextOf { subject, from }).await? {
            if kept.message.headers.get(Headers::REPLAY_OF) == Some(link) {
                return Ok(true);
            }
            from = kept.sequence + 1;
        }
        Ok(false)
    }

    /// Deletes a dead letter, then its copy: in this order, so that what was replayed is not forgotten before the dead
    /// letter.
    async fn forget(&self, dead_letter: u64, copy: u64) -> Result<(), DeadLetterError> {
        self.remove(dead_letter).await?;
        self.remove(copy).await
    }
}

//! Events of any types that are stored together or not at all.

use std::collections::HashSet;

use eventsmith_event::event::Event;
use tokio::time::{Instant, timeout_at};

use super::error::PublishError;
use super::expect::Expect;
use super::observed::created;
use super::options::{PublishOptions, Published};
use super::prepare::{Prepared, prepare, type_of};
use super::publisher::{Publisher, Sending, id, not_sent, transient};
use crate::environment;
use crate::outgoing::Sender;
use crate::transport::{Message, MessageSelector, PublishAck, SendFailure, StreamMessage};

/// The server's code for a batch of which the stream did not see every message.
const INCOMPLETE: u64 = 10176;
/// The server's code for a batch with an id that the stream remembers.
const DUPLICATE: u64 = 10201;
/// The most messages that the server takes in one batch.
const MOST: usize = 1_000;

/// Events to be stored together, see [`Bus::publish_atomic`](crate::bus::Bus::publish_atomic).
///
/// ```
/// # async fn example(bus: &eventsmith::Bus, updated: impl eventsmith::Event, activated: impl eventsmith::Event)
/// # -> Result<(), eventsmith::PublishError> {
/// let batch = bus.batch().and(&updated)?.and(&activated)?;
/// let published = bus.publish_atomic(&batch).await?;
/// assert_eq!(published[1].sequence, published[0].sequence + 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is stored before Bus::publish_atomic"]
pub struct PublishBatch {
    sender: Sender,
    events: Vec<Prepared>,
}

impl PublishBatch {
    pub(crate) fn new(sender: &Sender) -> Self {
        Self { sender: sender.clone(), events: Vec::new() }
    }

    /// Adds an event behind those that are there.
    ///
    /// # Errors
    /// [`PublishError`] when the event is invalid, or the batch full with 1,000.
    pub fn and<E: Event>(self, event: &E) -> Result<Self, PublishError> {
        self.and_with(event, PublishOptions::default())
    }

    /// [`and`](Self::and) with an id of one's own, an expectation, or other members of the envelope.
    ///
    /// # Errors
    /// As [`and`](Self::and), and when an expectation cannot be met within the batch.
    pub fn and_with<E: Event>(mut self, event: &E, options: PublishOptions) -> Result<Self, PublishError> {
        let new = created(&self.sender, type_of::<E>(), || prepare(&self.sender, event, &options))?;
        let before = |same: fn(&Prepared, &Prepared) -> bool| self.events.iter().any(|event| same(event, &new));
        let wrong = match new.expect {
            _ if self.events.len() == MOST => {
                Some("it has 1,000 events, and a server takes no more; begin another one")
            }
            _ if before(|a, b| a.id == b.id) => Some("an event before it has the same id; give each its own"),
            Some(Expect::LastSequence(_)) if !self.events.is_empty() => {
                Some("where the stream ends can be expected by the first event only; move the expectation there")
            }
            Some(Expect::LastSubjectSequence(_)) if before(|a, b| a.message.subject == b.message.subject) => {
                Some("an event before it has the same subject; move the expectation there")
            }
            _ => None,
        };
        if let Some(reason) = wrong {
            return Err(PublishError::Batch { subject: new.message.subject, reason });
        }
        self.events.push(new);
        Ok(self)
    }
}

impl Publisher {
    pub(crate) async fn publish_atomic(&self, batch: &PublishBatch) -> Result<Vec<Published>, PublishError> {
        self.together(&batch.events, self.store_together(&batch.events)).await
    }

    /// Stores events one after the other, or none of them.
    pub(super) async fn store_together(&self, events: &[Prepared]) -> Result<Vec<Published>, PublishError> {
        let Some(first) = events.first() else { return Ok(Vec::new()) };
        let messages: Vec<Message> = events.iter().map(|event| event.message.clone()).collect();
        let sending = Sending::Batch { first, events, messages: &messages };
        let PublishAck { stream, sequence: last, duplicate } = self.send_until_known(sending, None).await?;
        // They are stored without anything between them.
        let sequences = (last + 1).saturating_sub(events.len() as u64)..;
        let stored = |(event, sequence): (&Prepared, u64)| {
            event.stored(PublishAck { stream: stream.clone(), sequence, duplicate })
        };
        Ok(events.iter().zip(sequences).map(stored).collect())
    }

    pub(super) async fn attempt_batch(
        &self,
        first: &Prepared,
        events: &[Prepared],
        messages: &[Message],
        latest: Instant,
        is_repeated: bool,
    ) -> Result<PublishAck, SendFailure> {
        // The server knows a batch that it abandoned, or that is stored, by its id; so each attempt has its own.
        let id = environment::new_id().to_string();
        let outcome = match timeout_at(latest, self.transport.send_batch(messages, &id)).await {
            Ok(Ok(ack)) => ack.await,
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(not_sent()),
        };
        match outcome {
            // What is appended was not sent before, so that somebody else was quicker.
            Err(failure @ SendFailure::WrongSequence { .. }) if first.filter.is_some() && !is_repeated => Err(failure),
            Err(failure @ (SendFailure::WrongSequence { .. } | SendFailure::Refused { code: Some(DUPLICATE), .. })) => {
                self.committed_before(first, events).await?.ok_or(failure)
            }
            Err(SendFailure::NoStream | SendFailure::Refused { code: Some(INCOMPLETE), .. }) => {
                Err(self.scattered(events).await?)
            }
            outcome => outcome,
        }
    }

    /// Where the last event is, if the batch was stored before. That the server has seen an id does not prove it: the
    /// caller may have given an id that it used otherwise. So both ends are looked at.
    async fn committed_before(&self, first: &Prepared, events: &[Prepared]) -> Result<Option<PublishAck>, SendFailure> {
        let found = match (&first.filter, first.expect) {
            (Some(_), Some(expect)) => self.stored_before(first, expect).await?,
            _ => self.known(&first.message).await?,
        };
        let Some(PublishAck { stream, sequence, .. }) = found else { return Ok(None) };
        let end = sequence + events.len() as u64 - 1;
        let kept = self.transport.message(&stream, MessageSelector::Sequence(end)).await.map_err(transient)?;
        let is_last = |kept: &StreamMessage| events.last().is_some_and(|last| id(&kept.message) == id(&last.message));
        // Behind the end of a history the first has an id that nothing else had: it was stored, so all were. The last one may be a
        // schedule that is gone.
        let ours = kept.as_ref().map_or(first.filter.is_some(), is_last);
        Ok(ours.then_some(PublishAck { stream, sequence: end, duplicate: true }))
    }

    /// Why no stream saw the whole batch: it belongs into several, or there was a change of leaders in the middle of it.
    async fn scattered(&self, events: &[Prepared]) -> Result<SendFailure, SendFailure> {
        let mut home: Option<(&str, String)> = None;
        let mut seen = HashSet::new();
        for subject in events.iter().map(|event| &*event.message.subject).filter(|subject| seen.insert(*subject)) {
            let streams = self.transport.streams_of(subject).await.map_err(transient)?;
            let reason = match (streams.into_iter().next(), &home) {
                (None, _) => format!("no stream captures {subject}; provision the streams of the catalogue"),
                (Some(stream), Some((other, its))) if stream != *its => {
                    format!("{other} belongs into {its}, {subject} into {stream}, and a batch into one stream")
                }
                (Some(stream), _) => {
                    home = Some((subject, stream));
                    continue;
                }
            };
            return Ok(SendFailure::Refused { code: None, reason: reason.into() });
        }
        Ok(SendFailure::Transient("the stream did not see the whole batch".into()))
    }
}

//! The transport without a server: streams and durable consumers in memory, on tokio's clock.

mod clock;
mod consumer;
mod settle;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::Event;
use crate::envelope::Envelope;
use crate::filter;
use crate::provision::{FoundConsumer, FoundStream};
use crate::topology::ConsumerSettings;
use crate::topology::StreamSettings;
use crate::transport::{Failure, Headers, Kept, Message, Select, SendFailure, Stored, Unavailable, Word};
use clock::Clock;
use consumer::Durable;
use stream::Stream;

pub(crate) use consumer::{Acker, Deliveries};
pub(crate) use settle::Starting;

/// The server's code for a batch of which not all came to the stream.
const BATCH_INCOMPLETE: u64 = 10176;

/// A message that a bus in memory holds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoredMessage {
    /// The name of the stream.
    pub stream: String,
    /// Its number in the stream.
    pub sequence: u64,
    /// The subject it was published to.
    pub subject: String,
    /// The message, envelope and all.
    pub payload: Bytes,
}

impl StoredMessage {
    /// The envelope, if the message has one.
    pub fn envelope(&self) -> Option<Envelope> {
        Envelope::read(&self.payload).ok().map(|(envelope, _)| envelope)
    }

    /// The event, if it is a valid one of this type; a dead letter is none.
    pub fn event<E: Event>(&self) -> Option<E> {
        if !filter::covers(E::SUBJECT, &self.subject) {
            return None;
        }
        let (envelope, data) = Envelope::read(&self.payload).ok()?;
        let decode = || E::decode(envelope.version, data.get().as_bytes()).ok();
        (envelope.event_type == E::TYPE).then(decode).flatten()
    }
}

/// All streams of a bus; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    streams: Mutex<BTreeMap<String, Stream>>,
    /// Tells those who wait for messages that there is something new.
    changed: watch::Sender<()>,
    clock: Clock,
    /// How many have begun to read from consumers.
    readers: AtomicU64,
    /// How many consumers have been made and do not read yet.
    starting: AtomicU64,
}

impl Memory {
    pub(crate) fn send(&self, message: &Message) -> Result<Stored, SendFailure> {
        self.store(message, |stream| stream.store(message))
    }

    pub(crate) fn send_batch(&self, messages: &[Message]) -> Result<Stored, SendFailure> {
        let refused = |code, reason: &str| SendFailure::Refused { code, reason: reason.to_owned() };
        let last = messages.last().ok_or_else(|| refused(None, "the batch is empty"))?;
        self.store(last, |stream| {
            if !messages.iter().all(|message| stream.captures(&message.subject)) {
                return Err(refused(Some(BATCH_INCOMPLETE), "atomic publish batch is incomplete"));
            }
            stream.store_batch(messages)
        })
    }

    /// Stores into the stream that captures a message.
    fn store(
        &self,
        message: &Message,
        store: impl FnOnce(&mut Stream) -> Result<Stored, SendFailure>,
    ) -> Result<Stored, SendFailure> {
        let mut streams = self.streams();
        let stream = streams.values_mut().find(|stream| stream.captures(&message.subject));
        let stored = store(stream.ok_or(SendFailure::NoStream)?)?;
        drop(streams);
        self.shared.changed.send_replace(());
        Ok(stored)
    }

    pub(crate) fn stream(&self, name: &str) -> Option<FoundStream> {
        self.streams().get(name).map(Stream::found)
    }

    pub(crate) fn put_stream(&self, wanted: &StreamSettings) -> Result<(), Failure> {
        let mut streams = self.streams();
        let overlapping = |stream: &&Stream| {
            stream.settings.name != wanted.name
                && stream.settings.subjects.iter().any(|a| wanted.subjects.iter().any(|b| filter::overlap(a, b)))
        };
        if let Some(other) = streams.values().find(overlapping) {
            let reason = format!("subjects overlap with those of {}", other.settings.name);
            return Err(Failure::Server { code: Failure::SUBJECTS_OVERLAP, reason });
        }
        match streams.get_mut(&wanted.name) {
            Some(stream) => stream.settings = wanted.clone(),
            None => drop(streams.insert(wanted.name.clone(), Stream::new(wanted.clone(), self.shared.clock.clone()))),
        }
        Ok(())
    }

    pub(crate) fn message(&self, stream: &str, select: Select<'_>) -> Result<Option<Kept>, Unavailable> {
        let mut streams = self.streams();
        let found = streams.get_mut(stream).ok_or_else(|| Unavailable(format!("there is no stream {stream}")))?;
        found.trim();
        Ok(found.find(select))
    }

    pub(crate) fn delete_message(&self, stream: &str, sequence: u64) {
        if let Some(stream) = self.streams().get_mut(stream) {
            stream.remove(sequence);
        }
    }

    pub(crate) fn all(&self) -> Vec<FoundStream> {
        self.streams().values().map(Stream::found).collect()
    }

    pub(crate) fn streams_of(&self, subject: &str) -> Vec<String> {
        let streams = self.streams();
        let captures = |stream: &&Stream| stream.settings.subjects.iter().any(|own| filter::overlap(own, subject));
        streams.values().filter(captures).map(|stream| stream.settings.name.clone()).collect()
    }

    pub(crate) fn consumer(&self, stream: &str, name: &str) -> Option<FoundConsumer> {
        let streams = self.streams();
        let stream = streams.get(stream)?;
        stream.consumers.get(name).map(|durable| durable.found(stream))
    }

    pub(crate) fn consumers(&self, stream: &str) -> Vec<FoundConsumer> {
        let streams = self.streams();
        let durables = |stream: &Stream| stream.consumers.values().map(|durable| durable.found(stream)).collect();
        streams.get(stream).map(durables).unwrap_or_default()
    }

    pub(crate) fn put_consumer(&self, wanted: &ConsumerSettings) -> Result<(), Failure> {
        let mut streams = self.streams();
        let reason = || "stream not found".to_owned();
        let stream = streams.get_mut(&wanted.stream);
        stream.ok_or_else(|| Failure::Server { code: Failure::NO_STREAM, reason: reason() })?.consumer(wanted);
        Ok(())
    }

    pub(crate) fn delete_consumer(&self, stream: &str, name: &str) {
        if let Some(stream) = self.streams().get_mut(stream) {
            stream.consumers.remove(name);
        }
    }

    pub(crate) fn read(&self, consumer: &ConsumerSettings) -> Deliveries {
        Deliveries::new(self.clone(), &consumer.stream, &consumer.name)
    }

    /// Tells a durable consumer what became of a message.
    pub(crate) fn hear(&self, stream: &str, durable: &str, sequence: u64, word: Word) {
        self.with_durable(stream, durable, |durable, _, now| durable.hear(sequence, word, now));
        if matches!(word, Word::Ack | Word::Term(_))
            && let Some(stream) = self.streams().get_mut(stream)
        {
            stream.drop_if_done(sequence);
        }
        self.shared.changed.send_replace(());
    }

    /// What a durable consumer has delivered as often as it may and nobody has acknowledged, with how often that was.
    pub(crate) fn exhausted(&self, stream: &str, durable: &str) -> Vec<(u64, u64)> {
        self.with_durable(stream, durable, |durable, _, _| durable.exhausted()).unwrap_or_default()
    }

    fn with_durable<T>(
        &self,
        stream: &str,
        durable: &str,
        work: impl FnOnce(&mut Durable, &Stream, Instant) -> T,
    ) -> Option<T> {
        let mut streams = self.streams();
        let stream = streams.get_mut(stream)?;
        stream.trim();
        let mut found = stream.consumers.remove(durable)?;
        let outcome = work(&mut found, stream, self.shared.clock.now());
        stream.consumers.insert(durable.to_owned(), found);
        Some(outcome)
    }

    fn next_reader(&self) -> u64 {
        self.shared.readers.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn stored(&self) -> Vec<StoredMessage> {
        let streams = self.streams();
        streams.values().flat_map(Stream::stored).collect()
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<String, Stream>> {
        // A panic cannot leave a stream half changed: none of our code between lock and unlock panics.
        self.shared.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn message_id(headers: &Headers) -> Option<&str> {
    headers.get(Headers::ID)
}

//! All streams of a bus in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use eventsmith_event::envelope::Envelope;
use eventsmith_event::event::Event;
use eventsmith_event::filter;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::Instant;

use super::clock::Clock;
use super::durable::{Durable, Exhausted};
use super::live::{Listeners, SHUT_DOWN};
use super::log::Log;
use super::reading::Readings;
use super::stream::Stream;
use crate::settings::{ConsumerSettings, FoundConsumer, FoundStream, StreamSettings};
use crate::transport::{
    AckKind, Headers, Message, MessageSelector, PublishAck, SendFailure, ServerFailure, StreamMessage, Unavailable,
    check_subject,
};

/// The server's code for a batch of which not all came to the stream.
const BATCH_INCOMPLETE: u64 = 10176;

/// The server's code for a purge that the stream does not let through.
const PURGE_DENIED: u64 = 10110;

/// A message that a bus in memory holds.
///
/// ```
/// use eventsmith::{Bus, Event, StoredMessage};
///
/// fn published<E: Event>(bus: &Bus) -> Vec<E> {
///     bus.published().iter().filter_map(StoredMessage::event).collect()
/// }
/// ```
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
    /// Its headers.
    headers: Headers,
}

impl StoredMessage {
    /// The envelope, if the message has one.
    pub fn envelope(&self) -> Option<Envelope> {
        self.read().map(|(envelope, _)| envelope)
    }

    /// The event, if it is a valid one of this type; a dead letter is none.
    pub fn event<E: Event>(&self) -> Option<E> {
        if !filter::covers(E::SUBJECT, &self.subject) {
            return None;
        }
        let (envelope, data) = self.read()?;
        let decode = || E::decode(envelope.version, data.get().as_bytes()).ok();
        (envelope.event_type == E::TYPE).then(decode).flatten()
    }

    fn read(&self) -> Option<(Envelope, &RawValue)> {
        Envelope::of_message(&self.headers.of_wire(), &self.payload).ok()
    }
}

/// All streams of a bus; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    streams: Mutex<BTreeMap<String, Stream>>,
    pub(super) listeners: Listeners,
    /// Notifies those who wait for messages.
    pub(super) changed: watch::Sender<()>,
    pub(super) clock: Clock,
    /// Whether the bus was shut down. What it holds can still be looked at.
    is_closed: AtomicBool,
    /// How many have begun to read from consumers.
    readers: AtomicU64,
    /// How many consumers have been made and do not read yet.
    pub(super) starting: AtomicU64,
    /// Who reads streams in their order, and how far.
    pub(super) readings: Readings,
    /// Whether an operator has created consumers.
    has_provisioned_consumers: AtomicBool,
}

impl Memory {
    pub(super) fn store(&self, message: &Message) -> Result<PublishAck, SendFailure> {
        check_subject(&message.subject)?;
        let ack = self.store_with(message, |log| log.store(message));
        // What is published to a stream is published to all who listen, whatever the stream says.
        self.shared.listeners.tell(message, None);
        ack
    }

    pub(super) fn store_batch(&self, messages: &[Message]) -> Result<PublishAck, SendFailure> {
        let refused = |code, reason: &str| SendFailure::Refused { code, reason: reason.into() };
        let last = messages.last().ok_or_else(|| refused(None, "the batch is empty"))?;
        messages.iter().try_for_each(|message| check_subject(&message.subject))?;
        let ack = self.store_with(last, |log| {
            if !messages.iter().all(|message| log.captures(&message.subject)) {
                return Err(refused(Some(BATCH_INCOMPLETE), "atomic publish batch is incomplete"));
            }
            log.store_batch(messages)
        })?;
        messages.iter().for_each(|message| self.shared.listeners.tell(message, None));
        Ok(ack)
    }

    /// Stores into the stream that captures a message.
    fn store_with(
        &self,
        message: &Message,
        store: impl FnOnce(&mut Log) -> Result<PublishAck, SendFailure>,
    ) -> Result<PublishAck, SendFailure> {
        let mut streams = self.streams();
        let stream = streams.values_mut().find(|stream| stream.log.captures(&message.subject));
        let ack = stream.ok_or(SendFailure::NoStream)?.store(store)?;
        drop(streams);
        self.shared.changed.send_replace(());
        Ok(ack)
    }

    /// A stream as it is, if there is one.
    pub fn stream(&self, name: &str) -> Option<FoundStream> {
        self.streams().get(name).map(|stream| stream.log.found())
    }

    /// Creates a stream, or brings one that exists to these settings.
    ///
    /// # Errors
    /// [`ServerFailure::Refused`] when another stream captures some of the subjects.
    pub fn put_stream(&self, wanted: &StreamSettings) -> Result<(), ServerFailure> {
        let mut streams = self.streams();
        let overlapping = |stream: &&Stream| {
            stream.log.settings.name != wanted.name
                && stream.log.settings.subjects.iter().any(|a| wanted.subjects.iter().any(|b| filter::overlap(a, b)))
        };
        if let Some(other) = streams.values().find(overlapping) {
            let reason = format!("subjects overlap with those of {}", other.log.settings.name);
            return Err(ServerFailure::Refused { code: ServerFailure::SUBJECTS_OVERLAP, reason: reason.into() });
        }
        match streams.get_mut(&wanted.name) {
            Some(stream) => stream.log.settings = wanted.clone(),
            None => drop(streams.insert(wanted.name.clone(), Stream::new(wanted.clone(), self.shared.clock.clone()))),
        }
        Ok(())
    }

    /// All streams.
    pub fn all(&self) -> Vec<FoundStream> {
        self.streams().values().map(|stream| stream.log.found()).collect()
    }

    /// Removes what a stream holds on a subject, up to a number.
    pub(super) fn purge_subject(&self, stream: &str, subject: &str, up_to: u64) -> Result<u64, ServerFailure> {
        let mut streams = self.streams();
        let refused = |code, reason: &str| ServerFailure::Refused { code, reason: reason.into() };
        let found = streams.get_mut(stream).ok_or_else(|| refused(ServerFailure::NO_STREAM, "stream not found"))?;
        if found.log.settings.aggregates {
            return Err(refused(PURGE_DENIED, "message purge not permitted"));
        }
        Ok(found.log.purge(subject, up_to))
    }

    pub(super) fn capturing(&self, subject: &str) -> Vec<String> {
        let streams = self.streams();
        let captures = |stream: &&Stream| stream.log.settings.subjects.iter().any(|own| filter::overlap(own, subject));
        streams.values().filter(captures).map(|stream| stream.log.settings.name.clone()).collect()
    }

    /// Does something with a stream that has dropped what its settings let it drop.
    pub(super) fn with_log<T>(&self, stream: &str, work: impl FnOnce(&Log) -> T) -> Result<T, ServerFailure> {
        let mut streams = self.streams();
        let reason = || format!("there is no stream {stream}").into();
        let found = streams.get_mut(stream);
        let Stream { log, .. } =
            found.ok_or_else(|| ServerFailure::Refused { code: ServerFailure::NO_STREAM, reason: reason() })?;
        log.trim();
        Ok(work(log))
    }

    /// A durable consumer as it is, if there is one.
    pub fn consumer(&self, stream: &str, name: &str) -> Option<FoundConsumer> {
        self.with_current(stream, name, |durable, log, _| durable.found(log))
    }

    /// All durable consumers of a stream.
    pub fn consumers(&self, stream: &str) -> Vec<FoundConsumer> {
        self.give_up();
        let streams = self.streams();
        let durables = |stream: &Stream| stream.consumers.values().map(|durable| durable.found(&stream.log)).collect();
        streams.get(stream).map(durables).unwrap_or_default()
    }

    /// Creates a durable consumer, or brings one that exists to these settings.
    ///
    /// # Errors
    /// [`ServerFailure::Refused`] when there is no such stream, [`ServerFailure::Unsupported`] for a `deliver` that is
    /// unknown.
    pub fn put_consumer(&self, wanted: &ConsumerSettings) -> Result<(), ServerFailure> {
        let mut streams = self.streams();
        let reason = || "stream not found".into();
        let stream = streams.get_mut(&wanted.stream);
        stream
            .ok_or_else(|| ServerFailure::Refused { code: ServerFailure::NO_STREAM, reason: reason() })?
            .consumer(wanted)
    }

    /// [`put_consumer`](Self::put_consumer) by an operator. From then on services create no consumers here: they need what is
    /// provisioned, as on a server.
    ///
    /// # Errors
    /// As [`put_consumer`](Self::put_consumer).
    pub fn provision_consumer(&self, wanted: &ConsumerSettings) -> Result<(), ServerFailure> {
        self.put_consumer(wanted)?;
        self.shared.has_provisioned_consumers.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether an operator has created consumers.
    pub(crate) fn has_provisioned_consumers(&self) -> bool {
        self.shared.has_provisioned_consumers.load(Ordering::Relaxed)
    }

    /// Deletes a durable consumer, and with it its place in the stream.
    pub fn delete_consumer(&self, stream: &str, name: &str) {
        if let Some(stream) = self.streams().get_mut(stream) {
            stream.consumers.remove(name);
        }
    }

    pub(super) fn acknowledge(&self, stream: &str, durable: &str, sequence: u64, kind: AckKind) {
        self.with_durable(stream, durable, |durable, _, now| durable.acknowledge(sequence, kind, now));
        if matches!(kind, AckKind::Ack | AckKind::Term(_))
            && let Some(stream) = self.streams().get_mut(stream)
        {
            stream.drop_if_done(sequence);
        }
        self.shared.changed.send_replace(());
    }

    /// One message of a stream, if there is such a message.
    pub(super) fn message(
        &self,
        stream: &str,
        select: MessageSelector<'_>,
    ) -> Result<Option<StreamMessage>, Unavailable> {
        // What is asked for may be the advisory about a message that nobody has asked for since.
        self.give_up();
        let mut streams = self.streams();
        let found = streams.get_mut(stream).map(|stream| {
            stream.log.trim();
            stream.log.find(select)
        });
        found.ok_or_else(|| Unavailable(format!("there is no stream {stream}").into()))
    }

    /// Gives up what has been delivered as often as it may be, for every consumer: a server does it by its own clock.
    fn give_up(&self) {
        let now = self.shared.clock.now();
        let mut streams = self.streams();
        let mut given_up = Vec::new();
        for (name, Stream { log, consumers }) in streams.iter_mut() {
            for (durable, consumer) in consumers.iter_mut() {
                let exhausted = consumer.give_up(log, now).into_iter();
                given_up.extend(exhausted.map(|exhausted| (name.clone(), durable.clone(), exhausted)));
            }
        }
        drop(streams);
        for (stream, durable, exhausted) in given_up {
            self.report_exhausted(&stream, &durable, &[exhausted]);
        }
    }

    /// Publishes an advisory about each message that has reached `max_deliver`, as the server does: once, and whether a
    /// stream captures it or not.
    fn report_exhausted(&self, stream: &str, durable: &str, exhausted: &[Exhausted]) {
        for Exhausted { sequence, deliveries } in exhausted {
            let subject = format!("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{stream}.{durable}");
            let payload = json!({ "stream_seq": sequence, "deliveries": deliveries }).to_string().into();
            let advisory = Message { subject: subject.into(), headers: Headers::default(), payload };
            if let Err(failure) = self.store(&advisory) {
                tracing::debug!(stream, durable, sequence, %failure, "nobody keeps the advisory");
            }
        }
        if !exhausted.is_empty() {
            // Less is left to be done.
            self.shared.changed.send_replace(());
        }
    }

    pub(super) fn with_durable<T>(
        &self,
        stream: &str,
        durable: &str,
        work: impl FnOnce(&mut Durable, &Log, Instant) -> T,
    ) -> Option<T> {
        let now = self.shared.clock.now();
        let mut streams = self.streams();
        let Stream { log, consumers } = streams.get_mut(stream)?;
        log.trim();
        consumers.get_mut(durable).map(|durable| work(durable, log, now))
    }

    /// Does something with a consumer that has counted as exhausted what reached `max_deliver`.
    pub(super) fn with_current<T>(
        &self,
        stream: &str,
        durable: &str,
        work: impl FnOnce(&mut Durable, &Log, Instant) -> T,
    ) -> Option<T> {
        let work = |durable: &mut Durable, log: &Log, now| (durable.give_up(log, now), work(durable, log, now));
        let (exhausted, done) = self.with_durable(stream, durable, work)?;
        self.report_exhausted(stream, durable, &exhausted);
        Some(done)
    }

    /// Ends all that reads and listens, and refuses what is asked from now on, as a connection does that is closed.
    pub(super) fn shut_down(&self) {
        self.shared.is_closed.store(true, Ordering::Release);
        self.shared.listeners.close();
        self.shared.changed.send_replace(());
    }

    pub(super) fn is_closed(&self) -> bool {
        self.shared.is_closed.load(Ordering::Acquire)
    }

    /// Fails once the bus is shut down.
    pub(super) fn check_open(&self) -> Result<(), Unavailable> {
        if self.is_closed() { Err(Unavailable(SHUT_DOWN.into())) } else { Ok(()) }
    }

    pub(super) fn next_reader(&self) -> u64 {
        self.shared.readers.fetch_add(1, Ordering::Relaxed)
    }

    /// All messages of all streams, by stream and in order.
    pub fn stored(&self) -> Vec<StoredMessage> {
        let streams = self.streams();
        let messages = |stream: &Stream| {
            let stored = stream.log.messages().map(|(sequence, message)| StoredMessage {
                stream: stream.log.settings.name.clone(),
                sequence,
                subject: message.subject.to_string(),
                payload: message.payload.clone(),
                headers: message.headers.clone(),
            });
            stored.collect::<Vec<_>>()
        };
        streams.values().flat_map(messages).collect()
    }

    pub(super) fn streams(&self) -> MutexGuard<'_, BTreeMap<String, Stream>> {
        // A panic cannot leave a stream half changed: none of our code between lock and unlock panics.
        self.shared.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

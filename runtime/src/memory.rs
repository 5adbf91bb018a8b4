//! The transport without a server: streams and durable consumers in memory, on tokio's clock.

mod consumer;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::watch;

use crate::Event;
use crate::envelope::Envelope;
use crate::filter;
use crate::provision::{FoundConsumer, FoundStream};
use crate::topology::ConsumerSettings;
use crate::topology::StreamSettings;
use crate::transport::{Ack, Failure, Headers, Message, SendFailure};
use stream::Stream;

pub(crate) use consumer::{Acker, Deliveries};

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

    /// The event, if it is a valid one of this type.
    pub fn event<E: Event>(&self) -> Option<E> {
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
}

impl Memory {
    pub(crate) fn send(&self, message: Message) -> Result<Ack, SendFailure> {
        let mut streams = self.streams();
        let stream = streams.values_mut().find(|stream| stream.captures(&message.subject));
        let stored = stream.ok_or(SendFailure::NoStream)?.store(message);
        drop(streams);
        self.shared.changed.send_replace(());
        Ok(std::future::ready(Ok(stored)).boxed())
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
            None => drop(streams.insert(wanted.name.clone(), Stream::new(wanted.clone()))),
        }
        Ok(())
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

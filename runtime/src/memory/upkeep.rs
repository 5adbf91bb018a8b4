//! What is done to streams and consumers beside publishing and consuming.

use super::Memory;
use super::stream::Stream;
use crate::transport::{Progress, Unavailable, Word};

impl Memory {
    pub(crate) fn delete_message(&self, stream: &str, sequence: u64) -> Result<(), Unavailable> {
        self.with(stream, |found| found.remove(sequence))
    }

    pub(crate) fn progress(&self, stream: &str, consumer: &str) -> Result<Option<Progress>, Unavailable> {
        self.with(stream, |found| found.consumers.get(consumer).map(super::consumer::Durable::progress))
    }

    pub(crate) fn terminate(&self, stream: &str, consumer: &str, sequence: u64) -> Result<(), Unavailable> {
        self.with(stream, |found| {
            if let Some(durable) = found.consumers.get_mut(consumer) {
                durable.hear(sequence, Word::Ack);
            }
            found.drop_if_done(sequence);
        })
    }

    /// What a durable consumer gave up on and nobody buried yet: numbers of messages, and how often each was delivered.
    pub(crate) fn exhausted(&self, stream: &str, consumer: &str) -> Result<Vec<(u64, u64)>, Unavailable> {
        let none = Vec::new;
        self.with(stream, |found| found.consumers.get(consumer).map_or_else(none, |durable| durable.exhausted()))
    }

    fn with<T>(&self, stream: &str, act: impl FnOnce(&mut Stream) -> T) -> Result<T, Unavailable> {
        let result = match self.streams().get_mut(stream) {
            Some(found) => act(found),
            None => return Err(Unavailable(format!("there is no stream {stream}"))),
        };
        self.shared.changed.send_replace(());
        Ok(result)
    }
}

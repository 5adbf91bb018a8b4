//! One stream in memory: its messages, and the durable consumers that read them.

use std::collections::HashMap;

use eventsmith_event::stream::{DeliverFrom, Retention};

use super::clock::Clock;
use super::durable::Durable;
use super::log::Log;
use crate::settings::{ConsumerSettings, StreamSettings};
use crate::transport::{PublishAck, SendFailure, ServerFailure};

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) log: Log,
    pub(super) consumers: HashMap<String, Durable>,
}

impl Stream {
    pub(super) fn new(settings: StreamSettings, clock: Clock) -> Self {
        Self { log: Log::new(settings, clock), consumers: HashMap::new() }
    }

    /// Stores messages, all or none, and drops what nobody is interested in.
    pub(super) fn store(
        &mut self,
        store: impl FnOnce(&mut Log) -> Result<PublishAck, SendFailure>,
    ) -> Result<PublishAck, SendFailure> {
        let before = self.log.last();
        let ack = store(&mut self.log)?;
        if self.log.settings.retention == Retention::Interest {
            (before + 1..=self.log.last()).for_each(|sequence| self.drop_if_done(sequence));
        }
        Ok(ack)
    }

    /// The durable consumer of this name, created or brought to these settings.
    pub(super) fn consumer(&mut self, settings: &ConsumerSettings) -> Result<(), ServerFailure> {
        if let Some(durable) = self.consumers.get_mut(&settings.name) {
            durable.set(settings.clone());
            return Ok(());
        }
        let next = match settings.deliver {
            DeliverFrom::All => self.log.found().first_sequence,
            DeliverFrom::New => self.log.last() + 1,
            DeliverFrom::Sequence(sequence) => sequence.max(self.log.found().first_sequence),
            DeliverFrom::Time(time) => self.log.first_at(time).unwrap_or(self.log.last() + 1),
            other => return Err(ServerFailure::unsupported("deliver", other)),
        };
        self.consumers.insert(settings.name.clone(), Durable::new(settings.clone(), next));
        Ok(())
    }

    /// Drops a message that nobody waits for, where the stream keeps only what somebody does.
    pub(super) fn drop_if_done(&mut self, sequence: u64) {
        let Some(message) = self.log.message(sequence) else { return };
        let subject = &message.subject;
        if self.log.settings.retention != Retention::Limits
            && self.consumers.values().all(|durable| durable.is_done_with(sequence, subject))
        {
            self.log.remove(sequence);
        }
    }
}

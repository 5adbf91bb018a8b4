//! One stream in memory.

use std::collections::{BTreeMap, HashMap};

use tokio::time::Instant;

use super::consumer::Durable;
use super::{StoredMessage, message_id};
use crate::Retention;
use crate::filter;
use crate::provision::FoundStream;
use crate::topology::ConsumerSettings;
use crate::topology::StreamSettings;
use crate::transport::{Message, Stored};

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) settings: StreamSettings,
    messages: BTreeMap<u64, Kept>,
    bytes: u64,
    last: u64,
    /// The ids that the duplicate window remembers, with the number and time of the first message that bore them.
    ids: HashMap<String, (u64, Instant)>,
    pub(super) consumers: HashMap<String, Durable>,
}

#[derive(Debug)]
struct Kept {
    message: Message,
    at: Instant,
}

impl Stream {
    pub(super) fn new(settings: StreamSettings) -> Self {
        Self { settings, messages: BTreeMap::new(), bytes: 0, last: 0, ids: HashMap::new(), consumers: HashMap::new() }
    }

    pub(super) fn found(&self) -> FoundStream {
        FoundStream {
            settings: self.settings.clone(),
            sealed: false,
            messages: self.messages.len() as u64,
            bytes: self.bytes,
            first_sequence: self.messages.keys().next().copied().unwrap_or(self.last + 1),
            last_sequence: self.last,
        }
    }

    /// How many messages there are from a number on that one of the filters is for.
    pub(super) fn count_from(&self, sequence: u64, filters: &[String]) -> u64 {
        let wanted = |kept: &&Kept| filters.iter().any(|filter| filter::covers(filter, &kept.message.subject));
        self.messages.range(sequence..).map(|(_, kept)| kept).filter(wanted).count() as u64
    }

    pub(super) fn captures(&self, subject: &str) -> bool {
        self.settings.subjects.iter().any(|own| filter::covers(own, subject))
    }

    /// Stores a message, unless its id is in the duplicate window.
    pub(super) fn store(&mut self, message: Message) -> Stored {
        let now = Instant::now();
        let stream = self.settings.name.clone();
        let window = self.settings.duplicate_window;
        self.ids.retain(|_, (_, at)| now.duration_since(*at) < window);
        if let Some(&(sequence, _)) = message_id(&message.headers).and_then(|id| self.ids.get(id)) {
            return Stored { stream, sequence, duplicate: true };
        }
        self.last += 1;
        if let Some(id) = message_id(&message.headers) {
            self.ids.insert(id.to_owned(), (self.last, now));
        }
        self.bytes += size(&message);
        self.messages.insert(self.last, Kept { message, at: now });
        if self.settings.retention == Retention::Interest {
            self.drop_if_done(self.last);
        }
        self.trim();
        Stored { stream, sequence: self.last, duplicate: false }
    }

    pub(super) fn message(&self, sequence: u64) -> Option<&Message> {
        self.messages.get(&sequence).map(|kept| &kept.message)
    }

    /// The first message from a number on that one of the filters is for.
    pub(super) fn first_from(&self, sequence: u64, filters: &[String]) -> Option<u64> {
        let wanted = |kept: &Kept| filters.iter().any(|filter| filter::covers(filter, &kept.message.subject));
        self.messages.range(sequence..).find(|(_, kept)| wanted(kept)).map(|(sequence, _)| *sequence)
    }

    /// The durable consumer of this name, created or brought to the specification.
    pub(super) fn consumer(&mut self, spec: &ConsumerSettings) {
        match self.consumers.get_mut(&spec.name) {
            Some(durable) => durable.spec = spec.clone(),
            None => drop(self.consumers.insert(spec.name.clone(), Durable::new(spec.clone()))),
        }
    }

    /// Drops a message that nobody waits for, where the stream keeps only what somebody does.
    pub(super) fn drop_if_done(&mut self, sequence: u64) {
        let Some(kept) = self.messages.get(&sequence) else { return };
        let subject = &kept.message.subject;
        if self.settings.retention != Retention::Limits
            && self.consumers.values().all(|durable| durable.is_done_with(sequence, subject))
        {
            self.remove(sequence);
        }
    }

    pub(super) fn stored(&self) -> impl Iterator<Item = StoredMessage> {
        self.messages.iter().map(|(sequence, kept)| StoredMessage {
            stream: self.settings.name.clone(),
            sequence: *sequence,
            subject: kept.message.subject.to_string(),
            payload: kept.message.payload.clone(),
        })
    }

    /// Drops the oldest messages beyond the limits.
    pub(super) fn trim(&mut self) {
        let now = Instant::now();
        while let Some((&sequence, first)) = self.messages.first_key_value() {
            let settings = &self.settings;
            let too_old = settings.max_age.is_some_and(|age| now.duration_since(first.at) >= age);
            let too_many = settings.max_messages.is_some_and(|max| self.messages.len() as u64 > max);
            let too_big = settings.max_bytes.is_some_and(|max| self.bytes > max);
            if !(too_old || too_many || too_big) {
                return;
            }
            self.remove(sequence);
        }
    }

    fn remove(&mut self, sequence: u64) {
        if let Some(kept) = self.messages.remove(&sequence) {
            self.bytes -= size(&kept.message);
        }
    }
}

fn size(message: &Message) -> u64 {
    (message.subject.len() + message.payload.len()) as u64
}

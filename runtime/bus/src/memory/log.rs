//! The messages of one stream in memory.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use eventsmith_event::filter;
use eventsmith_event::stream::Discard;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::clock::Clock;
use crate::settings::{FoundStream, StreamSettings};
use crate::transport::{Headers, Message, MessageSelector, PublishAck, SendFailure, StreamMessage};

/// The server's code for a stream whose last message has not the id that is expected.
const WRONG_LAST_ID: u64 = 10070;
/// The server's code for a message that does not fit into a stream that refuses what is new.
const STORE_FAILED: u64 = 10077;
/// The server's code for a batch where the stream takes none.
const ATOMIC_DISABLED: u64 = 10174;
/// The server's code for a batch with an id that is in the duplicate window, or twice in the batch.
const BATCH_DUPLICATE: u64 = 10201;

#[derive(Debug)]
pub(super) struct Log {
    pub(super) settings: StreamSettings,
    messages: BTreeMap<u64, Entry>,
    bytes: u64,
    last: u64,
    /// The ids that the duplicate window remembers, with the number of the first message that bore them.
    ids: HashMap<String, u64>,
    /// The same ids in the order in which they came, and when.
    recent: VecDeque<(Instant, String)>,
    /// The same instant on our clock and on the calendar.
    began: (Instant, Timestamp),
    clock: Clock,
}

#[derive(Debug)]
struct Entry {
    message: Message,
    at: Instant,
}

impl Log {
    pub(super) fn new(settings: StreamSettings, clock: Clock) -> Self {
        let began = (clock.now(), Timestamp::now());
        Self {
            settings,
            messages: BTreeMap::new(),
            bytes: 0,
            last: 0,
            ids: HashMap::new(),
            recent: VecDeque::new(),
            began,
            clock,
        }
    }

    pub(super) fn found(&self) -> FoundStream {
        FoundStream {
            settings: self.settings.clone(),
            no_ack: false,
            sealed: false,
            messages: self.messages.len() as u64,
            bytes: self.bytes,
            first_sequence: self.messages.keys().next().copied().unwrap_or(self.last + 1),
            last_sequence: self.last,
        }
    }

    /// How many messages there are from a number on that one of the filters is for.
    pub(super) fn count_from(&self, sequence: u64, filters: &[String]) -> u64 {
        let wanted = |kept: &&Entry| filters.iter().any(|filter| filter::covers(filter, &kept.message.subject));
        self.messages.range(sequence..).map(|(_, kept)| kept).filter(wanted).count() as u64
    }

    pub(super) fn captures(&self, subject: &str) -> bool {
        self.settings.subjects.iter().any(|own| filter::covers(own, subject))
    }

    /// Stores a message, unless its id is in the duplicate window. What it expects is looked at first, as the server does.
    pub(super) fn store(&mut self, message: &Message) -> Result<PublishAck, SendFailure> {
        let now = self.clock.now();
        self.trim();
        self.forget_ids(now);
        self.check_expectations(&message.headers, &message.subject)?;
        let stream = self.settings.name.clone();
        if let Some(&sequence) = message_id(&message.headers).and_then(|id| self.ids.get(id)) {
            return Ok(PublishAck { stream, sequence, duplicate: true });
        }
        // Unlike the other expectations, this one is looked at after the duplicates.
        if message.headers.get(Headers::EXPECTED_LAST_ID).is_some_and(|id| self.last_id() != Some(id)) {
            return refused(WRONG_LAST_ID, "wrong last msg ID");
        }
        self.check_room(1, size(message))?;
        self.append(message.clone(), now);
        self.trim();
        Ok(PublishAck { stream, sequence: self.last, duplicate: false })
    }

    /// Stores all messages or none. Expectations are about the stream before the batch.
    pub(super) fn store_batch(&mut self, messages: &[Message]) -> Result<PublishAck, SendFailure> {
        let now = self.clock.now();
        self.trim();
        self.forget_ids(now);
        if !self.settings.atomic {
            return refused(ATOMIC_DISABLED, "atomic publish is disabled");
        }
        let mut ids = HashSet::new();
        for message in messages {
            // The other way round than for a single message, as on the server.
            if message_id(&message.headers).is_some_and(|id| self.ids.contains_key(id) || !ids.insert(id)) {
                return refused(BATCH_DUPLICATE, "atomic publish batch contains duplicate message id");
            }
            self.check_expectations(&message.headers, &message.subject)?;
        }
        self.check_room(messages.len() as u64, messages.iter().map(size).sum())?;
        for message in messages {
            self.append(message.clone(), now);
        }
        self.trim();
        Ok(PublishAck { stream: self.settings.name.clone(), sequence: self.last, duplicate: false })
    }

    fn last_id(&self) -> Option<&str> {
        self.messages.get(&self.last).and_then(|last| message_id(&last.message.headers))
    }

    fn forget_ids(&mut self, now: Instant) {
        let window = self.settings.duplicate_window;
        while self.recent.front().is_some_and(|(at, _)| now.duration_since(*at) >= window) {
            if let Some((_, id)) = self.recent.pop_front() {
                self.ids.remove(&id);
            }
        }
    }

    fn check_expectations(&self, headers: &Headers, subject: &str) -> Result<(), SendFailure> {
        let last_of_subject = || self.find(MessageSelector::LastOf(subject)).map_or(0, |kept| kept.sequence);
        let expected = |name| headers.get(name).and_then(|value| value.parse::<u64>().ok());
        match (expected(Headers::EXPECTED_LAST), expected(Headers::EXPECTED_LAST_OF_SUBJECT)) {
            (Some(expected), _) if expected != self.last => Err(SendFailure::WrongSequence { last: self.last }),
            (_, Some(expected)) if expected != last_of_subject() => {
                Err(SendFailure::WrongSequence { last: last_of_subject() })
            }
            _ => Ok(()),
        }
    }

    /// Whether there is room, in a stream that refuses what is new when it is full.
    fn check_room(&self, messages: u64, bytes: u64) -> Result<(), SendFailure> {
        let over = |limit: Option<u64>, held: u64| limit.is_some_and(|limit| held > limit);
        match &self.settings {
            settings if settings.discard == Discard::Old => Ok(()),
            settings if over(settings.max_messages, self.messages.len() as u64 + messages) => {
                refused(STORE_FAILED, "maximum messages exceeded")
            }
            settings if over(settings.max_bytes, self.bytes + bytes) => refused(STORE_FAILED, "maximum bytes exceeded"),
            _ => Ok(()),
        }
    }

    fn append(&mut self, message: Message, now: Instant) {
        self.last += 1;
        if let Some(id) = message_id(&message.headers) {
            self.ids.insert(id.to_owned(), self.last);
            self.recent.push_back((now, id.to_owned()));
        }
        self.bytes += size(&message);
        self.messages.insert(self.last, Entry { message, at: now });
    }

    pub(super) fn message(&self, sequence: u64) -> Option<&Message> {
        self.messages.get(&sequence).map(|entry| &entry.message)
    }

    pub(super) fn find(&self, select: MessageSelector<'_>) -> Option<StreamMessage> {
        let on = |subject: &str, entry: &Entry| filter::covers(subject, &entry.message.subject);
        let (sequence, entry) = match select {
            MessageSelector::Sequence(sequence) => self.messages.get_key_value(&sequence),
            MessageSelector::LastOf(subject) => self.messages.iter().rev().find(|(_, entry)| on(subject, entry)),
            MessageSelector::NextOf { subject, from } => {
                self.messages.range(from..).find(|(_, entry)| on(subject, entry))
            }
        }?;
        Some(StreamMessage { sequence: *sequence, stored: self.time(entry.at), message: entry.message.clone() })
    }

    /// The first message from a number on that one of the filters is for.
    pub(super) fn first_from(&self, sequence: u64, filters: &[String]) -> Option<u64> {
        let wanted = |kept: &Entry| filters.iter().any(|filter| filter::covers(filter, &kept.message.subject));
        self.messages.range(sequence..).find(|(_, kept)| wanted(kept)).map(|(sequence, _)| *sequence)
    }

    /// An instant on the calendar.
    fn time(&self, instant: Instant) -> Timestamp {
        let (begin, time) = self.began;
        let age = SignedDuration::try_from(instant.duration_since(begin)).unwrap_or(SignedDuration::MAX);
        time.checked_add(age).unwrap_or(Timestamp::MAX)
    }

    /// The first message that was stored at a time or later.
    pub(super) fn first_at(&self, time: Timestamp) -> Option<u64> {
        self.messages.iter().find(|(_, entry)| self.time(entry.at) >= time).map(|(sequence, _)| *sequence)
    }

    /// All messages, in order.
    pub(super) fn messages(&self) -> impl Iterator<Item = (u64, &Message)> {
        self.messages.iter().map(|(sequence, entry)| (*sequence, &entry.message))
    }

    /// The number of the last message that was ever stored.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Drops the oldest messages beyond the limits; in a stream that refuses what is new, only what is too old.
    pub(super) fn trim(&mut self) {
        let now = self.clock.now();
        while let Some((&sequence, first)) = self.messages.first_key_value() {
            let settings = &self.settings;
            let too_old = settings.max_age.is_some_and(|age| now.duration_since(first.at) >= age);
            let too_many = settings.max_messages.is_some_and(|max| self.messages.len() as u64 > max);
            let too_big = settings.max_bytes.is_some_and(|max| self.bytes > max);
            if !(too_old || settings.discard == Discard::Old && (too_many || too_big)) {
                return;
            }
            self.remove(sequence);
        }
    }

    pub(super) fn remove(&mut self, sequence: u64) {
        if let Some(kept) = self.messages.remove(&sequence) {
            self.bytes -= size(&kept.message);
        }
    }
}

fn refused<T>(code: u64, reason: &str) -> Result<T, SendFailure> {
    Err(SendFailure::Refused { code: Some(code), reason: reason.into() })
}

fn size(message: &Message) -> u64 {
    (message.subject.len() + message.payload.len()) as u64
}

fn message_id(headers: &Headers) -> Option<&str> {
    headers.get(Headers::ID)
}

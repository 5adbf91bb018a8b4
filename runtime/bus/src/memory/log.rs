//! The messages of one stream in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use std::time::Duration;

use bytes::Bytes;
use eventsmith_event::filter;
use eventsmith_event::stream::Discard;
use jiff::Timestamp;
use tokio::time::Instant;

use super::clock::Clock;
use super::schedules::{self, Schedules, Unschedulable};
use super::subjects::Subjects;
use crate::settings::{FoundStream, StreamSettings};
use crate::transport::{Headers, Message, MessageSelector, PublishAck, SendFailure, StreamMessage};

/// The server's code for a stream whose last message has not the id that is expected.
const WRONG_LAST_ID: u64 = 10070;
/// The server's code for a message that does not fit into a stream that refuses what is new.
const STORE_FAILED: u64 = 10077;
/// The server's code for a message that is larger than its stream takes.
const MESSAGE_TOO_LARGE: u64 = 10054;
/// The server's code for a message with a time of its own where the stream takes none.
const TTL_DISABLED: u64 = 10166;
/// The value of `Nats-Rollup` that drops what is older on the subject.
const ROLLUP_SUBJECT: &str = "sub";
/// The server's code for a batch where the stream takes none.
const ATOMIC_DISABLED: u64 = 10174;
/// The server's codes for schedules: where the stream takes none, for one that it cannot read, for a target that cannot be.
const SCHEDULES_DISABLED: u64 = 10188;
const SCHEDULE_PATTERN: u64 = 10189;
const SCHEDULE_TARGET: u64 = 10190;
/// The server's code for a batch with an id that is in the duplicate window, or twice in the batch.
const BATCH_DUPLICATE: u64 = 10201;

#[derive(Debug)]
pub(super) struct Log {
    pub(super) settings: StreamSettings,
    messages: BTreeMap<u64, Entry>,
    subjects: Subjects,
    bytes: u64,
    last: u64,
    /// When messages go that have a time of their own.
    expiries: BTreeSet<(Instant, u64)>,
    /// The ids that the duplicate window remembers, with the number of the first message that bore them.
    ids: HashMap<String, u64>,
    /// The same ids in the order in which they came, and when.
    recent: VecDeque<(Instant, String)>,
    /// What waits for its time.
    schedules: Schedules,
    clock: Clock,
}

#[derive(Debug)]
struct Entry {
    message: Message,
    at: Instant,
}

impl Log {
    pub(super) fn new(settings: StreamSettings, clock: Clock) -> Self {
        Self {
            settings,
            messages: BTreeMap::new(),
            subjects: Subjects::default(),
            bytes: 0,
            last: 0,
            expiries: BTreeSet::new(),
            ids: HashMap::new(),
            recent: VecDeque::new(),
            schedules: Schedules::default(),
            clock,
        }
    }

    pub(super) fn found(&self) -> FoundStream {
        FoundStream {
            settings: self.settings.clone(),
            no_ack: false,
            max_per_subject: None,
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

    /// How many messages there are on a subject, which may have wildcards.
    pub(super) fn count(&self, subject: &str) -> u64 {
        self.subjects.count(subject)
    }

    /// The numbers of the last message on each subject that a filter is for, in order.
    pub(super) fn last_of_each(&self, filter: &str) -> BTreeSet<u64> {
        self.subjects.last_of_each(filter)
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
        self.check_bucket(message)?;
        self.check_schedule(message)?;
        self.check_room(1, size(message).saturating_sub(self.replaced(message)))?;
        self.append(message.clone(), now);
        self.trim();
        Ok(PublishAck { stream, sequence: self.last, duplicate: false })
    }

    /// How many bytes a bucket drops for a message, as it keeps so many of each key.
    fn replaced(&self, message: &Message) -> u64 {
        let Some(history) = self.settings.bucket.as_ref().map(|bucket| bucket.history) else { return 0 };
        let mut of_key = self.subjects.on(&message.subject).filter_map(|sequence| self.messages.get(&sequence));
        let oldest = of_key.next().map_or(0, |entry| size(&entry.message));
        if 1 + of_key.count() as u64 >= history { oldest } else { 0 }
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
            self.check_schedule(message)?;
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
        let subject = headers.get(Headers::EXPECTED_SUBJECT).unwrap_or(subject);
        let last_of_subject = || self.subjects.last_of(subject).unwrap_or_default();
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
        let subject = message.subject.clone();
        if let Some(ttl) = message.headers.get(Headers::TTL).and_then(seconds) {
            // What a clock cannot tell never comes.
            self.expiries.extend(now.checked_add(ttl).map(|at| (at, self.last)));
        }
        let is_rollup = message.headers.get(Headers::ROLLUP) == Some(ROLLUP_SUBJECT);
        if let Some(cancelled) = schedules::cancelled(&message).and_then(|subject| self.schedules.remove(subject)) {
            self.remove(cancelled);
        }
        if let Ok(Some(time)) = schedules::schedule(&message)
            && let Some(replaced) = self.schedules.insert(&subject, time, self.last, &self.clock)
        {
            self.remove(replaced);
        }
        self.subjects.insert(&subject, self.last);
        self.messages.insert(self.last, Entry { message, at: now });
        if let Some(history) = self.settings.bucket.as_ref().map(|bucket| bucket.history) {
            self.keep_of_subject(&subject, if is_rollup { 1 } else { history });
        }
    }

    /// Drops all messages on a subject but the newest.
    fn keep_of_subject(&mut self, subject: &str, newest: u64) {
        let mut numbers: Vec<u64> = self.subjects.on(subject).collect();
        let kept = usize::try_from(newest).unwrap_or(usize::MAX).min(numbers.len());
        numbers.truncate(numbers.len() - kept);
        numbers.into_iter().for_each(|sequence| self.remove(sequence));
    }

    /// Whether a bucket takes a message.
    fn check_bucket(&self, message: &Message) -> Result<(), SendFailure> {
        let Some(bucket) = &self.settings.bucket else { return Ok(()) };
        let size = message.headers.size() + message.payload.len();
        if bucket.max_value_bytes.is_some_and(|max| size > max as usize) {
            return refused(MESSAGE_TOO_LARGE, "message size exceeds maximum allowed");
        }
        match (message.headers.get(Headers::TTL), bucket.marker_ttl) {
            (Some(_), None) => refused(TTL_DISABLED, "per-message TTL is disabled"),
            _ => Ok(()),
        }
    }

    /// Whether the stream takes a message that is to wait for its time.
    fn check_schedule(&self, message: &Message) -> Result<(), SendFailure> {
        match schedules::schedule(message) {
            Ok(None) => Ok(()),
            _ if !self.settings.schedules => refused(SCHEDULES_DISABLED, "message schedules is disabled"),
            Ok(Some(_))
                if message.headers.get(Headers::SCHEDULE_TARGET).is_some_and(|target| self.captures(target)) =>
            {
                Ok(())
            }
            Err(Unschedulable::Pattern) => refused(SCHEDULE_PATTERN, "message schedule is invalid"),
            _ => refused(SCHEDULE_TARGET, "message schedule target is invalid"),
        }
    }

    /// Stores what has waited for its time.
    fn fire(&mut self, now: Instant) {
        while let Some(sequence) = self.schedules.take_due(now) {
            let Some(entry) = self.messages.get(&sequence) else { continue };
            let fired = schedules::fired(&entry.message);
            self.remove(sequence);
            self.append(fired, now);
        }
    }

    /// When the next message is stored that waits for its time.
    pub(super) fn next_schedule(&self) -> Option<Instant> {
        self.schedules.next()
    }

    /// Drops messages whose own time is over.
    fn expire(&mut self, now: Instant) {
        while let Some((_, sequence)) = self.expiries.first().copied().filter(|(at, _)| *at <= now) {
            self.expiries.pop_first();
            self.age_out(sequence, now);
        }
    }

    /// Drops a message whose time is over. Where it was the last of its subject, a marker takes its place, if the settings say so.
    fn age_out(&mut self, sequence: u64, now: Instant) {
        let Some(entry) = self.messages.get(&sequence) else { return };
        let subject = entry.message.subject.clone();
        let is_marker = entry.message.headers.get(Headers::MARKER_REASON).is_some();
        let marker_ttl = self.settings.bucket.as_ref().and_then(|bucket| bucket.marker_ttl).filter(|_| !is_marker);
        let is_last = || self.subjects.last_of(&subject) == Some(sequence);
        let marker_ttl = marker_ttl.filter(|_| is_last());
        self.remove(sequence);
        if let Some(ttl) = marker_ttl {
            let mut headers = Headers::default();
            headers.push(Headers::MARKER_REASON, "MaxAge");
            headers.push(Headers::TTL, ttl.as_secs().max(1).to_string());
            self.append(Message { subject, headers, payload: Bytes::new() }, now);
        }
    }

    /// When the next message goes by itself.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let own = self.expiries.first().map(|(at, _)| *at);
        let age = self.settings.max_age.and_then(|age| self.messages.first_key_value()?.1.at.checked_add(age));
        own.into_iter().chain(age).chain(self.next_schedule()).min()
    }

    pub(super) fn message(&self, sequence: u64) -> Option<&Message> {
        self.messages.get(&sequence).map(|entry| &entry.message)
    }

    pub(super) fn find(&self, select: MessageSelector<'_>) -> Option<StreamMessage> {
        let on = |subject: &str, entry: &Entry| filter::covers(subject, &entry.message.subject);
        let (sequence, entry) = match select {
            MessageSelector::Sequence(sequence) => self.messages.get_key_value(&sequence),
            MessageSelector::LastOf(subject) => {
                self.subjects.last_of(subject).and_then(|sequence| self.messages.get_key_value(&sequence))
            }
            MessageSelector::NextOf { subject, from } => {
                self.messages.range(from..).find(|(_, entry)| on(subject, entry))
            }
        }?;
        Some(StreamMessage { sequence: *sequence, stored: self.clock.time(entry.at), message: entry.message.clone() })
    }

    /// The first message from a number on that one of the filters is for.
    pub(super) fn first_from(&self, sequence: u64, filters: &[String]) -> Option<u64> {
        let wanted = |kept: &Entry| filters.iter().any(|filter| filter::covers(filter, &kept.message.subject));
        self.messages.range(sequence..).find(|(_, kept)| wanted(kept)).map(|(sequence, _)| *sequence)
    }

    /// The first message that was stored at a time or later.
    pub(super) fn first_at(&self, time: Timestamp) -> Option<u64> {
        self.messages.iter().find(|(_, entry)| self.clock.time(entry.at) >= time).map(|(sequence, _)| *sequence)
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
        self.expire(now);
        self.fire(now);
        while let Some((&sequence, first)) = self.messages.first_key_value() {
            let settings = &self.settings;
            let too_old = settings.max_age.is_some_and(|age| now.duration_since(first.at) >= age);
            let too_many = settings.max_messages.is_some_and(|max| self.messages.len() as u64 > max);
            let too_big = settings.max_bytes.is_some_and(|max| self.bytes > max);
            if !(too_old || settings.discard == Discard::Old && (too_many || too_big)) {
                return;
            }
            if too_old { self.age_out(sequence, now) } else { self.remove(sequence) }
        }
    }

    /// Removes what lies on a subject, up to a number; says how much.
    pub(super) fn purge(&mut self, subject: &str, up_to: u64) -> u64 {
        let purged = self.subjects.up_to(up_to, subject);
        purged.iter().for_each(|sequence| self.remove(*sequence));
        purged.len() as u64
    }

    pub(super) fn remove(&mut self, sequence: u64) {
        if let Some(kept) = self.messages.remove(&sequence) {
            self.bytes -= size(&kept.message);
            self.subjects.remove(&kept.message.subject, sequence);
        }
    }
}

/// How long a header says that a message lives: seconds, or a number with a unit.
fn seconds(text: &str) -> Option<Duration> {
    text.trim_end_matches('s').parse().ok().map(Duration::from_secs)
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

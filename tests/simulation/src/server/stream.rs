//! A stream: what it stores, and what it refuses.

use std::collections::{BTreeMap, HashMap};

use async_nats::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::schedules::{Schedules, fired};
use crate::clock::{Time, nanoseconds, text};

/// For how long an id is known.
const DUPLICATE_WINDOW: Time = 120_000;

/// A message as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Where it was published to.
    pub subject: String,
    /// Its headers.
    pub headers: Option<HeaderMap>,
    /// Instead of headers: a block of them that no client can read.
    pub block: Option<Bytes>,
    /// Its payload.
    pub payload: Bytes,
    /// When it was stored.
    pub at: Time,
}

/// A stream.
#[derive(Debug)]
pub struct Stream {
    /// Its name.
    pub name: &'static str,
    /// The subjects that it captures, by what they begin with.
    prefixes: &'static [&'static str],
    /// What it holds.
    pub messages: BTreeMap<u64, Stored>,
    /// The number of the last message.
    pub last: u64,
    /// Whether it keeps the last message of each subject only.
    is_of_keys: bool,
    schedules: Schedules,
    ids: HashMap<String, (u64, Time)>,
    last_id: String,
    last_of: HashMap<String, u64>,
}

/// What becomes of a message that is published.
#[derive(Debug, Clone)]
pub enum Publication {
    /// It is stored under this number.
    Stored(u64),
    /// Its id is known, by this number.
    Duplicate(u64),
    /// It is refused with this code, in these words.
    Refused(u64, String),
}

impl Stream {
    /// An empty stream.
    pub fn new(name: &'static str, prefixes: &'static [&'static str]) -> Self {
        Self {
            name,
            prefixes,
            messages: BTreeMap::new(),
            last: 0,
            is_of_keys: false,
            schedules: Schedules::default(),
            ids: HashMap::new(),
            last_id: String::new(),
            last_of: HashMap::new(),
        }
    }

    /// An empty one that keeps the last message of each subject.
    pub fn of_keys(name: &'static str, prefixes: &'static [&'static str]) -> Self {
        Self { is_of_keys: true, ..Self::new(name, prefixes) }
    }

    /// What a server says of it.
    pub fn info(&self, request: &Value, now: Time) -> Value {
        let subjects: Vec<String> = self.prefixes.iter().map(|prefix| format!("{prefix}>")).collect();
        let first = self.messages.keys().next().copied().unwrap_or(self.last + 1);
        let mut counts = request["subjects_filter"].as_str().map(|filter| self.counts(filter)).unwrap_or_default();
        let total = counts.len();
        let offset = request["offset"].as_u64().unwrap_or_default();
        counts = counts.into_iter().skip(usize::try_from(offset).unwrap_or(usize::MAX)).collect();
        json!({
            "total": total,
            "ts": text(now),
            "config": { "subjects": subjects, "retention": "limits", "duplicate_window": DUPLICATE_WINDOW * 1_000_000 },
            "state": { "first_seq": first, "last_seq": self.last, "subjects": counts },
        })
    }

    /// Whether it captures a subject, which may end in `.>`.
    pub fn captures(&self, subject: &str) -> bool {
        self.prefixes.iter().any(|prefix| subject.starts_with(prefix))
    }

    /// Stores a message unless its headers forbid it. A duplicate is known before anything is expected. (nats-server,
    /// server/stream.go: `processJetStreamMsg`.)
    pub fn publish(&mut self, stored: Stored) -> Publication {
        let header = |name: &str| stored.headers.as_ref()?.get(name).map(|value| value.as_str().to_owned());
        let id = header("Nats-Msg-Id");
        if let Some((number, until)) = id.as_ref().and_then(|id| self.ids.get(id))
            && *until > stored.at
        {
            return Publication::Duplicate(*number);
        }
        if let Some(expected) = header("Nats-Expected-Last-Sequence")
            && expected != self.last.to_string()
        {
            return Publication::Refused(10071, format!("wrong last sequence: {}", self.last));
        }
        if let Some(expected) = header("Nats-Expected-Last-Msg-Id")
            && expected != self.last_id
        {
            return Publication::Refused(10070, format!("wrong last msg ID: {}", self.last_id));
        }
        let last_of = self.last_of(&stored.subject);
        let of_filter = header("Nats-Expected-Last-Subject-Sequence-Subject");
        let found = of_filter.as_ref().map_or(last_of, |filter| self.last_covered(filter));
        if let Some(expected) = header("Nats-Expected-Last-Subject-Sequence")
            && expected != found.to_string()
        {
            return Publication::Refused(10071, format!("wrong last sequence: {found}"));
        }
        self.last += 1;
        if self.is_of_keys {
            self.messages.remove(&last_of);
        }
        self.last_of.insert(stored.subject.clone(), self.last);
        self.last_id = id.clone().unwrap_or_default();
        if let Some(id) = id {
            self.ids.insert(id, (self.last, stored.at + DUPLICATE_WINDOW));
        }
        let outdated = self.schedules.stored(self.last, &stored.subject, stored.headers.as_ref());
        outdated.into_iter().for_each(|number| drop(self.messages.remove(&number)));
        self.messages.insert(self.last, stored);
        Publication::Stored(self.last)
    }

    /// Stores messages together or none of them. An id that is known refuses them all. (NATS ADR-50.)
    pub fn publish_all(&mut self, all: &[Stored]) -> Publication {
        if let [one] = all {
            return self.publish(one.clone());
        }
        let is_known = |stored: &Stored| {
            let known = stored.header("Nats-Msg-Id").and_then(|id| self.ids.get(id));
            known.is_some_and(|(_, until)| *until > stored.at)
        };
        if all.iter().any(is_known) {
            return Publication::Refused(10201, "atomic publish batch contains duplicate message id".to_owned());
        }
        let mut last = Publication::Refused(10176, "atomic publish batch is incomplete".to_owned());
        for stored in all {
            // Only the first expects something: where it is stored, all are.
            last = self.publish(stored.clone());
            if !matches!(last, Publication::Stored(_)) {
                break;
            }
        }
        last
    }

    /// When the next message is due that waits.
    pub fn next_schedule(&self) -> Option<Time> {
        self.schedules.next()
    }

    /// The subjects of what waits.
    pub fn waiting(&self) -> impl Iterator<Item = &str> {
        self.schedules.subjects()
    }

    /// Stores what is due where it is to go, in the place of what told so.
    pub(super) fn fire(&mut self, now: Time) {
        while let Some((subject, number)) = self.schedules.take_due(now) {
            let Some(Stored { headers, payload, .. }) = self.messages.remove(&number) else { continue };
            let headers = headers.unwrap_or_default();
            let Some(target) = headers.get("Nats-Schedule-Target").map(ToString::to_string) else { continue };
            let headers = Some(fired(&subject, &headers));
            self.publish(Stored { subject: target, headers, block: None, payload, at: now });
        }
    }

    /// The number of the last message on a subject with wildcards.
    fn last_covered(&self, filter: &str) -> u64 {
        let mut found = self.messages.iter().rev().filter(|(_, stored)| covers(filter, &stored.subject));
        found.next().map_or(0, |(number, _)| *number)
    }

    /// How many messages there are on each subject that a filter lets through.
    fn counts(&self, filter: &str) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for stored in self.messages.values().filter(|stored| covers(filter, &stored.subject)) {
            *counts.entry(stored.subject.as_str()).or_default() += 1;
        }
        counts
    }

    fn last_of(&self, subject: &str) -> u64 {
        self.last_of.get(subject).filter(|number| self.messages.contains_key(number)).copied().unwrap_or_default()
    }

    /// Answers a request for one message.
    pub fn get(&self, request: &Value) -> Value {
        let from = request["seq"].as_u64();
        let found = match (from, request["next_by_subj"].as_str(), request["last_by_subj"].as_str()) {
            (_, _, Some(subject)) => self.messages.iter().rev().find(|(_, stored)| covers(subject, &stored.subject)),
            (from, Some(subject), None) => {
                self.messages.range(from.unwrap_or_default()..).find(|(_, stored)| covers(subject, &stored.subject))
            }
            (Some(from), None, None) => self.messages.get_key_value(&from),
            _ => None,
        };
        let Some((number, stored)) = found else { return error(404, 10037, "no message found") };
        json!({ "message": {
            "subject": stored.subject,
            "seq": number,
            "time": text(stored.at),
            "hdrs": STANDARD.encode(stored.header_block()),
            "data": STANDARD.encode(&stored.payload),
        }})
    }

    /// Deletes a message.
    pub fn delete(&mut self, number: u64) -> Value {
        match self.messages.remove(&number) {
            Some(_) => json!({ "success": true }),
            None => error(400, 10057, "message was not found"),
        }
    }
}

impl Stored {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.as_ref()?.get(name).map(|value| value.as_str())
    }

    fn header_block(&self) -> Vec<u8> {
        if let Some(block) = &self.block {
            return block.to_vec();
        }
        let Some(headers) = &self.headers else { return Vec::new() };
        let mut lines: Vec<String> = headers
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| format!("{name}: {value}\r\n")))
            .collect();
        lines.sort();
        format!("NATS/1.0\r\n{}\r\n", lines.concat()).into_bytes()
    }

    /// When it was stored, as the subjects of acks say it.
    pub fn nanoseconds(&self) -> i128 {
        nanoseconds(self.at)
    }
}

/// Whether a subject is one of those that a filter lets through.
pub fn covers(filter: &str, subject: &str) -> bool {
    let (mut wanted, mut found) = (filter.split('.'), subject.split('.'));
    loop {
        match (wanted.next(), found.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return false,
        }
    }
}

/// How the server writes an error.
pub fn error(code: u64, number: u64, description: &str) -> Value {
    json!({ "error": { "code": code, "err_code": number, "description": description } })
}

//! A durable consumer: deliveries, leases, pull requests and the pin. (NATS ADR-37, ADR-42; nats-server, server/consumer.go.)

use std::collections::{BTreeMap, VecDeque};

use async_nats::{HeaderMap, Message, StatusCode};
use bytes::Bytes;

use super::stream::{Stored, Stream, covers};
use crate::clock::Time;

/// The pin ends when its holder has not asked for so long.
const PIN_TIMEOUT: Time = 6_000;
/// The status of a message whose headers no client can read.
pub const MALFORMED: u16 = 599;
/// How many pull requests may wait.
const MOST_WAITING: usize = 512;

/// A durable consumer.
#[derive(Debug)]
pub struct Consumer {
    /// The name of its stream.
    pub stream: &'static str,
    /// When it was made.
    pub created: Time,
    /// When it was written down, which is later.
    written: Time,
    /// Its name.
    pub name: &'static str,
    /// The subjects that it delivers.
    pub filters: Vec<String>,
    /// How long a lease lasts.
    pub ack_wait: Time,
    /// How often a message is delivered at most.
    pub max_deliver: u64,
    /// How many messages may be unacked.
    pub max_ack_pending: usize,
    /// Whether one reader at a time is served.
    pub ordered: bool,
    /// The last message that was delivered for the first time.
    pub delivered: u64,
    /// How many deliveries there were.
    pub deliveries: u64,
    /// A deliberate bug: readers are served whoever is pinned.
    pub is_pinless: bool,
    /// What is delivered and not acked.
    pub pending: BTreeMap<u64, Pending>,
    /// How often messages were delivered.
    pub counts: BTreeMap<u64, u64>,
    redeliver: VecDeque<u64>,
    waiting: VecDeque<Pull>,
    pin: Option<Pin>,
    pins: u64,
    /// What was delivered lately, and to whom.
    pub handed: Vec<(u64, usize)>,
    /// Until when which process may take a message for its own, whatever others say of it.
    pub leases: BTreeMap<(u64, usize), Time>,
}

/// A message that is delivered and not acked.
#[derive(Debug)]
pub struct Pending {
    /// When its lease began; later, if it was nakked with a delay.
    since: Time,
}

/// A pull request that waits.
#[derive(Debug)]
struct Pull {
    reply: String,
    process: usize,
    left: usize,
    expires: Time,
    heartbeat: Time,
    heard: Time,
    id: Option<String>,
}

#[derive(Debug)]
struct Pin {
    id: String,
    since: Time,
    asked: Time,
}

/// What an ack says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack {
    /// Done, or never to be delivered again.
    Done,
    /// To be delivered again after so long.
    Nak(Option<Time>),
    /// The lease is renewed.
    Progress,
}

/// A pull request as it is written.
#[derive(Debug, serde::Deserialize)]
pub struct PullRequest {
    #[serde(default)]
    batch: usize,
    #[serde(default)]
    expires: u64,
    #[serde(default)]
    idle_heartbeat: u64,
    #[serde(default)]
    group: String,
    id: Option<String>,
}

/// What a consumer sends, to a subject.
pub type Sent = (String, Message);

impl Consumer {
    /// A consumer that has delivered nothing.
    pub fn new(
        stream: &'static str,
        name: &'static str,
        filters: Vec<String>,
        ack_wait: Time,
        ordered: bool,
        created: Time,
    ) -> Self {
        Self {
            stream,
            created: created.saturating_sub(1),
            written: created,
            name,
            filters,
            ack_wait,
            max_deliver: 100,
            max_ack_pending: 1_000,
            ordered,
            is_pinless: false,
            delivered: 0,
            deliveries: 0,
            pending: BTreeMap::new(),
            counts: BTreeMap::new(),
            redeliver: VecDeque::new(),
            waiting: VecDeque::new(),
            pin: None,
            pins: 0,
            handed: Vec::new(),
            leases: BTreeMap::new(),
        }
    }

    /// The number of the last message up to which all is acked.
    pub fn floor(&self) -> u64 {
        self.pending.keys().next().map_or(self.delivered, |first| first - 1)
    }

    /// How many pull requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a pull request of a process waits.
    pub fn is_asked_by(&self, process: usize) -> bool {
        self.waiting.iter().any(|pull| pull.process == process)
    }

    /// The id of the reader that is pinned, and since when it is.
    pub fn pinned(&self) -> Option<(&str, Time)> {
        self.pin.as_ref().map(|pin| (pin.id.as_str(), pin.since))
    }

    fn pinned_id(&self) -> Option<&str> {
        Some(self.pinned()?.0)
    }

    /// Forgets what a server forgets that is restarted.
    ///
    /// Servers before 2.15 say afterwards that it was made when they wrote it down.
    pub fn restart(&mut self) {
        self.waiting.clear();
        self.pin = None;
        self.created = self.written;
    }

    /// Takes the pin from whoever has it.
    pub fn unpin(&mut self) {
        self.pin = None;
    }

    /// Takes in a pull request.
    pub fn pull(&mut self, request: &PullRequest, reply: String, process: usize, now: Time, sent: &mut Vec<Sent>) {
        let PullRequest { batch, expires, idle_heartbeat, group, id } = request;
        let (expires, heartbeat) = (expires / 1_000_000, idle_heartbeat.div_ceil(1_000_000));
        let refusal = match () {
            () if heartbeat * 2 > expires => Some((400, "Bad Request - heartbeat value too large")),
            () if self.ordered == group.is_empty() => Some((400, "Bad Request - Priority Group")),
            () if self.waiting.len() >= MOST_WAITING => Some((409, "Exceeded MaxWaiting")),
            () if !self.is_pinless && id.is_some() && id.as_deref() != self.pinned_id() => {
                Some((423, "Nats-Wrong-Pin-Id"))
            }
            () => None,
        };
        if let Some((code, description)) = refusal {
            sent.push(status(&reply, code, description, None));
            return;
        }
        if let (Some(_), Some(pin)) = (id, &mut self.pin) {
            pin.asked = now;
        }
        self.waiting.push_back(Pull {
            reply,
            process,
            left: (*batch).max(1),
            expires: now + expires,
            heartbeat,
            heard: now,
            id: id.clone(),
        });
    }

    /// Takes in an ack. Whoever sends it, it counts. (nats-server, server/consumer.go: `processAck`.)
    pub fn ack(&mut self, sequence: u64, delivery: u64, process: usize, ack: Ack, now: Time) {
        let lease = self.leases.get_mut(&(sequence, process)).filter(|until| **until > now);
        match (ack, lease) {
            (Ack::Progress, Some(until)) => *until = now + self.ack_wait,
            (Ack::Progress, None) => {}
            (_, Some(_)) => drop(self.leases.remove(&(sequence, process))),
            (_, None) => {}
        }
        match ack {
            Ack::Done => {
                self.pending.remove(&sequence);
                self.counts.remove(&sequence);
                self.redeliver.retain(|other| *other != sequence);
            }
            Ack::Nak(_) if delivery > self.deliveries => {}
            Ack::Nak(delay) => {
                let Some(pending) = self.pending.get_mut(&sequence) else { return };
                match delay {
                    Some(delay) => pending.since = (now + delay).saturating_sub(self.ack_wait),
                    None if !self.redeliver.contains(&sequence) => self.redeliver.push_back(sequence),
                    None => {}
                }
            }
            Ack::Progress => {
                if let Some(pending) = self.pending.get_mut(&sequence) {
                    pending.since = now;
                }
            }
        }
    }

    /// When there is something to do.
    pub fn due(&self) -> Option<Time> {
        let pulls = self.waiting.iter().map(|pull| match pull.heartbeat {
            0 => pull.expires,
            heartbeat => pull.expires.min(pull.heard + heartbeat),
        });
        let leases = self.pending.iter().filter(|(sequence, _)| !self.redeliver.contains(sequence));
        let leases = leases.map(|(_, pending)| pending.since + self.ack_wait);
        pulls.chain(leases).chain(self.pin.as_ref().map(|pin| pin.asked + PIN_TIMEOUT)).min()
    }

    /// Does what is due, and delivers what there is to deliver. Returns the messages that are no longer delivered, with how
    /// often they were.
    pub fn work(
        &mut self,
        stream: &Stream,
        now: Time,
        is_subscribed: impl Fn(&str) -> bool,
        sent: &mut Vec<Sent>,
    ) -> Vec<(u64, u64)> {
        if self.pin.as_ref().is_some_and(|pin| pin.asked + PIN_TIMEOUT <= now) {
            self.pin = None;
        }
        let expired = self.pending.iter().filter(|(_, pending)| pending.since + self.ack_wait <= now);
        let expired: Vec<u64> = expired.map(|(sequence, _)| *sequence).collect();
        for sequence in expired {
            if !self.redeliver.contains(&sequence) {
                self.redeliver.push_back(sequence);
            }
        }
        self.waiting.retain_mut(|pull| {
            let is_there = is_subscribed(&pull.reply);
            if pull.expires <= now {
                sent.push(status(&pull.reply, 408, "Request Timeout", Some(pull.left)));
                return false;
            }
            if is_there && pull.heartbeat > 0 && pull.heard + pull.heartbeat <= now {
                pull.heard = now;
                sent.push(status(&pull.reply, 100, "Idle Heartbeat", None));
            }
            is_there
        });
        let mut exceeded = Vec::new();
        while let Some(at) = self.next_pull(now, sent) {
            let Some((sequence, stored)) = self.next_message(stream, &mut exceeded) else { break };
            self.deliver(at, sequence, stored, now, stream.last, sent);
        }
        exceeded
    }

    /// Which pull request is served next.
    fn next_pull(&mut self, now: Time, sent: &mut Vec<Sent>) -> Option<usize> {
        if !self.ordered || self.is_pinless {
            return (!self.waiting.is_empty()).then_some(0);
        }
        let pinned = self.pinned_id().map(ToOwned::to_owned);
        self.waiting.retain(|pull| {
            let is_wrong = pull.id.is_some() && pull.id != pinned;
            if is_wrong {
                sent.push(status(&pull.reply, 423, "Nats-Wrong-Pin-Id", None));
            }
            !is_wrong
        });
        match pinned {
            Some(_) => self.waiting.iter().position(|pull| pull.id == pinned),
            None => {
                let first = self.waiting.front_mut()?;
                self.pins += 1;
                let id = format!("pin-{}-{}", self.created, self.pins);
                first.id = Some(id.clone());
                self.pin = Some(Pin { id, since: now, asked: now });
                Some(0)
            }
        }
    }

    fn next_message<'a>(&mut self, stream: &'a Stream, exceeded: &mut Vec<(u64, u64)>) -> Option<(u64, &'a Stored)> {
        while let Some(sequence) = self.redeliver.pop_front() {
            let Some(stored) = stream.messages.get(&sequence) else {
                self.pending.remove(&sequence);
                continue;
            };
            let count = self.counts.entry(sequence).or_insert(0);
            if *count >= self.max_deliver {
                exceeded.push((sequence, *count));
                self.pending.remove(&sequence);
                continue;
            }
            return Some((sequence, stored));
        }
        if self.pending.len() >= self.max_ack_pending {
            return None;
        }
        let is_wanted = |stored: &Stored| self.filters.iter().any(|filter| covers(filter, &stored.subject));
        let (sequence, stored) = stream.messages.range(self.delivered + 1..).find(|(_, stored)| is_wanted(stored))?;
        self.delivered = *sequence;
        Some((*sequence, stored))
    }

    fn deliver(&mut self, at: usize, sequence: u64, stored: &Stored, now: Time, last: u64, sent: &mut Vec<Sent>) {
        self.deliveries += 1;
        let count = self.counts.entry(sequence).or_insert(0);
        *count += 1;
        let pending = self.pending.entry(sequence).or_insert(Pending { since: now });
        pending.since = now;
        let (stored_at, behind) = (stored.nanoseconds(), last - self.delivered.min(last));
        let Self { stream, name, .. } = self;
        let ack = format!("$JS.ACK.{stream}.{name}.{count}.{sequence}.{}.{stored_at}.{behind}", self.deliveries);
        let pinned = self.pin.as_ref().map(|pin| pin.id.clone());
        let Some(pull) = self.waiting.get_mut(at) else { return };
        self.leases.insert((sequence, pull.process), now + self.ack_wait);
        self.handed.push((sequence, pull.process));
        pull.heard = now;
        pull.left -= 1;
        let mut headers = stored.headers.clone();
        if let Some(pin) = pinned {
            headers.get_or_insert_default().insert("Nats-Pin-Id", pin);
        }
        // A status that a stored message never has marks a block of headers that no client can read.
        let status = stored.block.as_ref().and_then(|_| StatusCode::from_u16(MALFORMED).ok());
        let message = Message {
            subject: stored.subject.as_str().into(),
            reply: Some(ack.into()),
            payload: stored.payload.clone(),
            headers,
            status,
            description: None,
            length: stored.payload.len(),
        };
        sent.push((pull.reply.clone(), message));
        if pull.left == 0 {
            self.waiting.remove(at);
        }
    }

    /// Ends all pull requests, as the consumer is deleted.
    pub fn end(&mut self, sent: &mut Vec<Sent>) {
        for pull in self.waiting.drain(..) {
            sent.push(status(&pull.reply, 409, "Consumer Deleted", None));
        }
    }
}

/// A status message to a reply subject.
pub fn status(reply: &str, code: u16, description: &str, left: Option<usize>) -> Sent {
    let headers = left.map(|left| {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Pending-Messages", left.to_string());
        headers.insert("Nats-Pending-Bytes", "0");
        headers
    });
    let message = Message {
        subject: reply.into(),
        reply: None,
        payload: Bytes::new(),
        headers,
        status: StatusCode::from_u16(code).ok(),
        description: Some(description.to_owned()),
        length: 0,
    };
    (reply.to_owned(), message)
}

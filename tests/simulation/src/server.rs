//! A model of nats-server with JetStream, as far as the bus uses it. It has no clock and sends nothing by itself.

pub mod acks;
mod api;
pub mod consumer;
pub mod sagas;
mod schedules;
pub mod stream;

use std::collections::BTreeMap;

use async_nats::message::OutboundMessage;
use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use serde_json::json;

use crate::clock::Time;
use acks::{ReceivedAck, read_ack};
use consumer::{Ack, Consumer, Sent, status};
use sagas::SAGAS;
use stream::{Publication, Stored, Stream, error};

/// The stream of the events.
pub const EVENTS: &str = "EVENTS";
/// The stream of the dead letters, and of the advisories.
pub const DEAD: &str = "DEAD";
/// The stream of the kept answers.
pub const REPLIES: &str = "KV_REPLIES_shop";
/// The stream of the histories of accounts.
pub const ACCOUNTS: &str = "ACCOUNTS";
/// The bucket of their snapshots.
pub const SNAPSHOTS: &str = "KV_ACCOUNT_SNAPSHOTS";
/// The command whose answer nobody keeps.
pub const PLACE: &str = "rules.command.order.place";
/// The durable consumer.
pub const SERVICE: &str = "shop";

/// The delivery of who acks an event without one, as its advisory was handled; perhaps that of an earlier consumer.
const UNKNOWN: u64 = 0;

/// A connection, as the server sees it.
#[derive(Debug)]
pub struct Connection {
    /// The process at its other end.
    pub process: usize,
    subscriptions: BTreeMap<u64, Subscription>,
    /// What the user may not publish to, by what the subjects begin with.
    pub denied: Vec<&'static str>,
}

#[derive(Debug)]
struct Subscription {
    subject: String,
    queue: Option<String>,
    received: u64,
    most: Option<u64>,
}

/// What a network that is at fault may do to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    Never,
    /// Keep it for a while, where the answers of the API come late.
    Answer,
    /// Lose it, or keep it for a while: only a kept answer tells a request that comes twice from two.
    NotTwice,
    /// That, or double it.
    Any,
}

/// What the server sends.
#[derive(Debug)]
pub enum Output {
    /// A message for a subscription of a connection.
    Message {
        /// The number of the connection.
        connection: u64,
        /// The number of the subscription there.
        subscription: u64,
        /// The message.
        message: Message,
        /// What may become of it.
        loss: Loss,
    },
    /// A violation of permissions.
    Denied {
        /// The number of the connection.
        connection: u64,
        /// The subject.
        subject: String,
    },
    /// An ack that has arrived and is not processed yet.
    Ack(ReceivedAck),
}

/// What a message that was stored came to.
#[derive(Debug, Clone)]
pub struct StoredNow {
    /// The stream.
    pub stream: &'static str,
    /// What became of it.
    pub publication: Publication,
    /// The message.
    pub stored: Stored,
    /// Where it was to be acked.
    pub reply: Option<String>,
}

/// A server.
#[derive(Debug)]
pub struct Server {
    /// Its streams.
    pub streams: BTreeMap<&'static str, Stream>,
    /// The consumer of the events, while there is one.
    pub consumer: Option<Consumer>,
    /// The consumers of the sagas.
    pub of_sagas: Vec<Consumer>,
    /// Leases that ended without any fault of the programs: the consumer was deleted, or an ack came late or twice. Those who had them
    /// cannot know, and what they say ends the leases of others.
    pub orphaned: BTreeMap<(u64, usize), Time>,
    /// Its connections.
    pub connections: BTreeMap<u64, Connection>,
    /// What it delivers no more of the stream of the events, and whether it could say so: the advisory is lost without that of the dead
    /// letters.
    pub given_up: BTreeMap<u64, bool>,
    /// To whom it delivered each event of the stream, one after the other.
    pub handed: BTreeMap<u64, Vec<usize>>,
    /// How often each program took a pin away.
    pub unpins: BTreeMap<usize, usize>,
    /// How often it was started again.
    pub starts: u64,
    /// While true, JetStream answers nothing.
    pub is_silent: bool,
    /// Whether the stream of the dead letters answers nothing.
    pub is_dead_silent: bool,
    /// What it sends.
    pub outputs: Vec<Output>,
    /// What was stored, to be looked at by the history.
    pub stored: Vec<StoredNow>,
    /// Batches that are not committed yet, by their ids.
    batches: BTreeMap<String, Vec<Stored>>,
    /// How many messages went to queues: each goes to the next of its queue.
    turns: usize,
}

impl Subscription {
    /// Whether a message to a subject comes here: of wildcards there is none but at the end.
    fn takes(&self, subject: &str) -> bool {
        match self.subject.strip_suffix('*') {
            Some(prefix) => subject.starts_with(prefix),
            None => self.subject == subject,
        }
    }
}

impl Connection {
    /// One without subscriptions.
    pub fn new(process: usize, denied: Vec<&'static str>) -> Self {
        Self { process, denied, subscriptions: BTreeMap::new() }
    }
}

impl Server {
    /// A server with its streams and consumers.
    pub fn new(consumer: Consumer, of_sagas: Vec<Consumer>) -> Self {
        let dead = Stream::new(DEAD, &["rules.dlq.", "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES."]);
        Self {
            streams: BTreeMap::from([
                (EVENTS, events()),
                (DEAD, dead),
                (REPLIES, replies()),
                (ACCOUNTS, Stream::new(ACCOUNTS, &["bank.domain.account."])),
                (SNAPSHOTS, Stream::of_keys(SNAPSHOTS, &["$KV.ACCOUNT_SNAPSHOTS."])),
                (SAGAS, Stream::new(SAGAS, &[sagas::SUBJECTS])),
            ]),
            batches: BTreeMap::new(),
            consumer: Some(consumer),
            of_sagas,
            orphaned: BTreeMap::new(),
            given_up: BTreeMap::new(),
            handed: BTreeMap::new(),
            unpins: BTreeMap::new(),
            connections: BTreeMap::new(),
            starts: 0,
            is_silent: false,
            is_dead_silent: false,
            outputs: Vec::new(),
            stored: Vec::new(),
            turns: 0,
        }
    }

    /// Ends a connection.
    pub fn disconnect(&mut self, connection: u64, now: Time) {
        self.connections.remove(&connection);
        self.work(now);
    }

    /// Subscribes a connection.
    pub fn subscribe(&mut self, connection: u64, subscription: u64, subject: String, queue: Option<String>) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            let new = Subscription { subject, queue, received: 0, most: None };
            connection.subscriptions.insert(subscription, new);
        }
    }

    /// Ends a subscription, at once or after so many messages.
    pub fn unsubscribe(&mut self, connection: u64, subscription: u64, most: Option<u64>) {
        let Some(connection) = self.connections.get_mut(&connection) else { return };
        let Some(found) = connection.subscriptions.get_mut(&subscription) else { return };
        found.most = most;
        if most.is_none_or(|most| most <= found.received) {
            connection.subscriptions.remove(&subscription);
        }
    }

    /// Takes in what a connection publishes.
    pub fn receive(&mut self, connection: u64, message: OutboundMessage, now: Time) {
        let Some(from) = self.connections.get(&connection) else { return };
        let OutboundMessage { subject, reply, payload, headers } = message;
        let (subject, reply) = (subject.to_string(), reply.map(|reply| reply.to_string()));
        if from.denied.iter().any(|denied| subject.starts_with(denied)) {
            return self.outputs.push(Output::Denied { connection, subject });
        }
        let process = from.process;
        if let Some(ack) = subject.strip_prefix("$JS.ACK.") {
            if let Some(ack) = read_ack(ack, &payload, process, reply).filter(|ack| self.has(&ack.consumer)) {
                self.outputs.push(Output::Ack(ack));
            }
        } else if let Some(call) = subject.strip_prefix("$JS.API.") {
            let Some(reply) = reply else { return };
            let loss = if call.starts_with("CONSUMER.MSG.NEXT.") { Loss::Never } else { Loss::Answer };
            if let Some(sent) = self.answer(call, &payload, reply, process, now) {
                self.send(sent, loss);
            }
        } else {
            let is_taken = self.route(&subject, reply.as_deref(), headers.as_ref(), &payload);
            if self.streams.values().any(|stream| stream.captures(&subject)) {
                self.publish(Stored { subject, headers, block: None, payload, at: now }, reply.as_deref());
            } else if let (Some(reply), false) = (reply, is_taken) {
                self.send(status(&reply, 503, "No Responders", None), Loss::Never);
            }
        }
        self.work(now);
    }

    /// Stores a message in the stream that captures it.
    pub fn publish(&mut self, stored: Stored, reply: Option<&str>) {
        if self.is_silent {
            return;
        }
        let Some(stored) = self.batched(stored, reply) else { return };
        let Some(stream) = self.streams.values_mut().find(|stream| stream.captures(&stored[0].subject)) else { return };
        if self.is_dead_silent && stream.name == DEAD {
            return;
        }
        let publication = stream.publish_all(&stored);
        let Some(stored) = stored.last().cloned() else { return };
        let answer = match &publication {
            Publication::Stored(number) => json!({ "stream": stream.name, "seq": number }),
            Publication::Duplicate(number) => json!({ "stream": stream.name, "seq": number, "duplicate": true }),
            Publication::Refused(code, reason) => {
                let mut refused = error(400, *code, reason);
                refused["stream"] = stream.name.into();
                refused["seq"] = 0.into();
                refused
            }
        };
        self.stored.push(StoredNow { stream: stream.name, publication, stored, reply: reply.map(ToOwned::to_owned) });
        if let Some(reply) = reply {
            self.send(plain(reply, answer.to_string().into()), Loss::Any);
        }
    }

    /// What is to be stored now: a message that is of no batch, or all of one that is committed. What is not the last of its batch waits for
    /// that, and is acked by an empty message. (NATS ADR-50.)
    fn batched(&mut self, stored: Stored, reply: Option<&str>) -> Option<Vec<Stored>> {
        let Some(id) = stored.header("Nats-Batch-Id").map(ToOwned::to_owned) else { return Some(vec![stored]) };
        let is_committed = stored.header("Nats-Batch-Commit").is_some();
        let number: usize = stored.header("Nats-Batch-Sequence").and_then(|number| number.parse().ok()).unwrap_or(0);
        let batch = self.batches.entry(id.clone()).or_default();
        if number == batch.len() + 1 {
            batch.push(stored);
            if !is_committed {
                if let Some(reply) = reply {
                    self.send(plain(reply, Bytes::new()), Loss::Any);
                }
                return None;
            }
            return self.batches.remove(&id);
        }
        self.batches.remove(&id);
        if let Some(reply) = reply.filter(|_| is_committed) {
            let refused = error(400, 10176, "atomic publish batch is incomplete");
            self.send(plain(reply, refused.to_string().into()), Loss::Any);
        }
        None
    }

    /// Processes an ack.
    pub fn process(&mut self, received: ReceivedAck, now: Time) {
        let ReceivedAck { consumer: name, sequence, delivery, process, ack, reply, is_late } = received;
        if self.is_silent {
            return;
        }
        if let Some(consumer) = self.of_sagas.iter_mut().find(|consumer| consumer.name == name) {
            consumer.ack(sequence, delivery, process, ack, now);
            return self.processed(reply, now);
        }
        let Some(consumer) = self.consumer.as_mut() else { return };
        if ack == Ack::Progress {
            if let Some(until) = self.orphaned.get_mut(&(sequence, process)).filter(|until| **until > now) {
                *until = now + consumer.ack_wait;
            }
        } else if is_late || delivery == UNKNOWN || self.orphaned.contains_key(&(sequence, process)) {
            let of_it = consumer.leases.range((sequence, 0)..=(sequence, usize::MAX));
            self.orphaned.extend(of_it.map(|(holder, until)| (*holder, *until)));
            consumer.leases.retain(|(other, _), _| *other != sequence);
        }
        consumer.ack(sequence, delivery, process, ack, now);
        self.processed(reply, now);
    }

    /// Says that an ack was processed, to whoever wants to know.
    fn processed(&mut self, reply: Option<String>, now: Time) {
        if let Some(reply) = reply {
            self.send(plain(&reply, Bytes::new()), Loss::Any);
        }
        self.work(now);
    }

    /// Whether it has a consumer of that name: where there is none, nobody has subscribed to its acks.
    fn has(&self, name: &str) -> bool {
        self.consumer.iter().chain(&self.of_sagas).any(|consumer| consumer.name == name)
    }

    /// When there is something to do.
    pub fn due(&self) -> Option<Time> {
        let consumers = self.consumer.iter().chain(&self.of_sagas).filter_map(Consumer::due);
        consumers.chain(self.streams.values().filter_map(Stream::next_schedule)).min()
    }

    /// Forgets what a server forgets that is restarted.
    pub fn restart(&mut self) {
        self.starts += 1;
        self.consumer.iter_mut().chain(&mut self.of_sagas).for_each(Consumer::restart);
    }

    /// Does what is due, and delivers what there is to deliver.
    pub fn work(&mut self, now: Time) {
        if self.is_silent {
            return;
        }
        self.work_for_sagas(now);
        let Some(consumer) = &mut self.consumer else { return };
        let Some(stream) = self.streams.get(consumer.stream) else { return };
        let mut sent = Vec::new();
        let connections = &self.connections;
        let exceeded = consumer.work(stream, now, |subject| is_subscribed(connections, subject), &mut sent);
        let (stream, name) = (consumer.stream, consumer.name);
        for (sequence, process) in consumer.handed.drain(..) {
            self.handed.entry(sequence).or_default().push(process);
        }
        let is_told = !self.is_dead_silent;
        self.given_up.extend(exceeded.iter().map(|(sequence, _)| (*sequence, is_told)));
        sent.into_iter().for_each(|sent| self.send(sent, Loss::Never));
        for (sequence, deliveries) in exceeded {
            let advisory = json!({ "stream_seq": sequence, "deliveries": deliveries });
            let subject = format!("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{stream}.{name}");
            let payload = advisory.to_string().into();
            self.publish(Stored { subject, headers: None, block: None, payload, at: now }, None);
        }
    }

    /// Lets time-outs happen that are due, and delivers what there is to deliver.
    fn work_for_sagas(&mut self, now: Time) {
        let Some(stream) = self.streams.get_mut(SAGAS) else { return };
        stream.fire(now);
        let (connections, mut sent) = (&self.connections, Vec::new());
        for consumer in &mut self.of_sagas {
            // Without a limit of deliveries nothing is given up.
            consumer.work(stream, now, |subject| is_subscribed(connections, subject), &mut sent);
            consumer.handed.clear();
        }
        sent.into_iter().for_each(|sent| self.send(sent, Loss::Never));
    }

    /// Deletes the stream of the events and its consumer.
    pub fn delete_events(&mut self) {
        self.streams.remove(EVENTS);
        self.given_up.clear();
        self.handed.clear();
        self.delete_consumer();
    }

    /// Deletes the consumer.
    pub fn delete_consumer(&mut self) {
        let mut sent = Vec::new();
        if let Some(mut consumer) = self.consumer.take() {
            consumer.end(&mut sent);
            self.orphaned.append(&mut consumer.leases);
        }
        sent.into_iter().for_each(|sent| self.send(sent, Loss::Never));
    }

    /// Makes the stream of the events anew, if it is gone, and the consumer.
    pub fn recreate(&mut self, consumer: Consumer) {
        self.streams.entry(EVENTS).or_insert_with(events);
        self.consumer.get_or_insert(consumer);
    }

    /// Gives a message to all who subscribed to its subject, and of each queue to one. Returns whether there was anybody.
    fn route(&mut self, subject: &str, reply: Option<&str>, headers: Option<&HeaderMap>, payload: &Bytes) -> bool {
        let (mut chosen, mut queues) = (Vec::new(), BTreeMap::<&str, Vec<(u64, u64)>>::new());
        for (&connection, found) in &self.connections {
            for (&number, subscription) in found.subscriptions.iter().filter(|(_, it)| it.takes(subject)) {
                match &subscription.queue {
                    None => chosen.push((connection, number)),
                    Some(queue) => queues.entry(queue).or_default().push((connection, number)),
                }
            }
        }
        self.turns += usize::from(!queues.is_empty());
        chosen.extend(queues.values().filter_map(|members| members.get(self.turns % members.len()).copied()));
        let loss = if subject == PLACE { Loss::NotTwice } else { Loss::Any };
        for &(connection, subscription) in &chosen {
            let message = Message {
                subject: subject.into(),
                reply: reply.map(Into::into),
                payload: payload.clone(),
                headers: headers.cloned(),
                status: None,
                description: None,
                length: payload.len(),
            };
            self.hand_out(connection, subscription, message, loss);
        }
        !chosen.is_empty()
    }

    /// Sends a message for a subscription, which may end with it.
    fn hand_out(&mut self, connection: u64, subscription: u64, message: Message, loss: Loss) {
        let Some(subscriptions) = self.connections.get_mut(&connection).map(|it| &mut it.subscriptions) else { return };
        let Some(found) = subscriptions.get_mut(&subscription) else { return };
        found.received += 1;
        if found.most.is_some_and(|most| most <= found.received) {
            subscriptions.remove(&subscription);
        }
        self.outputs.push(Output::Message { connection, subscription, message, loss });
    }

    /// Sends a message to those who subscribed to its subject.
    fn send(&mut self, (to, message): Sent, loss: Loss) {
        for (&connection, Connection { subscriptions, .. }) in &mut self.connections {
            let mut ended = None;
            for (&subscription, found) in subscriptions.iter_mut().filter(|(_, it)| it.takes(&to)) {
                found.received += 1;
                if found.most.is_some_and(|most| most <= found.received) {
                    ended = Some(subscription);
                }
                // What a consumer sends has the subject of the event; all else that of the reply.
                let message = message.clone();
                self.outputs.push(Output::Message { connection, subscription, message, loss });
            }
            if let Some(ended) = ended {
                subscriptions.remove(&ended);
            }
        }
    }
}

fn events() -> Stream {
    Stream::new(EVENTS, &["rules.domain."])
}

fn replies() -> Stream {
    Stream::of_keys(REPLIES, &["$KV.REPLIES_shop."])
}

fn is_subscribed(connections: &BTreeMap<u64, Connection>, subject: &str) -> bool {
    let mut all = connections.values().flat_map(|connection| connection.subscriptions.values());
    all.any(|subscription| subscription.takes(subject))
}

/// A message without headers.
fn plain(subject: &str, payload: Bytes) -> Sent {
    let length = payload.len();
    let (reply, headers, status, description) = (None, None::<HeaderMap>, None, None);
    (subject.to_owned(), Message { subject: subject.into(), reply, payload, headers, status, description, length })
}

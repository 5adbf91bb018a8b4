//! Fast batches: many messages of which the server acks every so many, and then those before it as well.
//!
//! A message of a batch is a message like any other, but for its reply subject, where the server reads to which batch it
//! belongs and at which place: `INBOX.FLOW.GAP.PLACE.OPERATION.$FI`. (NATS ADR-50, from nats-server 2.14 on.) Two things of
//! the protocol are not used, the marker that ends a batch and the ping: both are messages without content, and a server of an
//! older version that became the leader meanwhile would store them. So the last message ends the batch, and a server that
//! is silent for `ack_timeout` ends it for us.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Error as ServerError;
use async_nats::{StatusCode, Subject};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::client::JetStream;
use super::convert::WritableHeaders;
use super::denials::{DenialLog, Denials};
use super::link::Link;
use super::outbox::{Outbound, Parcel};
use super::send::{bad_header, check_limits, is_of_another, other_domain, subject_of};
use super::wire::Subscriber;
use crate::cause::Cause;
use crate::environment::watch;
use crate::transport::{BulkAck, BulkBatch, BulkEnd, DeniedAction, Message};

/// How many acks may be outstanding: while one is on its way, the messages of the next are.
const OUTSTANDING: u64 = 4;
/// How many messages are handed to the thread of the connection together, and how long the first of them waits at most for
/// the others while they come.
const TOGETHER: usize = 32;
const DELAY: Duration = Duration::from_millis(2);
/// The server reads a longer interval between acks as one of 1.
const LONGEST_INTERVAL: u64 = u16::MAX as u64;
/// The server's code for a stream that takes no fast batches.
const BULK_DISABLED: u64 = 10205;

/// What a message is to its batch.
#[derive(Clone, Copy)]
enum Operation {
    Start = 0,
    Append = 1,
    Commit = 2,
}

/// What the server says of a batch.
#[derive(Debug, Deserialize)]
struct Report {
    /// `ack`, `gap` or `err`; the end of a batch has none.
    #[serde(default, rename = "type")]
    kind: String,
    /// Of an ack: the place of the last message that is stored. Of the end: the number of the last one in the stream.
    #[serde(default)]
    seq: u64,
    /// Of an ack: after how many messages the next one comes.
    #[serde(default)]
    msgs: u64,
    #[serde(default)]
    error: Option<ServerError>,
    #[serde(default)]
    stream: String,
    /// Of the end: the batch.
    #[serde(default)]
    batch: String,
    /// Of the end: the place of the last message that is stored.
    #[serde(default)]
    count: u64,
    /// Of the end: the domain of the stream.
    #[serde(default)]
    domain: String,
    /// Of the end of a batch of one message: whether the stream held it already.
    #[serde(default)]
    duplicate: bool,
}

/// A batch under way.
pub(super) struct FastBatch {
    jetstream: Arc<JetStream>,
    /// Its id: the last token of its inbox.
    id: String,
    /// The reply subject up to the place.
    reply: String,
    reports: Subscriber,
    link: watch::Receiver<Link>,
    /// How often the connection had been lost when the batch began, and how much been denied.
    losses: u64,
    denials: u64,
    /// The server's limit in bytes.
    max_payload: usize,
    /// The most messages that may be unacknowledged.
    max_window: u64,
    /// After how many messages the server acks at present.
    interval: u64,
    /// How many messages were taken, those included that are yet to be handed over.
    sent: u64,
    outgoing: Vec<Outbound>,
    /// When the first of them was taken.
    taken: Instant,
    is_committed: bool,
    stored: u64,
    /// What the server said of a message that it did not store; the end follows.
    complaint: Option<Cause>,
    ack: Option<BulkAck>,
    /// The subject of the last message, and the place since which all have it.
    last_subject: Subject,
    same_subject_since: u64,
}

impl fmt::Debug for FastBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, sent, stored, .. } = self;
        f.debug_struct("FastBatch").field("id", id).field("sent", sent).field("stored", stored).finish_non_exhaustive()
    }
}

impl FastBatch {
    pub(super) async fn begin(jetstream: &Arc<JetStream>, max_in_flight: usize) -> Result<Self, BulkEnd> {
        if !jetstream.supports(2, 14) {
            let version = jetstream.version();
            return Err(BulkEnd::unsupported(format!("nats-server {version} is older than 2.14")));
        }
        let link = jetstream.link.clone();
        let losses = link.borrow().losses;
        let denials = jetstream.denials.0.borrow().count();
        let inbox = jetstream.client.new_inbox();
        let reports = jetstream.client.subscribe(format!("{inbox}.>")).await.map_err(|error| BulkEnd {
            reason: Cause::of(error),
            uncertain: 0,
            is_supported: true,
        })?;
        let max_window = max_in_flight.max(1) as u64;
        let interval = (max_window / OUTSTANDING).clamp(1, LONGEST_INTERVAL);
        Ok(Self {
            jetstream: Arc::clone(jetstream),
            id: inbox.rsplit('.').next().unwrap_or_default().to_owned(),
            reply: format!("{inbox}.{interval}.fail."),
            reports,
            link,
            losses,
            denials,
            max_payload: jetstream.client.server_info().max_payload,
            max_window,
            interval,
            sent: 0,
            outgoing: Vec::new(),
            taken: Instant::now(),
            is_committed: false,
            stored: 0,
            complaint: None,
            ack: None,
            last_subject: Subject::from_static(""),
            same_subject_since: 0,
        })
    }

    async fn send_next(&mut self, message: &Message, is_last: bool) -> Result<(), BulkEnd> {
        while let Some(report) = self.reports.next().now_or_never() {
            self.handle(report)?;
        }
        while self.sent - self.stored >= self.max_window.min(self.interval * OUTSTANDING) {
            self.wait().await?;
        }
        let operation = match self.sent {
            _ if is_last => Operation::Commit,
            0 => Operation::Start,
            _ => Operation::Append,
        };
        self.take(message, operation).await?;
        let is_due = || self.outgoing.len() >= TOGETHER || self.taken.elapsed() >= DELAY;
        if !matches!(operation, Operation::Append) || is_due() {
            self.hand_over();
        }
        if let Operation::Start = operation {
            // The answer tells whether there are batches at all, and how often acks come.
            self.wait().await?;
        }
        Ok(())
    }

    async fn take(&mut self, message: &Message, operation: Operation) -> Result<(), BulkEnd> {
        let headers = WritableHeaders::of(&message.headers).ok_or_else(|| self.end(Cause::of(bad_header())))?;
        if self.sent == 0 {
            let connected = self.jetstream.connected(Instant::now() + self.jetstream.config.ack_timeout).await;
            connected.map_err(|failure| self.end(Cause::of(failure)))?;
        }
        self.check_link()?;
        let subject = subject_of(message);
        let mut reply = String::with_capacity(self.reply.len() + 20);
        reply.push_str(&self.reply);
        // Writing into a text cannot fail.
        let _ = write!(reply, "{}.{}.$FI", self.sent + 1, operation as u8);
        let payload = Bytes::clone(&message.payload);
        check_limits(message, &message.headers, self.max_payload).map_err(|failure| self.end(Cause::of(failure)))?;
        if self.outgoing.is_empty() {
            self.taken = Instant::now();
        }
        self.outgoing.push(Outbound { subject: subject.clone(), reply, headers, payload });
        self.sent += 1;
        self.is_committed = matches!(operation, Operation::Commit);
        if self.last_subject != subject {
            self.last_subject = subject;
            self.same_subject_since = self.sent;
        }
        Ok(())
    }

    fn hand_over(&mut self) {
        let deadline = Instant::now() + self.jetstream.config.ack_timeout;
        let messages = std::mem::replace(&mut self.outgoing, Vec::with_capacity(TOGETHER));
        self.jetstream.outbox.send(Parcel { losses: self.losses, deadline, messages });
    }

    /// Waits for the next report.
    async fn wait(&mut self) -> Result<(), BulkEnd> {
        if !self.outgoing.is_empty() {
            self.hand_over();
        }
        let deadline = Instant::now() + self.jetstream.config.ack_timeout;
        let Denials(mut denials) = self.jetstream.denials.clone();
        loop {
            if let Some(report) = self.reports.next().now_or_never() {
                return self.handle(report);
            }
            self.check_link()?;
            self.check_denials(&denials.borrow_and_update())?;
            tokio::select! {
                report = timeout_at(deadline, self.reports.next()) => match report {
                    Ok(report) => return self.handle(report),
                    Err(_) => {
                        return Err(self.end(format!("no acknowledgement within {:?}", self.jetstream.config.ack_timeout)));
                    }
                },
                // The senders of both live as long as the client.
                _ = denials.changed() => {}
                _ = self.link.changed() => {}
            }
        }
    }

    fn handle(&mut self, message: Option<async_nats::Message>) -> Result<(), BulkEnd> {
        let Some(message) = message else { return Err(self.end("the bus was shut down")) };
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(self.end_before(&message.subject, "nobody listens there"));
        }
        let Ok(report) = serde_json::from_slice::<Report>(&message.payload) else {
            return Err(self.end("the answer is not that of a stream"));
        };
        let is_refused = report.error.is_some();
        let wanted = self.jetstream.config.domain.as_deref();
        if !is_refused && is_of_another(&report.stream, &report.domain, wanted) {
            return Err(self.end(other_domain(&report.stream, &report.domain, wanted)));
        }
        match (&*report.kind, report.error) {
            ("ack", None) => {
                self.stored = report.seq.clamp(self.stored, self.sent);
                self.interval = report.msgs.clamp(1, LONGEST_INTERVAL);
            }
            ("err", Some(error)) => self.complaint = Some(Cause::of(error)),
            ("gap", None) => drop(self.complaint.get_or_insert_with(|| "a message of the batch was lost".into())),
            ("", None) if report.batch == self.id => {
                self.stored = report.count.clamp(self.stored, self.sent);
                if !self.is_committed || self.stored < self.sent {
                    let reason = self.complaint.take().unwrap_or_else(|| "the stream ended the batch".into());
                    return Err(BulkEnd { reason, uncertain: 0, is_supported: true });
                }
                let sequence = Some(report.seq).filter(|sequence| *sequence > 0 && !report.duplicate);
                self.ack = Some(BulkAck { stream: report.stream, sequence });
            }
            ("", Some(error)) => {
                let is_supported = error.error_code().0 != BULK_DISABLED;
                let reason = self.complaint.take().unwrap_or_else(|| Cause::of(error));
                return Err(BulkEnd { is_supported, ..self.end_before(&message.subject, reason) });
            }
            // Of the batch it knows nothing, but the message may be stored.
            ("", None) if !report.stream.is_empty() => {
                let end = self.end("the server of the stream is older than 2.14");
                return Err(BulkEnd { is_supported: false, ..end });
            }
            _ => {
                return Err(self.end(if is_refused {
                    "the batch was refused"
                } else {
                    "the answer is not that of a stream"
                }));
            }
        }
        Ok(())
    }

    fn check_link(&mut self) -> Result<(), BulkEnd> {
        let link = *self.link.borrow_and_update();
        match link {
            Link { closed: true, .. } => Err(self.end("the bus was shut down")),
            Link { losses, .. } if losses != self.losses => Err(self.end("the connection was lost meanwhile")),
            _ => Ok(()),
        }
    }

    /// Nobody answers a message that was denied. Others follow in most cases, and the stream misses it. So what
    /// matters is the last one, and whether answers come at all.
    fn check_denials(&self, log: &DenialLog) -> Result<(), BulkEnd> {
        let denied = log.after(self.denials).chain(log.inbox());
        for denied in denied {
            let uncertain = match denied.action {
                // It may be another's subscription that was one too many.
                DeniedAction::Subscribe | DeniedAction::SubscribeMore => self.sent - self.stored,
                _ if *denied.subject == *self.last_subject => {
                    self.same_subject_since.saturating_sub(1).saturating_sub(self.stored)
                }
                _ => continue,
            };
            return Err(BulkEnd { reason: Cause::of(denied.clone()), uncertain, is_supported: true });
        }
        Ok(())
    }

    /// That the batch is over, and nothing is known of what is on its way.
    fn end(&self, reason: impl Into<Cause>) -> BulkEnd {
        BulkEnd { reason: reason.into(), uncertain: self.sent - self.stored, is_supported: true }
    }

    /// That the batch is over, as a message was not stored, and so nothing behind it was: the one that this is the reply
    /// subject of.
    fn end_before(&self, reply: &str, reason: impl Into<Cause>) -> BulkEnd {
        let place = place(reply).unwrap_or(u64::MAX);
        let uncertain = place.saturating_sub(1).min(self.sent).saturating_sub(self.stored);
        BulkEnd { reason: reason.into(), uncertain, is_supported: true }
    }

    async fn wait_for_ack(&mut self) -> Result<BulkAck, BulkEnd> {
        loop {
            if let Some(ack) = self.ack.take() {
                return Ok(ack);
            }
            self.wait().await?;
        }
    }
}

impl BulkBatch for FastBatch {
    fn send<'a>(&'a mut self, message: &'a Message, is_last: bool) -> BoxFuture<'a, Result<(), BulkEnd>> {
        self.send_next(message, is_last).boxed()
    }

    fn stored(&self) -> u64 {
        self.stored
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<BulkAck, BulkEnd>> {
        self.wait_for_ack().boxed()
    }
}

/// The place of the message that an answer is to, `INBOX.FLOW.GAP.PLACE.OPERATION.$FI`.
fn place(reply: &str) -> Option<u64> {
    reply.rsplit('.').nth(2)?.parse().ok()
}

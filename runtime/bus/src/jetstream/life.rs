//! Whether a durable consumer is still the one that was read from at first.
//!
//! One that is deleted and made anew has the same name, and its messages may have the same numbers. An ack says nothing else, so
//! what is said of a message of the first would end one of the second. As long as the consumer was asked for messages over one
//! connection, the server tells when it is deleted. After a loss it must be asked when the consumer was made, and until then
//! acks wait.
//!
//! Servers before 2.15 say another time after they were started again, or another of their cluster does: that at which they wrote the
//! consumer down, or at which it was changed last. So a consumer that another server says was made before it was heard last is the same.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Subject;
use bytes::Bytes;
use futures_util::FutureExt;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::client::{ASK_AGAIN, Answer, JetStream, PAUSE};
use super::link::Link;
use super::pull_limits::RequestLimits;
use crate::cause::Cause;
use crate::transport::{Gone, Unavailable};

/// After how long to ask again for a consumer that is not there.
const SURE_AFTER: Duration = Duration::from_secs(1);

/// A durable consumer that is read from, as long as it is the same.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) jetstream: Arc<JetStream>,
    pub(super) stream: String,
    pub(super) durable: String,
    /// Whether events of one key are handled one after the other.
    pub(super) is_ordered: bool,
    is_over: AtomicBool,
    /// Wakes the one who reads when it is over.
    over: Notify,
    /// Wakes the one who finds out whether it is gone.
    missed: Notify,
    /// How often the connection had been lost when it was certain last that it is the same.
    losses: AtomicU64,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// When it was made, once the server has told.
    created: Option<Timestamp>,
    /// Who told.
    server: Teller,
    /// When a server said last what time it has, and when that came.
    told: Option<(Timestamp, Instant)>,
    /// When the consumer was heard last.
    heard: Option<Instant>,
    /// What it delivers, as it was told last; nothing for all.
    filters: Vec<String>,
    /// Acks that wait until that is certain again.
    kept: Vec<KeptAck>,
    /// What the server says since it is gone.
    gone: Option<Cause>,
}

/// Who tells about a consumer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Teller {
    /// The id of the server that we are connected to, which it makes anew at each start.
    connected: String,
    /// The name of the one in its cluster that has the consumer.
    leader: String,
}

/// An ack that waits.
#[derive(Debug)]
struct KeptAck {
    reply: Subject,
    payload: Bytes,
    /// When somebody else may have the message about whom it must not be said.
    until: Option<Instant>,
}

/// What the server answers about a consumer, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    created: Option<Timestamp>,
    delivered: Sequences,
    ack_floor: Sequences,
    pub(super) num_ack_pending: usize,
    #[serde(default)]
    pub(super) config: InfoConfig,
    /// When the server wrote this.
    ts: Option<Timestamp>,
    #[serde(default)]
    priority_groups: Vec<Group>,
    #[serde(default)]
    cluster: Cluster,
}

impl Info {
    /// Whether the server has the reader pinned that it gave this id.
    pub(super) fn has_pinned(&self, id: &str) -> bool {
        self.priority_groups.iter().any(|group| group.pinned_client_id.as_deref() == Some(id))
    }
}

/// How many acks are kept at most until it is certain that the consumer is the same. The events of others are redelivered.
const MOST_KEPT: usize = 65_536;

/// The settings of a consumer that may change while it is read from.
#[derive(Debug, Default, Deserialize)]
pub(super) struct InfoConfig {
    #[serde(flatten)]
    pub(super) limits: RequestLimits,
    #[serde(default)]
    filter_subject: String,
    #[serde(default)]
    filter_subjects: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Cluster {
    #[serde(default)]
    leader: String,
}

#[derive(Debug, Deserialize)]
struct Sequences {
    consumer_seq: u64,
    stream_seq: u64,
}

#[derive(Debug, Deserialize)]
struct Group {
    pinned_ts: Option<Timestamp>,
    pinned_client_id: Option<String>,
}

/// How far a consumer has come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Position {
    /// The number of the last message up to which all is acked.
    pub(super) floor: u64,
    /// The number of the last message that was delivered.
    pub(super) delivered: u64,
    /// How many deliveries there were.
    pub(super) deliveries: u64,
    pub(super) pending: usize,
    /// For how long the server has served the reader that it has pinned, if it has one.
    pub(super) pinned_for: Option<Duration>,
}

impl Life {
    pub(super) fn new(jetstream: Arc<JetStream>, stream: &str, durable: &str, is_ordered: bool) -> Self {
        let losses = AtomicU64::new(jetstream.link.borrow().losses);
        let (stream, durable) = (stream.to_owned(), durable.to_owned());
        let (is_over, known) = (AtomicBool::new(false), Mutex::default());
        let (over, missed) = (Notify::new(), Notify::new());
        Self { jetstream, stream, durable, is_ordered, is_over, over, missed, losses, known }
    }

    /// Whether it is certain that the consumer is no more: nothing of it is acked any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.known().kept.clear();
        self.over.notify_one();
    }

    /// Waits until it is known that the consumer is gone. For one who waits.
    pub(super) async fn ended(&self) {
        self.over.notified().await;
    }

    /// Whether it is certain that the consumer is the same, and that it can be told something.
    pub(super) fn is_certain(&self) -> bool {
        let Link { connected, losses, .. } = *self.jetstream.link.borrow();
        !self.is_over() && connected && losses == self.losses.load(Ordering::Relaxed)
    }

    /// Sends an ack as soon as it is certain that the consumer is the same, but not after `until`.
    pub(super) async fn send(&self, reply: Subject, payload: Bytes, until: Option<Instant>) -> Result<(), Unavailable> {
        if !self.is_certain() {
            let mut known = self.known();
            // Under the lock, as what waits may have been sent a moment ago.
            if !self.is_certain() {
                if !self.is_over() && known.kept.len() < MOST_KEPT {
                    known.kept.push(KeptAck { reply, payload, until });
                }
                return Ok(());
            }
        }
        self.publish(reply, payload).await
    }

    /// Asks anew whenever the connection was lost, and when the consumer may be gone.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut link = self.jetstream.link.clone();
        while !self.is_over() {
            tokio::select! {
                biased;
                changed = link.changed() => match changed {
                    Ok(()) => self.ascertain().await,
                    Err(_) => return,
                },
                () = self.missed.notified() => self.ask_once_more().await,
            }
        }
    }

    /// Asks until it is certain whether the consumer is the same, or the connection is lost.
    async fn ascertain(&self) {
        while self.jetstream.link.borrow().connected && !self.is_over() && !self.is_certain() {
            match timeout(ASK_AGAIN, self.info()).await {
                Ok(Ok(Err(error))) if error.code() == 404 => self.ask_once_more().await,
                Ok(Ok(Ok(_))) => {}
                _ => sleep(PAUSE).await,
            }
        }
    }

    /// Asks about the consumer, and sees whether it is the same.
    pub(super) async fn info(&self) -> Result<Answer<Info>, Unavailable> {
        let asked_after = self.jetstream.link.borrow().losses;
        let answer = self.jetstream.ask(format!("CONSUMER.INFO.{}.{}", self.stream, self.durable), &json!({})).await;
        if let Ok(Ok(Info { created, ts, cluster, config, .. })) = &answer {
            let connected = self.jetstream.client.server_info().server_id;
            let server = Teller { connected, leader: cluster.leader.clone() };
            self.known().filters = config.filters();
            self.note(*created, server, *ts, asked_after).await;
        }
        answer
    }

    /// Ends this if the server says once more, a while after the first time, that it has no such consumer. One that was started a moment
    /// ago may not know yet what its cluster has.
    async fn ask_once_more(&self) {
        sleep(SURE_AFTER).await;
        if let Ok(Ok(Err(error))) = timeout(ASK_AGAIN, self.info()).await
            && error.code() == 404
        {
            self.known().gone = Some(Cause::of(error));
            self.end();
        }
    }

    /// Fails if the consumer is gone. Without an answer it is taken to be there; and if there seems to be none, until that is
    /// [certain](Self::ended).
    pub(super) async fn find(&self) -> Result<(), Gone> {
        match timeout(ASK_AGAIN, self.info()).await {
            Ok(Ok(Err(error))) if error.code() == 404 => self.missed.notify_one(),
            answer => {
                tracing::debug!(stream = self.stream, consumer = self.durable, ?answer, "it is taken to be there");
            }
        }
        self.check()
    }

    /// Fails if it is known that the consumer is gone.
    pub(super) fn check(&self) -> Result<(), Gone> {
        if !self.is_over() {
            return Ok(());
        }
        let gone = self.known().gone.clone();
        Err(Gone::Deleted(
            gone.unwrap_or_else(|| "it was deleted and made anew, or another stands in its place".into()),
        ))
    }

    pub(super) async fn position(&self) -> Result<Position, Unavailable> {
        let info = self.info().await?.map_err(|error| Unavailable(Cause::of(error)))?;
        let pinned_at = info.priority_groups.iter().find_map(|group| group.pinned_ts);
        let pinned_for = info.ts.zip(pinned_at).map(|(now, then)| now.duration_since(then));
        Ok(Position {
            floor: info.ack_floor.stream_seq,
            delivered: info.delivered.stream_seq,
            deliveries: info.delivered.consumer_seq,
            pending: info.num_ack_pending,
            pinned_for: pinned_for.and_then(|span| span.try_into().ok()),
        })
    }

    /// What the consumer delivers, as far as the server has told; nothing for all. An operator may change it at any time.
    pub(super) fn filters(&self) -> Vec<String> {
        self.known().filters.clone()
    }

    /// The consumer answered what was asked at that time. Over a new connection another may answer in its place, until it is certain
    /// that there is none.
    pub(super) fn heard(&self, asked: Instant) {
        let mut known = self.known();
        if self.is_certain() {
            known.heard = Some(asked);
        }
    }

    /// The consumer was asked after so many losses, and was made then, as a server says that has this time now.
    async fn note(&self, created: Option<Timestamp>, server: Teller, now: Option<Timestamp>, losses: u64) {
        let kept = {
            let mut known = self.known();
            if !known.is_same(created, &server) {
                drop(known);
                tracing::error!(
                    stream = self.stream,
                    consumer = self.durable,
                    "the consumer was deleted and made anew"
                );
                return self.end();
            }
            known.created = created;
            known.server = server;
            known.told = now.map(|now| (now, Instant::now()));
            self.losses.fetch_max(losses, Ordering::Relaxed);
            match self.is_certain() {
                true => std::mem::take(&mut known.kept),
                false => Vec::new(),
            }
        };
        for KeptAck { reply, payload, until } in kept {
            if until.is_some_and(|until| until <= Instant::now()) {
                continue;
            }
            if let Err(error) = self.send(reply, payload, until).await {
                tracing::warn!(%error, "an ack is not sent; the event is redelivered after ack_wait");
            }
        }
    }

    async fn publish(&self, reply: Subject, payload: Bytes) -> Result<(), Unavailable> {
        let publish = || self.jetstream.client.publish(reply.clone(), payload.clone());
        // As long as the client's queue has room, no timer is needed, and none of this has to be kept. While there is no
        // connection nobody empties the queue; once it is full, this would wait for ever.
        let at_once = publish().now_or_never();
        let sent = match at_once {
            Some(sent) => Ok(sent),
            None => Box::pin(timeout(ASK_AGAIN, publish())).await,
        };
        match sent {
            Ok(sent) => sent.map_err(|error| Unavailable(Cause::of(error))),
            Err(_) => Err(Unavailable(format!("not sent within {ASK_AGAIN:?}").into())),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InfoConfig {
    fn filters(&self) -> Vec<String> {
        let single = Some(&self.filter_subject).filter(|filter| !filter.is_empty());
        single.into_iter().chain(&self.filter_subjects).cloned().collect()
    }
}

impl Known {
    /// Whether a consumer that was made then, as this server says, is the one that is known.
    fn is_same(&self, created: Option<Timestamp>, server: &Teller) -> bool {
        let was_there = || created.zip(self.last_heard()).is_some_and(|(created, heard)| created <= heard);
        self.created.is_none() || self.created == created || (self.server != *server && was_there())
    }

    /// When the consumer was heard last, by the clock of the server.
    fn last_heard(&self) -> Option<Timestamp> {
        let (then, came) = self.told?;
        let since = self.heard.map_or(Duration::ZERO, |heard| heard.saturating_duration_since(came));
        then.checked_add(since).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Some(Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(second))
    }

    /// One that was made at second 5, and was heard at second 20.
    fn known() -> Known {
        let came = Instant::now();
        let heard = Some(came + Duration::from_secs(10));
        let told = at(10).map(|told| (told, came));
        Known {
            created: at(5),
            server: server("first", ""),
            told,
            heard,
            filters: Vec::new(),
            kept: Vec::new(),
            gone: None,
        }
    }

    fn server(connected: &str, leader: &str) -> Teller {
        Teller { connected: connected.to_owned(), leader: leader.to_owned() }
    }

    #[test]
    fn the_same_server_process_never_says_another_time() {
        assert!(known().is_same(at(5), &server("first", "")));
        assert!(!known().is_same(at(6), &server("first", "")));
    }

    #[test]
    fn what_was_there_before_the_server_was_started_again_is_the_same_whatever_time_it_says() {
        for server in [server("second", ""), server("first", "leader")] {
            assert!(known().is_same(at(6), &server) && known().is_same(at(20), &server));
            assert!(!known().is_same(at(21), &server), "it was made while nobody looked");
        }
    }

    #[test]
    fn a_server_that_does_not_tell_the_time_is_believed_nothing_else() {
        let known = Known { told: None, ..known() };

        assert!(known.is_same(at(5), &server("second", "")) && !known.is_same(at(6), &server("second", "")));
    }
}

//! Reading from a durable consumer by pull requests of our own.
//!
//! The client's stream of messages fetches ahead as it sees fit, into a buffer that nobody sees. What waits there while
//! handlers take long gets no sign of life, is delivered again, and runs twice. Here the caller says how many messages
//! are to be on their way, so everything fetched is in its hands at once. (The protocol: NATS ADR-37.)

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, StatusCode, Subject};
use bytes::Bytes;
use futures_util::FutureExt;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::consume::PIN_GROUP;
use super::inbox::Inbox;
use super::{ASK_AGAIN, JetStream, Link, PAUSE, send};
use crate::config::duration::LONGEST;
use crate::consumer::ConsumeError;
use crate::topology::ConsumerSettings;
use crate::transport::{self, Arrival, Delivery, Unavailable, Word};

/// How long the server keeps a pull request that it cannot fulfil.
const EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that it still has our pull requests while there are no messages.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// After two heartbeats missed, with some grace, our pull requests are taken for lost.
const PATIENCE: Duration = Duration::from_millis(11_000);
/// How often whoever is served alone asks for messages, wanted or not, to remain the one.
const HOLD_ON: Duration = Duration::from_secs(2);

/// The header that names whoever is served alone, and what the server says to all others.
const PIN: &str = "Nats-Pin-Id";
const PIN_MISMATCH: StatusCode = StatusCode::PIN_ID_MISMATCH;

/// What the server answers about a consumer, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Info {
    num_ack_pending: usize,
}

/// Reads from a durable consumer.
#[derive(Debug)]
pub(crate) struct Deliveries {
    jetstream: Arc<JetStream>,
    stream: String,
    durable: String,
    inbox: Inbox,
    link: watch::Receiver<Link>,
    /// How often the connection had been lost when the pull requests below were sent.
    losses: u64,
    /// Messages that were asked for and have neither come nor been refused.
    outstanding: usize,
    /// When to see whether the consumer is still there, unless something is heard before.
    check_at: Instant,
    /// Goes off no later than there is something to do; sooner, as it is not put off each time that is.
    alarm: Pin<Box<Sleep>>,
    /// Where one reader at a time is served: whether we are, and what was delivered first.
    turn: Option<Turn>,
}

/// Our part in a consumer that serves one reader at a time.
#[derive(Debug)]
struct Turn {
    /// What the server calls us while it serves us. (NATS ADR-42: pinned clients.)
    pin: Option<String>,
    /// When to ask next, so that the server does not turn to somebody else.
    ask_at: Instant,
    /// Came with news about whose turn it is, which have to be told before.
    kept: Option<Delivery>,
    /// Whether the server has turned to us, or messages may have been lost on their way: to be told before anything comes.
    is_new: bool,
    gap: bool,
}

impl Deliveries {
    pub(super) async fn new(jetstream: Arc<JetStream>, settings: &ConsumerSettings) -> Result<Self, ConsumeError> {
        let ConsumerSettings { stream, name: durable, ordered, .. } = settings;
        let link = jetstream.link.clone();
        let losses = link.borrow().losses;
        let inbox = Inbox::open(jetstream.client.clone()).await.map_err(|error| ConsumeError::Unavailable {
            about: format!("the consumer {durable} of {stream}"),
            reason: error.to_string(),
        })?;
        Ok(Self {
            jetstream,
            stream: stream.clone(),
            durable: durable.clone(),
            inbox,
            link,
            losses,
            outstanding: 0,
            check_at: Instant::now() + PATIENCE,
            alarm: Box::pin(sleep_until(Instant::now() + PATIENCE)),
            turn: ordered.then(|| Turn { pin: None, ask_at: Instant::now(), kept: None, is_new: false, gap: false }),
        })
    }

    pub(crate) async fn next(&mut self, want: usize) -> Result<Arrival, ConsumeError> {
        loop {
            if let Some(kept) = self.turn.as_mut().and_then(|turn| turn.kept.take()) {
                return Ok(Arrival::Message(kept));
            }
            self.pull(want).await?;
            if let Some(turn) = &mut self.turn {
                if std::mem::take(&mut turn.is_new) {
                    return Ok(Arrival::Turn);
                }
                if std::mem::take(&mut turn.gap) {
                    return Ok(Arrival::Gap);
                }
            }
            let wake_at = self.wake_at();
            if let Some(earlier) = wake_at.filter(|wake_at| *wake_at < self.alarm.deadline()) {
                self.alarm.as_mut().reset(earlier);
            }
            let message = tokio::select! {
                biased;
                message = self.inbox.next() => message,
                changed = self.link.changed() => {
                    changed.map_err(|_| self.gone("the connection is closed"))?;
                    continue;
                }
                () = &mut self.alarm, if wake_at.is_some() => {
                    let now = Instant::now();
                    match wake_at {
                        Some(later) if later > now => self.alarm.as_mut().reset(later),
                        _ if now >= self.check_at => self.check().await?,
                        _ => {}
                    }
                    continue;
                }
            };
            let message = message.ok_or_else(|| self.gone("the connection is closed"))?;
            self.check_at = Instant::now() + PATIENCE;
            match status_of(&message) {
                None | Some(StatusCode::OK) => {
                    self.outstanding = self.outstanding.saturating_sub(1);
                    let is_new_turn = self.heed_pin(&message);
                    let Some(delivery) = self.delivery(message) else { continue };
                    match &mut self.turn {
                        Some(turn) if is_new_turn => {
                            turn.kept = Some(delivery);
                            return Ok(Arrival::Turn);
                        }
                        _ => return Ok(Arrival::Message(delivery)),
                    }
                }
                Some(PIN_MISMATCH) => {
                    self.outstanding = 0;
                    if self.turn.as_mut().and_then(|turn| turn.pin.take()).is_some() {
                        return Ok(Arrival::Turn);
                    }
                }
                Some(status) => self.hear(status, &message)?,
            }
        }
    }

    /// A message that has arrived already, and is nothing else.
    pub(crate) fn arrived(&mut self) -> Option<Delivery> {
        if self.turn.is_some() {
            return None;
        }
        let message = self.inbox.arrived()?;
        if matches!(status_of(&message), None | Some(StatusCode::OK)) {
            self.outstanding = self.outstanding.saturating_sub(1);
            return self.delivery(message);
        }
        self.inbox.keep(message);
        None
    }

    /// When there is something to do although nothing is heard.
    fn wake_at(&self) -> Option<Instant> {
        let check_at = (self.outstanding > 0).then_some(self.check_at);
        let turn = self.turn.as_ref().filter(|turn| turn.pin.is_some() && self.link.borrow().connected);
        check_at.into_iter().chain(turn.map(|turn| turn.ask_at)).min()
    }

    /// Whether a message says that the server has turned to us.
    fn heed_pin(&mut self, message: &Message) -> bool {
        let Some(turn) = &mut self.turn else { return false };
        let Some(pin) = message.headers.as_ref().and_then(|headers| headers.get(PIN)) else { return false };
        let is_new = turn.pin.as_deref() != Some(pin.as_str());
        turn.pin = Some(pin.to_string());
        is_new
    }

    /// Asks for messages, so that as many are on their way as are wanted, but not for each single one.
    async fn pull(&mut self, want: usize) -> Result<(), ConsumeError> {
        let Link { connected, losses, .. } = *self.link.borrow_and_update();
        if losses != self.losses {
            // The server forgot our requests along with the connection, and may have sent what never arrived.
            self.inbox.renew().await.map_err(|error| self.gone(&error.to_string()))?;
            self.losses = losses;
            self.outstanding = 0;
            self.miss();
        }
        let now = Instant::now();
        let must_ask = self.turn.as_ref().is_some_and(|turn| turn.pin.is_some() && turn.ask_at <= now);
        let has_enough = want <= self.outstanding || self.outstanding > want - want / 4;
        if !connected || has_enough && !must_ask {
            return Ok(());
        }
        let batch = want.saturating_sub(self.outstanding).max(1);
        let mut request =
            json!({ "batch": batch, "expires": super::nanos(EXPIRES), "idle_heartbeat": super::nanos(HEARTBEAT) });
        if let Some(turn) = &mut self.turn {
            turn.ask_at = now + HOLD_ON;
            request["group"] = PIN_GROUP.into();
            if let Some(pin) = &turn.pin {
                request["id"] = pin.as_str().into();
            }
        }
        let (asked, reply) = (self.asked(), self.inbox.subject().to_owned());
        let sent = self.jetstream.client.publish_with_reply(asked, reply, request.to_string().into()).await;
        sent.map_err(|error| self.gone(&error.to_string()))?;
        self.outstanding += batch;
        self.check_at = now + PATIENCE;
        Ok(())
    }

    /// Heeds a message that is no message.
    fn hear(&mut self, status: StatusCode, message: &Message) -> Result<(), ConsumeError> {
        let description = message.description.as_deref().unwrap_or_default();
        tracing::debug!(stream = self.stream, consumer = self.durable, %status, description, "pull request");
        let unfulfilled = message.headers.as_ref().and_then(|headers| headers.get("Nats-Pending-Messages"));
        let unfulfilled = unfulfilled.and_then(|count| count.as_str().parse::<usize>().ok());
        match (status, unfulfilled) {
            (StatusCode::IDLE_HEARTBEAT, _) => {}
            (StatusCode::REQUEST_TERMINATED, _) if is_final(description) => return Err(self.gone(description)),
            (StatusCode::TIMEOUT | StatusCode::REQUEST_TERMINATED, Some(count)) => {
                self.outstanding = self.outstanding.saturating_sub(count);
            }
            // It will be the same if asked again at once: the consumer has no leader, or too many requests.
            (
                StatusCode::TIMEOUT
                | StatusCode::REQUEST_TERMINATED
                | StatusCode::NOT_FOUND
                | StatusCode::NO_RESPONDERS,
                _,
            ) => {
                self.outstanding = self.outstanding.max(1);
                self.check_at = Instant::now() + PAUSE;
            }
            _ => return Err(self.gone(&format!("{status} {description}"))),
        }
        Ok(())
    }

    /// Nothing was heard for too long. Unless the consumer is gone, our requests are, and are made again.
    async fn check(&mut self) -> Result<(), ConsumeError> {
        self.check_at = Instant::now() + PATIENCE;
        if !self.link.borrow().connected {
            return Ok(());
        }
        match timeout(ASK_AGAIN, self.info()).await {
            Ok(Ok(Err(error))) if matches!(error.code(), 404) => Err(self.gone(&error.to_string())),
            answer => {
                tracing::debug!(stream = self.stream, consumer = self.durable, ?answer, "asking for messages anew");
                self.outstanding = 0;
                self.miss();
                Ok(())
            }
        }
    }

    pub(crate) async fn recall(&mut self) -> Result<Vec<Delivery>, ConsumeError> {
        if let Some(turn) = &mut self.turn {
            // As long as we want nothing, it may be somebody else's turn.
            turn.ask_at = Instant::now() + LONGEST;
        }
        if self.outstanding == 0 {
            return Ok(Vec::new());
        }
        let mut rest = self.stop().await;
        self.outstanding = 0;
        // Otherwise asking anew begins with that.
        if self.is_connected() {
            self.inbox.renew().await.map_err(|error| self.gone(&error.to_string()))?;
            // What the server said of the old requests does not matter to the new ones.
            let late = self.inbox.take_arrived();
            rest.extend(self.deliveries(late));
        }
        Ok(rest)
    }

    pub(crate) async fn stop(&mut self) -> Vec<Delivery> {
        let mut rest = self.inbox.take_arrived();
        if self.is_connected() {
            let asked = self.asked();
            let left = timeout(ASK_AGAIN, self.inbox.leave(self.outstanding, &asked, &mut rest)).await;
            // If it took too long, or the connection is lost now, what was on its way is lost.
            if !matches!(left, Ok(Some(()))) {
                self.miss();
            }
        }
        let kept = self.turn.as_mut().and_then(|turn| turn.kept.take());
        kept.into_iter().chain(self.deliveries(rest)).collect()
    }

    /// Whether the connection is that over which messages were asked for.
    fn is_connected(&self) -> bool {
        let Link { connected, losses, .. } = *self.link.borrow();
        connected && losses == self.losses
    }

    /// Messages may have been lost on their way.
    fn miss(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.gap = true;
        }
    }

    /// What was delivered, of all that arrived.
    fn deliveries(&mut self, arrived: Vec<Message>) -> Vec<Delivery> {
        let messages = arrived.into_iter().filter(|it| status_of(it).is_none_or(|status| status == StatusCode::OK));
        let mut deliveries = Vec::new();
        for message in messages {
            let is_new = self.heed_pin(&message);
            if let Some(turn) = &mut self.turn {
                turn.is_new |= is_new;
            }
            deliveries.extend(self.delivery(message));
        }
        deliveries
    }

    pub(crate) async fn pending(&self) -> Result<usize, Unavailable> {
        if !self.is_connected() {
            return Err(Unavailable("there is no connection".to_owned()));
        }
        let answer = timeout(ASK_AGAIN, self.info()).await;
        match answer.map_err(|_| Unavailable(format!("no answer within {ASK_AGAIN:?}")))?? {
            Ok(info) => Ok(info.num_ack_pending),
            Err(error) => Err(Unavailable(error.to_string())),
        }
    }

    /// The server handles what a connection sends in order, so its answer says that it has read all that was before.
    pub(crate) async fn confirm(&self) -> Result<(), Unavailable> {
        self.info().await?.map_err(|error| Unavailable(error.to_string()))?;
        if self.turn.as_ref().is_some_and(|turn| turn.pin.is_some()) {
            // Otherwise whoever stands by would wait until the server misses us.
            let subject = format!("CONSUMER.UNPIN.{}.{}", self.stream, self.durable);
            let answer = self.jetstream.ask::<IgnoredAny>(subject, &json!({ "group": PIN_GROUP })).await?;
            answer.map_err(|error| Unavailable(error.to_string()))?;
        }
        Ok(())
    }

    /// Where to send pull requests.
    fn asked(&self) -> String {
        format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.stream, self.durable)
    }

    async fn info(&self) -> Result<super::Answer<Info>, Unavailable> {
        self.jetstream.ask(format!("CONSUMER.INFO.{}.{}", self.stream, self.durable), &json!({})).await
    }

    fn delivery(&self, mut message: Message) -> Option<Delivery> {
        let place = message.reply.as_deref().and_then(parse_reply);
        let (Some(reply), Some(Place { attempt, sequence, stored })) = (message.reply.take(), place) else {
            tracing::warn!(stream = self.stream, "a message came that is from no consumer; ignored");
            return None;
        };
        let acker = Acker { jetstream: Arc::clone(&self.jetstream), reply };
        let message = send::message(message);
        Some(Delivery { message, sequence, attempt, stored, acker: transport::Acker::JetStream(acker) })
    }

    fn gone(&self, reason: &str) -> ConsumeError {
        let (stream, consumer) = (self.stream.clone(), self.durable.clone());
        ConsumeError::Gone { stream, consumer, reason: reason.to_owned() }
    }
}

/// The status of a message from the server itself. A stored message may carry one in its headers, too, which is its
/// producer's affair.
fn status_of(message: &Message) -> Option<StatusCode> {
    let is_stored = || message.reply.as_deref().is_some_and(|reply| parse_reply(reply).is_some());
    message.status.filter(|_| !is_stored())
}

/// Whether the server ended a pull request for a reason that does not pass.
fn is_final(description: &str) -> bool {
    ["Consumer Deleted", "Consumer is push based", "Exceeded MaxRequest"].iter().any(|end| description.starts_with(end))
}

/// What the subject tells to which the acknowledgement of a message goes.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    attempt: u64,
    sequence: u64,
    stored: Timestamp,
}

/// Reads `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.CONSUMER_SEQUENCE.STORED.PENDING` of old, with `DOMAIN.ACCOUNT` before
/// the stream and a token at the end since. (NATS ADR-15.)
fn parse_reply(reply: &str) -> Option<Place> {
    // By bytes, as this is done for every message: what `str` offers takes several times as long for tokens this short.
    let rest = reply.strip_prefix("$JS.ACK.")?.as_bytes();
    let before = match rest.iter().filter(|byte| **byte == b'.').count() {
        6 => 2,
        8.. => 4,
        _ => return None,
    };
    let mut tokens = rest.split(|byte| *byte == b'.').skip(before);
    let (attempt, sequence) = (number(tokens.next()?)?, number(tokens.next()?)?);
    let stored = i128::from(number(tokens.nth(1)?)?);
    Some(Place { attempt, sequence, stored: Timestamp::from_nanosecond(stored).ok()? })
}

fn number(digits: &[u8]) -> Option<u64> {
    let add = |number: u64, digit: &u8| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// Tells a durable consumer what became of a delivery.
#[derive(Debug)]
pub(crate) struct Acker {
    jetstream: Arc<JetStream>,
    reply: Subject,
}

impl Acker {
    pub(crate) async fn send(&self, word: Word) -> Result<(), Unavailable> {
        let payload = match word {
            Word::Ack => Bytes::from_static(b"+ACK"),
            Word::Nak(delay) => format!("-NAK {{\"delay\":{}}}", delay.as_nanos().max(1)).into(),
            Word::GiveBack => Bytes::from_static(b"-NAK"),
            Word::Progress => Bytes::from_static(b"+WPI"),
            Word::Term(reason) => format!("+TERM {reason}").into(),
        };
        if matches!(word, Word::Progress) && !self.jetstream.link.borrow().connected {
            // A server that is not there needs no sign of life, and the client's queue has better uses.
            return Ok(());
        }
        let publish = || self.jetstream.client.publish(self.reply.clone(), payload.clone());
        // As long as the client's queue has room, no timer is needed, and none of this has to be kept. While there is no
        // connection nobody empties the queue; once it is full, this would wait for ever.
        let at_once = publish().now_or_never();
        let sent = match at_once {
            Some(sent) => Ok(sent),
            None => Box::pin(timeout(ASK_AGAIN, publish())).await,
        };
        match sent {
            Ok(sent) => sent.map_err(|error| Unavailable(error.to_string())),
            Err(_) => Err(Unavailable(format!("not sent within {ASK_AGAIN:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_reply_subject_are_read() {
        let old = "$JS.ACK.EVENTS.promotions.3.17.20.1700000000000000000.0";
        let new = "$JS.ACK._.hash.EVENTS.promotions.3.17.20.1700000000000000000.0.token";

        let stored = Timestamp::from_second(1_700_000_000).unwrap();
        let place = || Some(Place { attempt: 3, sequence: 17, stored });
        assert_eq!(parse_reply(old), place());
        assert_eq!(parse_reply(new), place());
        assert_eq!(parse_reply("_INBOX.x"), None);
        assert_eq!(parse_reply("$JS.ACK.EVENTS"), None);
    }
}

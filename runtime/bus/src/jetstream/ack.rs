//! Acks of deliveries: where they go, and what that subject says.

use std::sync::Arc;

use async_nats::Subject;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};

use super::client::{ASK_AGAIN, PAUSE};
use super::life::Life;
use crate::cause::Cause;
use crate::transport::{AckKind, Acker, Lease, Unavailable};

/// What an in-progress ack says.
const IN_PROGRESS: &[u8] = b"+WPI";
/// What is said of a message that is dead-lettered as its stream keeps it.
const DEAD_LETTER: &[u8] = b"+TERM dead letter";

/// Acknowledges a delivery to the server.
#[derive(Debug)]
pub(super) struct ReplyAcker {
    pub(super) life: Arc<Life>,
    pub(super) reply: Subject,
    pub(super) lease: Lease,
}

impl Acker for ReplyAcker {
    fn send(&self, kind: AckKind) -> BoxFuture<'_, Result<(), Unavailable>> {
        self.publish(kind).boxed()
    }

    fn renew(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        self.ask_to_renew().boxed()
    }

    fn terminate(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        self.ask_to_terminate().boxed()
    }

    fn lease(&self) -> &Lease {
        &self.lease
    }

    fn is_gone(&self) -> bool {
        self.life.is_over()
    }
}

impl ReplyAcker {
    /// The server answers an ack that names a place for the answer.
    async fn ask_to_renew(&self) -> Result<(), Unavailable> {
        self.say(Bytes::from_static(IN_PROGRESS)).await
    }

    async fn say(&self, what: Bytes) -> Result<(), Unavailable> {
        if !self.life.is_certain() {
            // A server that is not there renews no lease, and the client's queue has better uses.
            return Err(Unavailable("there is no connection, or the consumer may be another".into()));
        }
        let confirmed = self.life.jetstream.client.request(self.reply.clone(), what).await;
        confirmed.map(drop).map_err(|error| Unavailable(Cause::of(error)))
    }

    /// Terminates the message. Without a leader nobody answers, or nobody is there; and saying it twice does no harm.
    async fn ask_to_terminate(&self) -> Result<(), Unavailable> {
        let deadline = Instant::now() + self.life.jetstream.config.request_timeout;
        loop {
            if self.life.is_over() {
                return Ok(());
            }
            let said = timeout(ASK_AGAIN, self.say(Bytes::from_static(DEAD_LETTER))).await;
            match said.unwrap_or_else(|_| Err(Unavailable("no answer".into()))) {
                Err(_) if Instant::now() + PAUSE < deadline => sleep(PAUSE).await,
                said => return said,
            }
        }
    }

    async fn publish(&self, kind: AckKind) -> Result<(), Unavailable> {
        let payload = match kind {
            AckKind::Ack => Bytes::from_static(b"+ACK"),
            AckKind::Nak(None) => Bytes::from_static(b"-NAK"),
            AckKind::Nak(Some(delay)) => format!("-NAK {{\"delay\":{}}}", delay.as_nanos().max(1)).into(),
            AckKind::InProgress => Bytes::from_static(IN_PROGRESS),
            AckKind::Term(reason) => format!("+TERM {reason}").into(),
        };
        let is_last = matches!(kind, AckKind::Ack | AckKind::Term(_));
        if is_last && self.life.is_ordered && !self.lease.is_held(Instant::now()) {
            // Somebody else may have begun it meanwhile. The server would count that run no more, and let what is behind it begin.
            // Where nobody has, it is delivered again here, and is known to be settled.
            tracing::debug!(reply = %self.reply, "its lease has ended; the ack is not sent");
            return Ok(());
        }
        let until = match is_last && !self.life.is_ordered {
            true => None,
            // Later somebody else may have the lease, which it would end.
            false => self.lease.ends_at(),
        };
        self.life.send(self.reply.clone(), payload, until).await
    }
}

/// Where to acknowledge a message without having its delivery: the subject tells the server all it needs. How often it was
/// delivered, when it was stored and how many are behind it are of no importance. (NATS ADR-15.)
///
/// The server ignores a nak whose number of the delivery is not among those that may be unacked; other acks may have any.
pub(super) fn reply_of(stream: &str, consumer: &str, sequence: u64, delivery: u64) -> Subject {
    format!("$JS.ACK.{stream}.{consumer}.1.{sequence}.{delivery}.1.0").into()
}

/// What the subject says to which the ack of a delivery goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AckReply {
    pub(super) deliveries: u64,
    pub(super) sequence: u64,
    pub(super) stored: Timestamp,
}

/// Parses `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.CONSUMER_SEQUENCE.STORED.PENDING` of old, with `DOMAIN.ACCOUNT` before
/// the stream and a token at the end since. (NATS ADR-15.)
pub(super) fn parse_reply(reply: &str) -> Option<AckReply> {
    let mut tokens = tokens(reply)?;
    let (deliveries, sequence) = (number(tokens.next()?)?, number(tokens.next()?)?);
    let stored = i128::from(number(tokens.nth(1)?)?);
    Some(AckReply { deliveries, sequence, stored: Timestamp::from_nanosecond(stored).ok()? })
}

/// The number of a delivery among those of its consumer, and how many messages were behind it.
pub(super) fn parse_position(reply: &str) -> Option<(u64, u64)> {
    let mut tokens = tokens(reply)?.skip(2);
    Some((number(tokens.next()?)?, number(tokens.nth(1)?)?))
}

/// What stands behind the consumer in the subject of an ack.
fn tokens(reply: &str) -> Option<impl Iterator<Item = &[u8]>> {
    // By bytes, as this is done for every message: what `str` offers takes several times as long for tokens this short.
    let rest = reply.strip_prefix("$JS.ACK.")?.as_bytes();
    let before = match rest.iter().filter(|byte| **byte == b'.').count() {
        6 => 2,
        8.. => 4,
        _ => return None,
    };
    Some(rest.split(|byte| *byte == b'.').skip(before))
}

fn number(digits: &[u8]) -> Option<u64> {
    let add = |number: u64, digit: &u8| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_reply_subject_are_read() {
        let old = "$JS.ACK.EVENTS.promotions.3.17.20.1700000000000000000.4";
        let new = "$JS.ACK._.hash.EVENTS.promotions.3.17.20.1700000000000000000.4.token";

        let stored = Timestamp::from_second(1_700_000_000).unwrap();
        let place = || Some(AckReply { deliveries: 3, sequence: 17, stored });
        assert_eq!(parse_reply(old), place());
        assert_eq!(parse_reply(new), place());
        assert_eq!((parse_position(old), parse_position(new)), (Some((20, 4)), Some((20, 4))));
        assert_eq!(parse_reply("_INBOX.x"), None);
        assert_eq!(parse_reply("$JS.ACK.EVENTS"), None);
    }
}

//! Events that the server gave up on while no process was there to bury them.
//!
//! The server delivers an event so often and no more, for instance to processes that die of it. Then it publishes an
//! advisory, which the stream of dead letters captures. Should that have failed, the consumer itself still counts the
//! event as delivered again and never acknowledged, and the search is around where its acknowledgements end.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;

use super::burial::{self, Buried, Origin, bury};
use super::{DeadLetterError, DeadLetters, DeadReason, letter};
use crate::filter;
use crate::provision::{FoundConsumer, Progress};
use crate::topology::DEAD_LETTERS;
use crate::transport::{Failure, Headers, Kept, Message, Select, Transport, Unavailable};

/// How far beyond the last acknowledgement to search for what no advisory told, in numbers of the stream.
const AHEAD: u64 = 10_000;
/// How far before it.
const BEHIND: u64 = 1_000;

/// What is written into the letters.
const GAVE_UP: &str = "the server gave up on it; whoever had it last neither acknowledged it nor said what went wrong";

/// What a recovery came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Events that the server's advisories told of; each has its letter now.
    pub from_advisories: u64,
    /// Events that were found by comparing the consumer with its stream; each has its letter now.
    pub from_reconciling: u64,
    /// Events that the server gave up on and that have no letter: nobody knows which they are, or they could not be
    /// buried, which the log says of each.
    pub unaccounted: u64,
}

/// What the server says when it gives up on a message. (nats-server, server/jetstream_events.go.)
#[derive(Deserialize)]
struct Advisory {
    stream_seq: u64,
    deliveries: u64,
}

impl DeadLetters {
    /// Buries what the server gave up on for a durable consumer of a stream. May be done at any time, by several at once;
    /// a [`Consumer`](crate::Consumer) does it by itself.
    ///
    /// # Errors
    /// [`DeadLetterError::Unavailable`]; what was recovered before has its letters, the rest is found next time.
    pub async fn recover(&self, stream: &str, consumer: &str) -> Result<Recovered, DeadLetterError> {
        let (from_advisories, unburied) = self.heed_advisories(stream, consumer).await?;
        let (from_reconciling, unaccounted) = match &self.transport {
            Transport::Memory(memory) => {
                let exhausted = memory.exhausted(stream, consumer);
                for &(sequence, deliveries) in &exhausted {
                    if let Some(kept) = self.transport.message(stream, Select::Sequence(sequence)).await? {
                        self.bury(stream, consumer, &kept, deliveries).await?;
                    }
                    self.transport.terminate(stream, consumer, sequence).await?;
                }
                (exhausted.len() as u64, 0)
            }
            Transport::JetStream(_) => self.reconcile(stream, consumer).await?,
        };
        // What an advisory told of in vain, the consumer counts too.
        let unaccounted = unburied.max(unaccounted);
        let recovered = Recovered { from_advisories, from_reconciling, unaccounted };
        if unaccounted > 0 {
            tracing::error!(
                stream,
                consumer,
                unaccounted,
                "the server gave up on events that have no letter; look for what this consumer did not do"
            );
        }
        if from_advisories + from_reconciling > 0 {
            tracing::warn!(stream, consumer, ?recovered, "buried events that the server had given up on");
        }
        Ok(recovered)
    }

    /// Returns how many events were buried, and how many could not be. The advisories of those are left for next time.
    async fn heed_advisories(&self, stream: &str, consumer: &str) -> Result<(u64, u64), DeadLetterError> {
        let subject = format!("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{stream}.{consumer}");
        let (mut heeded, mut failed, mut from) = (0, 0, 1);
        while let Some(advisory) = self.next_on(&subject, from).await? {
            from = advisory.sequence + 1;
            let Ok(told) = serde_json::from_slice::<Advisory>(&advisory.message.payload) else {
                tracing::error!(stream = self.stream, sequence = advisory.sequence, "an advisory cannot be read");
                continue;
            };
            match self.heed(stream, consumer, &told, advisory.stored).await {
                Ok(is_buried) => {
                    heeded += u64::from(is_buried);
                    self.delete(advisory.sequence).await?;
                }
                // It must not stand in the way of those behind it. If the server is gone, the next advisory says so.
                Err(error) => {
                    failed += 1;
                    not_buried(stream, consumer, told.stream_seq, &error);
                }
            }
        }
        Ok((heeded, failed))
    }

    /// Buries what an advisory tells of, if it is there.
    async fn heed(
        &self,
        stream: &str,
        consumer: &str,
        told: &Advisory,
        at: Timestamp,
    ) -> Result<bool, DeadLetterError> {
        let sequence = told.stream_seq;
        let origin = self.transport.message(stream, Select::Sequence(sequence)).await?;
        // What was stored after the advisory is of a later stream of the same name.
        let Some(origin) = origin.filter(|origin| origin.stored <= at) else {
            tracing::error!(
                stream,
                consumer,
                sequence,
                "the server gave up on an event that the stream has dropped meanwhile; it cannot be buried"
            );
            return Ok(false);
        };
        self.bury(stream, consumer, &origin, told.deliveries).await?;
        self.transport.terminate(stream, consumer, sequence).await?;
        Ok(true)
    }

    /// Compares a consumer with its stream, if it rests. Returns how many events were buried, and how many are missing.
    ///
    /// The consumer does not tell on which events the server gave up, only on how many: that number falls when one of them
    /// is terminated, and does not when it had been acknowledged. So each candidate is buried, then terminated, and if the
    /// number stays, it gets its letter taken back. Nothing is buried while others are at work, as they may change the
    /// number too. Whatever dies in between leaves a letter too many and none too few.
    async fn reconcile(&self, stream: &str, consumer: &str) -> Result<(u64, u64), DeadLetterError> {
        let Some(FoundConsumer { settings, mut progress, .. }) = self.consumer(stream, consumer).await? else {
            return Ok((0, 0));
        };
        let rests = |progress: &Progress| progress.ack_pending == 0;
        if !rests(&progress) || progress.redelivered == 0 {
            return Ok((0, 0));
        }
        if !self.may_search(stream, consumer).await? {
            return Ok((0, 0));
        }
        let (floor, mut found) = (progress.ack_floor, 0);
        // Normally they are behind the last acknowledgement. Later ones may have passed them, and before 2.11 the server takes what
        // it gave up on for acknowledged.
        let ranges = [(floor + 1, progress.delivered.min(floor + AHEAD)), (floor.saturating_sub(BEHIND) + 1, floor)];
        for (mut from, until) in ranges {
            while let Some(candidate) = self.next_delivered(stream, &settings.filters, from, until).await? {
                from = candidate.sequence + 1;
                let Some(FoundConsumer { progress: before, .. }) = self.consumer(stream, consumer).await? else {
                    return Ok((found, 0));
                };
                if before.deliveries != progress.deliveries || !rests(&before) {
                    return Ok((found, 0));
                }
                progress = before;
                let origin = origin(stream, consumer, &candidate, settings.max_deliver.unwrap_or_default());
                // Without an id: what was stored and taken back a moment ago must not keep a letter from being stored.
                let letter = letter::write(&self.root, &origin, DeadReason::Exhausted, GAVE_UP);
                let buried = match burial::store(&self.transport, letter).await {
                    Ok(buried) => buried,
                    Err(error) => {
                        not_buried(stream, consumer, candidate.sequence, &error.into());
                        continue;
                    }
                };
                self.transport.terminate(stream, consumer, candidate.sequence).await?;
                let Some(now) = self.consumer(stream, consumer).await? else { return Ok((found, 0)) };
                let now = now.progress;
                let is_quiet = now.deliveries == progress.deliveries && rests(&now);
                match buried {
                    _ if now.redelivered < progress.redelivered => found += 1,
                    // A delivery that was not the first of its message may have raised the number again. Then nothing is
                    // proved.
                    Buried::Now(letter)
                        if now.redelivered == progress.redelivered
                            && self.are_first(stream, &settings.filters, &progress, &now).await? =>
                    {
                        self.delete(letter).await?;
                    }
                    _ => {}
                }
                if !is_quiet || now.redelivered == 0 {
                    return Ok((found, 0));
                }
                progress.redelivered = now.redelivered;
            }
        }
        Ok((found, progress.redelivered))
    }

    /// Whether all deliveries since an earlier look, when none was pending, were the first of their messages: there are as
    /// many such messages. Of those that were dropped meanwhile nobody can tell.
    async fn are_first(
        &self,
        stream: &str,
        filters: &[String],
        before: &Progress,
        now: &Progress,
    ) -> Result<bool, DeadLetterError> {
        let mut from = before.delivered + 1;
        for _ in before.deliveries..now.deliveries {
            match self.next_delivered(stream, filters, from, now.delivered).await? {
                Some(message) => from = message.sequence + 1,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    async fn consumer(&self, stream: &str, consumer: &str) -> Result<Option<FoundConsumer>, DeadLetterError> {
        self.transport.consumer(stream, consumer).await.map_err(|failure| match failure {
            Failure::Server { reason, .. } | Failure::Unavailable(reason) => DeadLetterError::Unavailable { reason },
        })
    }

    /// Whether nobody searches at this time, or has just done so: two who search would each take what the other terminates for
    /// their own. An id is claimed for as long as the stream remembers it, by a message that no list shows.
    async fn may_search(&self, stream: &str, consumer: &str) -> Result<bool, DeadLetterError> {
        let subject = format!("{}.{DEAD_LETTERS}.{consumer}.{stream}", self.root);
        let mut headers = Headers::default();
        headers.push(Headers::ID, format!("dlq-search:{stream}:{consumer}"));
        let claim = Message { subject: subject.clone().into(), headers, payload: Bytes::new() };
        let claimed = burial::send(&self.transport, claim).await;
        let claimed = claimed.map_err(|failure| Unavailable(format!("{subject}: {failure}")))?;
        if !claimed.duplicate {
            self.delete(claimed.sequence).await?;
        }
        Ok(!claimed.duplicate)
    }

    /// The next message between two numbers that a consumer is for.
    async fn next_delivered(
        &self,
        stream: &str,
        filters: &[String],
        mut from: u64,
        until: u64,
    ) -> Result<Option<Kept>, DeadLetterError> {
        let subject = if let [one] = filters { one } else { ">" };
        while let Some(kept) = self.transport.message(stream, Select::NextOf { subject, from }).await? {
            if kept.sequence > until {
                break;
            }
            let on = |filter: &String| filter::covers(filter, &kept.message.subject);
            if filters.is_empty() || filters.iter().any(on) {
                return Ok(Some(kept));
            }
            from = kept.sequence + 1;
        }
        Ok(None)
    }

    async fn bury(&self, stream: &str, consumer: &str, kept: &Kept, attempts: u64) -> Result<(), DeadLetterError> {
        let origin = origin(stream, consumer, kept, attempts);
        bury(&self.transport, &self.root, &origin, DeadReason::Exhausted, GAVE_UP).await?;
        Ok(())
    }

    /// The next message on a subject of the stream of dead letters.
    pub(super) async fn next_on(&self, subject: &str, from: u64) -> Result<Option<Kept>, DeadLetterError> {
        Ok(self.transport.message(&self.stream, Select::NextOf { subject, from }).await?)
    }
}

fn origin<'a>(stream: &'a str, consumer: &'a str, kept: &'a Kept, attempts: u64) -> Origin<'a> {
    Origin { stream, consumer, sequence: kept.sequence, stored: kept.stored, attempts, message: &kept.message }
}

fn not_buried(stream: &str, consumer: &str, sequence: u64, error: &DeadLetterError) {
    tracing::error!(stream, consumer, sequence, %error, "an event that the server gave up on cannot be buried");
}

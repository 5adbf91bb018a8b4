//! Events that the server no longer delivers, of which no advisory reached the stream of dead letters.
//!
//! The consumer still counts such an event as redelivered and never acked, and the search is around its ack floor.

use bytes::Bytes;
use eventsmith_bus::cause::Cause;
use eventsmith_bus::dead_letters::advisories::{AdvisoryHandler, HandledAdvisories, cause};
use eventsmith_bus::dead_letters::record;
use eventsmith_bus::dead_letters::writer::{self, DeadLettered};
use eventsmith_bus::settings::{DEAD_LETTERS, FoundConsumer, Progress};
use eventsmith_bus::transport::{Headers, Message, MessageSelector, StreamMessage, Unavailable};
use eventsmith_event::filter;

use super::store::{DeadLetterError, DeadLetters};

/// How far beyond the last acknowledgement to search for what no advisory reported, in numbers of the stream.
const AHEAD: u64 = 10_000;
/// How far before it.
const BEHIND: u64 = 1_000;

/// What a recovery came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Events that the server's advisories reported; each has its dead letter now.
    pub from_advisories: u64,
    /// Events that were found by comparing the consumer with its stream; each has its dead letter now.
    pub from_reconciling: u64,
    /// Events that the server no longer delivers and that have no dead letter: nobody knows which they are, or they could not be
    /// dead-lettered, which the log says of each.
    pub unaccounted: u64,
}

impl DeadLetters {
    /// Dead-letters what the server no longer delivers for a durable consumer of a stream: what its advisories report, which a
    /// running consumer does by itself, and what a search finds that no advisory reported. May be done at any time, by
    /// several at once.
    ///
    /// # Errors
    /// [`DeadLetterError::Unavailable`]; what was recovered before has its dead letters, the rest is found next time.
    pub async fn recover(&self, stream: &str, consumer: &str) -> Result<Recovered, DeadLetterError> {
        let advisories = AdvisoryHandler { root: &self.root, dead_letters: &self.stream, stream, consumer };
        let counts = advisories.handle_advisories(self.transport(), &mut HandledAdvisories::default()).await?;
        let (from_reconciling, unaccounted) = self.reconcile(&advisories).await?;
        // What an advisory reported in vain, the consumer counts too.
        let unaccounted = counts.failed.max(unaccounted);
        let recovered = Recovered { from_advisories: counts.dead_lettered, from_reconciling, unaccounted };
        if unaccounted > 0 {
            tracing::error!(
                stream,
                consumer,
                unaccounted,
                "the server no longer delivers events that have no dead letter; look for what this consumer did not do"
            );
        }
        Ok(recovered)
    }

    /// Compares a consumer with its stream, if it rests. Returns how many events were dead-lettered, and how many are missing.
    ///
    /// The consumer does not report which events the server no longer delivers, only how many: that number falls when one
    /// of them is terminated, and does not when it had been acknowledged. So each candidate is dead-lettered, then
    /// terminated, and if the number stays, its dead letter is deleted. Nothing is dead-lettered while others are at work,
    /// as they may change the number too. Whatever dies in between leaves a dead letter too many and none too few.
    async fn reconcile(&self, advisories: &AdvisoryHandler<'_>) -> Result<(u64, u64), DeadLetterError> {
        let AdvisoryHandler { stream, consumer, .. } = *advisories;
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
        // it no longer delivers for acked.
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
                let origin = advisories.origin(&candidate, settings.max_deliver.unwrap_or_default());
                // Without an id: what was stored and taken back a moment ago must not keep a dead letter from being stored.
                let (reason, error) = cause(&candidate.message);
                let dead_letter = record::write(&self.root, &origin, reason, &error);
                let written = match writer::store(self.transport(), dead_letter).await {
                    Ok(written) => written,
                    Err(error) => {
                        advisories.log_failure(candidate.sequence, &error);
                        continue;
                    }
                };
                self.transport().terminate(stream, consumer, candidate.sequence).await?;
                let Some(now) = self.consumer(stream, consumer).await? else { return Ok((found, 0)) };
                let now = now.progress;
                let is_quiet = now.deliveries == progress.deliveries && rests(&now);
                match written {
                    _ if now.redelivered < progress.redelivered => found += 1,
                    // A delivery that was not the first of its message may have raised the number again. Then nothing is
                    // proved.
                    DeadLettered::Now(dead_letter)
                        if now.redelivered == progress.redelivered
                            && self.are_first(stream, &settings.filters, &progress, &now).await? =>
                    {
                        self.delete(dead_letter).await?;
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
    /// many such messages. Of those that were dropped meanwhile nothing is known.
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
        Ok(self.server.consumer(stream, consumer).await?)
    }

    /// Whether nobody searches at this time, or has just done so: two who search would each take what the other terminates for
    /// their own. An id is claimed for as long as the stream remembers it, by a message that no list shows.
    async fn may_search(&self, stream: &str, consumer: &str) -> Result<bool, DeadLetterError> {
        let subject = format!("{}.{DEAD_LETTERS}.{consumer}.{stream}", self.root);
        let mut headers = Headers::default();
        headers.push(Headers::ID, format!("dlq-search:{stream}:{consumer}"));
        let claim = Message { subject: subject.clone().into(), headers, payload: Bytes::new() };
        let claimed = writer::send(self.transport(), claim).await;
        let claimed = claimed.map_err(|failure| Unavailable(Cause::about(&subject, failure)))?;
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
    ) -> Result<Option<StreamMessage>, DeadLetterError> {
        let subject = if let [one] = filters { one } else { ">" };
        while let Some(kept) = self.transport().message(stream, MessageSelector::NextOf { subject, from }).await? {
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
}

//! Events that a stream drops before its consumer got them, by its limits or as somebody deletes them: nothing else tells.
//!
//! The server says how far a consumer has come, how many deliveries there were and how many events wait for it, and where the
//! stream begins. It does not say which subjects the dropped messages had. So what is counted here is what is certain: no fewer
//! than this were dropped, and perhaps more.

use std::future::Future;
use std::time::Duration;

use tokio::time::sleep;

use super::monitor::{Counters, Monitor};
use crate::bus::Bus;
use crate::settings::{FoundConsumer, Progress};
use crate::transport::{Denied, StreamExtent, Unavailable};

/// How often to look.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// A consumer and its stream at one time.
#[derive(Debug)]
struct Look {
    progress: Progress,
    filters: Vec<String>,
    /// Whether every message of the stream is for the consumer, and none goes because it was acknowledged.
    is_for_all: bool,
    /// The number of the stream's first message, a little earlier than the rest.
    first: u64,
    /// The number of its last message, a little later than the rest.
    last: u64,
}

/// Warns of what the stream of a consumer drops.
pub(super) struct DropWatch {
    pub(super) bus: Bus,
    pub(super) stream: String,
    pub(super) consumer: String,
    pub(super) monitor: Monitor,
}

impl DropWatch {
    /// Looks, before anything is read here: what is dropped shows only until the consumer goes on. Returns what goes on looking.
    pub(super) async fn begin(self) -> impl Future<Output = ()> + Send + 'static {
        let mut before = None;
        let mut may_look = self.look_again(&mut before).await;
        async move {
            while may_look {
                sleep(LOOK_EVERY).await;
                may_look = self.look_again(&mut before).await;
            }
        }
    }

    /// Returns whether it may look.
    async fn look_again(&self, before: &mut Option<Look>) -> bool {
        let Self { bus, stream, consumer, .. } = self;
        match look(bus, stream, consumer).await {
            Ok(now) => {
                if let Some(now) = &now {
                    self.report(before.as_ref(), now);
                }
                *before = now;
                true
            }
            Err(error) => {
                tracing::debug!(stream, consumer, %error, "it is not known whether the stream drops what was not read");
                Denied::behind(&error).is_none()
            }
        }
    }

    fn report(&self, before: Option<&Look>, now: &Look) {
        let Self { stream, consumer, monitor, .. } = self;
        let dropped = before.map_or_else(|| now.dropped_before(), |before| now.dropped_since(before));
        if dropped > 0 {
            Counters::add(&monitor.counters().dropped_unread, dropped);
            tracing::warn!(
                stream,
                consumer,
                at_least = dropped,
                first = now.first,
                "the stream dropped events before this consumer got them, and nobody handles them any more; raise the stream's \
                 limits, or let more instances run"
            );
        } else if before.is_none() && now.unread() > 0 {
            tracing::info!(
                stream,
                consumer,
                at_most = now.unread(),
                "the stream dropped messages that this consumer has not come to; which of them were for it, nobody knows"
            );
        }
    }
}

async fn look(bus: &Bus, stream: &str, consumer: &str) -> Result<Option<Look>, Unavailable> {
    let transport = bus.transport();
    // In this order: what is dropped or delivered in between makes the count smaller, never larger.
    let Some(StreamExtent { first, .. }) = transport.extent(stream).await? else { return Ok(None) };
    let Some(FoundConsumer { settings, progress, .. }) = transport.consumer(stream, consumer).await? else {
        return Ok(None);
    };
    let Some(StreamExtent { last, subjects, retention, .. }) = transport.extent(stream).await? else { return Ok(None) };
    let is_for_all = settings.takes_all(&subjects, retention);
    Ok(Some(Look { progress, filters: settings.filters, is_for_all, first, last }))
}

impl Look {
    /// Up to which number everything was delivered, was for others, or is dropped.
    fn passed(&self) -> u64 {
        self.progress.delivered.max(self.first.saturating_sub(1))
    }

    /// How many numbers the stream has dropped that the consumer has not come to, whatever was on them.
    fn unread(&self) -> u64 {
        self.passed() - self.progress.delivered
    }

    /// How many events were dropped before the first look.
    fn dropped_before(&self) -> u64 {
        if self.is_for_all { self.unread() } else { 0 }
    }

    /// How many events were dropped since an earlier look, and not delivered before.
    fn dropped_since(&self, before: &Self) -> u64 {
        let is_another = self.filters != before.filters
            || self.progress.deliveries < before.progress.deliveries
            || self.progress.delivered < before.progress.delivered
            || self.last < before.last;
        if is_another {
            return 0;
        }
        // Some of them may be repeated ones: then more were dropped than is counted.
        let delivered = self.progress.deliveries - before.progress.deliveries;
        if self.is_for_all && before.is_for_all && self.first > before.passed() + 1 {
            return (self.passed() - before.passed()).saturating_sub(delivered);
        }
        // From the middle of a stream events go by limits of single subjects, by their own, and as somebody deletes them. What waited then and was neither delivered nor waits now. What waits now may have come since.
        let left = self.progress.lag.min(before.last.saturating_sub(self.passed()));
        before.progress.lag.saturating_sub(delivered).saturating_sub(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A consumer that has come so far by so many deliveries, with so many events to come, of a stream with these ends.
    fn look(delivered: u64, deliveries: u64, lag: u64, first: u64, last: u64) -> Look {
        let progress = Progress { delivered, deliveries, lag, ..Progress::default() };
        Look { progress, filters: vec!["a".to_owned()], is_for_all: false, first, last }
    }

    fn of_all(look: Look) -> Look {
        Look { is_for_all: true, ..look }
    }

    #[test]
    fn what_was_read_before_it_is_dropped_is_no_loss() {
        let before = look(100, 100, 0, 1, 100);

        assert_eq!(look(100, 100, 0, 101, 100).dropped_since(&before), 0);
        assert_eq!(look(150, 150, 0, 140, 150).dropped_since(&before), 0);
        assert_eq!(of_all(look(150, 150, 0, 140, 150)).dropped_since(&of_all(before)), 0);
    }

    #[test]
    fn what_is_for_others_is_no_loss() {
        let before = look(100, 10, 0, 1, 100);

        // 900 messages came and went, of which nobody knows whether they were for this consumer.
        assert_eq!(look(100, 10, 0, 1_000, 1_000).dropped_since(&before), 0);
        assert_eq!(look(100, 10, 0, 1_000, 1_000).dropped_before(), 0);
        assert_eq!(look(100, 10, 0, 1_000, 1_000).unread(), 899);
    }

    #[test]
    fn what_waited_and_is_neither_delivered_nor_waits_was_dropped() {
        let before = look(100, 10, 50, 1, 200);

        assert_eq!(look(100, 10, 0, 201, 200).dropped_since(&before), 50);
        assert_eq!(look(100, 10, 20, 151, 200).dropped_since(&before), 30);
        assert_eq!(look(210, 25, 0, 201, 210).dropped_since(&before), 35);
        // All 40 that wait may be old ones.
        assert_eq!(look(100, 10, 40, 161, 400).dropped_since(&before), 10);
        // Only what was there then counts.
        assert_eq!(look(100, 10, 500, 301, 900).dropped_since(&before), 50);
    }

    #[test]
    fn where_all_is_for_the_consumer_every_number_counts() {
        let before = of_all(look(100, 100, 0, 1, 100));

        assert_eq!(of_all(look(100, 100, 5, 1_001, 1_005)).dropped_since(&before), 900);
        assert_eq!(of_all(look(1_005, 105, 0, 1_001, 1_005)).dropped_since(&before), 900);
        assert_eq!(of_all(look(100, 100, 5, 1_001, 1_005)).dropped_before(), 900);
    }

    #[test]
    fn what_goes_from_the_middle_of_a_stream_counts_too() {
        let before = look(100, 10, 50, 1, 200);

        // The beginning of the stream stands still: only fewer wait than could be delivered since.
        assert_eq!(look(100, 10, 20, 1, 200).dropped_since(&before), 30);
        assert_eq!(look(120, 15, 20, 1, 200).dropped_since(&before), 25);
        assert_eq!(look(120, 60, 0, 1, 200).dropped_since(&before), 0);
        assert_eq!(of_all(look(100, 100, 70, 1, 200)).dropped_since(&of_all(look(100, 100, 100, 1, 200))), 30);
    }

    #[test]
    fn a_loss_is_counted_once() {
        let before = of_all(look(100, 100, 5, 1_001, 1_005));

        assert_eq!(of_all(look(100, 100, 5, 1_001, 1_005)).dropped_since(&before), 0);
        assert_eq!(of_all(look(1_005, 105, 0, 1_001, 1_005)).dropped_since(&before), 0);
        assert_eq!(of_all(look(100, 100, 5, 1_004, 1_008)).dropped_since(&before), 3);
    }

    #[test]
    fn another_consumer_or_stream_of_the_same_name_begins_anew() {
        let before = look(100, 10, 50, 1, 200);
        let filters = vec!["b".to_owned()];

        assert_eq!(Look { filters, ..look(100, 10, 0, 201, 200) }.dropped_since(&before), 0);
        assert_eq!(look(0, 0, 0, 201, 200).dropped_since(&before), 0);
        assert_eq!(look(100, 10, 0, 150, 150).dropped_since(&before), 0);
    }
}

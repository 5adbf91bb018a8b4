//! What a consumer has done so far, and how its circuit breakers are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::time::Instant;

use super::breaker::{Breaker, BreakerState};
use crate::observe::StateCell;

/// How many events are known at most that wait to be tried again.
const MOST_RETRIES: usize = 65_536;

/// What became of the events that a consumer was delivered.
///
/// ```
/// let summary = eventsmith::monitor::Summary::default();
/// assert_eq!((summary.handled, summary.dead_lettered), (0, 0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Handled and acknowledged.
    pub handled: u64,
    /// Failed, and to be delivered again; counted once per attempt.
    pub failed: u64,
    /// Gone to the dead letters.
    pub dead_lettered: u64,
    /// Nakked without having been tried, so that another instance gets them at once: the consumer was shut down, or another
    /// instance is served.
    pub released: u64,
    /// Cut off in their handlers, as the shutdown took too long.
    pub cut_off: u64,
    /// Given up because their leases ended while they waited or ran, as the server was not heard for too long: another
    /// instance may have them.
    pub lease_lost: u64,
    /// Dropped by the stream, by its limits or by a purge, before any instance got them: no fewer than this since the consumer
    /// began here. Every instance counts what is dropped for all.
    pub dropped_unread: u64,
    /// How often a dead letter was not stored: its stream was full, missing or not reachable. The event is redelivered; see
    /// [`Monitor::dead_letter_error`].
    pub not_dead_lettered: u64,
    /// How often the consumer came to a stand: as many events as `max_ack_pending` allows were unacknowledged, and most of those that
    /// this instance took waited to be tried again.
    pub stalled: u64,
}

/// A view of a consumer that goes on while it runs: for health checks and metrics. Cheap to clone.
///
/// ```
/// use eventsmith::Bus;
///
/// let consumer = Bus::in_memory().consumer("promotions");
/// let monitor = consumer.monitor(); // kept for the health check, while `consumer` runs
/// assert_eq!(monitor.summary().handled, 0);
/// assert_eq!(monitor.breakers().count(), 0);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Monitor {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    counters: Counters,
    breakers: OnceLock<Vec<Arc<Breaker>>>,
    /// When what failed here is due to be tried again.
    retries: Mutex<BinaryHeap<Reverse<Instant>>>,
    /// Why dead letters are not stored at present.
    dead_letter_error: Mutex<Option<String>>,
    state: StateCell,
    streams: Mutex<Vec<Arc<StreamView>>>,
    /// What observers were told of the breakers.
    told: Mutex<Vec<BreakerState>>,
}

/// What a consumer has of one stream.
pub(super) struct StreamView {
    pub(super) stream: String,
    pub(super) concurrency: usize,
    pub(super) prefetch: usize,
    /// How many events wait for a handler, and how many run.
    pub(super) in_hand: Box<dyn Fn() -> (usize, usize) + Send + Sync>,
    /// As the server said last; the greatest number before.
    pub(super) lag: AtomicU64,
    pub(super) ack_pending: AtomicU64,
}

impl fmt::Debug for StreamView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamView").field(&self.stream).finish()
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) handled: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) dead_lettered: AtomicU64,
    pub(super) released: AtomicU64,
    pub(super) cut_off: AtomicU64,
    pub(super) lease_lost: AtomicU64,
    pub(super) dropped_unread: AtomicU64,
    pub(super) not_dead_lettered: AtomicU64,
    pub(super) stalled: AtomicU64,
}

impl Monitor {
    /// What became of the events so far.
    pub fn summary(&self) -> Summary {
        let Counters {
            handled,
            failed,
            dead_lettered,
            released,
            cut_off,
            lease_lost,
            dropped_unread,
            not_dead_lettered,
            stalled,
        } = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Summary {
            handled: read(handled),
            failed: read(failed),
            dead_lettered: read(dead_lettered),
            released: read(released),
            cut_off: read(cut_off),
            lease_lost: read(lease_lost),
            dropped_unread: read(dropped_unread),
            not_dead_lettered: read(not_dead_lettered),
            stalled: read(stalled),
        }
    }

    /// How many events wait that failed in this instance and are not due to be tried again yet. They count among those that
    /// `max_ack_pending` limits.
    pub fn waiting_for_retry(&self) -> usize {
        let (mut retries, now) = (self.retries(), Instant::now());
        while retries.peek().is_some_and(|Reverse(due)| *due <= now) {
            retries.pop();
        }
        retries.len()
    }

    /// An event failed and is due to be tried again at this time.
    pub(super) fn failed_until(&self, due: Instant) {
        let mut retries = self.retries();
        // As many as may be unacknowledged at all, with those that came to an end elsewhere.
        if retries.len() == MOST_RETRIES {
            retries.pop();
        }
        retries.push(Reverse(due));
    }

    fn retries(&self) -> MutexGuard<'_, BinaryHeap<Reverse<Instant>>> {
        self.shared.retries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the last dead letter was not stored; nothing once one is. Their stream may be full: as long as this says something, what
    /// cannot be handled waits in its own stream and is redelivered.
    pub fn dead_letter_error(&self) -> Option<String> {
        self.shared.dead_letter_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of whether a dead letter was stored.
    pub(super) fn dead_letter_ended(&self, error: Option<String>) {
        if error.is_some() {
            Counters::count(&self.counters().not_dead_lettered);
        }
        *self.shared.dead_letter_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// The circuit breakers by name: the name of a dependency, or the type of event for a handler's own. None before the
    /// consumer runs.
    pub fn breakers(&self) -> impl Iterator<Item = (&str, BreakerState)> {
        self.shared.breakers.get().into_iter().flatten().map(|breaker| (breaker.name.as_str(), breaker.state()))
    }

    /// Whether it is at work.
    pub(super) fn state(&self) -> &StateCell {
        &self.shared.state
    }

    /// The streams that it reads.
    pub(super) fn streams(&self) -> Vec<Arc<StreamView>> {
        self.shared.streams.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn show_stream(&self, view: StreamView) {
        self.shared.streams.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(view));
    }

    /// What the server says of the durable consumer of a stream.
    pub(super) fn saw(&self, stream: &str, lag: u64, ack_pending: u64) {
        for view in self.streams().iter().filter(|view| view.stream == stream) {
            view.lag.store(lag, Ordering::Relaxed);
            view.ack_pending.store(ack_pending, Ordering::Relaxed);
        }
    }

    /// The breakers that are not as they were when this was asked last.
    pub(super) fn changed_breakers(&self) -> Vec<(String, &'static str)> {
        let mut told = self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
        let now: Vec<BreakerState> = self.breakers().map(|(_, state)| state).collect();
        told.resize(now.len(), BreakerState::Closed);
        let before = std::mem::replace(&mut *told, now.clone());
        let changed = self.breakers().zip(before.into_iter().zip(now)).filter(|(_, (before, now))| before != now);
        changed.map(|((name, _), (_, now))| (name.to_owned(), now.as_str())).collect()
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    pub(super) fn show(&self, breakers: Vec<Arc<Breaker>>) {
        // A consumer runs once, so there is nothing to replace.
        let _ = self.shared.breakers.set(breakers);
    }
}

impl Counters {
    pub(super) fn count(counter: &AtomicU64) {
        Self::add(counter, 1);
    }

    pub(super) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

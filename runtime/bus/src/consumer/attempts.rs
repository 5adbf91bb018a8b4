//! Which attempt a delivery is. An attempt is a run that began; the server counts deliveries.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::dead_letters::runs::{RunCount, RunCounts};
use crate::transport::{Delivery, Transport};

/// Of how many events that failed or were not run the number of runs is kept: as many as may be unacknowledged at most.
const REMEMBERED: usize = 65_536;
/// For how long nothing is asked and noted after that failed: a permission that is missing costs a time-out each time.
const PAUSE: Duration = Duration::from_secs(60);

/// Counts the runs of the events of one stream.
///
/// A delivery of which nothing is known counts as a run, as its process may have died of it; unless events may have been
/// lost on their way to this process. But no event is taken for exhausted unless it is known to have been run: before the
/// last attempt, and when events are nakked that were not run, the number of runs is noted beside the dead letters.
#[derive(Debug)]
pub(super) struct Attempts {
    transport: Arc<dyn Transport>,
    counts: RunCounts,
    known: Mutex<BTreeMap<u64, Known>>,
    /// Whether events may have been lost on their way to this process.
    has_lost: AtomicBool,
    /// Until when the noted counts are taken for unavailable.
    paused_until: Mutex<Option<Instant>>,
}

/// What is known of an event that is not done.
#[derive(Debug, Clone, Copy)]
struct Known {
    stored: Timestamp,
    count: RunCount,
    /// Whether it is noted beside the dead letters.
    is_noted: bool,
}

impl Attempts {
    pub(super) fn new(transport: Arc<dyn Transport>, counts: RunCounts) -> Self {
        let (known, has_lost, paused_until) = (Mutex::default(), AtomicBool::new(false), Mutex::default());
        Self { transport, counts, known, has_lost, paused_until }
    }

    /// Events may have been lost on their way to this process, so that a delivery need not have been run.
    pub(super) fn may_have_lost(&self) {
        self.has_lost.store(true, Ordering::Relaxed);
    }

    /// The number of the attempt that a run of this delivery would be, counted from 1: more than `max_attempts` if it must
    /// not run any more. The last attempt is to be [noted](Self::note_last) before it begins.
    pub(super) async fn number(&self, delivery: &Delivery, max_attempts: u64) -> u64 {
        let Delivery { deliveries, .. } = *delivery;
        if deliveries <= 1 && max_attempts > 1 {
            return 1;
        }
        let known = if deliveries > 1 { self.known(delivery).await } else { None };
        let runs = known.map_or(0, |known| known.count.runs);
        if runs >= max_attempts {
            return runs + 1;
        }
        (self.runs_before(known, deliveries) + 1).min(max_attempts)
    }

    /// Notes that the last attempt is about to begin. If this is dropped, what was on its way may be stored.
    pub(super) async fn note_last(&self, delivery: &Delivery, attempt: u64) {
        self.note(delivery, RunCount { deliveries: delivery.deliveries, runs: attempt }).await;
    }

    /// An attempt failed, or was cut off. That is noted only where others could not infer it from the deliveries.
    pub(super) async fn failed(&self, delivery: &Delivery, attempt: u64) {
        if self.has_lost.load(Ordering::Relaxed) {
            self.note(delivery, RunCount { deliveries: delivery.deliveries, runs: attempt }).await;
        } else {
            self.given_up(delivery, attempt);
        }
    }

    /// A run was given up whose lease had ended. Others infer it from the deliveries.
    pub(super) fn given_up(&self, delivery: &Delivery, attempt: u64) {
        let count = RunCount { deliveries: delivery.deliveries, runs: attempt };
        self.update(delivery, |known| known.count = count);
    }

    /// A delivery came while an earlier one of the same event ran, and will not be run.
    pub(super) fn passed_over(&self, delivery: &Delivery) {
        self.update(delivery, |known| known.count.deliveries = delivery.deliveries);
    }

    /// An attempt that has a [number](Self::number) did not come to a run.
    pub(super) async fn withdraw(&self, delivery: &Delivery, attempt: u64) {
        let count = RunCount { deliveries: delivery.deliveries, runs: attempt.saturating_sub(1) };
        self.note(delivery, count).await;
    }

    /// Notes that deliveries are nakked without a run.
    pub(super) async fn not_run(&self, deliveries: &[Delivery]) {
        let notes = deliveries.iter().map(async |delivery| {
            let known = if delivery.deliveries > 1 { self.known(delivery).await } else { None };
            self.note(delivery, self.without(known, delivery.deliveries)).await;
        });
        futures_util::future::join_all(notes).await;
    }

    /// Forgets an event that is done.
    pub(super) async fn done(&self, delivery: &Delivery) {
        let known = self.lock().remove(&delivery.sequence);
        // Of first deliveries they are deleted all at once, with what is left of processes that ended.
        if delivery.deliveries > 1
            && known.is_some_and(|known| known.is_noted)
            && !self.is_paused()
            && let Err(error) = self.counts.delete(&*self.transport, delivery.sequence).await
        {
            self.pause(&error);
        }
    }

    /// How often an event was run before this delivery.
    fn runs_before(&self, known: Option<Known>, deliveries: u64) -> u64 {
        let count = known.map(|known| known.count).unwrap_or_default();
        let unknown = if self.has_lost.load(Ordering::Relaxed) { 0 } else { deliveries - 1 };
        count.runs + unknown.saturating_sub(count.deliveries)
    }

    /// What is known of an event of which this delivery was not run. Those before it of which nothing is known stay unknown: noted
    /// as runs, they would exhaust an event that was never run.
    fn without(&self, known: Option<Known>, deliveries: u64) -> RunCount {
        let count = known.map(|known| known.count).unwrap_or_default();
        let accounted = if self.has_lost.load(Ordering::Relaxed) { deliveries } else { count.deliveries + 1 };
        RunCount { deliveries: accounted.min(deliveries), runs: count.runs }
    }

    /// What is known here, or was noted by somebody else. What is known here may be older.
    async fn known(&self, delivery: &Delivery) -> Option<Known> {
        let Delivery { deliveries, sequence, stored, .. } = *delivery;
        let known = self.lock().get(&sequence).copied().filter(|known| known.stored == stored);
        if known.is_some_and(|known| known.count.deliveries + 1 >= deliveries) || self.is_paused() {
            return known;
        }
        match self.counts.get(&*self.transport, sequence, stored).await {
            Ok(Some(count)) if known.is_none_or(|known| known.count.deliveries <= count.deliveries) => {
                self.update(delivery, |known| (known.count, known.is_noted) = (count, true));
                Some(Known { stored, count, is_noted: true })
            }
            Ok(_) => known,
            Err(error) => {
                self.pause(&error);
                known
            }
        }
    }

    async fn note(&self, delivery: &Delivery, count: RunCount) {
        self.update(delivery, |known| known.count = count);
        if self.is_paused() {
            return;
        }
        match self.counts.put(&*self.transport, delivery.sequence, delivery.stored, count).await {
            Ok(_) => self.update(delivery, |known| known.is_noted = true),
            Err(error) => self.pause(&error),
        }
    }

    fn update(&self, delivery: &Delivery, change: impl FnOnce(&mut Known)) {
        let new = Known { stored: delivery.stored, count: RunCount::default(), is_noted: false };
        let mut all = self.lock();
        let known = all.entry(delivery.sequence).or_insert(new);
        if known.stored != delivery.stored {
            *known = new;
        }
        change(known);
        if all.len() > REMEMBERED {
            all.pop_first();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_paused(&self) -> bool {
        let paused_until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        paused_until.is_some_and(|until| Instant::now() < until)
    }

    fn pause(&self, error: &(dyn std::error::Error + 'static)) {
        tracing::warn!(
            error,
            "how often events were run can be neither read nor noted beside the dead letters; trying again in {PAUSE:?}"
        );
        let mut paused_until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused_until = Some(Instant::now() + PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;

    #[tokio::test]
    async fn deliveries_of_which_nothing_is_known_exhaust_no_event_that_is_nakked_unrun() {
        let counts = RunCounts::new("DEAD".to_owned(), "rules", "shop", "EVENTS");
        let attempts = Attempts::new(Arc::new(Memory::default()), counts);
        let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };

        attempts.not_run(&[delivered(5)]).await;

        assert_eq!(attempts.number(&delivered(6), 2).await, 2, "its last attempt");
        attempts.note_last(&delivered(6), 2).await;
        assert_eq!(attempts.number(&delivered(7), 2).await, 3, "no further one");
    }
}

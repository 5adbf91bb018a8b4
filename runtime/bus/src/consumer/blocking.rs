//! Handlers that block the thread they run on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::environment::WorkInstant;

/// For how long a handler may compute before it has to wait for something: ten times the slice that a busy scheduler gives
/// to a thread, so that one which only was kept from running is not taken for one that blocks.
const MOST: Duration = Duration::from_millis(50);
/// For how long handlers are taken to block after one has.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Whether handlers of a consumer block their threads, as far as was seen lately.
#[derive(Debug)]
pub(crate) struct Blocking {
    begun: WorkInstant,
    /// Until when they are taken to block, in milliseconds after `begun`; 0 if none has.
    until: AtomicU64,
    is_reported: AtomicBool,
    /// Since when the dispatch loop runs handlers in its own thread, as `until` counts; 0 while it does not.
    in_place_since: AtomicU64,
}

impl Default for Blocking {
    fn default() -> Self {
        let (until, in_place_since) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { begun: WorkInstant::now(), until, is_reported: AtomicBool::new(false), in_place_since }
    }
}

impl Blocking {
    /// Does a part of a handler's work, and sees how long it takes.
    pub(crate) fn watch<T>(&self, work: impl FnOnce() -> T) -> T {
        let begun = WorkInstant::now();
        let done = work();
        let took = begun.elapsed();
        if took > MOST {
            self.until.store(self.milliseconds(REMEMBERED), Relaxed);
            if !self.is_reported.swap(true, Relaxed) {
                tracing::warn!(
                    ?took,
                    "a handler blocks its thread; as long as handlers do, each runs on a thread of its own. Let them wait by \
                     `.await`, or use `tokio::task::spawn_blocking`"
                );
            }
        }
        done
    }

    /// [`watch`](Self::watch) for work that the dispatch loop does itself.
    pub(super) fn watch_in_place<T>(&self, work: impl FnOnce() -> T) -> T {
        self.begin_in_place();
        let done = self.watch(work);
        self.end_in_place();
        done
    }

    pub(crate) fn is_seen(&self) -> bool {
        let until = self.until.load(Relaxed);
        until > 0 && self.milliseconds(Duration::ZERO) < until
    }

    /// The dispatch loop begins to run handlers in its own thread, until it [ends](Self::end_in_place) that.
    pub(super) fn begin_in_place(&self) {
        self.in_place_since.store(self.milliseconds(Duration::ZERO).max(1), Relaxed);
    }

    pub(super) fn end_in_place(&self) {
        self.in_place_since.store(0, Relaxed);
    }

    /// Whether the dispatch loop stands, as a handler blocks its thread.
    pub(super) fn holds_up_dispatch(&self) -> bool {
        match self.in_place_since.load(Relaxed) {
            0 => false,
            since => self.milliseconds(Duration::ZERO) > since + u64::try_from(MOST.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn milliseconds(&self, from_now: Duration) -> u64 {
        u64::try_from((self.begun.elapsed() + from_now).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_computes_for_long_is_seen_and_one_that_does_not_is_not() {
        let blocking = Blocking::default();

        blocking.watch(|| ());
        assert!(!blocking.is_seen());
        blocking.watch(|| std::thread::sleep(MOST * 2));

        assert!(blocking.is_seen());
    }

    #[test]
    fn the_dispatch_loop_stands_while_a_handler_blocks_its_thread_and_not_before_or_after() {
        let blocking = Blocking::default();

        blocking.begin_in_place();
        assert!(!blocking.holds_up_dispatch());
        std::thread::sleep(MOST * 2);
        assert!(blocking.holds_up_dispatch());
        blocking.end_in_place();

        assert!(!blocking.holds_up_dispatch());
    }
}

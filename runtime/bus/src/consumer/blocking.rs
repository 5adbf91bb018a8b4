//! Handlers that block the thread they run on.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// For how long a handler may compute before it has to wait for something: ten times the slice that a busy scheduler gives
/// to a thread, so that one which only was kept from running is not taken for one that blocks.
const MOST: Duration = Duration::from_millis(50);

/// Whether handlers of a consumer block their threads, as far as was seen lately.
#[derive(Debug, Default)]
pub(super) struct Blocking {
    is_seen: AtomicBool,
    is_reported: AtomicBool,
}

impl Blocking {
    /// Does a part of a handler's work, and sees how long it takes.
    pub(super) fn watch<T>(&self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        let took = begun.elapsed();
        if took > MOST {
            self.is_seen.store(true, Relaxed);
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

    pub(super) fn is_seen(&self) -> bool {
        self.is_seen.load(Relaxed)
    }

    /// Finds out anew.
    pub(super) fn forget(&self) {
        self.is_seen.store(false, Relaxed);
    }
}

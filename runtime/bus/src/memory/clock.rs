//! The clock of a bus in memory: tokio's, which can be put forward so that nobody has to wait for what is delayed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep_until};

/// Clones show the same time.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// How far it is ahead of tokio's clock, in nanoseconds.
    ahead: Arc<AtomicU64>,
    /// The same moment on tokio's clock and on the calendar.
    began: (Instant, Timestamp),
}

impl Default for Clock {
    fn default() -> Self {
        Self { ahead: Arc::default(), began: (Instant::now(), Timestamp::now()) }
    }
}

impl Clock {
    /// An instant on the calendar.
    pub(super) fn time(&self, instant: Instant) -> Timestamp {
        let (begin, time) = self.began;
        let age = SignedDuration::try_from(instant.duration_since(begin)).unwrap_or(SignedDuration::MAX);
        time.checked_add(age).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn now(&self) -> Instant {
        Instant::now() + self.ahead()
    }

    /// Puts the clock forward to an instant, if that is yet to come.
    pub(super) fn advance_to(&self, instant: Instant) {
        let by = instant.saturating_duration_since(self.now());
        self.ahead.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Waits for an instant. Whoever puts the clock forward has to wake those who wait.
    pub(super) async fn until(&self, instant: Instant) {
        sleep_until(instant.checked_sub(self.ahead()).unwrap_or_else(Instant::now)).await;
    }

    fn ahead(&self) -> Duration {
        Duration::from_nanos(self.ahead.load(Ordering::Relaxed))
    }
}

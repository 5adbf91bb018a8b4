//! What a program has beside its messages: the time of day, random numbers, ids, and the order in which its tasks are woken.
//!
//! Everything that would differ between two runs of the same program comes from here, so that a simulation can repeat one.

#[cfg(feature = "simulation")]
pub mod simulated;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt;
use uuid::Uuid;

#[cfg(feature = "simulation")]
pub(crate) use simulated::{HashMap, WorkInstant, of_program, watch};
#[cfg(not(feature = "simulation"))]
pub(crate) use std::{collections::HashMap, time::Instant as WorkInstant};
#[cfg(not(feature = "simulation"))]
pub(crate) use tokio::sync::watch;

/// A task of this program: it stands still whenever the program does, which goes without saying but in a simulation, where several
/// programs share a runtime.
#[cfg(not(feature = "simulation"))]
pub(crate) fn of_program<F: Future>(task: F) -> F {
    task
}

/// The time of day.
pub(crate) fn now() -> Timestamp {
    #[cfg(feature = "simulation")]
    if let Some(now) = simulated::now() {
        return now;
    }
    Timestamp::now()
}

/// See [`suspended`], in nanoseconds.
static SUSPENDED: AtomicU64 = AtomicU64::new(0);
/// What clocks differ by that are read one after the other is less.
const LEAST_SUSPENSION: u64 = 1_000_000_000;

/// For how long the machine was suspended since it was started, as it was when the clocks were looked at last. No
/// `Instant` counts that: its clock stands still meanwhile, and the server's goes on.
pub fn suspended() -> Duration {
    #[cfg(test)]
    if let Some(pretended) = tests::PRETENDED.get() {
        return pretended;
    }
    Duration::from_nanos(SUSPENDED.load(Ordering::Relaxed))
}

/// Looks whether the machine was suspended, and for how long. Where that cannot be told it never was.
pub(crate) fn look_at_clocks() -> Duration {
    #[cfg(feature = "simulation")]
    if simulated::now().is_some() {
        return Duration::ZERO;
    }
    let total = suspension();
    let before = SUSPENDED.load(Ordering::Relaxed);
    if total > before.saturating_add(LEAST_SUSPENSION) {
        // Another thread that looks at the same time sees the same.
        SUSPENDED.fetch_max(total, Ordering::Relaxed);
    }
    suspended()
}

/// By how much the clock that goes on while the machine is suspended is ahead of that of `Instant`, in nanoseconds.
#[cfg(target_os = "linux")]
fn suspension() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    // In this order: if the thread is kept from running in between, the difference is too small, and never too large.
    let (going_on, standing) = (clock_gettime(ClockId::Boottime), clock_gettime(ClockId::Monotonic));
    let nanos = |time: rustix::time::Timespec| i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    u64::try_from(nanos(going_on) - nanos(standing)).unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
fn suspension() -> u64 {
    0
}

/// A new id, which sorts by the time at which it was made.
pub fn new_id() -> Uuid {
    #[cfg(feature = "simulation")]
    if let Some(id) = simulated::new_id() {
        return id;
    }
    Uuid::now_v7()
}

/// A random number.
pub fn random() -> u64 {
    #[cfg(feature = "simulation")]
    if let Some(random) = simulated::random() {
        return random;
    }
    rand::rng().random()
}

/// A delay, shortened at random by up to a half.
pub(crate) fn shortened(full: Duration) -> Duration {
    // The upper 53 bits are as many as a double holds.
    let fraction = (random() >> 11) as f64 / (1_u64 << 53) as f64;
    full.mul_f64(1.0 - fraction / 2.0)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// For how long this thread takes the machine to have been suspended.
        pub(crate) static PRETENDED: Cell<Option<Duration>> = const { Cell::new(None) };
    }

    #[test]
    fn a_delay_loses_at_most_a_half() {
        let full = Duration::from_secs(4);

        for _ in 0..1_000 {
            let delay = shortened(full);
            assert!(full / 2 <= delay && delay <= full, "{delay:?}");
        }
    }
}

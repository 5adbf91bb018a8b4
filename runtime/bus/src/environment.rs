//! What a program has beside its messages: the time of day, random numbers, ids, and the order in which its tasks are woken.
//!
//! Everything that would differ between two runs of the same program comes from here, so that a simulation can repeat one.

#[cfg(feature = "simulation")]
pub mod simulated;

use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt;
use uuid::Uuid;

#[cfg(feature = "simulation")]
pub(crate) use simulated::{HashMap, WorkInstant, watch};
#[cfg(not(feature = "simulation"))]
pub(crate) use std::{collections::HashMap, time::Instant as WorkInstant};
#[cfg(not(feature = "simulation"))]
pub(crate) use tokio::sync::watch;

/// The time of day.
pub(crate) fn now() -> Timestamp {
    #[cfg(feature = "simulation")]
    if let Some(now) = simulated::now() {
        return now;
    }
    Timestamp::now()
}

/// A new id, which sorts by the time at which it was made.
pub(crate) fn new_id() -> Uuid {
    #[cfg(feature = "simulation")]
    if let Some(id) = simulated::new_id() {
        return id;
    }
    Uuid::now_v7()
}

/// A random number.
pub(crate) fn random() -> u64 {
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
mod tests {
    use super::*;

    #[test]
    fn a_delay_loses_at_most_a_half() {
        let full = Duration::from_secs(4);

        for _ in 0..1_000 {
            let delay = shortened(full);
            assert!(full / 2 <= delay && delay <= full, "{delay:?}");
        }
    }
}

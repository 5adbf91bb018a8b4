//! How long to wait before something is tried again.

use std::time::Duration;

use eventsmith_bus::config::duration::LONGEST;

/// The delay after an attempt, counted from 1: it doubles each time, up to the longest, or the longest that a clock can add.
pub(crate) fn doubled(first: Duration, longest: Duration, attempt: u64) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(30);
    first.saturating_mul(1 << doublings).min(longest).min(LONGEST)
}

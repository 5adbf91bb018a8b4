//! How long to wait before a failed event is tried again.

use std::time::Duration;

use serde::Deserialize;

use crate::config::duration;
use crate::environment;

/// When and how often a failed event is tried again.
///
/// The delay doubles with every attempt and is shortened at random by up to a half, so that events that failed together
/// are not redelivered together. It is computed here and not by the server, which ignores its own list of delays for
/// events that are nakked.
///
/// Which errors are tried again is for the handler to say: see [`HandlerError`](crate::handler::HandlerError).
///
/// ```
/// use std::time::Duration;
///
/// use eventsmith::config::RetryPolicy;
///
/// let policy = RetryPolicy { max_delay: Duration::from_secs(60), max_attempts: 5, ..RetryPolicy::default() };
/// assert_eq!(policy.first_delay, Duration::from_secs(1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// The delay after the first attempt, before it is shortened. Default: 1 s.
    #[serde(with = "duration")]
    pub first_delay: Duration,
    /// The longest delay. Default: 5 min.
    #[serde(with = "duration")]
    pub max_delay: Duration,
    /// After this many attempts an event is exhausted and becomes a dead letter. Default: 10.
    ///
    /// Runs count, not deliveries: an event that was nakked unhandled when a service shut down has not been tried.
    pub max_attempts: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { first_delay: Duration::from_secs(1), max_delay: Duration::from_secs(300), max_attempts: 10 }
    }
}

impl RetryPolicy {
    /// The delay after this attempt, counted from 1.
    pub(crate) fn delay(&self, attempt: u64) -> Duration {
        let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
        let full = self.first_delay.saturating_mul(factor).min(self.max_delay).min(duration::LONGEST);
        environment::shortened(full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_lose_at_most_a_half() {
        let policy = RetryPolicy {
            first_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(10),
            ..RetryPolicy::default()
        };

        for (attempt, full) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (1_000_000, 10)] {
            let full = Duration::from_secs(full);
            for _ in 0..100 {
                let delay = policy.delay(attempt);
                assert!(full / 2 <= delay && delay <= full, "{attempt}: {delay:?}");
            }
        }
    }
}

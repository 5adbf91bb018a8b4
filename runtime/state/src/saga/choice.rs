//! What a definition says of what goes wrong.

use std::time::Duration;

use crate::delay::doubled;

/// How a saga goes on when a step is refused, or its time is over.
///
/// ```
/// use eventsmith::state::Otherwise;
///
/// /// A customer without points pays the whole price; whoever is unknown buys nothing.
/// fn without_points(code: &str) -> Otherwise {
///     match code {
///         "not_enough_points" => Otherwise::GoOn,
///         _ => Otherwise::Compensate,
///     }
/// }
/// # assert_eq!(without_points("not_found"), Otherwise::Compensate);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Otherwise {
    /// With the next step.
    GoOn,
    /// By undoing all that was done, the last step first.
    #[default]
    Compensate,
    /// Not at all: it ends, and what was done stays.
    Fail,
}

/// How often a request of a saga is made that nobody answers, or at which whoever answers fails. It has the same id each time.
///
/// ```
/// use std::time::Duration;
///
/// use eventsmith::state::SagaRetry;
///
/// let patient = SagaRetry { max_attempts: None, ..SagaRetry::default() }; // until its time-out
/// # assert_eq!(patient.first_delay, Duration::from_millis(200));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SagaRetry {
    /// How often, at most; without a limit if this is nothing. Default: 10.
    pub max_attempts: Option<u64>,
    /// How long to wait after the first attempt; twice as long after each other. Default: 200 ms.
    pub first_delay: Duration,
    /// The longest wait. Default: 30 s.
    pub max_delay: Duration,
    /// How long to wait for the answer to one attempt. Default: 5 s.
    pub patience: Duration,
}

impl Default for SagaRetry {
    fn default() -> Self {
        Self {
            max_attempts: Some(10),
            first_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(30),
            patience: Duration::from_secs(5),
        }
    }
}

impl SagaRetry {
    /// Whether this was the last attempt, counted from 1.
    pub(crate) fn is_last(&self, attempt: u64) -> bool {
        self.max_attempts.is_some_and(|max| attempt >= max.max(1))
    }

    /// How long to wait after an attempt, counted from 1.
    pub(crate) fn delay(&self, attempt: u64) -> Duration {
        doubled(self.first_delay, self.max_delay, attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let retry = SagaRetry::default();

        let delays = [1, 2, 3, 9, 1_000, u64::MAX].map(|attempt| retry.delay(attempt).as_millis());

        assert_eq!(delays, [200, 400, 800, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn no_delay_is_too_long_for_a_clock() {
        let retry = SagaRetry { first_delay: Duration::MAX, max_delay: Duration::MAX, ..SagaRetry::default() };

        assert_eq!(retry.delay(1), Duration::from_secs(365 * 86_400));
    }

    #[test]
    fn one_attempt_is_made_at_least() {
        let none = SagaRetry { max_attempts: Some(0), ..SagaRetry::default() };

        assert!(none.is_last(1));
        assert!(!SagaRetry { max_attempts: None, ..none }.is_last(u64::MAX));
    }
}

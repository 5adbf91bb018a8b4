//! What the handlers work with, and their settings.

use std::sync::Arc;
use std::time::Duration;

use eventsmith::state::{Saga, SagaRetry, Sagas};
use rules_events::checkout::CheckoutProgress;
use serde::Deserialize;

/// The settings of checkouts.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long a step may take that can be undone, all attempts together, in milliseconds.
    pub step_timeout_ms: u64,
    /// How long one attempt may take, in milliseconds.
    pub patience_ms: u64,
    /// How long to wait after the first attempt, in milliseconds; twice as long after each other.
    pub first_delay_ms: u64,
    /// The longest wait between two attempts, in milliseconds.
    pub max_delay_ms: u64,
    /// How long a coupon is held for a checkout, in seconds; longer than all steps may take.
    pub hold_coupon_s: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            step_timeout_ms: 20_000,
            patience_ms: 1_000,
            first_delay_ms: 100,
            max_delay_ms: 2_000,
            hold_coupon_s: 900,
        }
    }
}

impl Config {
    /// How requests are made again: until the step's time is over, or for ever.
    pub(super) fn retry(&self) -> SagaRetry {
        SagaRetry {
            max_attempts: None,
            first_delay: Duration::from_millis(self.first_delay_ms),
            max_delay: Duration::from_millis(self.max_delay_ms),
            patience: Duration::from_millis(self.patience_ms),
        }
    }

    pub(super) fn step_timeout(&self) -> Duration {
        Duration::from_millis(self.step_timeout_ms)
    }
}

/// What the handlers work with.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) sagas: Sagas,
    pub(super) checkout: Arc<Saga<CheckoutProgress>>,
}

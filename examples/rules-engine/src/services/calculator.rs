//! The calculator totals transactions: a checkout is a [saga](checkout) across the other services, which it starts and tells about.

mod answers;
pub mod checkout;
mod steps;
mod summary;

use std::sync::Arc;
use std::time::Duration;

use eventsmith::Bus;
use eventsmith::state::{Saga, SagaRetry, Sagas};
use rules_events::checkout::CheckoutProgress;
use serde::Deserialize;

use crate::parts::{Parts, with};

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
    fn retry(&self) -> SagaRetry {
        SagaRetry {
            max_attempts: None,
            first_delay: Duration::from_millis(self.first_delay_ms),
            max_delay: Duration::from_millis(self.max_delay_ms),
            patience: Duration::from_millis(self.patience_ms),
        }
    }

    fn step_timeout(&self) -> Duration {
        Duration::from_millis(self.step_timeout_ms)
    }
}

/// What the handlers work with.
#[derive(Clone)]
struct Desk {
    sagas: Sagas,
    checkout: Arc<Saga<CheckoutProgress>>,
}

/// The parts of the service.
pub fn parts(bus: &Bus, config: &Config) -> Parts {
    let sagas = Sagas::of(bus, rules_events::STREAMS);
    let runner = sagas.runner("calculator").saga(checkout::checkout(config));
    let desk = Desk { sagas, checkout: Arc::new(checkout::checkout(config)) };
    let service = bus.service("calculator").answer(with(&desk, answers::start)).answer(with(&desk, answers::get));
    let bus = bus.clone();
    Parts::answering(service)
        .with(move |stopped| async move { Ok(runner.run(stopped.wait()).await?) })
        .with(move |stopped| async move { Ok(summary::projection().run(&bus, stopped.wait()).await?) })
}

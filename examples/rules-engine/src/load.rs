//! Load: checkouts that are started at their time, whatever becomes of those before them.
//!
//! The loop is open: a checkout's latency counts from when it was to be started, so that a system which is slow to take them on cannot hide
//! it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventsmith::Bus;
use eventsmith::state::{SagaStatus, Sagas};
use hdrhistogram::Histogram;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rules_events::checkout::CheckoutStart;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::world::{World, asked};

/// How long a checkout may take before it is given up on.
const PATIENCE: Duration = Duration::from_secs(180);

/// Which checkouts are started.
#[derive(Debug, Clone)]
pub struct Load {
    /// How many.
    pub checkouts: u32,
    /// How many each second.
    pub rate: f64,
    /// How many customers there are.
    pub customers: u32,
    /// How many groups of customers.
    pub groups: u32,
    /// What tells the checkouts of this run from those of others.
    pub run: String,
}

/// What became of them.
#[derive(Debug)]
pub struct Outcome {
    /// What was started.
    pub started: Vec<CheckoutStart>,
    /// How each ended that did, in the order in which they did.
    pub ended: Vec<SagaStatus>,
    /// From when it was to be started until it ended, in microseconds.
    pub latency: Histogram<u64>,
    /// From the first start to the last end.
    pub took: Duration,
}

impl Load {
    /// Starts all of them, and waits until they have ended.
    ///
    /// # Errors
    /// What cannot be made or recorded. A checkout that is not taken on, or does not end, is for the audit to find.
    pub async fn run(&self, bus: &Bus, world: &World) -> anyhow::Result<Outcome> {
        let sagas = Sagas::of(bus, rules_events::STREAMS);
        let mut random = StdRng::seed_from_u64(0x5eed);
        let ended = Arc::new(Mutex::new((Vec::new(), Histogram::<u64>::new_with_bounds(1, 600_000_000, 3)?)));
        let (mut started, mut tasks, begin) = (Vec::new(), JoinSet::new(), Instant::now());
        for number in 0..self.checkouts {
            let intended = begin + Duration::from_secs_f64(f64::from(number) / self.rate);
            let start = self.checkout(number, world, &mut random)?;
            started.push(start.clone());
            sleep_until(intended).await;
            let (bus, sagas, ended) = (bus.clone(), sagas.clone(), Arc::clone(&ended));
            tasks.spawn(async move {
                if let Err(error) = asked(&bus, &start).await {
                    tracing::warn!(%error, transaction = start.transaction_id.as_str(), "a checkout was not taken on");
                    return;
                }
                let end = sagas.ended("checkout", &start.transaction_id);
                if let Ok(Ok(status)) = timeout_at(intended + PATIENCE, end).await {
                    let micros = u64::try_from(intended.elapsed().as_micros()).unwrap_or(u64::MAX);
                    let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
                    ended.0.push(status);
                    ended.1.saturating_record(micros.max(1));
                }
            });
        }
        while tasks.join_next().await.is_some() {}
        let took = begin.elapsed();
        let mut guard = ended.lock().unwrap_or_else(PoisonError::into_inner);
        let (ended, latency) = (std::mem::take(&mut guard.0), guard.1.clone());
        Ok(Outcome { started, ended, latency, took })
    }

    /// One checkout: most are simple, some have a coupon or pay with points, and a few are to a country that has no tax rates.
    fn checkout(&self, number: u32, world: &World, random: &mut StdRng) -> serde_json::Result<CheckoutStart> {
        let customer = random.random_range(0..self.customers);
        let group = customer % self.groups;
        let jurisdiction = match random.random_range(0..100) {
            0..60 => "DE",
            60..85 => "FR",
            85..98 => "GB",
            _ => "XX",
        };
        let tier = ["bronze", "bronze", "silver", "gold"][random.random_range(0..4)];
        let mut start = json!({
            "transaction_id": format!("{}-{number}", self.run),
            "customer_id": format!("cus_{customer}"),
            "subtotal": {"amount_minor": random.random_range(300..20_000), "currency": "EUR"},
            "jurisdiction": jurisdiction,
            "method": {"kind": "card", "brand": "visa", "last_four": "4242"},
            "facts": {"group": group, "items": random.random_range(1..8), "tier": tier},
        });
        if random.random_range(0..100) < 25 {
            let codes = world.coupons.iter().filter(|code| code.ends_with(&format!("-{group}"))).collect::<Vec<_>>();
            if let Some(code) = codes.get(random.random_range(0..codes.len().max(1))) {
                start["coupon_code"] = json!(code);
            }
        }
        if random.random_range(0..100) < 25 {
            start["points"] = json!(random.random_range(1..120));
        }
        serde_json::from_value(start)
    }
}

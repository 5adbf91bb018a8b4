//! An account, and the service of the bank that keeps it.

use std::collections::{BTreeMap, BTreeSet};

use eventsmith::state::{Aggregate, Aggregates, ExecuteError, ExecuteOptions, Snapshots};
use eventsmith::{Bus, NoReply, Received, Refusal, Service};
use serde::{Deserialize, Serialize};

use super::SNAPSHOTS;
use super::messages::{Booked, No, Order, What};
use super::plain::plain;

/// What happens to accounts.
#[derive(Debug, Clone, PartialEq)]
pub enum AccountEvent {
    /// Something.
    Booked(Booked),
}

eventsmith::generated::aggregate_events! {
    AccountEvent, "account", "bank.domain.account.*.*", [Booked];
    Booked(Booked),
}

/// An account, which is also its snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Whether there is one.
    pub is_open: bool,
    /// What is on it.
    pub cents: i64,
    /// What was done, by transfer.
    pub done: BTreeMap<String, BTreeSet<What>>,
}

plain!(Account: State, State, "account.snapshot", "$KV.ACCOUNT_SNAPSHOTS.>", {
    const BUCKET: &'static str = SNAPSHOTS.name;
});

impl Aggregate for Account {
    type Event = AccountEvent;

    fn apply(&mut self, event: &AccountEvent) {
        let AccountEvent::Booked(booked) = event;
        self.is_open = true;
        self.cents += booked.cents;
        self.done.entry(booked.transfer.clone()).or_default().insert(booked.what);
    }

    fn snapshots() -> Option<Snapshots<Self>> {
        Some(Snapshots::every(3, Self::clone, |snapshot: Self| snapshot))
    }
}

impl Account {
    /// What an order leads to: nothing, if it was done before. What undoes something may come first, and keeps it from being done.
    ///
    /// # Errors
    /// A word for why not.
    pub fn book(&self, order: &Order) -> Result<Vec<AccountEvent>, &'static str> {
        let done = self.done.get(&order.transfer).cloned().unwrap_or_default();
        if done.contains(&order.what) {
            return Ok(Vec::new());
        }
        let cents = match order.what {
            What::Open => order.cents,
            _ if !self.is_open => return Err("not_found"),
            What::Withdraw if done.contains(&What::GiveBack) => return Err("cancelled"),
            What::Deposit if done.contains(&What::TakeBack) => return Err("cancelled"),
            What::Withdraw if self.cents < order.cents => return Err("not_enough"),
            What::Withdraw => -order.cents,
            What::Deposit => order.cents,
            What::GiveBack if done.contains(&What::Withdraw) => order.cents,
            What::TakeBack if done.contains(&What::Deposit) => -order.cents,
            What::GiveBack | What::TakeBack => 0,
        };
        let Order { what, transfer, account, .. } = order.clone();
        Ok(vec![Booked { account, transfer, what, cents }.into()])
    }
}

/// The service of the bank.
pub fn bank(bus: &Bus) -> Service {
    let accounts = Aggregates::of(bus);
    bus.service("bank").answer(move |order: Received<Order>| {
        let accounts = accounts.clone();
        async move {
            let options = ExecuteOptions::caused_by(order.envelope(), "book");
            match accounts.execute_with(&order.account, options, |account: &Account| account.book(&order)).await {
                Ok(_) => Ok(NoReply {}),
                Err(ExecuteError::Refused(code)) => Err(Refusal::new(No { code: code.to_owned() })),
                Err(ExecuteError::State(error)) => Err(Refusal::failed(error)),
            }
        }
    })
}

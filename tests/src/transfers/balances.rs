//! What accounts hold, as a read model.

use std::time::Duration;

use eventsmith::state::{Documents, Projection, ProjectionConfig};
use eventsmith::{HandlerError, Received};
use serde::{Deserialize, Serialize};

use super::BALANCES;
use super::messages::Booked;
use super::plain::plain;
use crate::job::{Journal, What};

/// The name of the projection.
pub const NAME: &str = "balances";

/// What an account holds. Whatever is lost, doubled or out of order shows in the digest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Balance {
    /// What is on it.
    pub cents: i64,
    /// Of how many events.
    pub events: u64,
    /// Of which, in which order.
    pub digest: u64,
}

plain!(Balance: State, State, "account.balance", "$KV.BALANCES.>", {
    const BUCKET: &'static str = BALANCES.name;
});

impl Balance {
    /// Takes in an event that has this sequence in its stream.
    pub fn add(&mut self, cents: i64, sequence: u64) {
        self.cents += cents;
        self.events += 1;
        self.digest = self.digest.wrapping_mul(31).wrapping_add(sequence);
    }
}

/// The projection; the side effect of an event is an entry in a journal.
pub fn balances(journal: Journal) -> Projection<Documents<Balance>> {
    // Nobody waits long for one that was killed.
    let config = ProjectionConfig {
        lease: Duration::from_millis(400),
        status_interval: Duration::from_millis(100),
        first_delay: Duration::from_millis(10),
        ..ProjectionConfig::default()
    };
    Projection::in_bucket::<Balance>(NAME, 1).config(config).on(|booked: &Booked| [booked.account.clone()], add).effect(
        move |booked: Received<Booked>| {
            let noted = sequence_of(&booked).and_then(|sequence| Ok(journal.append(What::Done, sequence, 1, 1)?));
            async { noted }
        },
    )
}

fn add(balance: &mut Option<Balance>, booked: &Received<Booked>) -> Result<(), HandlerError> {
    balance.get_or_insert_default().add(booked.cents, sequence_of(booked)?);
    Ok(())
}

fn sequence_of(booked: &Received<Booked>) -> Result<u64, HandlerError> {
    let place = booked.place().ok_or_else(|| HandlerError::reject("an event without a place"))?;
    Ok(place.sequence)
}

//! Accounts: what is opened, paid in and drawn, and what that makes of them.

use std::borrow::Cow;

use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::{BucketDescriptor, StreamDescriptor};
use eventsmith::generated::Schema;
use eventsmith::state::{Aggregate, Aggregates, ExecuteError, Executed, Snapshots};
use eventsmith::{Bus, DecodeError, Event, Invalid, Kind, State, Violation};
use serde::{Deserialize, Serialize};

use crate::common::Outcome;

pub(crate) const ACCOUNTS: StreamDescriptor = StreamDescriptor::new("ACCOUNTS", &["bank.domain.>"]).aggregates(true);
/// The same, but anybody may delete from it.
pub(crate) const UNPROTECTED: StreamDescriptor = ACCOUNTS.aggregates(false).atomic(true);
pub(crate) const SNAPSHOTS: BucketDescriptor = BucketDescriptor::new("ACCOUNT_SNAPSHOTS", "account.snapshot");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) account: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Paid {
    pub(crate) account: String,
    pub(crate) amount: i64,
}

/// As [`Paid`], but of no aggregate: what somebody publishes who knows nothing of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Foreign {
    pub(crate) account: String,
}

macro_rules! event {
    ($name:ident, $type:literal, $subject:literal, $aggregate:expr) => {
        impl Event for $name {
            const TOKEN: eventsmith::generated::Token = eventsmith::generated::Token::of_generated_code();
            const KIND: Kind = Kind::Domain;
            const TYPE: &'static str = $type;
            const VERSION: u32 = 1;
            const SUBJECT: &'static str = concat!($subject, ".*");
            const SCHEMA: &'static str = "true";
            const KEY: Option<&'static str> = Some("/account");
            const AGGREGATE: Option<&'static str> = $aggregate;

            fn payload_schema() -> &'static Schema {
                static SCHEMA: Schema = Schema::new($name::TYPE, $name::VERSION, $name::SCHEMA);
                &SCHEMA
            }

            fn subject(&self) -> Result<Cow<'static, str>, Invalid> {
                Ok(format!(concat!($subject, ".{}"), self.account).into())
            }

            fn key(&self) -> Option<String> {
                Some(self.account.clone())
            }

            fn validate(&self) -> Result<(), Invalid> {
                Ok(())
            }

            fn decode(_: u32, data: &[u8]) -> Result<Self, DecodeError> {
                let invalid =
                    |error: serde_json::Error| Invalid::new($type, 1, vec![Violation::new("", "", error.to_string())]);
                serde_json::from_slice(data).map_err(|error| invalid(error).into())
            }
        }
    };
}

event!(Opened, "account.opened", "bank.domain.account.opened", Some("account"));
event!(Paid, "account.paid", "bank.domain.account.paid", Some("account"));
event!(Foreign, "account.foreign", "bank.domain.account.paid", None);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AccountEvent {
    Opened(Opened),
    Paid(Paid),
}

eventsmith::generated::aggregate_events! {
    AccountEvent, "account", "bank.domain.account.*.*", [Opened, Paid];
    Opened(Opened),
    Paid(Paid),
}

/// An amount at which `apply` panics.
pub(crate) const DEADLY: i64 = 13_131_313;

/// `EVERY` is after how many events there is a snapshot (0 for never), `REVISION` that of `apply`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Account<const EVERY: u64 = 0, const REVISION: u32 = 0> {
    pub(crate) is_open: bool,
    pub(crate) balance: i64,
    /// How many events were applied here; a snapshot knows nothing of it.
    pub(crate) applied: u64,
}

impl<const EVERY: u64, const REVISION: u32> Aggregate for Account<EVERY, REVISION> {
    type Event = AccountEvent;

    #[expect(clippy::panic, reason = "that is what is tested")]
    fn apply(&mut self, event: &AccountEvent) {
        self.applied += 1;
        match event {
            AccountEvent::Opened(_) => self.is_open = true,
            AccountEvent::Paid(Paid { amount: DEADLY, .. }) => panic!("an amount that nobody can pay"),
            AccountEvent::Paid(Paid { amount, .. }) => self.balance += amount,
        }
    }

    fn snapshots() -> Option<Snapshots<Self>> {
        let take = |account: &Self| AccountSnapshot { is_open: account.is_open, balance: account.balance };
        let restore = |AccountSnapshot { is_open, balance }| Self { is_open, balance, applied: 0 };
        (EVERY > 0).then(|| Snapshots::every(EVERY, take, restore).revision(REVISION))
    }
}

/// An account to which nothing is done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lenient;

impl Aggregate for Lenient {
    type Event = AccountEvent;

    fn apply(&mut self, _: &AccountEvent) {}
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AccountSnapshot {
    pub(crate) is_open: bool,
    pub(crate) balance: i64,
}

impl State for AccountSnapshot {
    const TOKEN: eventsmith::generated::Token = eventsmith::generated::Token::of_generated_code();
    const KIND: Kind = Kind::State;
    const TYPE: &'static str = "account.snapshot";
    const VERSION: u32 = 1;
    const BUCKET: &'static str = SNAPSHOTS.name;
    const SUBJECT: &'static str = "$KV.ACCOUNT_SNAPSHOTS.>";
    const SCHEMA: &'static str = "true";

    fn payload_schema() -> &'static Schema {
        static SCHEMA: Schema =
            Schema::new(AccountSnapshot::TYPE, AccountSnapshot::VERSION, <AccountSnapshot as State>::SCHEMA);
        &SCHEMA
    }

    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }

    fn decode(_: u32, data: &[u8]) -> Result<Self, DecodeError> {
        let invalid = |error: serde_json::Error| {
            Invalid::new("account.snapshot", 1, vec![Violation::new("", "", error.to_string())])
        };
        serde_json::from_slice(data).map_err(|error| invalid(error).into())
    }
}

pub(crate) fn opened(account: &str) -> AccountEvent {
    Opened { account: account.to_owned() }.into()
}

pub(crate) fn paid(account: &str, amount: i64) -> AccountEvent {
    Paid { account: account.to_owned(), amount }.into()
}

/// Why a command is refused.
pub(crate) type Refused = ExecuteError<&'static str>;

/// Opens an account, once.
pub(crate) async fn open(accounts: &Aggregates, id: &str) -> Result<Executed<Account>, Refused> {
    accounts
        .execute(id, |account: &Account| match account.is_open {
            true => Err("it is open"),
            false => Ok(vec![opened(id)]),
        })
        .await
}

/// Pays something in.
pub(crate) async fn pay(accounts: &Aggregates, id: &str, amount: i64) -> Result<Executed<Account>, Refused> {
    accounts.execute(id, |_: &Account| Ok(vec![paid(id, amount)])).await
}

/// Aggregates over a bus with their stream.
pub(crate) async fn accounts(bus: &Bus) -> Outcome<Aggregates> {
    bus.provision(&[ACCOUNTS]).await?;
    Ok(Aggregates::of(bus))
}

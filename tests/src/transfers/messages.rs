//! What is said: who wants what, what the bank is asked for, and what happened.

use std::borrow::Cow;

use eventsmith::generated::{Schema, Token};
use eventsmith::state::SagaStatus;
use eventsmith::{Invalid, NoReply, Reply};
use serde::{Deserialize, Serialize};

use super::plain::{plain, unreadable};

/// What becomes of a transfer, whatever dies meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fate {
    /// It completes.
    Plain,
    /// It waits for [`TransferConfirmed`], which comes, and completes.
    Confirmed,
    /// It waits for [`TransferApproved`], which never comes, until its time is over, and is compensated.
    Abandoned,
    /// The other account does not exist: it is compensated.
    ToNobody,
    /// The first account has not got so much: it is compensated, and nothing was done.
    TooMuch,
}

impl Fate {
    /// How the saga ends.
    pub fn ends(self) -> SagaStatus {
        match self {
            Self::Plain | Self::Confirmed => SagaStatus::Completed,
            Self::Abandoned | Self::ToNobody | Self::TooMuch => SagaStatus::Compensated,
        }
    }
}

/// Somebody wants money to go from one account to another: what starts a saga, and then its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// Its id.
    pub transfer: String,
    /// The account that it is taken from.
    pub from: String,
    /// The account that it goes to.
    pub to: String,
    /// How much.
    pub cents: i64,
    /// What is to become of it.
    pub fate: Fate,
}

/// A [`Transfer`] that is to begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferAsked(pub Transfer);

/// Somebody confirms a transfer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferConfirmed {
    /// Its id.
    pub transfer: String,
}

/// Somebody approves a transfer; nobody ever does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferApproved {
    /// Its id.
    pub transfer: String,
}

/// What can happen to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It is opened, with money on it.
    Open,
    /// A transfer takes from it.
    Withdraw,
    /// What a transfer took is given back, and it takes nothing any more.
    GiveBack,
    /// A transfer puts into it.
    Deposit,
    /// What a transfer put into it is taken back, and it puts nothing in any more.
    TakeBack,
}

/// The bank is to do something, once for each transfer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// What.
    pub what: What,
    /// For which transfer.
    pub transfer: String,
    /// To which account.
    pub account: String,
    /// How much.
    pub cents: i64,
}

/// Why the bank does not do something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct No {
    /// A word for it.
    pub code: String,
}

/// Something happened to an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Booked {
    /// The account.
    pub account: String,
    /// The transfer that it is of.
    pub transfer: String,
    /// What.
    pub what: What,
    /// What came in; less than zero for what was taken.
    pub cents: i64,
}

macro_rules! of_a_transfer {
    ($($name:ident, $type:literal, $subject:literal, $key:expr;)*) => {$(
        plain!($name: Event, Domain, $type, $subject, {
            const KEY: Option<&'static str> = Some("/transfer");

            fn key(&self) -> Option<String> {
                let key: fn(&Self) -> &String = $key;
                Some(key(self).clone())
            }
        });
    )*};
}

of_a_transfer! {
    TransferAsked, "transfer.asked", "bank.domain.transfer.asked", |asked| &asked.0.transfer;
    TransferConfirmed, "transfer.confirmed", "bank.domain.transfer.confirmed", |event| &event.transfer;
    TransferApproved, "transfer.approved", "bank.domain.transfer.approved", |event| &event.transfer;
}

plain!(Transfer: State, State, "transfer.progress", "$KV.*.>", {
    // It lies with the saga's events.
    const BUCKET: &'static str = "";
});

plain!(Order: Request, Command, "account.order", "bank.command.account.order", {
    type Reply = NoReply;
    type Error = No;
    const KEY: Option<&'static str> = None;
});

plain!(Booked: Event, Domain, "account.booked", "bank.domain.account.booked.*", {
    const KEY: Option<&'static str> = Some("/account");
    const AGGREGATE: Option<&'static str> = Some("account");

    fn subject(&self) -> Result<Cow<'static, str>, Invalid> {
        Ok(format!("bank.domain.account.booked.{}", self.account).into())
    }

    fn key(&self) -> Option<String> {
        Some(self.account.clone())
    }
});

impl Reply for No {
    const SCHEMA: &'static str = "true";
    const ANSWERS: (&'static str, u32) = ("account.order", 1);
    const TOKEN: Token = Token::of_generated_code();

    fn payload_schema() -> &'static Schema {
        static SCHEMA: Schema = Schema::new("account.order", 1, "true");
        &SCHEMA
    }

    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }

    fn decode(data: &[u8]) -> Result<Self, Invalid> {
        serde_json::from_slice(data).map_err(|error| unreadable("account.order", &error))
    }
}

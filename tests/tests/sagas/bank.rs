//! Transfers between accounts of a bank that does each thing once, and the saga that makes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::StreamDescriptor;
use eventsmith::generated::{Schema, Token};
use eventsmith::state::{Otherwise, Saga, SagaConfig, SagaError, SagaRetry, SagaRunner, SagaStatus, Sagas, Step};
use eventsmith::{
    Bus, DecodeError, Invalid, Kind, NoReply, Received, Refusal, Reply, Service, ServiceError, State, Violation,
};
use eventsmith_tests::running::PATIENCE;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::common::Outcome;
use crate::requests::common::request;

pub(crate) const SAGAS: StreamDescriptor =
    StreamDescriptor::new("SAGAS", &["rules.saga.>"]).sagas(&["transfer", "order"]);

/// As often as a test can wait for.
pub(crate) const QUICK: SagaRetry = SagaRetry {
    max_attempts: Some(4),
    first_delay: Duration::from_millis(20),
    max_delay: Duration::from_millis(100),
    patience: Duration::from_secs(5),
};

/// What a transfer is about, and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Transfer {
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) cents: i64,
    pub(crate) notes: Vec<String>,
}

pub(crate) fn a_transfer(id: &str, from: &str, to: &str, cents: i64) -> Transfer {
    Transfer { id: id.to_owned(), from: from.to_owned(), to: to.to_owned(), cents, notes: Vec::new() }
}

/// A note that no state may have.
pub(crate) const INVALID_NOTE: &str = "invalid";

impl State for Transfer {
    const TOKEN: Token = Token::of_generated_code();
    const KIND: Kind = Kind::State;
    const TYPE: &'static str = "transfer.progress";
    const VERSION: u32 = 1;
    const BUCKET: &'static str = "";
    const SUBJECT: &'static str = "$KV.*.>";
    const SCHEMA: &'static str = "true";

    fn payload_schema() -> &'static Schema {
        static SCHEMA: Schema = Schema::new("transfer.progress", 1, "true");
        &SCHEMA
    }

    fn validate(&self) -> Result<(), Invalid> {
        match self.notes.iter().any(|note| note == INVALID_NOTE) {
            true => Err(invalid("transfer.progress", "another note")),
            false => Ok(()),
        }
    }

    fn decode(_: u32, data: &[u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(data).map_err(|error| invalid("transfer.progress", &error.to_string()).into())
    }
}

fn invalid(of: &'static str, expected: &str) -> Invalid {
    Invalid::new(of, 1, vec![Violation::new("", "", expected)])
}

/// Why the bank does not do something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct No {
    pub(crate) code: String,
}

impl Reply for No {
    const SCHEMA: &'static str = "true";
    const ANSWERS: (&'static str, u32) = ("bank.error", 1);
    const TOKEN: Token = Token::of_generated_code();

    fn payload_schema() -> &'static Schema {
        static SCHEMA: Schema = Schema::new("bank.error", 1, "true");
        &SCHEMA
    }

    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }

    fn decode(data: &[u8]) -> Result<Self, Invalid> {
        serde_json::from_slice(data).map_err(|error| invalid("bank.error", &error.to_string()))
    }
}

macro_rules! orders {
    ($($name:ident, $type:literal, $subject:literal;)*) => {$(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub(crate) struct $name {
            pub(crate) transfer: String,
            pub(crate) account: String,
            pub(crate) cents: i64,
        }

        request!($name, Command, $type, 1, $subject, NoReply, No, |order| !order.account.is_empty());
    )*};
}

orders! {
    Withdraw, "bank.withdraw", "rules.command.bank.withdraw";
    GiveBack, "bank.give_back", "rules.command.bank.give_back";
    Deposit, "bank.deposit", "rules.command.bank.deposit";
    TakeBack, "bank.take_back", "rules.command.bank.take_back";
}

/// The bank, which does each thing once for each transfer, and undoes it before or after.
#[derive(Clone, Default)]
pub(crate) struct Bank(Arc<Mutex<Ledger>>);

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) balances: BTreeMap<String, i64>,
    /// What was done, and of which transfer.
    pub(crate) done: BTreeSet<(&'static str, String)>,
    /// Every request that came: what, of which transfer, under which id, with which correlation.
    pub(crate) calls: Vec<Call>,
    /// How often requests of a kind fail yet.
    pub(crate) failing: BTreeMap<&'static str, u32>,
    /// Accounts for which requests of a kind are refused.
    pub(crate) refusing: BTreeSet<(&'static str, String)>,
    /// Kinds of requests that are never answered.
    pub(crate) silent: BTreeSet<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) what: &'static str,
    pub(crate) transfer: String,
    pub(crate) id: String,
    pub(crate) correlation_id: Option<String>,
    pub(crate) causation_id: Option<String>,
}

impl Bank {
    /// A bank with some accounts that have 1,000 each.
    pub(crate) fn with(accounts: &[&str]) -> Self {
        let bank = Self::default();
        bank.ledger().balances = accounts.iter().map(|account| ((*account).to_owned(), 1_000)).collect();
        bank
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn balance(&self, account: &str) -> i64 {
        self.ledger().balances.get(account).copied().unwrap_or_default()
    }

    pub(crate) fn total(&self) -> i64 {
        self.ledger().balances.values().sum()
    }

    /// What was asked for of a transfer, in order, repetitions left out.
    pub(crate) fn path(&self, transfer: &str) -> Vec<&'static str> {
        let mut path: Vec<&'static str> =
            self.ledger().calls.iter().filter(|call| call.transfer == transfer).map(|call| call.what).collect();
        path.dedup();
        path
    }

    /// Does something once. `undoes` is what it takes back, which must not happen any more where it has not.
    fn book(
        &self,
        (what, undone_by, undoes): (&'static str, Option<&'static str>, Option<&'static str>),
        (transfer, account, cents): (&str, &str, i64),
        call: Call,
    ) -> Result<bool, Refusal<No>> {
        let mut ledger = self.ledger();
        ledger.calls.push(call);
        if ledger.silent.contains(what) {
            return Ok(false);
        }
        if let Some(failing) = ledger.failing.get_mut(what).filter(|failing| **failing > 0) {
            *failing -= 1;
            return Err(Refusal::failed("the bank is closed for lunch"));
        }
        let no = |code: &str| Err(Refusal::new(No { code: code.to_owned() }));
        if ledger.refusing.contains(&(what, account.to_owned())) {
            return no("not_allowed");
        }
        let key = |what: &'static str| (what, transfer.to_owned());
        if ledger.done.contains(&key(what)) {
            return Ok(true);
        }
        if undone_by.is_some_and(|undone_by| ledger.done.contains(&key(undone_by))) {
            return no("cancelled");
        }
        // What never happened is not taken back, and will not happen.
        let is_real = undoes.is_none_or(|undoes| ledger.done.contains(&key(undoes)));
        let Some(balance) = ledger.balances.get_mut(account) else { return no("not_found") };
        if is_real {
            if *balance + cents < 0 {
                return no("not_enough");
            }
            *balance += cents;
        }
        ledger.done.insert(key(what));
        Ok(true)
    }

    /// The services of the bank.
    pub(crate) fn service(&self, bus: &Bus) -> Service {
        macro_rules! answer {
            ($service:expr, $order:ty, $what:literal, $sign:literal, $undone_by:expr, $undoes:expr) => {{
                let bank = self.clone();
                $service.answer(move |order: Received<$order>| {
                    let bank = bank.clone();
                    async move {
                        let envelope = order.envelope();
                        let call = Call {
                            what: $what,
                            transfer: order.transfer.clone(),
                            id: envelope.id.clone(),
                            correlation_id: envelope.correlation_id.clone(),
                            causation_id: envelope.causation_id.clone(),
                        };
                        let sign = $sign;
                        let of = (order.transfer.as_str(), order.account.as_str(), sign * order.cents);
                        if !bank.book(($what, $undone_by, $undoes), of, call)? {
                            std::future::pending::<()>().await;
                        }
                        Ok(NoReply {})
                    }
                })
            }};
        }
        let service = bus.service("bank");
        let service = answer!(service, Withdraw, "withdraw", -1, Some("give_back"), None);
        let service = answer!(service, GiveBack, "give_back", 1, None, Some("withdraw"));
        let service = answer!(service, Deposit, "deposit", 1, Some("take_back"), None);
        answer!(service, TakeBack, "take_back", -1, None, Some("deposit"))
    }
}

pub(crate) fn withdraw(transfer: &Transfer) -> Withdraw {
    Withdraw { transfer: transfer.id.clone(), account: transfer.from.clone(), cents: transfer.cents }
}

pub(crate) fn give_back(transfer: &Transfer) -> GiveBack {
    GiveBack { transfer: transfer.id.clone(), account: transfer.from.clone(), cents: transfer.cents }
}

pub(crate) fn deposit(transfer: &Transfer) -> Deposit {
    Deposit { transfer: transfer.id.clone(), account: transfer.to.clone(), cents: transfer.cents }
}

pub(crate) fn take_back(transfer: &Transfer) -> TakeBack {
    TakeBack { transfer: transfer.id.clone(), account: transfer.to.clone(), cents: transfer.cents }
}

/// The saga: withdraw here, deposit there, or neither.
pub(crate) fn transfer(version: u32) -> Saga<Transfer> {
    Saga::new("transfer", version)
        .step(
            Step::asks("withdraw", withdraw)
                .on_reply(|transfer: &mut Transfer, _| transfer.notes.push("withdrawn".to_owned()))
                .retry(QUICK)
                .compensate(give_back)
                .compensation_retry(QUICK),
        )
        .step(
            Step::asks("deposit", deposit)
                .on_refusal(|transfer: &mut Transfer, no| {
                    transfer.notes.push(no.code.clone());
                    Otherwise::Compensate
                })
                .retry(QUICK)
                .compensate(take_back)
                .compensation_retry(QUICK),
        )
}

/// The sagas over a bus with their stream.
pub(crate) async fn sagas(bus: &Bus) -> Outcome<Sagas> {
    bus.provision(&[SAGAS]).await?;
    Ok(Sagas::of(bus, &[SAGAS]))
}

/// Something that runs in a task of its own, until it is told to stop or dropped.
pub(crate) struct Running<T> {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<T>,
}

impl<T> Running<T> {
    /// Tells it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) -> Outcome<T> {
        drop(self.stop.take());
        Ok(tokio::time::timeout(PATIENCE, &mut self.task).await??)
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn run(runner: SagaRunner) -> Running<Result<(), SagaError>> {
    let (stop, stopped) = oneshot::channel();
    let task =
        tokio::spawn(
            async move { runner.run(stopped).await.inspect_err(|error| eprintln!("the runner ended: {error}")) },
        );
    Running { stop: Some(stop), task }
}

pub(crate) fn serve(bank: &Bank, bus: &Bus) -> Running<Result<(), ServiceError>> {
    let (stop, stopped) = oneshot::channel();
    let service = bank.service(bus).run(stopped);
    Running { stop: Some(stop), task: tokio::spawn(async move { service.await.map(drop) }) }
}

/// A runner that takes over soon from one that is gone.
pub(crate) fn impatient(sagas: &Sagas) -> SagaRunner {
    let config = SagaConfig { ack_wait: Duration::from_secs(1), ..SagaConfig::default() };
    sagas.runner("sagas").config(config)
}

/// Waits until an instance has a status that is wanted.
pub(crate) async fn reaches(
    sagas: &Sagas,
    saga: &str,
    id: &str,
    is_wanted: impl Fn(SagaStatus) -> bool,
) -> Outcome<SagaStatus> {
    let wait = async {
        loop {
            if let Some(status) = sagas.status(saga, id).await?.filter(|status| is_wanted(*status)) {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await?
}

/// Waits until an instance has ended.
pub(crate) async fn ends(sagas: &Sagas, id: &str) -> Outcome<SagaStatus> {
    reaches(sagas, "transfer", id, SagaStatus::is_ended).await
}

/// What happened to an instance, in words.
pub(crate) async fn told(sagas: &Sagas, saga: &str, id: &str) -> Outcome<Vec<String>> {
    let history = sagas.history(saga, id).await?;
    let word = |event: &eventsmith::state::SagaEvent| {
        let step = event.step.as_deref().map(|step| format!(" {step}")).unwrap_or_default();
        format!("{}{step}", event.kind.as_str())
    };
    Ok(history.events.iter().map(word).collect())
}

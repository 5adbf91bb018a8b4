//! kill -9 at every step of a process that executes commands on aggregates, keeps snapshots of them, projects their events, and runs
//! a saga over them: no event is lost or doubled, every saga ends as it has to, and no money is lost or made.
//!
//! A round asks for a few transfers. When something of theirs comes to the round's step, the worker is killed, and the next one
//! begins. Transfers of earlier rounds are still under way meanwhile, so a kill hits them anywhere.

mod audit;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::state::{Aggregates, PROJECTIONS, Projections};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Request};
use eventsmith_tests::job::Journal;
use eventsmith_tests::proxy::{End, Frame, Proxy, Verdict};
use eventsmith_tests::transfers::account::Account;
use eventsmith_tests::transfers::messages::{Fate, Order, Transfer, TransferAsked, TransferConfirmed, What};
use eventsmith_tests::transfers::{
    ACCOUNTS, BALANCES, LETTERS, RUNNER, SAGAS, SNAPSHOTS, StateOrders, TRANSFERS, balances,
};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::common::{ALONE, Outcome, PATIENCE, config, until};
use crate::kills::rounds;
use crate::worker::{Program, Supervisor};

/// After so many rounds all transfers may end: what is under way must not become more and more.
const REST_AFTER: usize = 8;
/// How many accounts there are, and what each begins with.
const ACCOUNTS_OPEN: usize = 8;
const BEGINS_WITH: i64 = 1_000_000;

/// Where the worker is killed: at a frame, which passes or does not; without one at any moment.
struct Step {
    name: &'static str,
    at: Option<fn(&Frame) -> bool>,
    passes: bool,
}

/// Each frame twice: when it has not left, and when it has and nothing behind it.
macro_rules! steps {
    ($($name:literal: $at:expr;)*) => {
        &[
            Step { name: "any moment", at: None, passes: false },
            $(
                Step { name: concat!("before ", $name), at: Some($at), passes: false },
                Step { name: concat!("after ", $name), at: Some($at), passes: true },
            )*
        ]
    };
}

const STEPS: &[Step] = steps! {
    "the start of a saga": |frame| is_of_saga(frame, ".event.started");
    "the first message of a batch": |frame| is_of_saga(frame, ".event.") && frame.header("Nats-Batch-Sequence") == Some("1");
    "the end of a batch": |frame| is_of_saga(frame, ".") && frame.header("Nats-Batch-Commit").is_some();
    "a request": |frame| frame.from == End::Client && frame.subject == Order::SUBJECT;
    "the append to an account": |frame| is_written(frame, "bank.domain.account.", "");
    "a snapshot": |frame| is_written(frame, "$KV.ACCOUNT_SNAPSHOTS.", "");
    "an answer": |frame| is_written(frame, "_INBOX.", "");
    "the word that a request is done with": |frame| is_acknowledged(frame, "saga_transfer_v1");
    "the word that an event is done with": |frame| is_acknowledged(frame, RUNNER);
    "a compensation": |frame| frame.from == End::Client && frame.subject == Order::SUBJECT && undoes(frame);
    "the end of a time-out": |frame| is_of_saga(frame, ".event.") && frame.header("Nats-Schedule-Next") == Some("purge");
    "a time-out that comes": |frame| frame.from == End::Server && frame.subject.contains(".timeout.");
    "the end of a saga": |frame| is_of_saga(frame, ".event.comp") && !frame.subject.ends_with(".compensating");
    "a document": |frame| is_written(frame, "$KV.BALANCES.", "");
    "a checkpoint": |frame| is_written(frame, LEDGER, ".checkpoint");
    "what is noted of side effects": |frame| is_written(frame, LEDGER, ".effects");
    "the switch of read models": |frame| is_written(frame, LEDGER, ".serving");
};

const LEDGER: &str = "$KV.EVENTSMITH_PROJECTIONS.balances";

fn is_written(frame: &Frame, beginning: &str, end: &str) -> bool {
    frame.from == End::Client
        && frame.verb != "SUB"
        && frame.subject.starts_with(beginning)
        && frame.subject.ends_with(end)
}

fn is_of_saga(frame: &Frame, part: &str) -> bool {
    is_written(frame, "bank.saga.transfer.", "") && frame.subject.contains(part)
}

fn is_acknowledged(frame: &Frame, consumer: &str) -> bool {
    frame.payload == b"+ACK" && frame.word_about().is_some_and(|about| about.consumer == consumer)
}

fn undoes(frame: &Frame) -> bool {
    str::from_utf8(frame.payload).is_ok_and(|text| text.contains(r#""give_back""#) || text.contains(r#""take_back""#))
}

impl Step {
    fn verdict(&self, frame: &Frame) -> Option<Verdict> {
        let verdict = if self.passes { Verdict::CutAfter } else { Verdict::Cut };
        self.at.filter(|at| at(frame)).map(|_| verdict)
    }

    /// Whether a frame of it comes only of a transfer whose time ends.
    fn is_of_a_time_out(&self) -> bool {
        self.name.ends_with("a time-out that comes")
    }

    fn is_of_a_switch(&self) -> bool {
        self.name.ends_with("the switch of read models")
    }
}

/// All that the worker needs. The bus is connected to the server itself, workers to the proxy.
struct Site {
    _server: NatsServer,
    proxy: Proxy,
    bus: Bus,
    journal: Journal,
    _folder: TempDir,
    /// What was asked for.
    transfers: Vec<Transfer>,
    /// How many of these are known to have ended.
    ended: AtomicUsize,
}

impl Site {
    async fn new() -> Outcome<Self> {
        let server = NatsServer::start().await?;
        let proxy = Proxy::start(server.port()).await?;
        let bus = Bus::connect(config(server.url())).await?;
        bus.provision(&[ACCOUNTS, TRANSFERS, SAGAS, LETTERS]).await?;
        bus.provision(&[SNAPSHOTS, BALANCES]).await?;
        bus.provision(PROJECTIONS).await?;
        let accounts = Aggregates::of(&bus);
        for number in 0..ACCOUNTS_OPEN {
            let (what, transfer, account) = (What::Open, "opening".to_owned(), format!("a{number}"));
            let order = Order { what, transfer, account, cents: BEGINS_WITH };
            accounts.execute(&order.account, |account: &Account| account.book(&order)).await?;
        }
        let folder = tempfile::tempdir()?;
        let journal = Journal::at(folder.path().join("journal"));
        Ok(Self {
            _server: server,
            proxy,
            bus,
            journal,
            _folder: folder,
            transfers: Vec::new(),
            ended: AtomicUsize::new(0),
        })
    }

    fn worker(&self) -> Outcome<Program> {
        let orders = StateOrders { url: self.proxy.url(), journal: self.journal.path().to_owned() };
        Ok(Program {
            path: env!("CARGO_BIN_EXE_state_worker"),
            argument: serde_json::to_string(&orders)?,
            errors: self.journal.path().with_extension("errors"),
        })
    }

    /// Asks for a transfer.
    async fn ask(&mut self, fate: Fate) -> Outcome {
        let number = self.transfers.len();
        let transfer = Transfer {
            transfer: format!("t-{number}"),
            from: format!("a{}", number % ACCOUNTS_OPEN),
            to: if fate == Fate::ToNobody { "nobody".to_owned() } else { format!("a{}", (number + 3) % ACCOUNTS_OPEN) },
            cents: if fate == Fate::TooMuch { 1_000_000_000_000 } else { 1 + number as i64 % 97 },
            fate,
        };
        self.bus.publish(&TransferAsked(transfer.clone())).await?;
        if fate == Fate::Confirmed {
            self.bus.publish(&TransferConfirmed { transfer: transfer.transfer.clone() }).await?;
        }
        self.transfers.push(transfer);
        Ok(())
    }

    /// The projection serves, so that what comes from here on has side effects.
    async fn serves(&self) -> Outcome {
        let projections = Projections::of(&self.bus);
        until("a read model that serves", async || {
            Ok(projections.get(balances::NAME).await.ok().and_then(|report| report.serving).map(drop))
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_a_process_dies_histories_are_whole_sagas_end_and_money_is_conserved() -> Outcome {
    let mut site = Site::new().await?;
    let _alone = ALONE.lock().await;
    let rounds = rounds(STEPS.len() + 5)?;
    let workers = Supervisor::of(site.worker()?);
    let kill = workers.killer();
    site.serves().await?;
    let began = Instant::now();

    for round in 0..rounds {
        if round % REST_AFTER == 0 {
            site.proxy.forward_all();
            audit::all_end(&site).await?;
        }
        let step = &STEPS[round % STEPS.len()];
        let (reached, over) = (Arc::new(Notify::new()), AtomicBool::new(false));
        let (tell, end) = (Arc::clone(&reached), kill.clone());
        site.proxy.rule(move |frame| match step.verdict(frame) {
            Some(verdict) if !over.swap(true, SeqCst) => {
                end();
                tell.notify_one();
                verdict
            }
            _ => Verdict::Forward,
        });
        if step.is_of_a_switch() {
            Projections::of(&site.bus).rebuild(balances::NAME).await?;
        }
        for fate in [Fate::Plain, Fate::Confirmed, Fate::ToNobody] {
            site.ask(fate).await?;
        }
        if round % 4 == 0 || step.is_of_a_time_out() {
            site.ask(Fate::Abandoned).await?;
        }
        if round % 5 == 0 {
            site.ask(Fate::TooMuch).await?;
        }
        if step.at.is_none() {
            sleep(Duration::from_millis(round as u64 * 37 % 150)).await;
            kill();
            continue;
        }
        let deadline = Instant::now() + PATIENCE;
        // Some steps come of every few transfers only.
        while timeout(Duration::from_millis(500), reached.notified()).await.is_err() {
            if Instant::now() > deadline {
                return Err(format!("round {round}: never {}", step.name).into());
            }
            site.ask(Fate::Plain).await?;
        }
    }

    site.proxy.forward_all();
    let wrong = audit::audit(&site).await?;
    let first = &wrong[..wrong.len().min(20)];
    assert!(wrong.is_empty(), "{} things are wrong, such as:\n{}", wrong.len(), first.join("\n"));
    println!("{rounds} rounds, {} transfers in {:.1?}", site.transfers.len(), began.elapsed());
    Ok(())
}

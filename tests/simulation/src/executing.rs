//! The programs under test: those that execute commands on aggregates, each again until it is known what became of it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use eventsmith::generated::{Schema, Token};
use eventsmith::state::{Aggregate, Aggregates, ExecuteError, ExecuteOptions, Executed, Snapshots, StateError};
use eventsmith::{DecodeError, Event, Invalid, Kind};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use crate::executions::Booked;
use crate::messages::{invalid, state};
use crate::plan::CommandPlan;
use crate::service::{begin, connect};
use crate::world::World;

/// After so many events there is a snapshot.
const EVERY: u64 = 3;

/// What an account is: all that was booked, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Account {
    booked: Vec<Booked>,
}

impl Event for Booked {
    const TOKEN: Token = Token::of_generated_code();
    const KIND: Kind = Kind::Domain;
    const TYPE: &'static str = "account.booked";
    const VERSION: u32 = 1;
    const SUBJECT: &'static str = "bank.domain.account.booked.*";
    const SCHEMA: &'static str = "true";
    const KEY: Option<&'static str> = Some("/account");
    const AGGREGATE: Option<&'static str> = Some("account");

    fn payload_schema() -> &'static Schema {
        static SCHEMA: Schema = Schema::new("account.booked", 1, "true");
        &SCHEMA
    }

    fn subject(&self) -> Result<Cow<'static, str>, Invalid> {
        Ok(format!("bank.domain.account.booked.{}", self.account).into())
    }

    fn key(&self) -> Option<String> {
        Some(self.account.to_string())
    }

    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }

    fn decode(_: u32, data: &[u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(data).map_err(|error| invalid(Self::TYPE, &error).into())
    }
}

#[derive(Debug, Clone, PartialEq)]
enum AccountEvent {
    Booked(Booked),
}

eventsmith::generated::aggregate_events! {
    AccountEvent, "account", "bank.domain.account.*.*", [Booked];
    Booked(Booked),
}

state!(Account, "account.snapshot", "ACCOUNT_SNAPSHOTS");

impl Aggregate for Account {
    type Event = AccountEvent;

    fn apply(&mut self, AccountEvent::Booked(booked): &AccountEvent) {
        self.booked.push(*booked);
    }

    fn snapshots() -> Option<Snapshots<Self>> {
        Some(Snapshots::every(EVERY, Self::clone, |snapshot| snapshot))
    }
}

/// An execution that is to be: of a command, the how many-th, and when.
type Turn = (CommandPlan, usize, u64);

/// Executes all of the plan that is an instance's. A program that crashes is followed by another, which executes what it is not known of what
/// became of it.
pub(crate) async fn execute(world: World, instance: usize) {
    let plans = world.state().plan.commands.clone();
    let of_instance = |plan: &CommandPlan| {
        let turns = plan.at.iter().enumerate().filter(|(_, (_, by))| *by == instance);
        turns.map(|(turn, (at, _))| (plan.clone(), turn, *at)).collect::<Vec<Turn>>()
    };
    let mut turns: Vec<Turn> = plans.iter().flat_map(of_instance).collect();
    while !turns.is_empty() {
        let Some(process) = begin(&world, instance).await else { return };
        let crashed = Arc::clone(&world.state().processes[process].crashed);
        tokio::select! {
            biased;
            () = crashed.notified() => {}
            () = execute_all(&world, process, &turns) => return,
        }
        let pause = {
            let mut state = world.state();
            turns.retain(|(plan, turn, _)| !state.history.executions.is_told(plan.number, *turn));
            100 + state.random.below(1_500)
        };
        sleep(Duration::from_millis(pause)).await;
    }
}

async fn execute_all(world: &World, process: usize, turns: &[Turn]) {
    let Ok(bus) = connect(world, process).await else { return };
    let accounts = Aggregates::of(&bus);
    let mut executing = JoinSet::new();
    for turn in turns {
        executing.spawn(execute_at(world.clone(), process, accounts.clone(), turn.clone()));
    }
    executing.join_all().await;
    drop(bus.shutdown().await);
}

async fn execute_at(world: World, process: usize, accounts: Aggregates, (plan, turn, at): Turn) {
    sleep_until(world.instant(at)).await;
    let CommandPlan { number, account, events, .. } = plan;
    let id = account.to_string();
    let booked = |index| Booked { account, command: number, index };
    loop {
        let options = ExecuteOptions { command_id: Some(format!("c-{number}")), ..ExecuteOptions::default() };
        let decide = |_: &Account| Ok::<_, String>((0..events).map(|index| booked(index).into()).collect());
        let executed = accounts.execute_with(&id, options, decide).await;
        match note(&world, process, (&plan, turn), executed) {
            Next::Done => break,
            Next::Again(pause) => sleep(Duration::from_millis(pause)).await,
            Next::Never => return,
        }
    }
    if let Ok(loaded) = accounts.load::<Account>(&id).await {
        let mut state = world.state();
        if !state.processes[process].is_dead {
            state.note("loaded", u64::from(account), loaded.number);
            state.history.executions.loaded(account, &loaded.booked);
        }
    }
}

/// What becomes of a command after an attempt.
enum Next {
    Done,
    /// It is not known, and executed again after so many milliseconds.
    Again(u64),
    /// There is nobody any more who could go on, or it makes no sense.
    Never,
}

/// Notes how an attempt ended.
fn note(
    world: &World,
    process: usize,
    (plan, turn): (&CommandPlan, usize),
    executed: Result<Executed<Account>, ExecuteError<String>>,
) -> Next {
    let mut state = world.state();
    // A program that is gone is told nothing any more, although its tasks are not dropped yet.
    if state.processes[process].is_dead {
        return Next::Never;
    }
    let number = plan.number;
    state.note("executed", u64::from(number), u64::from(executed.is_ok()));
    let violation = match executed {
        Ok(executed) => {
            state.log(|| format!("command {number} is executed: {:?}", executed.state));
            state.history.executions.told((number, turn), plan.account, &executed.state.booked);
            return Next::Done;
        }
        Err(ExecuteError::State(error)) => {
            state.log(|| format!("command {number} is not known to be executed: {error}"));
            match damage(&error) {
                Some(damage) => damage,
                None => return Next::Again(100 + state.random.below(500)),
            }
        }
        Err(ExecuteError::Refused(reason)) => format!("command {number} is refused: {reason}"),
    };
    state.history.violations.push(violation);
    Next::Never
}

/// What no fault excuses.
fn damage(error: &StateError) -> Option<String> {
    match error {
        StateError::Unavailable { .. } | StateError::Append { .. } | StateError::Conflict { .. } => None,
        // While the server is gone nobody knows its streams.
        StateError::NoStream { .. } => None,
        error => Some(error.to_string()),
    }
}

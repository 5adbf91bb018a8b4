//! One schedule, from its plan to what was wrong with it.

use std::sync::Arc;
use std::time::Duration;

use eventsmith::simulation::enter;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::answering::{answer, ask};
use crate::audit::audit;
use crate::clock::{Time, begin};
use crate::executing::execute;
use crate::mutation::Mutation;
use crate::plan::Plan;
use crate::service::{publish, serve};
use crate::transferring::transfer;
use crate::world::World;

/// How long it may take until everything is done once nothing goes wrong any more.
const PATIENCE: Time = 240_000;
/// How long it may take until everything has ended.
const LAST_PATIENCE: Duration = Duration::from_secs(90);

/// What came of a schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What was wrong.
    pub violations: Vec<String>,
    /// The same for two runs of one plan.
    pub trace: u64,
    /// How many runs of handlers began.
    pub runs: usize,
    /// What happened, if it was asked for.
    pub log: Vec<String>,
}

/// Runs a plan.
pub fn run(plan: &Plan, mutation: Option<Mutation>, is_logged: bool) -> Outcome {
    let runtime = match Builder::new_current_thread().enable_time().start_paused(true).build() {
        Ok(runtime) => runtime,
        Err(error) => return Outcome { violations: vec![format!("no runtime: {error}")], ..Outcome::default() },
    };
    let plan = Arc::new(plan.clone());
    let outcome = runtime.block_on(async {
        let _entered = enter(plan.seed, begin());
        let world = World::new(Arc::clone(&plan), mutation);
        world.state().history.log = is_logged.then(Vec::new);
        pass(&world).await;
        let mut state = world.state();
        audit(&mut state);
        let history = std::mem::take(&mut state.history);
        let log = history.log.unwrap_or_default();
        Outcome {
            violations: history.violations,
            trace: history.trace,
            runs: history.runs.len() + history.asks.begun() + history.executions.begun() + history.bank.begun(),
            log,
        }
    });
    runtime.shutdown_background();
    outcome
}

/// Lets everything happen.
async fn pass(world: &World) {
    let carrying = tokio::spawn(world.clone().carry());
    let mut services = JoinSet::new();
    let plan = Arc::clone(&world.state().plan);
    let (instances, is_of_requests, is_of_commands) =
        (plan.instances, !plan.asks.is_empty(), !plan.commands.is_empty());
    let is_of_transfers = !plan.transfers.is_empty();
    for instance in (0..instances).filter(|_| !is_of_commands) {
        match (is_of_requests, is_of_transfers) {
            (true, _) => services.spawn(answer(world.clone(), instance)),
            (_, true) => services.spawn(transfer(world.clone(), instance)),
            _ => services.spawn(serve(world.clone(), instance)),
        };
    }
    let mut publisher = match (is_of_requests, is_of_commands) {
        (true, _) => tokio::spawn(ask(world.clone())),
        (_, true) => tokio::spawn(execute_all_of(world.clone(), instances)),
        // Each instance starts its own.
        _ if is_of_transfers => tokio::spawn(std::future::ready(())),
        _ => tokio::spawn(publish(world.clone())),
    };
    sleep(Duration::from_millis(plan.faults_until + 1_000)).await;
    world.state().heal();
    world.wake();
    if timeout(LAST_PATIENCE, &mut publisher).await.is_err() {
        world.state().history.violations.push("publishing, asking or executing does not end".to_owned());
    }
    let until = world.state().now + PATIENCE;
    while !is_of_requests && !is_of_commands && !world.state().is_settled() {
        if world.state().now > until {
            let mut state = world.state();
            let left = state.unsettled();
            state.history.violations.push(format!("not everything is done: {left}"));
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    world.state().end();
    world.wake();
    let all = async { while services.join_next().await.is_some() {} };
    if timeout(LAST_PATIENCE, all).await.is_err() {
        world.state().history.violations.push("a consumer or a service does not end".to_owned());
    }
    carrying.abort();
}

/// Runs a program for each instance until all commands are executed.
async fn execute_all_of(world: World, instances: usize) {
    let mut executing = JoinSet::new();
    (0..instances).for_each(|instance| drop(executing.spawn(execute(world.clone(), instance))));
    executing.join_all().await;
}

//! The programs under test: services that answer, and one program that asks.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use eventsmith::catalogue::Idempotent;
use eventsmith::config::ServiceConfig;
use eventsmith::monitor::ServiceSummary;
use eventsmith::{Bus, Received, Refusal, RequestError, RequestOptions, ServiceError};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, sleep_until};

use crate::asks::id_of;
use crate::messages::{reply, request};
use crate::plan::{AskKind, AskPlan, RunEnd};
use crate::server::{PLACE, SERVICE};
use crate::service::{begin, connect, live};
use crate::world::World;

/// How long a handler may take. Some take longer.
const TIMEOUT: Duration = Duration::from_secs(3);
/// For how long answers are kept: longer than a schedule.
const KEPT: Idempotent = Idempotent::within(Duration::from_secs(3_600));

/// What a handler replies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Done {
    /// Which of all runs it was.
    run: usize,
}

/// Why a handler refuses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Never {}

reply!(Done, "order.reply");
reply!(Never, "order.error");

request!(Look { number: u32 } answered by Done or Never, Query, "order.look", "rules.query.order.look", None);
request!(Place { number: u32 } answered by Done or Never, Command, "order.place", PLACE, None);
request!(Pay { number: u32 } answered by Done or Never, Command, "order.pay", "rules.command.order.pay", Some(KEPT));
request!(Book { number: u32 } answered by Done or Never, Command, "order.book", "rules.command.order.book", Some(KEPT.rerunning_lost()));

/// Runs one instance of the service again and again, until the end.
pub(crate) async fn answer(world: World, instance: usize) {
    while !world.state().is_over {
        let Some(process) = begin(&world, instance).await else { return };
        let ended = live(&world, process, serve(world.clone(), process)).await;
        let pause = {
            let mut state = world.state();
            let was_asked = state.processes[process].is_stopped;
            let was_refused = state.processes[process].was_refused;
            state.log(|| format!("process {process} ends: {ended:?}"));
            match ended {
                Some(Ok(_)) if was_asked => {}
                Some(Err(ServiceError::Unauthorized { .. })) if was_refused => {}
                None => {}
                Some(ended) => state.history.violations.push(format!("process {process} ends by itself: {ended:?}")),
            }
            100 + state.random.below(1_500)
        };
        sleep(Duration::from_millis(pause)).await;
    }
}

async fn serve(world: World, process: usize) -> Option<Result<ServiceSummary, ServiceError>> {
    let bus = connect(&world, process).await.ok()?;
    let (concurrency, stop) = {
        let state = world.state();
        (state.plan.concurrency, Arc::clone(&state.processes[process].stop))
    };
    let config = ServiceConfig {
        concurrency,
        max_queued: 4,
        timeout: TIMEOUT,
        shutdown_timeout: Duration::from_secs(2),
        ..ServiceConfig::default()
    };
    let (look, place, pay, book) = (world.clone(), world.clone(), world.clone(), world.clone());
    let service = bus
        .service(SERVICE)
        .config(config)
        .answer(move |request: Received<Look>| handle(look.clone(), process, request.number, false))
        .answer(move |request: Received<Place>| handle(place.clone(), process, request.number, false))
        .answer(move |request: Received<Pay>| handle(pay.clone(), process, request.number, false))
        .answer(move |request: Received<Book>| {
            let was_begun = request.was_begun();
            handle(book.clone(), process, request.number, was_begun)
        });
    let ended = service.run(stop.notified()).await;
    let closed = bus.shutdown().await;
    world.state().log(|| format!("process {process} closes: {closed:?}"));
    Some(ended)
}

/// A run, which is dropped if it does not end.
struct Running {
    world: World,
    run: usize,
    end: RunEnd,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.world.state();
        state.note("answered", self.run as u64, self.end as u64);
        state.history.asks.end(self.run, self.end);
    }
}

async fn handle(world: World, process: usize, number: u32, was_begun: bool) -> Result<Done, Refusal<Never>> {
    let begun = {
        let mut state = world.state();
        let plan = state.plan.asks.iter().find(|ask| ask.number == number).cloned();
        // A program that is gone does nothing any more, although its tasks are not dropped yet.
        plan.filter(|_| !state.processes[process].is_dead).map(|plan| {
            let now = state.now;
            let (run, violations) = state.history.asks.begin(process, &plan, was_begun, now);
            state.note("answers", process as u64, u64::from(number));
            state.log(|| format!("process {process} begins request {number} as run {run}: {violations:?}"));
            state.history.violations.extend(violations);
            (run, plan, state.random.below(4))
        })
    };
    let Some((run, plan, yields)) = begun else { return pending().await };
    let mut running = Running { world, run, end: RunEnd::Dropped };
    for _ in 1..yields {
        yield_now().await;
    }
    if plan.work > 0 {
        sleep(Duration::from_millis(plan.work)).await;
    }
    let has_failed = running.world.state().history.asks.failures(number) >= plan.fails;
    running.end = if has_failed { plan.end } else { RunEnd::Failed };
    match running.end {
        RunEnd::Handled => Ok(Done { run }),
        RunEnd::Rejected => Err(Refusal::new(Never {})),
        #[expect(clippy::panic, reason = "what a handler does that is at fault")]
        RunEnd::Panicked => panic!("the handler is at fault"),
        RunEnd::Failed | RunEnd::Dropped => Err("not yet".into()),
    }
}

/// Asks all of the plan. A program that crashes is followed by another, which asks what was not asked yet.
pub(crate) async fn ask(world: World) {
    let instance = world.state().plan.instances;
    let plans = world.state().plan.asks.clone();
    let mut asks: Vec<_> =
        plans.iter().flat_map(|plan| plan.at.iter().enumerate().map(move |(turn, at)| (plan, turn, *at))).collect();
    while !asks.is_empty() {
        let Some(process) = begin(&world, instance).await else { return };
        let crashed = Arc::clone(&world.state().processes[process].crashed);
        tokio::select! {
            biased;
            () = crashed.notified() => {}
            () = ask_all(&world, process, &asks) => return,
        }
        let pause = {
            let mut state = world.state();
            state.history.asks.asker_crashed();
            asks.retain(|(plan, turn, _)| !state.history.asks.is_asked(plan.number, *turn));
            100 + state.random.below(1_500)
        };
        sleep(Duration::from_millis(pause)).await;
    }
}

async fn ask_all(world: &World, process: usize, asks: &[(&AskPlan, usize, u64)]) {
    let Ok(bus) = connect(world, process).await else { return };
    let mut asking = JoinSet::new();
    for (plan, turn, at) in asks {
        asking.spawn(ask_at(world.clone(), process, bus.clone(), (*plan).clone(), (*turn, *at)));
    }
    asking.join_all().await;
    drop(bus.shutdown().await);
}

async fn ask_at(world: World, process: usize, bus: Bus, plan: AskPlan, (turn, at): (usize, u64)) {
    sleep_until(world.instant(at)).await;
    let options = RequestOptions {
        id: Some(id_of(plan.number)),
        timeout: Some(Duration::from_millis(plan.timeout_at(at))),
        ..RequestOptions::default()
    };
    let begun = {
        let mut state = world.state();
        state.log(|| format!("request {} is asked: {:?}", plan.number, plan.kind));
        state.history.asks.asked(plan.number, turn);
        state.now
    };
    let number = plan.number;
    let told = match plan.kind {
        AskKind::Look => bus.request_with(&Look { number }, options).await,
        AskKind::Place => bus.request_with(&Place { number }, options).await,
        AskKind::Pay => bus.request_with(&Pay { number }, options).await,
        AskKind::Book => bus.request_with(&Book { number }, options).await,
    };
    let told = told.map(|done| done.run).map_err(|error: RequestError<Never>| {
        // A refusal is an answer, and its handler has run.
        (error.may_be_done() || matches!(error, RequestError::Refused(_)), error.to_string())
    });
    let mut state = world.state();
    // A program that is gone is told nothing any more, although its tasks are not dropped yet.
    if state.processes[process].is_dead {
        return;
    }
    state.note("told", u64::from(number), u64::from(told.is_ok()));
    state.log(|| format!("request {number} ends: {told:?}"));
    let now = state.now;
    let violation = state.history.asks.told(&plan, turn, begun, now, told);
    state.history.violations.extend(violation);
}

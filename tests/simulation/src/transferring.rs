//! The programs under test: each starts sagas, runs them, and answers what they ask.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use eventsmith::catalogue::StreamDescriptor;
use eventsmith::config::ServiceConfig;
use eventsmith::state::{Saga, SagaConfig, SagaError, SagaRetry, Sagas, Step};
use eventsmith::{Received, Refusal, ServiceError};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use crate::bank::{Verdict, id_of};
use crate::clock::Time;
use crate::messages::{reply, request, state};
use crate::plan::{STEPS, StepPlan};
use crate::server::sagas::SAGAS;
use crate::service::{begin, connect, live};
use crate::world::World;

/// The stream as a catalogue has it.
const STREAM: StreamDescriptor = StreamDescriptor::new(SAGAS, &["bank.saga.>"]).sagas(&["transfer"]);
/// How long the handlers of the bank may take.
const HANDLER_TIMEOUT: Duration = Duration::from_secs(4);
/// How long each step may take, if that is limited. Some take longer.
const STEP_TIMEOUTS: [Option<Duration>; STEPS] =
    [Some(Duration::from_secs(4)), None, Some(Duration::from_millis(2_500))];
const NAMES: [&str; STEPS] = ["hold", "withdraw", "deposit"];
/// How long a runner may look for its two consumers, each as long as the transport waits for an answer.
const START_TAKES: Time = 21_000;
/// How often the bank is asked. What undoes is asked for without end.
const RETRY: SagaRetry = SagaRetry {
    max_attempts: Some(4),
    first_delay: Duration::from_millis(100),
    max_delay: Duration::from_secs(2),
    patience: Duration::from_secs(1),
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Transfer {
    number: u32,
}

state!(Transfer, "transfer.progress", "TRANSFERS");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Moved {}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct NotMoved {}

reply!(Moved, "transfer.reply");
reply!(NotMoved, "transfer.error");
request!(Do { number: u32, step: usize } answered by Moved or NotMoved, Command, "transfer.do", "bank.command.transfer.do", None);
request!(Undo { number: u32, step: usize } answered by Moved or NotMoved, Command, "transfer.undo", "bank.command.transfer.undo", None);

fn saga() -> Saga<Transfer> {
    (0..STEPS).fold(Saga::new("transfer", 1), |saga, step| {
        let asks = Step::asks(NAMES[step], move |transfer: &Transfer| Do { number: transfer.number, step })
            .retry(RETRY)
            .compensate(move |transfer: &Transfer| Undo { number: transfer.number, step })
            .compensation_retry(SagaRetry { max_attempts: None, ..RETRY });
        saga.step(match STEP_TIMEOUTS[step] {
            Some(timeout) => asks.timeout(timeout),
            None => asks,
        })
    })
}

/// Runs one instance again and again, until the end.
pub(crate) async fn transfer(world: World, instance: usize) {
    while !world.state().is_over {
        let Some(process) = begin(&world, instance).await else { return };
        let begun = world.state().now;
        let ended = live(&world, process, serve(world.clone(), instance, process)).await;
        let pause = {
            let mut state = world.state();
            let was_asked = state.processes[process].is_stopped;
            state.log(|| format!("process {process} ends: {ended:?}"));
            match ended {
                None => {}
                Some((Ok(()), Ok(()))) if was_asked => {}
                // Who cannot find its consumers says so, and is started again.
                Some((Ok(()), Err(SagaError::Consumer { .. }))) if state.now - begun < START_TAKES => {}
                Some(ended) => state.history.violations.push(format!("process {process} ends by itself: {ended:?}")),
            }
            100 + state.random.below(1_500)
        };
        sleep(Duration::from_millis(pause)).await;
    }
}

type Ended = (Result<(), ServiceError>, Result<(), SagaError>);

async fn serve(world: World, instance: usize, process: usize) -> Option<Ended> {
    let bus = connect(&world, process).await.ok()?;
    let (ack_wait, stop) = {
        let state = world.state();
        (Duration::from_millis(state.plan.ack_wait), Arc::clone(&state.processes[process].stop))
    };
    // Whoever is asked to stop, or stops by itself, ends the others.
    let stops = [(); 2].map(|()| Notify::new());
    let end = || stops.iter().for_each(Notify::notify_one);
    let config = ServiceConfig {
        concurrency: 16,
        timeout: HANDLER_TIMEOUT,
        shutdown_timeout: Duration::from_secs(2),
        ..ServiceConfig::default()
    };
    let (to_do, to_undo) = (world.clone(), world.clone());
    let service = bus
        .service("bank")
        .config(config)
        .answer(move |request: Received<Do>| perform(to_do.clone(), process, request))
        .answer(move |request: Received<Undo>| undo(to_undo.clone(), process, request));
    let sagas = Sagas::of(&bus, &[STREAM]);
    let config = SagaConfig { concurrency: 8, ack_wait, max_ack_pending: 1_000 };
    let runner = sagas.runner("transfers").saga(saga()).config(config);
    let mut starting = start_all(&world, instance, process, &sagas);
    let signal = async {
        stop.notified().await;
        end();
    };
    let service = ending(service.run(stops[0].notified()), end);
    let runner = ending(runner.run(stops[1].notified()), end);
    let both = async { tokio::join!(biased; service, runner) };
    let ended = tokio::select! {
        biased;
        () = async { signal.await; pending().await } => return None,
        ended = both => ended,
    };
    starting.shutdown().await;
    let closed = bus.shutdown().await;
    world.state().log(|| format!("process {process} closes: {closed:?}"));
    Some((ended.0.map(drop), ended.1))
}

/// Waits for the end of something, which ends all else.
async fn ending<T>(running: impl Future<Output = T>, end: impl Fn()) -> T {
    let ended = running.await;
    end();
    ended
}

/// Starts the sagas of an instance of which it is not known yet whether they are.
fn start_all(world: &World, instance: usize, process: usize, sagas: &Sagas) -> JoinSet<()> {
    let mut starting = JoinSet::new();
    let state = world.state();
    for plan in &state.plan.transfers {
        for (turn, (at, by)) in plan.at.iter().enumerate() {
            if *by == instance && !state.history.bank.is_told(plan.number, turn) {
                starting.spawn(start(world.clone(), process, sagas.clone(), (plan.number, turn, *at)));
            }
        }
        if let Some((at, by)) = plan.cancelled
            && by == instance
        {
            starting.spawn(cancel(world.clone(), sagas.clone(), plan.number, at));
        }
    }
    starting
}

async fn start(world: World, process: usize, sagas: Sagas, (number, turn, at): (u32, usize, u64)) {
    sleep_until(world.instant(at)).await;
    loop {
        let started = sagas.start(&saga(), &id_of(number), &Transfer { number }).await;
        let pause = {
            let mut state = world.state();
            // A program that is gone is told nothing any more, although its tasks are not dropped yet.
            if state.processes[process].is_dead {
                return;
            }
            state.note("started", u64::from(number), u64::from(started.is_ok()));
            state.log(|| format!("transfer {number} is started: {started:?}"));
            match started {
                Ok(_) => return state.history.bank.told(number, turn),
                Err(SagaError::Unavailable { .. } | SagaError::Append { .. } | SagaError::Conflict { .. }) => {}
                Err(error) => {
                    let violation = format!("transfer {number} cannot be started: {error}");
                    return state.history.violations.push(violation);
                }
            }
            100 + state.random.below(500)
        };
        sleep(Duration::from_millis(pause)).await;
    }
}

/// Cancels a saga if it runs by then, and once more by each program that follows.
async fn cancel(world: World, sagas: Sagas, number: u32, at: u64) {
    sleep_until(world.instant(at)).await;
    while let Err(error) = sagas.cancel("transfer", &id_of(number), "operator", "not wanted").await {
        world.state().log(|| format!("transfer {number} is not cancelled: {error}"));
        if matches!(error, SagaError::NotFound { .. } | SagaError::WrongStatus { .. }) {
            return;
        }
        sleep(Duration::from_millis(400)).await;
    }
}

/// The plan of a step, unless the program is gone: then it does nothing any more, although its tasks are not dropped yet.
fn plan_of(world: &World, process: usize, number: u32, step: usize) -> Option<StepPlan> {
    let state = world.state();
    let plan = state.plan.transfers.iter().find(|transfer| transfer.number == number);
    plan.filter(|_| !state.processes[process].is_dead).and_then(|plan| plan.steps.get(step).copied())
}

async fn perform(world: World, process: usize, request: Received<Do>) -> Result<Moved, Refusal<NotMoved>> {
    let Do { number, step } = *request;
    let Some(plan) = plan_of(&world, process, number, step) else { return pending().await };
    if plan.work > 0 {
        sleep(Duration::from_millis(plan.work)).await;
    }
    if plan_of(&world, process, number, step).is_none() {
        return pending().await;
    }
    let verdict = {
        let mut state = world.state();
        let id = request.envelope().id.to_string();
        let verdict = state.history.bank.perform((number, step), &id, plan);
        state.note("performed", u64::from(number), step as u64);
        state.log(|| format!("step {step} of transfer {number} is asked under {id}: {verdict:?}"));
        verdict
    };
    match verdict {
        Verdict::Done => Ok(Moved {}),
        Verdict::Refused => Err(Refusal::new(NotMoved {})),
        Verdict::Failed => Err("not yet".into()),
    }
}

async fn undo(world: World, process: usize, request: Received<Undo>) -> Result<Moved, Refusal<NotMoved>> {
    let Undo { number, step } = *request;
    if plan_of(&world, process, number, step).is_none() {
        return pending().await;
    }
    let mut state = world.state();
    state.history.bank.undo((number, step));
    state.note("undone", u64::from(number), step as u64);
    state.log(|| format!("step {step} of transfer {number} is undone"));
    Ok(Moved {})
}

//! The programs under test: services that consume, and one that publishes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use eventsmith::config::{ConsumerConfig, Order, RetryPolicy};
use eventsmith::monitor::Summary;
use eventsmith::simulation::Program;
use eventsmith::{Bus, Config, ConsumeError, HandlerError, Received, domain_event};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, sleep_until};

use crate::client::Client;
use crate::clock::Time;
use crate::plan::RunEnd;
use crate::server::SERVICE;
use crate::state::State;
use crate::world::World;

/// How long a handler may take. Some take longer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// For how long handlers may go on after the stop.
const SHUTDOWN_TIMEOUT: Time = 5_000;
/// How much longer a stop may take.
const STOP_TAKES: Time = 2_000;

/// Something happened to an item.
#[domain_event("item.changed", version = 1)]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ItemChanged {
    item: String,
    number: u32,
}

/// Why a bus cannot be had.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs one instance of the service again and again, until the end.
pub async fn serve(world: World, instance: usize) {
    while !world.state().is_over {
        let Some(process) = begin(&world, instance).await else { return };
        let (program, _) = program(&world, process);
        let outcome = live(&world, process, program.task(consume(world.clone(), process))).await;
        let pause = note_end(&mut world.state(), process, outcome);
        sleep(Duration::from_millis(pause)).await;
    }
}

/// Lets a program live until it ends; nothing if it crashes, or could not begin.
pub(crate) async fn live<T: Send + 'static>(
    world: &World,
    process: usize,
    life: impl Future<Output = Option<T>> + Send + 'static,
) -> Option<T> {
    let crashed = Arc::clone(&world.state().processes[process].crashed);
    let mut life = tokio::spawn(life);
    tokio::select! {
        biased;
        () = crashed.notified() => {
            life.abort();
            drop((&mut life).await);
            None
        }
        ended = &mut life => ended.ok().flatten(),
    }
}

/// A program, and what says that it has crashed.
fn program(world: &World, process: usize) -> (Program, Arc<Notify>) {
    let found = &world.state().processes[process];
    (found.program.clone(), Arc::clone(&found.crashed))
}

/// Notes how a program ended. Returns how long it takes until the next one begins.
fn note_end(state: &mut State, process: usize, outcome: Option<Result<Summary, ConsumeError>>) -> Time {
    let was_asked = state.processes[process].is_stopped;
    state.log(|| format!("process {process} ends: {outcome:?}"));
    let is_ending = state.is_over && !was_asked;
    match outcome {
        Some(Err(ConsumeError::Gone { .. })) if is_ending => {}
        Some(Ok(_)) if !was_asked => state.history.violations.push(format!("process {process} ends by itself")),
        Some(Err(ConsumeError::Gone { reason, .. })) if !state.plan.deletes() => {
            state.history.violations.push(format!("process {process} finds its consumer gone: {reason}"));
        }
        _ => {}
    }
    100 + state.random.below(1_500)
}

/// Begins a program with a connection; none if all is over before there is one.
pub(crate) async fn begin(world: &World, instance: usize) -> Option<usize> {
    let mut process = world.state().begin_process(instance);
    while !world.state().connect(process) {
        if world.state().processes[process].is_dead {
            process = world.state().begin_process(instance);
        }
        sleep(Duration::from_millis(250)).await;
        if world.state().is_over {
            return None;
        }
    }
    world.wake();
    (!world.state().is_over).then_some(process)
}

/// A bus over the client of a program.
pub(crate) async fn connect(world: &World, process: usize) -> Result<Bus, Failure> {
    let client = Arc::new(Client::new(world.clone(), process));
    let config = Config {
        name: SERVICE.to_owned(),
        ack_timeout: Duration::from_secs(2),
        login_timeout: Duration::from_secs(5),
        ..Config::default()
    };
    let (bus, listener) = Bus::simulated(config, client).await?;
    world.state().processes[process].listener = Some(Arc::new(listener));
    Ok(bus)
}

/// Notes how long a stop took.
fn note_stop(state: &mut State, process: usize) {
    let Some(asked) = state.processes[process].asked_to_stop else { return };
    let took = state.now.saturating_sub(asked);
    state.log(|| format!("process {process} stops in {took} ms"));
    if took > SHUTDOWN_TIMEOUT + STOP_TAKES {
        state.history.violations.push(format!("process {process} needs {took} ms for its stop"));
    }
}

async fn consume(world: World, process: usize) -> Option<Result<Summary, ConsumeError>> {
    let bus = connect(&world, process).await.ok()?;
    let (plan, stop) = {
        let state = world.state();
        (Arc::clone(&state.plan), Arc::clone(&state.processes[process].stop))
    };
    let config = ConsumerConfig {
        concurrency: plan.concurrency,
        prefetch: plan.prefetch,
        order: if plan.is_ordered { Order::Key } else { Order::None },
        retry: RetryPolicy {
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(4),
            max_attempts: plan.max_attempts,
        },
        timeout: TIMEOUT,
        shutdown_timeout: Duration::from_millis(SHUTDOWN_TIMEOUT),
        ..ConsumerConfig::default()
    };
    let handler = {
        let world = world.clone();
        move |event: Received<ItemChanged>| handle(world.clone(), process, event)
    };
    let outcome = bus.consumer(SERVICE).on(handler).config(config).run(stop.notified()).await;
    note_stop(&mut world.state(), process);
    let closed = bus.shutdown().await;
    world.state().log(|| format!("process {process} closes: {closed:?}"));
    Some(outcome)
}

/// A run, which is dropped if it does not end.
struct Running {
    world: World,
    run: usize,
    end: RunEnd,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.world.state().end_run(self.run, self.end);
    }
}

async fn handle(world: World, process: usize, event: Received<ItemChanged>) -> Result<(), HandlerError> {
    let number = u64::from(event.number);
    let (run, planned, yields) = {
        let mut state = world.state();
        let run = state.begin_run(process, number, event.attempt());
        let planned = usize::try_from(number).ok().and_then(|number| state.plan.events.get(number).cloned());
        (run, planned, state.random.below(4))
    };
    let mut running = Running { world, run, end: RunEnd::Dropped };
    let Some(planned) = planned else { return Err(HandlerError::reject("an event that nobody planned")) };
    for _ in 1..yields {
        yield_now().await;
    }
    if planned.work > 0 {
        sleep(Duration::from_millis(planned.work)).await;
    }
    let has_failed = running.world.state().failures(number) >= planned.fails;
    running.end = if has_failed { planned.end } else { RunEnd::Failed };
    match running.end {
        RunEnd::Handled => Ok(()),
        RunEnd::Rejected => Err(HandlerError::reject("never")),
        #[expect(clippy::panic, reason = "what a handler does that is at fault")]
        RunEnd::Panicked => panic!("the handler is at fault"),
        RunEnd::Failed | RunEnd::Dropped => Err(HandlerError::retry("not yet")),
    }
}

/// Publishes all events of the plan, those of one key one after the other, unless its program ends before.
pub async fn publish(world: World) {
    let instance = world.state().plan.instances;
    let Some(process) = begin(&world, instance).await else { return };
    let (program, crashed) = program(&world, process);
    let publishing = program.clone().task(publish_all(world, process, program));
    tokio::select! {
        biased;
        () = crashed.notified() => {}
        () = publishing => {}
    }
}

async fn publish_all(world: World, process: usize, program: Program) {
    let plan = Arc::clone(&world.state().plan);
    let Ok(bus) = connect(&world, process).await else { return };
    let mut keys = BTreeMap::<u64, Vec<u32>>::new();
    for (event, number) in plan.events.iter().zip(0..) {
        keys.entry(event.key).or_default().push(number);
    }
    let mut publishing = JoinSet::new();
    for (key, numbers) in keys {
        publishing.spawn(program.clone().task(publish_key(world.clone(), bus.clone(), key, numbers)));
    }
    publishing.join_all().await;
    drop(bus.shutdown().await);
}

async fn publish_key(world: World, bus: Bus, key: u64, numbers: Vec<u32>) {
    for number in numbers {
        let at = world.state().plan.events.get(number as usize).map_or(0, |event| event.at);
        sleep_until(world.instant(at)).await;
        let event = ItemChanged { item: format!("item-{key}"), number };
        let outcome = bus.publish(&event).await.map(|stored| stored.sequence).map_err(|error| error.to_string());
        let mut state = world.state();
        state.log(|| format!("published {number}: {outcome:?}"));
        state.history.published.push((u64::from(number), outcome));
    }
}

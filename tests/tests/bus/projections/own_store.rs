//! Read models in stores of one's own, whose transactions take data and checkpoint together.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use eventsmith::state::{
    Generation, OnPoison, Phase, Projection, ProjectionConfig, ProjectionError, ProjectionStore, Transactions,
};
use eventsmith::{Bus, HandlerError, Received};
use futures_util::FutureExt;
use tokio::sync::Notify;

use super::common::*;
use crate::common::*;

over_both_transports! {
    a_store_has_data_and_checkpoint_together
    whatever_step_fails_each_event_has_its_effects_once
    of_two_instances_that_write_at_once_one_is_refused
    poison_is_left_out_and_what_fails_stops
    another_revision_has_tables_of_its_own
}

/// Where the store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Checkpoint,
    Begin,
    BeforeCommit,
    /// It is committed, and nobody is told.
    AfterCommit,
    Serve,
    Discard,
}

/// Tables as a database has them, one for each read model, and which of them is read.
#[derive(Clone, Default)]
struct Tables {
    committed: Arc<Mutex<Committed>>,
    /// The step at which it fails next, and after how many times that it goes well.
    fault: Arc<Mutex<Option<(Step, u32)>>>,
    /// Tells that a transaction is about to begin, and waits until it may.
    gate: Option<(Arc<Notify>, Arc<Notify>)>,
}

/// What was committed.
#[derive(Default)]
struct Committed {
    checkpoints: BTreeMap<String, String>,
    rows: BTreeMap<String, Vec<(String, u32)>>,
    /// The table that readers are pointed to.
    view: Option<String>,
}

/// A transaction: rows that nobody sees before it is committed.
#[derive(Default)]
struct Write(Vec<(String, u32)>);

impl Tables {
    /// Fails once at a step.
    fn fail_at(&self, step: Step, after: u32) {
        *self.fault.lock().unwrap() = Some((step, after));
    }

    fn is_failing(&self) -> bool {
        self.fault.lock().unwrap().is_some()
    }

    fn pass(&self, step: Step) -> Result<(), HandlerError> {
        let mut fault = self.fault.lock().unwrap();
        match *fault {
            Some((at, 0)) if at == step => {
                *fault = None;
                Err(format!("the store fails at {step:?}").into())
            }
            Some((at, left)) if at == step => {
                *fault = Some((at, left - 1));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The numbers that came to a key, in their order, as readers see them.
    fn numbers(&self, key: &str) -> Vec<u32> {
        let committed = self.committed.lock().unwrap();
        let rows = committed.view.as_ref().and_then(|view| committed.rows.get(view)).into_iter().flatten();
        rows.filter(|(of, _)| of == key).map(|(_, number)| *number).collect()
    }
}

fn table(name: &str, generation: Generation) -> String {
    format!("{name}_{}_{}", generation.revision, generation.build)
}

impl ProjectionStore for Tables {
    type Transaction = Write;

    async fn checkpoint(&self, name: &str, generation: Generation) -> Result<Option<String>, HandlerError> {
        self.pass(Step::Checkpoint)?;
        Ok(self.committed.lock().unwrap().checkpoints.get(&table(name, generation)).cloned())
    }

    async fn begin(&self, _: &str, _: Generation) -> Result<Write, HandlerError> {
        self.pass(Step::Begin)?;
        if let Some((reached, go_on)) = &self.gate {
            reached.notify_one();
            go_on.notified().await;
            // Once it has passed, it stays open.
            go_on.notify_one();
        }
        Ok(Write::default())
    }

    async fn commit(
        &self,
        Write(rows): Write,
        name: &str,
        generation: Generation,
        expected: Option<&str>,
        checkpoint: &str,
    ) -> Result<bool, HandlerError> {
        self.pass(Step::BeforeCommit)?;
        let (mut committed, table) = (self.committed.lock().unwrap(), table(name, generation));
        if committed.checkpoints.get(&table).map(String::as_str) != expected {
            return Ok(false);
        }
        committed.checkpoints.insert(table.clone(), checkpoint.to_owned());
        committed.rows.entry(table).or_default().extend(rows);
        self.pass(Step::AfterCommit)?;
        Ok(true)
    }

    async fn serve(&self, name: &str, generation: Generation) -> Result<(), HandlerError> {
        self.pass(Step::Serve)?;
        self.committed.lock().unwrap().view = Some(table(name, generation));
        Ok(())
    }

    async fn discard(&self, name: &str, generation: Generation) -> Result<(), HandlerError> {
        self.pass(Step::Discard)?;
        let mut committed = self.committed.lock().unwrap();
        committed.rows.remove(&table(name, generation));
        committed.checkpoints.remove(&table(name, generation));
        Ok(())
    }
}

#[expect(clippy::panic, reason = "that is what is tested")]
async fn insert(write: &mut Write, event: Received<Moved>) -> Result<(), HandlerError> {
    write.0.push((event.key.clone(), event.number));
    tokio::task::yield_now().await;
    match event.number {
        REJECTED => Err(HandlerError::reject("a number that nobody likes")),
        PANICS => panic!("a number that nobody can add"),
        FAILS => Err("not now".into()),
        _ => Ok(()),
    }
}

fn moves(revision: u32, tables: &Tables) -> Projection<Transactions<Tables>> {
    let config = ProjectionConfig { max_chunk: 3, ..hasty() };
    Projection::in_store("moves", revision, tables.clone())
        .config(config)
        .on(|write: &mut Write, event: Received<Moved>| insert(write, event).boxed())
}

async fn a_store_has_data_and_checkpoint_together(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let tables = Tables::default();
    for round in 0..4 {
        publish(&bus, "a", round * 5 + 1..round * 5 + 6).await?;
        bus.publish(&activated("other")).await?;
        moves(1, &tables).catch_up(&bus).await?;
        assert_eq!(tables.numbers("a"), (1..=round * 5 + 5).collect::<Vec<_>>());
    }
    Ok(())
}

async fn whatever_step_fails_each_event_has_its_effects_once(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let tables = Tables::default();
    let mut expected = Vec::new();
    for revision in [1, 2, 3] {
        for step in [Step::Checkpoint, Step::Begin, Step::BeforeCommit, Step::AfterCommit, Step::Serve, Step::Discard] {
            for after in 0..3 {
                let number = 1 + expected.len() as u32;
                publish(&bus, "a", number..number + 7).await?;
                expected.extend(number..number + 7);
                tables.fail_at(step, after);
                moves(revision, &tables).catch_up(&bus).await?;
                assert_eq!(tables.numbers("a"), expected, "revision {revision}, {step:?} after {after}");
            }
        }
        *tables.fault.lock().unwrap() = None;
    }
    assert!(!tables.is_failing());
    Ok(())
}

/// As when a process that holds the lease stands still, and does not know yet that another one has it.
async fn of_two_instances_that_write_at_once_one_is_refused(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let tables = Tables::default();
    publish(&bus, "a", 1..=3).await?;
    moves(1, &tables).catch_up(&bus).await?;
    publish(&bus, "a", 4..=6).await?;
    let (reached, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = moves(1, &Tables { gate: Some((Arc::clone(&reached), Arc::clone(&go_on))), ..tables.clone() });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut running = pin!(slow.run(&bus, stopped));
    tokio::select! {
        ended = &mut running => return Err(format!("it ended: {ended:?}").into()),
        () = reached.notified() => {}
    }

    // Nobody polls it meanwhile.
    moves(1, &tables).catch_up(&bus).await?;
    publish(&bus, "a", [7]).await?;
    let monitor = slow.monitor();
    go_on.notify_one();
    let is_refused = eventually(async || {
        let is_behind =
            monitor.serving().is_some_and(|status| status.error.is_some() || status.phase == Phase::Waiting);
        Ok(is_behind || tables.numbers("a").len() == 7)
    });
    tokio::select! {
        ended = &mut running => return Err(format!("it ended: {ended:?}").into()),
        refused = is_refused => refused?,
    }
    drop(stop);
    running.await?;
    moves(1, &tables).catch_up(&bus).await?;

    assert_eq!(tables.numbers("a"), [1, 2, 3, 4, 5, 6, 7]);
    Ok(())
}

async fn poison_is_left_out_and_what_fails_stops(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let tables = Tables::default();
    publish(&bus, "a", [1, REJECTED, 2, PANICS, 3]).await?;
    bus.publish(&Careless { anything: String::new() }).await?;
    moves(1, &tables).catch_up(&bus).await?;
    assert_eq!(tables.numbers("a"), [1, 2, 3]);
    publish(&bus, "a", [4, FAILS, 5]).await?;

    let failed = moves(1, &tables).catch_up(&bus).await.unwrap_err();
    publish(&bus, "a", [REJECTED]).await?;
    let attempts = Arc::new(AtomicU32::new(0));
    let tries = Arc::clone(&attempts);
    let lenient = Projection::in_store("moves", 1, tables.clone())
        .config(ProjectionConfig { on_poison: OnPoison::Stop, ..hasty() })
        .on(move |write: &mut Write, event: Received<Moved>| {
            let is_well = event.number == FAILS && tries.fetch_add(1, SeqCst) == 1;
            async move {
                match insert(write, event).await {
                    Err(error) if !error.is_reject() && is_well => Ok(()),
                    inserted => inserted,
                }
            }
            .boxed()
        });
    let rejected = lenient.catch_up(&bus).await.unwrap_err();

    assert!(matches!(&failed, ProjectionError::Event { sequence: 8, reason, .. } if reason == "not now"), "{failed}");
    assert!(matches!(&rejected, ProjectionError::Event { sequence: 10, .. }), "{rejected}");
    assert_eq!(attempts.load(SeqCst), 2);
    assert_eq!(tables.numbers("a"), [1, 2, 3, 4, FAILS, 5]);
    Ok(())
}

async fn another_revision_has_tables_of_its_own(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let tables = Tables::default();
    publish(&bus, "a", 1..=3).await?;
    moves(1, &tables).catch_up(&bus).await?;
    for revision in 2..=3 {
        let doubled = Projection::in_store("moves", revision, tables.clone()).config(hasty()).on(
            |write: &mut Write, event: Received<Moved>| {
                async move {
                    write.0.push((event.key.clone(), event.number * 2));
                    Ok(())
                }
                .boxed()
            },
        );
        doubled.catch_up(&bus).await?;
        assert_eq!(tables.numbers("a"), [2, 4, 6]);
    }
    eventually(async || {
        let committed = tables.committed.lock().unwrap();
        Ok(committed.checkpoints.keys().eq(["moves_2_1", "moves_3_1"]))
    })
    .await
}

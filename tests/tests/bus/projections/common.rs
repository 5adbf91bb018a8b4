//! Totals of what was moved, by key: a read model in a bucket.

use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::BucketDescriptor;
use eventsmith::generated::Schema;
use eventsmith::state::{
    Documents, OnPoison, PROJECTIONS, Projection, ProjectionConfig, ProjectionError, ProjectionStatus, Projections,
    ReadModel,
};
use eventsmith::{Bus, DecodeError, HandlerError, Invalid, Kind, Received, State, Violation};
use eventsmith_tests::running::PATIENCE;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::common::*;

pub(crate) const TOTALS: BucketDescriptor = BucketDescriptor::new("TOTALS", "key.total");

/// What became of one key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Total {
    pub(crate) sum: u64,
    /// Every number, in the order in which they came: what is lost, doubled or out of order shows.
    pub(crate) numbers: Vec<u32>,
}

impl State for Total {
    const TOKEN: eventsmith::generated::Token = eventsmith::generated::Token::of_generated_code();
    const KIND: Kind = Kind::State;
    const TYPE: &'static str = "key.total";
    const VERSION: u32 = 1;
    const BUCKET: &'static str = TOTALS.name;
    const SUBJECT: &'static str = "$KV.TOTALS.>";
    const SCHEMA: &'static str = "true";

    fn payload_schema() -> &'static Schema {
        static SCHEMA: Schema = Schema::new(Total::TYPE, Total::VERSION, <Total as State>::SCHEMA);
        &SCHEMA
    }

    fn validate(&self) -> Result<(), Invalid> {
        let violation = || Violation::new("/sum", "/x", "less than 1000000");
        if self.sum < 1_000_000 { Ok(()) } else { Err(Invalid::new(Self::TYPE, 1, vec![violation()])) }
    }

    fn decode(_: u32, data: &[u8]) -> Result<Self, DecodeError> {
        let invalid =
            |error: serde_json::Error| Invalid::new(Self::TYPE, 1, vec![Violation::new("", "", error.to_string())]);
        serde_json::from_slice(data).map_err(|error| invalid(error).into())
    }
}

pub(crate) fn moved(key: impl ToString, number: u32) -> Moved {
    Moved { key: key.to_string(), number }
}

/// A number that takes the document of its key away.
pub(crate) const REMOVES: u32 = 0;
/// Numbers that the handler does not like.
pub(crate) const REJECTED: u32 = 6_666;
pub(crate) const PANICS: u32 = 6_667;
pub(crate) const FAILS: u32 = 6_668;
/// A number with which the document would be invalid.
pub(crate) const INVALID: u32 = 1_000_000;

#[expect(clippy::panic, reason = "that is what is tested")]
pub(crate) fn add(total: &mut Option<Total>, event: &Received<Moved>) -> Result<(), HandlerError> {
    match event.number {
        REMOVES => {
            *total = None;
            return Ok(());
        }
        REJECTED => return Err(HandlerError::reject("a number that nobody likes")),
        FAILS => return Err(HandlerError::retry("the number cannot be added for now")),
        PANICS => panic!("a number that nobody can add"),
        _ => {}
    }
    let total = total.get_or_insert_default();
    total.sum += u64::from(event.number);
    total.numbers.push(event.number);
    Ok(())
}

/// Quick to take over, to try again, and to look around.
pub(crate) fn hasty() -> ProjectionConfig {
    ProjectionConfig {
        lease: Duration::from_millis(600),
        status_interval: Duration::from_millis(50),
        first_delay: Duration::from_millis(5),
        max_attempts: 3,
        ..ProjectionConfig::default()
    }
}

pub(crate) fn totals(revision: u32) -> Projection<Documents<Total>> {
    Projection::in_bucket::<Total>("totals", revision).config(hasty()).on(|event: &Moved| [event.key.clone()], add)
}

pub(crate) fn stopping(revision: u32) -> Projection<Documents<Total>> {
    totals(revision).config(ProjectionConfig { on_poison: OnPoison::Stop, ..hasty() })
}

pub(crate) async fn provisioned(bus: &Bus) -> Outcome {
    bus.provision(&[TOTALS]).await?;
    Ok(bus.provision(PROJECTIONS).await?)
}

pub(crate) async fn publish(bus: &Bus, key: &str, numbers: impl IntoIterator<Item = u32>) -> Outcome {
    let events: Vec<Moved> = numbers.into_iter().map(|number| moved(key, number)).collect();
    bus.publish_all(&events).await?;
    Ok(())
}

pub(crate) fn model(bus: &Bus) -> ReadModel<Total> {
    ReadModel::of(bus, "totals")
}

pub(crate) async fn numbers(bus: &Bus, key: &str) -> Outcome<Vec<u32>> {
    Ok(model(bus).get(key).await?.map(|total| total.into_value().numbers).unwrap_or_default())
}

/// What operators see of the read model of a revision.
pub(crate) async fn status(bus: &Bus, generation: &str) -> Outcome<ProjectionStatus> {
    let report = Projections::of(bus).get("totals").await?;
    let model = report.models.into_iter().find(|model| model.status.generation.to_string() == generation);
    Ok(model.ok_or_else(|| format!("there is no status of {generation}"))?.status)
}

/// A projection at work in a task of its own.
pub(crate) struct Projecting {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ProjectionError>>,
}

impl Projecting {
    pub(crate) fn start<T: eventsmith::state::Target>(projection: Projection<T>, bus: &Bus) -> Self {
        let (stop, stopped) = oneshot::channel();
        let bus = bus.clone();
        let task =
            async move { projection.run(&bus, stopped).await.inspect_err(|error| eprintln!("it ended: {error}")) };
        Self { stop, task: tokio::spawn(task) }
    }

    pub(crate) async fn stop(self) -> Outcome {
        let _ = self.stop.send(());
        Ok(timeout(PATIENCE, self.task).await???)
    }

    /// What ends it wherever it is.
    pub(crate) fn killer(&self) -> tokio::task::AbortHandle {
        self.task.abort_handle()
    }

    /// As if its process had been killed.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    pub(crate) async fn end(self) -> Outcome<ProjectionError> {
        let Self { stop: _stop, task } = self;
        Ok(timeout(PATIENCE, task).await??.err().ok_or("it ended without an error")?)
    }
}

/// Waits until something is as it is to be.
pub(crate) async fn eventually(mut holds: impl AsyncFnMut() -> Outcome<bool>) -> Outcome {
    let wait = async {
        while !holds().await? {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok::<(), Box<dyn std::error::Error>>(())
    };
    timeout(PATIENCE, wait).await?
}

//! State as events: aggregates whose histories lie in streams, and read models that are made of streams. `docs/state.md` and
//! `docs/projections.md` are the guides.

pub use eventsmith_bus::handler::Place;
pub use eventsmith_event::aggregate::AggregateEvents;
pub use eventsmith_state::projection::{
    checkpoint::Skipped,
    config::{OnPoison, ProjectionConfig},
    definition::Projection,
    documents::Documents,
    error::ProjectionError,
    generation::{Generation, NoGeneration},
    ledger::PROJECTIONS,
    model::{ReadModel, View},
    monitor::ProjectionMonitor,
    operator::{ModelReport, ProjectionReport, Projections},
    status::{EffectsProgress, Phase, ProjectionStatus, StreamProgress},
    store::{ProjectionStore, Transactions},
    target::Target,
};
pub use eventsmith_state::{
    aggregate::Aggregate,
    aggregates::{Aggregates, Executed, Loaded},
    append::ExecuteOptions,
    check::{CheckedHistories, Defect, check_histories},
    discard::{Discard, DiscardError, discard},
    error::{ExecuteError, StateError},
    history::{History, HistoryEvent, Point, Stray},
    saga::{
        Otherwise, SagaEventKind, SagaRetry, SagaStatus, StepOutcome,
        client::{SagaStream, Sagas, Started},
        definition::Saga,
        error::SagaError,
        history::{SagaCommand, SagaEvent, SagaHistory, SagaInput, SagaSummary, SagaTimeout},
        options::StartOptions,
        request_id as saga_request_id,
        runner::{SagaConfig, SagaRunner},
        step::{Asks, Awaits, IntoStep, Step, Waits},
    },
    snapshot::Snapshots,
};

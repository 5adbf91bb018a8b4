//! State as events: aggregates whose histories lie in streams. `docs/state.md` is the guide.

pub use eventsmith_event::aggregate::AggregateEvents;
pub use eventsmith_state::{
    aggregate::Aggregate,
    aggregates::{Aggregates, Executed, Loaded},
    append::ExecuteOptions,
    check::{CheckedHistories, Defect, check_histories},
    error::{ExecuteError, StateError},
    history::{History, HistoryEvent, Point, Stray},
    snapshot::Snapshots,
};

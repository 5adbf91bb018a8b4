//! What a bus tells of what happens, to whoever listens: see [`Bus::observed_by`](crate::Bus::observed_by).

pub use eventsmith_bus::observe::{
    Component, ComponentKind, ComponentState, Figure, FigureKind, Incoming, MessageType, Observer, Occurrence,
    Relation, RunOutcome, TraceContext,
};

//! What observers are told of runners of sagas, and the spans around their steps.

use std::sync::Arc;

use eventsmith_bus::observe::{
    Component, ComponentKind, ComponentState, Incoming, MessageType, Observers, Relation, SpanOf, StateCell,
};
use eventsmith_bus::transport::Delivery;
use tracing::Span;

/// A runner, as observers meet it.
pub(crate) struct RunnerComponent {
    pub(crate) name: String,
    pub(crate) state: Arc<StateCell>,
}

impl Component for RunnerComponent {
    fn kind(&self) -> ComponentKind {
        ComponentKind::Saga
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn state(&self) -> ComponentState {
        self.state.get()
    }
}

/// A runner that runs, until this is dropped.
pub(crate) struct AtWork(Arc<StateCell>);

impl AtWork {
    pub(crate) fn begin(state: &Arc<StateCell>) -> Self {
        state.set(ComponentState::Starting);
        Self(Arc::clone(state))
    }

    pub(crate) fn set(&self, state: ComponentState) {
        self.0.set(state);
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.set(ComponentState::Ended);
    }
}

/// The span around what a message of a saga leads to, if anybody listens.
pub(crate) fn span(
    observers: &Observers,
    (saga, version): (&'static str, u32),
    (stream, consumer): (&str, &str),
    delivery: &Delivery,
) -> Span {
    let message = MessageType { name: saga, version, template: saga };
    let of =
        SpanOf { operation: "process", operation_type: "process", kind: "consumer", message, group: Some(consumer) };
    let headers = &delivery.message.headers;
    let relation = Relation::of_delivery(delivery.deliveries, headers);
    let span = observers.open(of, &Incoming { headers, relation });
    span.record("messaging.destination.name", &*delivery.message.subject);
    span.record("eventsmith.stream", stream);
    span.record("eventsmith.sequence", delivery.sequence);
    span.record("eventsmith.deliveries", delivery.deliveries);
    span
}

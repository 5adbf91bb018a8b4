//! The spans around what a projection does about events.

use eventsmith_bus::bus::Bus;
use eventsmith_bus::observe::{self, Incoming, MessageType, Relation, SpanOf};
use tracing::Span;

use super::route::{EventFailure, Incoming as Event, Wanted};
use super::target::{ProjectFailure, Projected};

/// The span around projecting some events together. One that comes by itself, and is no history, continues the trace of the event; it is
/// linked to all.
pub(crate) fn projecting(bus: &Bus, projection: &str, wanted: &[Wanted], events: &[Projected<'_>]) -> Span {
    let observers = bus.observers();
    let (Some(first), true) = (events.first(), observers.is_listening()) else { return Span::none() };
    let message = first.event.message_type(wanted);
    let is_of_one_type = events.iter().all(|other| other.event.index == first.event.index);
    let message = if is_of_one_type { message } else { MessageType::OTHER };
    let relation = match events {
        [Projected { is_replay: false, .. }] => Relation::First,
        _ => Relation::Aside,
    };
    let of =
        SpanOf { operation: "project", operation_type: "process", kind: "consumer", message, group: Some(projection) };
    let span = observers.open(of, &Incoming { headers: first.event.headers(), relation });
    if !span.is_disabled() {
        span.record("eventsmith.stream", &*first.event.place.stream);
        match events {
            [_] => note(&span, first.event),
            more => {
                span.record("messaging.batch.message_count", more.len());
                for other in &more[1..] {
                    observers.link(&span, other.event.headers());
                }
            }
        }
    }
    span
}

/// How it ended.
pub(crate) fn projected(span: &Span, outcome: &Result<(), ProjectFailure>) {
    match outcome {
        Ok(()) => {}
        Err(ProjectFailure::Store(_)) => observe::failed(span, "store"),
        Err(ProjectFailure::Fenced) => observe::failed(span, "fenced"),
        Err(ProjectFailure::OneByOne) => observe::failed(span, "one_by_one"),
        Err(ProjectFailure::Event(_, failure)) => observe::failed(span, kind(failure)),
    }
}

/// The span around the side effect of an event.
pub(crate) fn effect(bus: &Bus, projection: &str, wanted: &[Wanted], event: &Event, attempt: u64) -> Span {
    let message = event.message_type(wanted);
    let of =
        SpanOf { operation: "effect", operation_type: "process", kind: "consumer", message, group: Some(projection) };
    let headers = event.headers();
    let span = bus.observers().open(of, &Incoming { headers, relation: Relation::of_delivery(attempt, headers) });
    if !span.is_disabled() {
        span.record("eventsmith.stream", &*event.place.stream);
        span.record("eventsmith.attempt", attempt);
        note(&span, event);
    }
    span
}

/// How it ended.
pub(crate) fn performed(span: &Span, outcome: &Result<(), EventFailure>) {
    if let Err(failure) = outcome {
        observe::failed(span, kind(failure));
    }
}

fn note(span: &Span, event: &Event) {
    span.record("messaging.destination.name", event.subject());
    span.record("messaging.message.id", event.id());
    span.record("eventsmith.sequence", event.place.sequence);
}

fn kind(failure: &EventFailure) -> &'static str {
    match failure {
        EventFailure::Unreadable(_) => "undecodable",
        EventFailure::Newer(_) => "too_new",
        EventFailure::Rejected(_) => "rejected",
        EventFailure::Failed(_) => "failed",
    }
}

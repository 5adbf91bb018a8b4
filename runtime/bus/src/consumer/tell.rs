//! What observers are told of deliveries, and the spans around their runs.

use std::time::Duration;

use tokio::time::Instant;
use tracing::Span;

use super::run::{DeliveryEnd, Worker};
use super::settle::HandlerOutcome;
use super::told::ToldRun;
use crate::dead_letters::reason::DeadReason;
use crate::observe::{self, Incoming, MessageType, Occurrence, Relation, SpanOf};
use crate::transport::{AckKind, Delivery, Headers};

impl Worker {
    /// The span of a run, which begins now.
    pub(super) fn open_run(
        &self,
        delivery: &Delivery,
        attempt: u64,
        message: impl FnOnce() -> MessageType,
    ) -> (Span, Option<ToldRun>) {
        let observers = self.bus.observers();
        if !observers.is_listening() {
            return (self.span(delivery, attempt), None);
        }
        let message = message();
        let (consumer, stream, sequence) = (&*self.service, &*self.stream, delivery.sequence);
        let of = SpanOf {
            operation: "process",
            operation_type: "process",
            kind: "consumer",
            message,
            group: Some(&self.service),
        };
        let headers = &delivery.message.headers;
        let relation = Relation::of_delivery(delivery.deliveries, headers);
        let span = observers.open(of, &Incoming { headers, relation });
        if !span.is_disabled() {
            span.record("messaging.destination.name", &*delivery.message.subject);
            span.record("messaging.message.id", headers.get(Headers::ID));
            span.record("messaging.message.conversation_id", headers.get(Headers::CORRELATION));
            span.record("eventsmith.stream", stream);
            span.record("eventsmith.sequence", sequence);
            span.record("eventsmith.attempt", attempt);
            span.record("eventsmith.deliveries", delivery.deliveries);
        }
        observers.tell(&Occurrence::RunBegun { consumer, stream, message, sequence, attempt });
        (span, Some(ToldRun { message, begun: Instant::now() }))
    }

    /// The run ended so.
    pub(super) fn close_run(&self, span: &Span, run: Option<ToldRun>, delivery: &Delivery, outcome: &HandlerOutcome) {
        let Some(ToldRun { message, begun }) = run else { return };
        let outcome = outcome.told();
        if let Some(error) = outcome.error() {
            observe::failed(span, error);
        }
        let age = self.bus.transport().time().duration_since(delivery.stored);
        self.bus.observers().tell(&Occurrence::RunEnded {
            consumer: &self.service,
            stream: &self.stream,
            message,
            sequence: delivery.sequence,
            outcome,
            took: begun.elapsed(),
            age: Duration::try_from(age).unwrap_or_default(),
        });
    }

    /// The delivery ended so. Called within the span of the run: that of settling is below it. An acknowledgement may be sent together
    /// with others, a little later.
    pub(super) fn tell_settled(
        &self,
        run: Option<ToldRun>,
        delivery: &Delivery,
        outcome: &HandlerOutcome,
        end: DeliveryEnd,
    ) {
        let Some(ToldRun { message, .. }) = run else { return };
        let (consumer, stream, sequence) = (&*self.service, &*self.stream, delivery.sequence);
        let operation = match end {
            DeliveryEnd::Settled(AckKind::Term(_)) => Some("term"),
            DeliveryEnd::Settled(_) => Some("ack"),
            DeliveryEnd::Nakked(_) | DeliveryEnd::GivenUp => Some("nak"),
            DeliveryEnd::Left | DeliveryEnd::Other => None,
        };
        if let Some(operation) = operation {
            let group = Some(consumer);
            let span = observe::span(SpanOf { operation, operation_type: "settle", kind: "client", message, group });
            if !span.is_disabled() {
                span.record("messaging.destination.name", &*delivery.message.subject);
                span.record("messaging.message.id", delivery.message.headers.get(Headers::ID));
                span.record("eventsmith.stream", stream);
                span.record("eventsmith.sequence", sequence);
            }
        }
        let occurrence = match end {
            DeliveryEnd::Settled(AckKind::Term(reason)) => {
                Occurrence::DeadLettered { consumer, stream, message, sequence, reason }
            }
            DeliveryEnd::Settled(_) => Occurrence::Acknowledged { consumer, stream, message, sequence },
            DeliveryEnd::Nakked(due) => {
                let delay = due.saturating_duration_since(Instant::now());
                Occurrence::PutOff { consumer, stream, message, sequence, outcome: outcome.told(), delay }
            }
            DeliveryEnd::Left => Occurrence::LeaseLost { consumer, stream, sequence },
            // What the server gave up, its advisory tells of.
            DeliveryEnd::GivenUp | DeliveryEnd::Other => return,
        };
        self.bus.observers().tell(&occurrence);
    }

    pub(super) fn tell_received(&self, delivery: &Delivery) {
        let observers = self.bus.observers();
        if observers.is_listening() {
            observers.tell(&Occurrence::Received {
                consumer: &self.service,
                stream: &self.stream,
                message: self.routes.message_type(&delivery.message),
                sequence: delivery.sequence,
                deliveries: delivery.deliveries,
            });
        }
    }

    pub(super) fn tell_lost(&self, sequence: u64) {
        let (consumer, stream) = (&*self.service, &*self.stream);
        self.bus.observers().tell(&Occurrence::LeaseLost { consumer, stream, sequence });
    }

    /// A message that no client can read is dead-lettered.
    pub(super) fn tell_malformed(&self, sequence: u64) {
        let (consumer, stream, message) = (&*self.service, &*self.stream, MessageType::OTHER);
        let reason = DeadReason::Malformed.as_str();
        self.bus.observers().tell(&Occurrence::DeadLettered { consumer, stream, message, sequence, reason });
    }

    /// The span around storing a dead letter.
    pub(super) fn dead_letter_span(&self, delivery: &Delivery, reason: DeadReason) -> Span {
        if !self.bus.observers().is_listening() {
            return Span::none();
        }
        let message = self.routes.message_type(&delivery.message);
        let (operation, group) = ("dead_letter", Some(&*self.service));
        let span = observe::span(SpanOf { operation, operation_type: "send", kind: "producer", message, group });
        span.record("messaging.message.id", delivery.message.headers.get(Headers::ID));
        span.record("messaging.message.conversation_id", delivery.message.headers.get(Headers::CORRELATION));
        observe::failed(&span, reason);
        span
    }

    /// Tells of breakers that changed since this was called last.
    pub(super) fn tell_breakers(&self) {
        let observers = self.bus.observers();
        if observers.is_listening() {
            for (breaker, state) in self.monitor.changed_breakers() {
                observers.tell(&Occurrence::BreakerChanged { owner: &self.service, breaker: &breaker, state });
            }
        }
    }
}

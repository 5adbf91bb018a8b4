//! What observers are told of requests, and the spans around their handlers.

use tokio::time::Instant;
use tracing::Span;

use super::answer::Answer;
use super::endpoint::Endpoint;
use crate::observe::{self, Incoming, MessageType, Occurrence, Relation, SpanOf};
use crate::transport::{Headers, LiveMessage};

impl Endpoint {
    /// The span around answering a request, if anybody listens.
    pub(super) fn open(&self, live: &LiveMessage) -> Option<Span> {
        let observers = self.bus.observers();
        observers.is_listening().then(|| {
            let (message, group) = (self.message_type(), Some(&*self.service));
            let of = SpanOf { operation: "answer", operation_type: "process", kind: "server", message, group };
            let headers = &live.message.headers;
            let span = observers.open(of, &Incoming { headers, relation: Relation::First });
            span.record("messaging.destination.name", &*live.message.subject);
            span.record("messaging.message.id", headers.get(Headers::ID));
            span.record("messaging.message.conversation_id", headers.get(Headers::CORRELATION));
            span
        })
    }

    /// The answer is known.
    pub(super) fn close(&self, span: &Span, answer: &Answer) {
        if self.bus.observers().is_listening()
            && let Some((code, _)) = &answer.error
        {
            observe::failed(span, code);
        }
    }

    /// The answer is sent.
    pub(super) fn tell(&self, code: u16, arrived: Instant) {
        let observers = self.bus.observers();
        if observers.is_listening() {
            let (service, message) = (&*self.service, self.message_type());
            observers.tell(&Occurrence::Answered { service, message, code, took: arrived.elapsed() });
        }
    }

    fn message_type(&self) -> MessageType {
        MessageType { name: self.route.event_type, version: self.route.version, template: self.route.subject }
    }
}

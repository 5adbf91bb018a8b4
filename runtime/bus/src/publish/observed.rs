//! What observers are told of publishing, and the spans around it.

use std::future::Future;
use std::time::Duration;

use eventsmith_event::event::Event;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use super::error::PublishError;
use super::options::{PublishOptions, Published};
use super::prepare::{Prepared, prepare, type_of};
use super::publisher::Publisher;
use crate::observe::{self, MessageType, Observers, Occurrence, SpanOf};
use crate::outgoing::Sender;
use crate::transport::Headers;

impl Publisher {
    /// Publishes with a span around it, whose context the message carries.
    pub(super) async fn publish_observed<E: Event>(
        &self,
        event: &E,
        options: &PublishOptions,
    ) -> Result<Published, PublishError> {
        let (kind, begun) = (type_of::<E>(), Instant::now());
        let span = publishing(kind, "producer");
        let mut unfinished = Unfinished { publisher: self, kind, span: &span, begun, is_over: false };
        let stored = async {
            let prepared = prepare(&self.sender, event, options)?;
            note(&Span::current(), &prepared);
            self.store(&prepared, None).await
        };
        let stored = stored.instrument(span.clone()).await;
        unfinished.is_over = true;
        note_end(&span, stored.as_ref());
        self.tell(kind, Some(begun.elapsed()), stored.as_ref());
        stored
    }

    /// Stores several events at once, each of which has the context of its creation, with a span around it.
    pub(super) async fn together(
        &self,
        events: &[Prepared],
        storing: impl Future<Output = Result<Vec<Published>, PublishError>>,
    ) -> Result<Vec<Published>, PublishError> {
        let (Some(first), true) = (events.first(), self.sender.observers.is_listening()) else { return storing.await };
        let begun = Instant::now();
        let span = publishing(first.kind, "client");
        match events {
            [one] => note(&span, one),
            _ => drop(span.record("messaging.batch.message_count", events.len())),
        }
        let stored = storing.instrument(span.clone()).await;
        note_end(&span, stored.as_ref().map(|_| ()));
        for (index, event) in events.iter().enumerate() {
            let published = match &stored {
                Ok(stored) => stored.get(index).map(Ok),
                Err(error) => Some(Err(error)),
            };
            if let Some(published) = published {
                self.tell(event.kind, Some(begun.elapsed()), published);
            }
        }
        stored
    }

    /// Tells observers that an event of a fast batch is stored.
    pub(super) fn tell_batched(&self, message: MessageType) {
        let observers = &self.sender.observers;
        if observers.is_listening() {
            observers.tell(&Occurrence::Published { message, stream: "", sequence: 0, duplicate: false, took: None });
        }
    }

    /// Tells observers what became of an event.
    pub(super) fn tell(&self, message: MessageType, took: Option<Duration>, stored: Result<&Published, &PublishError>) {
        let observers = &self.sender.observers;
        if !observers.is_listening() {
            return;
        }
        match stored {
            Ok(Published { stream, sequence, duplicate, .. }) => {
                let (sequence, duplicate) = (*sequence, *duplicate);
                observers.tell(&Occurrence::Published { message, stream, sequence, duplicate, took });
            }
            Err(reason) => tell_failure(observers, message, took.unwrap_or_default(), reason),
        }
    }
}

/// What observers are told of a publish that nobody waits for any more: whoever gave it up does not say so.
struct Unfinished<'a> {
    publisher: &'a Publisher,
    kind: MessageType,
    span: &'a Span,
    begun: Instant,
    is_over: bool,
}

impl Unfinished<'_> {
    /// The kind of error. It may be stored all the same.
    const CANCELLED: &'static str = "cancelled";
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let observers = &self.publisher.sender.observers;
        if self.is_over || !observers.is_listening() {
            return;
        }
        observe::failed(self.span, Self::CANCELLED);
        let (message, error, took) = (self.kind, Self::CANCELLED, self.begun.elapsed());
        observers.tell(&Occurrence::NotPublished { message, error, rule: error, is_sent: true, took });
    }
}

fn tell_failure(observers: &Observers, message: MessageType, took: Duration, reason: &PublishError) {
    let (error, is_sent) = (reason.kind(), reason.is_sent());
    let rule = match reason {
        PublishError::Invalid(invalid) => {
            // The schema is of the catalogue, and so is what a place in it ends with.
            let of_schema = invalid.violations().first().and_then(|violation| violation.schema.rsplit('/').next());
            of_schema.filter(|keyword| keyword.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'$'))
        }
        _ => None,
    };
    let rule = rule.filter(|rule| !rule.is_empty()).unwrap_or(error);
    observers.tell(&Occurrence::NotPublished { message, error, rule, is_sent, took });
}

/// Prepares a message that is sent later, together with others, with a span of its own, whose context it carries.
pub(super) fn created(
    sender: &Sender,
    kind: MessageType,
    prepare: impl FnOnce() -> Result<Prepared, PublishError>,
) -> Result<Prepared, PublishError> {
    if !sender.observers.is_listening() {
        return prepare();
    }
    let of = SpanOf { operation: "create", operation_type: "create", kind: "producer", message: kind, group: None };
    let span = observe::span(of);
    let prepared = span.in_scope(prepare);
    match &prepared {
        Ok(prepared) => note(&span, prepared),
        Err(reason) => {
            observe::failed(&span, reason.kind());
            tell_failure(&sender.observers, kind, Duration::ZERO, reason);
        }
    }
    prepared
}

/// The span around sending.
pub(super) fn publishing(message: MessageType, kind: &'static str) -> Span {
    observe::span(SpanOf { operation: "publish", operation_type: "send", kind, message, group: None })
}

fn note(span: &Span, prepared: &Prepared) {
    if !span.is_disabled() {
        span.record("messaging.destination.name", &*prepared.message.subject);
        span.record("messaging.message.id", prepared.message.headers.get(Headers::ID));
        span.record("messaging.message.conversation_id", prepared.conversation.as_deref());
    }
}

fn note_end<T>(span: &Span, stored: Result<T, &PublishError>) {
    if let Err(reason) = stored {
        observe::failed(span, reason.kind());
    }
}

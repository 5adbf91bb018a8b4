//! The spans around what happens, by the messaging conventions of OpenTelemetry.
//!
//! They are spans of `tracing`, with the names of attributes as fields, so that any subscriber can have them. The fields `otel.name`
//! and `otel.kind` are those that `tracing-opentelemetry` reads. Nothing of a payload is in them.

use std::fmt::Display;

use tracing::Span;
use tracing::field::Empty;

use super::occurrence::MessageType;

/// What a span is about.
#[derive(Debug, Clone, Copy)]
pub struct SpanOf<'a> {
    /// What is done, as NATS and this bus name it: `publish`, `process`, `request`.
    pub operation: &'static str,
    /// Which of the operations of the conventions that is: `create`, `send`, `process`.
    pub operation_type: &'static str,
    /// `producer`, `consumer`, `client`, `server` or `internal`.
    pub kind: &'static str,
    /// What the message is.
    pub message: MessageType,
    /// Who does it, where it is a consumer or a service.
    pub group: Option<&'a str>,
}

/// The span of an operation. What is not known yet is recorded later: `messaging.destination.name`, `messaging.message.id`,
/// `messaging.message.conversation_id`, and `error.type` with `otel.status_code`.
pub fn span(of: SpanOf<'_>) -> Span {
    let SpanOf { operation, operation_type, kind, message, group } = of;
    let MessageType { name, version, template } = message;
    tracing::info_span!(
        "message",
        otel.name = %format_args!("{operation} {template}"),
        otel.kind = kind,
        otel.status_code = Empty,
        messaging.system = "nats",
        messaging.operation.name = operation,
        messaging.operation.type = operation_type,
        messaging.destination.template = template,
        messaging.destination.name = Empty,
        messaging.consumer.group.name = group,
        messaging.message.id = Empty,
        messaging.message.conversation_id = Empty,
        messaging.batch.message_count = Empty,
        eventsmith.event.type = name,
        eventsmith.event.version = version,
        eventsmith.stream = Empty,
        eventsmith.sequence = Empty,
        eventsmith.attempt = Empty,
        eventsmith.deliveries = Empty,
        error.type = Empty,
    )
}

/// Takes note of an error in a span.
pub fn failed(span: &Span, error: impl Display) {
    span.record("error.type", tracing::field::display(error));
    span.record("otel.status_code", "ERROR");
}

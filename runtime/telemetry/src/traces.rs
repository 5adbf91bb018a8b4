//! The W3C trace context: from the headers of messages into spans, and back.

use eventsmith_bus::observe::{Incoming, Relation, TraceContext};
use eventsmith_bus::transport::Headers;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::sampling;

/// What the trace of a delivery is that is not the first of its event: of an event that is tried again, that came back as its
/// acknowledgement was lost, or that was replayed from a dead letter.
///
/// ```
/// assert_eq!(eventsmith_telemetry::LaterDeliveries::default(), eventsmith_telemetry::LaterDeliveries::Link);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LaterDeliveries {
    /// A trace of its own, with a link to the span that published the event: it may be days old, and its trace long complete.
    #[default]
    Link,
    /// It continues the trace of the event, with a link as well, as the first delivery does.
    Continue,
}

/// Connects spans with messages.
#[derive(Debug)]
pub(crate) struct Traces {
    pub(crate) later: LaterDeliveries,
    /// Whether baggage is carried on.
    pub(crate) baggage: bool,
    context: TraceContextPropagator,
    carried: BaggagePropagator,
}

impl Traces {
    pub(crate) fn new(later: LaterDeliveries, baggage: bool) -> Self {
        Self { later, baggage, context: TraceContextPropagator::new(), carried: BaggagePropagator::new() }
    }

    /// What the span about a message will continue, which is about to be made.
    pub(crate) fn arriving(&self, message: &Incoming<'_>) {
        let headers = Received(message.headers);
        let continues = match message.relation {
            Relation::First => true,
            Relation::Later => self.later == LaterDeliveries::Continue,
            // It continues that of whoever looks at the message.
            _ => return,
        };
        // Whoever runs the consumer is no cause of what comes to it: without a trace in the message, this is the first span of one.
        let root = Context::new();
        let base = if self.baggage { self.carried.extract_with_context(&root, &headers) } else { root };
        sampling::arriving(if continues { self.context.extract_with_context(&base, &headers) } else { base });
    }

    /// Says what the span about a message continues, and what it is linked to.
    pub(crate) fn incoming(&self, span: &Span, message: &Incoming<'_>) {
        let parent = sampling::arrived();
        // Where the subscriber has no layer of OpenTelemetry, or nothing is sampled, there is nothing to connect.
        if span.is_disabled() || parent.is_some_and(|parent| span.set_parent(parent).is_err()) {
            return;
        }
        let creation = self.context.extract_with_context(&Context::new(), &Received(message.headers));
        span.add_link(creation.span().span_context().clone());
    }

    /// Says what the headers of a message tell that is sent from within a span.
    pub(crate) fn outgoing(&self, span: &Span, context: &mut TraceContext) {
        // The present one of OpenTelemetry, and not that of the span: it may be a detail that is not exported.
        let present = Context::current();
        let own = present.span().span_context().clone();
        if !own.is_valid() {
            return;
        }
        if let Some(given) = &context.traceparent {
            let given = self.read(given);
            // A context that the caller made is the creation context of the message, and is not changed. One of this trace is the
            // context of what led here, to which this span is nearer.
            if given.as_ref().is_none_or(|given| given.trace_id() != own.trace_id()) {
                return given.map_or((), |given| span.add_link(given));
            }
        }
        *context = TraceContext { baggage: context.baggage.take(), ..TraceContext::default() };
        self.context.inject_context(&present, &mut Sent(context));
        if self.baggage && !present.baggage().is_empty() {
            self.carried.inject_context(&present, &mut Sent(context));
        }
    }

    fn read(&self, traceparent: &str) -> Option<SpanContext> {
        let mut headers = Headers::default();
        headers.push(Headers::TRACEPARENT, traceparent);
        let read = self.context.extract_with_context(&Context::new(), &Received(&headers));
        Some(read.span().span_context().clone()).filter(SpanContext::is_valid)
    }
}

struct Received<'a>(&'a Headers);

impl Extractor for Received<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name).collect()
    }
}

struct Sent<'a>(&'a mut TraceContext);

impl Injector for Sent<'_> {
    fn set(&mut self, key: &str, value: String) {
        let place = match key {
            Headers::TRACEPARENT => &mut self.0.traceparent,
            Headers::TRACESTATE => &mut self.0.tracestate,
            Headers::BAGGAGE => &mut self.0.baggage,
            _ => return,
        };
        *place = Some(value).filter(|value| !value.is_empty());
    }
}

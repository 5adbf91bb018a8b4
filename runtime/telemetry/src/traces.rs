//! The W3C trace context: from the headers of messages into spans, and back.

use eventsmith_bus::observe::{Incoming, TraceContext};
use eventsmith_bus::transport::Headers;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

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

    /// Says what the span about a message continues, and what it is linked to.
    pub(crate) fn incoming(&self, span: &Span, message: &Incoming<'_>) {
        let headers = Received(message.headers);
        // Whoever runs the consumer is no cause of what comes to it: without a trace in the message, this is the first span of one.
        let root = Context::new();
        let base = if self.baggage { self.carried.extract_with_context(&root, &headers) } else { root };
        let remote = self.context.extract_with_context(&base, &headers);
        let creation = remote.span().span_context().clone();
        let continues = message.is_first || self.later == LaterDeliveries::Continue;
        let parent = if continues && creation.is_valid() { remote } else { base };
        // Where the subscriber has no layer of OpenTelemetry, there is nothing to connect.
        if span.set_parent(parent).is_ok() {
            span.add_link(creation);
        }
    }

    /// Says what the headers of a message tell that is sent from within a span.
    pub(crate) fn outgoing(&self, span: &Span, context: &mut TraceContext) {
        let present = span.context();
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

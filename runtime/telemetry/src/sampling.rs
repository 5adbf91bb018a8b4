//! Which traces are exported, decided before anything is made for their spans.
//!
//! The layer of OpenTelemetry decides when a span is entered, and has gathered all its attributes by then. For the spans of the bus,
//! of which there are several for each event, it is decided here whether that layer sees them at all. One that it does not see still
//! carries the context of its trace, so that all that follows knows that it is not sampled, here and in other processes.

use std::cell::{Cell, RefCell};

use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, ContextGuard, KeyValue};
use opentelemetry_sdk::trace::{
    IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, SamplingResult, ShouldSample,
};
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context as LayerContext, Filter};
use tracing_subscriber::registry::LookupSpan;

/// Where the bus makes the spans that it has for all messages.
const OF_THE_BUS: &str = "eventsmith_bus::observe";
/// An attribute that they have, and no others.
const MARK: &str = "eventsmith.event.type";

thread_local! {
    /// What the next span of the bus continues, where it is about a message that came.
    static ARRIVING: RefCell<Option<Context>> = const { RefCell::new(None) };
    /// The context of the span of the bus that is being made, if it is not sampled.
    static UNSAMPLED: RefCell<Option<Context>> = const { RefCell::new(None) };
    /// The spans of the bus that were entered and are not sampled.
    static ENTERED: RefCell<Vec<(Id, ContextGuard)>> = const { RefCell::new(Vec::new()) };
    /// How many there are of them.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// The next span of the bus in this thread continues this.
pub(crate) fn arriving(parent: Context) {
    ARRIVING.set(Some(parent));
}

/// It is made. Returns what was [said](arriving) of it.
pub(crate) fn arrived() -> Option<Context> {
    ARRIVING.take()
}

/// Whether the present span of the bus is not sampled.
fn is_within_unsampled() -> bool {
    DEPTH.get() > 0 && Context::map_current(|context| !context.span().span_context().is_sampled())
}

/// What the layer of OpenTelemetry sees: spans that are no details and are sampled, and the events of others than this library.
#[derive(Debug)]
pub(crate) struct Sampled(pub(crate) Sampler);

impl Sampled {
    /// The context of a span of the bus that is about to be made, if it is not sampled. Whoever began the trace has decided; here
    /// that is done by the id, as the sampler of OpenTelemetry does it.
    fn unsampled(&self, parent: &Context) -> Option<Context> {
        let span = parent.span();
        let of_parent = span.span_context();
        if of_parent.is_valid() {
            return (!of_parent.is_sampled()).then(|| parent.clone());
        }
        let ids = RandomIdGenerator::default();
        let trace = ids.new_trace_id();
        let decided = self.0.should_sample(None, trace, "", &SpanKind::Internal, &[], &[]);
        (decided.decision == SamplingDecision::Drop).then(|| {
            let (id, flags) = (ids.new_span_id(), TraceFlags::default());
            parent.with_remote_span_context(SpanContext::new(trace, id, flags, false, TraceState::default()))
        })
    }
}

impl<S> Filter<S> for Sampled {
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_exported(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: &LayerContext<'_, S>) -> bool {
        if !is_exported(metadata) {
            return false;
        }
        if !is_of_the_bus(metadata) {
            // What is made within a span that is not sampled is not, either.
            return !is_within_unsampled();
        }
        let unsampled = ARRIVING.with_borrow(|arriving| match arriving {
            Some(parent) => self.unsampled(parent),
            None => Context::map_current(|parent| self.unsampled(parent)),
        });
        let is_sampled = unsampled.is_none();
        UNSAMPLED.set(unsampled);
        is_sampled
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }
}

fn is_exported(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO && (metadata.is_span() || !metadata.target().starts_with("eventsmith"))
}

/// Whether these are the spans that the bus has for all messages.
pub(crate) fn is_of_the_bus(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with(OF_THE_BUS)
}

/// Keeps the contexts of spans of the bus that are not sampled, and has them be the present ones while their spans are entered.
#[derive(Debug)]
pub(crate) struct Carried;

impl<S> Layer<S> for Carried
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        if let (Some(unsampled), Some(span)) = (UNSAMPLED.take(), context.span(id)) {
            span.extensions_mut().replace(Unsampled(unsampled));
        }
    }

    fn on_enter(&self, id: &Id, context: LayerContext<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let unsampled = span.extensions().get::<Unsampled>().map(|unsampled| unsampled.0.clone());
        if let Some(unsampled) = unsampled {
            let guard = unsampled.attach();
            ENTERED.with_borrow_mut(|entered| entered.push((id.clone(), guard)));
            DEPTH.set(DEPTH.get() + 1);
        }
    }

    fn on_exit(&self, id: &Id, _: LayerContext<'_, S>) {
        if DEPTH.get() == 0 {
            return;
        }
        let left = ENTERED.with_borrow_mut(|entered| {
            let at = entered.iter().rposition(|(entered, _)| entered == id)?;
            Some(entered.remove(at))
        });
        if left.is_some() {
            DEPTH.set(DEPTH.get() - 1);
        }
        drop(left);
    }
}

/// The context of a span that is not sampled.
struct Unsampled(Context);

/// The sampler of what the layer sees: of the spans of the bus that begin a trace it was decided already.
#[derive(Debug, Clone)]
pub(crate) struct OfRoots(pub(crate) Sampler);

impl ShouldSample for OfRoots {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let is_decided = attributes.iter().any(|attribute| attribute.key.as_str() == MARK);
        let sampler = if is_decided { &Sampler::AlwaysOn } else { &self.0 };
        sampler.should_sample(parent, trace, name, kind, attributes, links)
    }
}

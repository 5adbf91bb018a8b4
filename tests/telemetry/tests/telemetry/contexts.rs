//! The context of single messages: what goes on, what is kept, and what is linked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::telemetry::{LaterDeliveries, Telemetry, TelemetryBuilder};
use eventsmith::{Bus, HandlerError, PublishOptions, Received};
use eventsmith_telemetry_tests::{Noted, Placed, STREAMS};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;

use crate::Outcome;

/// Keeps what it is given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept(pub(crate) Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// A trace of somebody else, who has a tracing system that adds to it.
const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const STATE: &str = "vendor=opaque";

async fn placed(event: Received<Placed>) -> Result<(), HandlerError> {
    match event.attempt() {
        1 => Err(HandlerError::retry("not yet")),
        _ => {
            event.publish(&Noted::of(&event.order)).await?;
            Ok(())
        }
    }
}

/// Publishes an event within a trace that was given, and handles it twice. Returns the spans, and the headers of what was stored.
async fn handled(builder: TelemetryBuilder) -> Result<(Vec<SpanData>, Vec<Headers>), Box<dyn std::error::Error>> {
    let kept = Kept::default();
    let telemetry = builder.span_exporter(kept.clone()).build()?;
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let plain = Bus::in_memory();
    let bus = plain.observed_by(telemetry.observer());
    bus.provision(STREAMS).await?;
    let options = PublishOptions {
        traceparent: Some(GIVEN.to_owned()),
        tracestate: Some(STATE.to_owned()),
        ..PublishOptions::default()
    };
    bus.publish_with(&Placed::of("o-1"), options).instrument(tracing::info_span!("ours")).await?;
    bus.consumer("shop").on(placed).run(bus.settle()).await?;
    telemetry.flush().await;
    let headers = headers_of(&plain).await?;
    let spans = kept.0.lock().unwrap().clone();
    Ok((spans, headers))
}

/// What the messages say of their traces, as a service finds it that nobody observes.
pub(crate) async fn headers_of(plain: &Bus) -> Result<Vec<Headers>, Box<dyn std::error::Error>> {
    let found = Arc::new(Mutex::new(Vec::new()));
    let note = |of: PublishOptions, found: &Mutex<Vec<Headers>>| {
        found.lock().unwrap().push((of.traceparent, of.tracestate));
        std::future::ready(Ok::<_, HandlerError>(()))
    };
    let (first, second) = (Arc::clone(&found), Arc::clone(&found));
    let placed = move |event: Received<Placed>| note(event.follow_up(), &first);
    let noted = move |event: Received<Noted>| note(event.follow_up(), &second);
    plain.consumer("witness").concurrency(1).on(placed).on(noted).run(plain.settle()).await?;
    let found = found.lock().unwrap().clone();
    Ok(found)
}

/// `traceparent` and `tracestate`.
pub(crate) type Headers = (Option<String>, Option<String>);

pub(crate) fn named<'a>(spans: &'a [SpanData], name: &str) -> Vec<&'a SpanData> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test]
async fn a_context_that_was_given_is_kept_and_what_comes_later_is_linked_alone() -> Outcome {
    let (spans, headers) = tokio::time::timeout(Duration::from_secs(30), handled(Telemetry::builder("shop"))).await??;

    // The message carries what it was given; the span that published it is linked to that.
    assert_eq!(headers[0], (Some(GIVEN.to_owned()), Some(STATE.to_owned())));
    let publish = named(&spans, "publish shop.domain.order.placed")[0];
    assert_eq!(publish.links.links[0].span_context.trace_id().to_string(), GIVEN[3..35]);
    // The first run continues it, with the state of the vendor; the second one is linked.
    let runs = named(&spans, "process shop.domain.order.placed");
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0].span_context.trace_id().to_string(), GIVEN[3..35]);
    assert_eq!(runs[0].parent_span_id.to_string(), GIVEN[36..52]);
    assert_eq!(runs[0].span_context.trace_state().header(), STATE);
    assert_ne!(runs[1].span_context.trace_id(), runs[0].span_context.trace_id());
    assert_eq!(runs[1].links.links[0].span_context.span_id().to_string(), GIVEN[36..52]);
    // What it publishes belongs to the run that published it, not to what the event came with.
    let noted = named(&spans, "publish shop.domain.order.noted")[0];
    assert_eq!(noted.parent_span_id, runs[1].span_context.span_id());
    let context = &noted.span_context;
    assert_eq!(headers[1].0, Some(format!("00-{}-{}-01", context.trace_id(), context.span_id())));
    Ok(())
}

#[tokio::test]
async fn later_deliveries_continue_the_trace_where_that_is_wanted() -> Outcome {
    let builder = Telemetry::builder("shop").later_deliveries(LaterDeliveries::Continue);
    let (spans, headers) = tokio::time::timeout(Duration::from_secs(30), handled(builder)).await??;

    for run in named(&spans, "process shop.domain.order.placed") {
        assert_eq!(run.parent_span_id.to_string(), GIVEN[36..52]);
        assert_eq!(run.links.len(), 1);
    }
    assert!(headers[1].0.as_ref().is_some_and(|header| header[3..35] == GIVEN[3..35]), "{headers:?}");
    Ok(())
}

#[tokio::test]
async fn a_trace_that_is_not_sampled_is_passed_on_as_such_and_not_exported() -> Outcome {
    let kept = Kept::default();
    let telemetry = Telemetry::builder("shop").sampled(0.0).span_exporter(kept.clone()).build()?;
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let plain = Bus::in_memory();
    let bus = plain.observed_by(telemetry.observer());
    bus.provision(STREAMS).await?;

    bus.publish(&Placed::of("o-1")).await?;
    telemetry.flush().await;

    let header = headers_of(&plain).await?.remove(0).0;
    assert!(header.as_ref().is_some_and(|header| header.ends_with("-00")), "{header:?}");
    assert!(kept.0.lock().unwrap().is_empty());
    Ok(())
}

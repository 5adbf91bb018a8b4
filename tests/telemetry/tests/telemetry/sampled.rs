//! What is sampled, and what becomes of the rest.

use std::sync::{Arc, Mutex};

use eventsmith::admin::BusAdmin;
use eventsmith::telemetry::{Telemetry, TelemetryBuilder};
use eventsmith::{Bus, HandlerError, PublishOptions, Received};
use eventsmith_telemetry_tests::{Noted, Placed, STREAMS};
use opentelemetry::trace::TraceContextExt;
use tracing::Instrument;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

use crate::Outcome;
use crate::contexts::{Kept, headers_of};

/// A trace of somebody else.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn given(flags: &str) -> PublishOptions {
    PublishOptions { traceparent: Some(format!("00-{TRACE}-00f067aa0ba902b7-{flags}")), ..PublishOptions::default() }
}

/// A handler with a span of its own, in which it publishes.
async fn placed(event: Received<Placed>) -> Result<(), HandlerError> {
    let published = async { event.publish(&Noted::of(&event.order)).await };
    published.instrument(tracing::info_span!("looking up")).await?;
    Ok(())
}

/// Notes the fields of spans, as a log does.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Log {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: tracing_subscriber::layer::Context<'_, S>,
    ) {
        self.0.lock().unwrap().push(format!("{attributes:?}"));
    }
}

/// The names of the spans that are exported, the traces of what is stored, and what a log has of spans.
async fn handled(
    builder: TelemetryBuilder,
    options: PublishOptions,
) -> Result<(Vec<String>, Vec<String>, Vec<String>), Box<dyn std::error::Error>> {
    let (kept, log) = (Kept::default(), Log::default());
    let telemetry = builder.span_exporter(kept.clone()).build()?;
    let subscriber =
        tracing_subscriber::registry().with(telemetry.layer()).with(log.clone().with_filter(LevelFilter::INFO));
    let _guard = tracing::subscriber::set_default(subscriber);
    let plain = Bus::in_memory();
    let bus = plain.observed_by(telemetry.observer());
    bus.provision(STREAMS).await?;
    bus.publish_with(&Placed::of("o-1"), options).await?;
    bus.consumer("shop").on(placed).run(bus.settle()).await?;
    telemetry.flush().await;
    let names = kept.0.lock().unwrap().iter().map(|span| span.name.to_string()).collect();
    let headers = headers_of(&plain).await?;
    let log = log.0.lock().unwrap().clone();
    Ok((names, headers.into_iter().filter_map(|(traceparent, _)| traceparent).collect(), log))
}

#[tokio::test]
async fn of_a_trace_that_is_not_sampled_nothing_is_exported_and_all_is_logged() -> Outcome {
    let (spans, contexts, log) = handled(Telemetry::builder("shop").sampled(0.0), PublishOptions::default()).await?;

    // Nor what a handler does within it; and what it publishes belongs to the same trace, and is not sampled either.
    assert!(spans.is_empty(), "{spans:?}");
    assert_eq!(contexts.len(), 2, "{contexts:?}");
    assert_eq!(contexts[0][3..35], contexts[1][3..35]);
    assert!(contexts.iter().all(|context| context.ends_with("-00")), "{contexts:?}");
    for name in ["looking up", "shop.domain.order.noted", "\"process\""] {
        assert!(log.iter().any(|span| span.contains(name)), "{name}: {log:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_trace_that_began_elsewhere_is_as_its_beginning_says() -> Outcome {
    let (spans, contexts, _) = handled(Telemetry::builder("shop").sampled(0.0), given("01")).await?;
    let (none, unsampled, _) = handled(Telemetry::builder("shop").sampled(1.0), given("00")).await?;

    for name in ["process shop.domain.order.placed", "looking up", "publish shop.domain.order.noted"] {
        assert!(spans.iter().any(|span| span == name), "{name}: {spans:?}");
    }
    assert!(contexts.iter().all(|context| context.contains(TRACE) && context.ends_with("-01")), "{contexts:?}");
    // Publishing it was in a trace of its own.
    assert_eq!(none, ["publish shop.domain.order.placed"]);
    assert!(unsampled.iter().all(|context| context.contains(TRACE) && context.ends_with("-00")), "{unsampled:?}");
    Ok(())
}

#[tokio::test]
async fn about_the_share_that_was_asked_for_is_sampled() -> Outcome {
    let kept = Kept::default();
    let telemetry = Telemetry::builder("shop").sampled(0.25).span_exporter(kept.clone()).build()?;
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(telemetry.layer()));
    let bus = Bus::in_memory().observed_by(telemetry.observer());
    bus.provision(STREAMS).await?;

    for _ in 0..1_000 {
        bus.publish(&Placed::of("o-1")).await?;
    }
    telemetry.flush().await;

    // Ten standard deviations: this fails once in 10^23 times.
    let sampled = kept.0.lock().unwrap().len();
    assert!((113..387).contains(&sampled), "{sampled}");
    Ok(())
}

#[tokio::test]
async fn a_span_that_is_not_sampled_leaves_no_context_behind() -> Outcome {
    let telemetry = Telemetry::builder("shop").sampled(0.0).build()?;
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(telemetry.layer()));
    let bus = Bus::in_memory().observed_by(telemetry.observer());
    bus.provision(STREAMS).await?;

    let both = futures_util::future::join(async { bus.publish(&Placed::of("o-1")).await }, async {
        bus.publish(&Placed::of("o-2")).await
    });
    let (first, second) = both.await;
    first?;
    second?;

    let present = opentelemetry::Context::current();
    assert!(!present.span().span_context().is_valid());
    Ok(())
}

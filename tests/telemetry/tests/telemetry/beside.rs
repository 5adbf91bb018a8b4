//! The spans of what is neither published nor handled by a consumer: settling, live events, replays, projections; and baggage.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsmith::admin::{BusAdmin, DeadLetterFilter, ReplayTo};
use eventsmith::state::{Documents, PROJECTIONS, Projection};
use eventsmith::telemetry::Telemetry;
use eventsmith::{Bus, HandlerError, Received};
use eventsmith_telemetry_tests::{Doomed, Noted, Placed, STREAMS, TALLIES, Tally};
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::FutureExt;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SpanData;
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;

use crate::Outcome;
use crate::contexts::{Kept, named};

async fn placed(event: Received<Placed>) -> Result<(), HandlerError> {
    match event.attempt() {
        1 => Err(HandlerError::retry("not yet")),
        _ => Ok(()),
    }
}

async fn doomed(_: Received<Doomed>) -> Result<(), HandlerError> {
    Err(HandlerError::reject("never"))
}

fn attribute<'a>(span: &'a SpanData, name: &str) -> Option<std::borrow::Cow<'a, str>> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == name).map(|attribute| attribute.value.as_str())
}

#[tokio::test(start_paused = true)]
async fn settling_live_events_and_replays_have_spans_that_are_linked_or_below_what_they_are_of() -> Outcome {
    let kept = Kept::default();
    let telemetry = Telemetry::builder("shop").span_exporter(kept.clone()).build()?;
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(telemetry.layer()));
    let bus = Bus::in_memory().observed_by(telemetry.observer());
    bus.provision(STREAMS).await?;
    let mut live = bus.subscribe::<Placed>().await?;

    bus.publish(&Placed::of("o-1")).await?;
    bus.publish(&Doomed::of("o-2")).await?;
    let heard = live.next().instrument(tracing::info_span!("watching")).await.ok_or("nothing was heard")??;
    bus.consumer("shop").on(placed).on(doomed).run(bus.settle()).await?;
    let letters = bus.dead_letters("shop").await?;
    let all = DeadLetterFilter::default();
    let replaying = letters.replay_all(&all, ReplayTo::Everyone);
    assert_eq!(replaying.instrument(tracing::info_span!("operating")).await?, 1);
    telemetry.flush().await;

    let spans = kept.0.lock().unwrap().clone();
    let one = |name: &str| named(&spans, name).first().copied().ok_or_else(|| format!("no {name}: {spans:#?}"));
    let runs = named(&spans, "process shop.domain.order.placed");
    let (nak, ack) = (one("nak shop.domain.order.placed")?, one("ack shop.domain.order.placed")?);
    assert_eq!(nak.parent_span_id, runs[0].span_context.span_id());
    assert_eq!(ack.parent_span_id, runs[1].span_context.span_id());
    assert_eq!(attribute(ack, "messaging.operation.type").as_deref(), Some("settle"));
    assert_eq!(
        one("term shop.domain.order.doomed")?.parent_span_id,
        one("process shop.domain.order.doomed")?.span_context.span_id()
    );
    // A live event belongs to the trace of whoever reads it, and is linked to the one who published it.
    assert_eq!(heard.order, "o-1");
    let (receive, watching) = (one("receive shop.domain.order.placed")?, one("watching")?);
    assert_eq!(receive.parent_span_id, watching.span_context.span_id());
    let publish = one("publish shop.domain.order.placed")?;
    assert_eq!(receive.links.links[0].span_context.span_id(), publish.span_context.span_id());
    // So is a replay.
    let (replay, operating) = (one("replay _OTHER")?, one("operating")?);
    assert_eq!(replay.parent_span_id, operating.span_context.span_id());
    let publish = one("publish shop.domain.order.doomed")?;
    assert_eq!(replay.links.links[0].span_context.span_id(), publish.span_context.span_id());
    assert_eq!(attribute(replay, "messaging.destination.name").as_deref(), Some("shop.domain.order.doomed"));
    Ok(())
}

fn tallies() -> Projection<Documents<Tally>> {
    let keep = |tally: &mut Option<Tally>, event: &Received<Placed>| {
        *tally = Some(Tally::of(&event.order));
        Ok(())
    };
    Projection::in_bucket::<Tally>("tallies", 1)
        .on(|event: &Placed| [event.order.clone()], keep)
        .effect(|_: Received<Placed>| std::future::ready(Ok::<_, HandlerError>(())))
}

#[tokio::test(start_paused = true)]
async fn a_projection_is_linked_to_history_and_continues_the_trace_of_what_is_live() -> Outcome {
    let kept = Kept::default();
    let telemetry = Telemetry::builder("shop").span_exporter(kept.clone()).build()?;
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(telemetry.layer()));
    let bus = Bus::in_memory().observed_by(telemetry.observer());
    bus.provision(STREAMS).await?;
    bus.provision(&[TALLIES]).await?;
    bus.provision(PROJECTIONS).await?;

    bus.publish(&Placed::of("o-1")).await?;
    bus.publish(&Placed::of("o-2")).await?;
    tallies().catch_up(&bus).await?;
    bus.publish(&Placed::of("o-3")).await?;
    tallies().catch_up(&bus).await?;
    telemetry.flush().await;

    let spans = kept.0.lock().unwrap().clone();
    let published = named(&spans, "publish shop.domain.order.placed");
    let projected = named(&spans, "project shop.domain.order.placed");
    let [history, live] = projected[..] else { panic!("two of them: {spans:#?}") };
    let linked: Vec<_> = history.links.iter().map(|link| link.span_context.span_id()).collect();
    assert_eq!(linked, [published[0].span_context.span_id(), published[1].span_context.span_id()]);
    assert_eq!(attribute(history, "messaging.batch.message_count").as_deref(), Some("2"));
    assert_ne!(history.span_context.trace_id(), published[0].span_context.trace_id());
    assert_eq!(live.parent_span_id, published[2].span_context.span_id());
    let [effect] = named(&spans, "effect shop.domain.order.placed")[..] else { panic!("one effect: {spans:#?}") };
    assert_eq!(effect.parent_span_id, published[2].span_context.span_id());
    assert_eq!(attribute(effect, "messaging.consumer.group.name").as_deref(), Some("tallies"));
    Ok(())
}

/// What came in the baggage of a handler, and of what follows from it.
async fn carried(is_carried: bool) -> Result<Vec<Option<String>>, Box<dyn std::error::Error>> {
    let telemetry = Telemetry::builder("shop").baggage(is_carried).build()?;
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(telemetry.layer()));
    let bus = Bus::in_memory().observed_by(telemetry.observer());
    bus.provision(STREAMS).await?;
    let found = Arc::new(Mutex::new(Vec::new()));
    let present = |found: &Mutex<Vec<Option<String>>>| {
        let tenant = Context::map_current(|context| context.baggage().get("tenant").map(ToString::to_string));
        found.lock().unwrap().push(tenant);
    };
    let (first, second) = (Arc::clone(&found), Arc::clone(&found));
    let placed = move |event: Received<Placed>| {
        present(&first);
        async move {
            event.publish(&Noted::of(&event.order)).await?;
            Ok::<_, HandlerError>(())
        }
    };
    let noted = move |_: Received<Noted>| {
        present(&second);
        std::future::ready(Ok::<_, HandlerError>(()))
    };

    let within = Context::current_with_baggage([KeyValue::new("tenant", "a b;c")]);
    bus.publish(&Placed::of("o-1")).with_context(within).await?;
    bus.consumer("shop").on(placed).on(noted).run(bus.settle()).await?;

    let found = found.lock().unwrap().clone();
    Ok(found)
}

#[tokio::test]
async fn baggage_goes_on_through_handlers_where_that_is_wanted_and_nowhere_else() -> Outcome {
    let tenant = Some("a b;c".to_owned());

    assert_eq!(tokio::time::timeout(Duration::from_secs(30), carried(true)).await??, [tenant.clone(), tenant]);
    assert_eq!(carried(false).await?, [None, None]);
    Ok(())
}

//! What is counted of a service that works.

use eventsmith::admin::BusAdmin;
use eventsmith::telemetry::{Telemetry, names};
use eventsmith::{Bus, HandlerError, NoRefusal, NoReply, Received, Refusal};
use eventsmith_telemetry_tests::{Doomed, Placed, Price, SECRET, STREAMS};

use crate::Outcome;

async fn placed(event: Received<Placed>) -> Result<(), HandlerError> {
    match event.attempt() {
        1 => Err(HandlerError::retry("not yet")),
        _ => Ok(()),
    }
}

async fn doomed(_: Received<Doomed>) -> Result<(), HandlerError> {
    Err(HandlerError::reject("never"))
}

async fn price(_: Received<Price>) -> Result<NoReply, Refusal<NoRefusal>> {
    Ok(NoReply {})
}

/// The value of a series with these labels among others.
fn value(page: &str, metric: &names::Metric, labels: &[(&str, &str)]) -> f64 {
    let name = metric.prometheus();
    let found =
        page.lines().filter(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} ")));
    let is_meant =
        |line: &&str| labels.iter().all(|(name, value)| line.contains(&format!("{}=\"{value}\"", names::label(name))));
    found.filter(is_meant).map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

#[tokio::test(start_paused = true)]
async fn what_a_service_does_is_counted_by_type_consumer_and_outcome() -> Outcome {
    let telemetry = Telemetry::builder("shop").build()?;
    let bus = Bus::in_memory().observed_by(telemetry.observer());
    bus.provision(STREAMS).await?;
    bus.publish(&Placed::of("o-1")).await?;
    bus.publish(&Doomed::of("o-2")).await?;
    bus.publish(&Placed { order: "o-3".to_owned(), card: String::new() }).await.unwrap_err();
    let serving = tokio::spawn(bus.service("stock").answer(price).run(std::future::pending::<()>()));
    bus.request(&Price::of("o-1")).await?;

    let consumer = bus.consumer("shop").on(placed).on(doomed);
    consumer.run(bus.settle()).await?;
    let page = telemetry.prometheus();
    serving.abort();

    let expected = [
        (names::SENT, vec![(names::OPERATION, "publish"), (names::TEMPLATE, "shop.domain.order.placed")], 1.0),
        (names::SENT, vec![(names::OPERATION, "request")], 1.0),
        (names::REFUSED, vec![(names::TYPE, "order.placed"), (names::RULE, "minLength")], 1.0),
        (names::CONSUMED, vec![(names::CONSUMER, "shop"), (names::TEMPLATE, "shop.domain.order.placed")], 2.0),
        (names::REDELIVERIES, vec![(names::TYPE, "order.placed")], 1.0),
        (names::RUNS, vec![(names::TYPE, "order.placed"), (names::OUTCOME, "failed")], 1.0),
        (names::RUNS, vec![(names::TYPE, "order.placed"), (names::OUTCOME, "handled")], 1.0),
        (names::RETRIES, vec![(names::TYPE, "order.placed"), (names::VERSION, "1")], 1.0),
        (names::DEAD_LETTERS, vec![(names::TYPE, "order.doomed"), (names::REASON, "rejected")], 1.0),
        (names::REQUESTS, vec![(names::CONSUMER, "stock"), (names::CODE, "200")], 1.0),
        (names::CONCURRENCY, vec![(names::CONSUMER, "shop"), (names::STREAM, "ORDERS")], 64.0),
    ];
    for (metric, labels, expected) in expected {
        if metric == names::CONCURRENCY {
            assert!(value(&page, &metric, &labels) > 0.0, "{} {labels:?}: {page}", metric.name);
        } else {
            assert_eq!(value(&page, &metric, &labels), expected, "{} {labels:?}: {page}", metric.name);
        }
    }
    assert!(!page.contains(SECRET), "{page}");
    Ok(())
}

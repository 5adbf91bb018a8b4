//! What observers are told, and that they do no harm.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::config::{BreakerConfig, ConsumerConfig};
use eventsmith::observe::{Component, ComponentKind, ComponentState, Observer, Occurrence};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, HandlerError, PublishOptions, Received, Uuid};
use eventsmith_telemetry_tests::{Doomed, Placed, STREAMS};
use tokio::time::timeout;

use crate::Outcome;

/// Writes down what it is told, in words.
#[derive(Default)]
struct Noted(Mutex<Vec<String>>);

impl Observer for Noted {
    fn observe(&self, occurrence: &Occurrence<'_>) {
        let text = format!("{occurrence:?}");
        let words = match *occurrence {
            Occurrence::Published { message, duplicate, .. } => format!("published {} {duplicate}", message.name),
            Occurrence::NotPublished { message, error, rule, is_sent, .. } => {
                format!("refused {} {error} {rule} {is_sent}", message.name)
            }
            Occurrence::Received { message, deliveries, .. } => format!("received {} {deliveries}", message.name),
            Occurrence::RunBegun { message, attempt, .. } => format!("begun {} {attempt}", message.name),
            Occurrence::RunEnded { message, outcome, .. } => format!("ended {} {}", message.name, outcome.as_str()),
            Occurrence::Acknowledged { message, .. } => format!("acknowledged {}", message.name),
            Occurrence::PutOff { message, outcome, .. } => format!("put off {} {}", message.name, outcome.as_str()),
            Occurrence::DeadLettered { message, reason, .. } => format!("dead-lettered {} {reason}", message.name),
            Occurrence::BreakerChanged { breaker, state, .. } => format!("breaker {breaker} {state}"),
            _ => text,
        };
        self.0.lock().unwrap().push(words);
    }
}

/// Is at fault whatever it is told.
struct Panics;

impl Observer for Panics {
    fn observe(&self, _: &Occurrence<'_>) {
        panic!("an observer at fault");
    }

    fn outgoing(&self, _: &tracing::Span, _: &mut eventsmith::observe::TraceContext) {
        panic!("an observer at fault");
    }
}

async fn placed(event: Received<Placed>) -> Result<(), HandlerError> {
    match event.attempt() {
        1 => Err(HandlerError::retry("not yet")),
        _ => Ok(()),
    }
}

async fn doomed(_: Received<Doomed>) -> Result<(), HandlerError> {
    Err(HandlerError::reject("never"))
}

#[tokio::test(start_paused = true)]
async fn observers_are_told_what_becomes_of_an_event_and_one_that_panics_loses_none() -> Outcome {
    let noted = Arc::new(Noted::default());
    let bus = Bus::in_memory().observed_by(Arc::new(Panics)).observed_by(noted.clone());
    bus.provision(STREAMS).await?;
    let id = Uuid::now_v7();
    let options = || PublishOptions { id: Some(id), ..PublishOptions::default() };
    bus.publish_with(&Placed::of("o-1"), options()).await?;
    bus.publish_with(&Placed::of("o-1"), options()).await?;
    bus.publish(&Placed { order: "o-2".to_owned(), card: String::new() }).await.unwrap_err();

    let summary = bus.consumer("shop").on(placed).on(doomed).run(bus.settle()).await?;
    bus.publish(&Doomed::of("o-3")).await?;
    let rest = bus.consumer("shop").on(placed).on(doomed).run(bus.settle()).await?;

    assert_eq!((summary.handled, summary.failed, rest.dead_lettered), (1, 1, 1));
    let expected = [
        "published order.placed false",
        "published order.placed true",
        "refused order.placed invalid minLength false",
        "received order.placed 1",
        "begun order.placed 1",
        "ended order.placed failed",
        "put off order.placed failed",
        "received order.placed 2",
        "begun order.placed 2",
        "ended order.placed handled",
        "acknowledged order.placed",
        "published order.doomed false",
        "received order.doomed 1",
        "begun order.doomed 1",
        "ended order.doomed rejected",
        "dead-lettered order.doomed rejected",
    ];
    assert_eq!(*noted.0.lock().unwrap(), expected);
    Ok(())
}

#[tokio::test]
async fn a_publish_that_nobody_waits_for_any_more_is_told() -> Outcome {
    let noted = Arc::new(Noted::default());
    let mut server = NatsServer::start().await?;
    let config = Config { servers: vec![server.url().as_str().into()], ..Config::default() };
    let bus = Bus::connect(config).await?.observed_by(noted.clone());
    server.stop().await?;

    // Nobody acknowledges it.
    let given_up = timeout(Duration::from_millis(200), bus.publish(&Placed::of("o-1"))).await;

    assert!(given_up.is_err());
    let told = noted.0.lock().unwrap().clone();
    assert!(told.contains(&"refused order.placed cancelled cancelled true".to_owned()), "{told:?}");
    Ok(())
}

/// Asks as quickly as it can how all components fare, while it is told of what happens.
#[derive(Default)]
struct Curious(Mutex<Vec<Arc<dyn Component>>>);

impl Observer for Curious {
    fn meet(&self, component: &Arc<dyn Component>) {
        self.0.lock().unwrap().push(Arc::clone(component));
    }

    fn observe(&self, _: &Occurrence<'_>) {
        for component in self.0.lock().unwrap().iter() {
            component.figures();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_may_ask_how_all_fares_whatever_it_is_told() -> Outcome {
    let curious = Arc::new(Curious::default());
    let bus = Bus::in_memory().observed_by(curious.clone());
    bus.provision(STREAMS).await?;
    bus.publish(&Doomed::of("o-1")).await?;
    bus.publish(&Placed::of("o-2")).await?;
    let breaker = BreakerConfig { consecutive_failures: 1, ..BreakerConfig::default() };
    let config = ConsumerConfig { breaker: Some(breaker), ..ConsumerConfig::default() };

    let summary = bus.consumer("shop").config(config).on(placed).on(doomed).run(bus.settle()).await?;

    assert_eq!((summary.handled, summary.dead_lettered), (1, 1));
    let states: Vec<_> = curious.0.lock().unwrap().iter().map(|of| (of.kind(), of.state())).collect();
    let expected =
        [(ComponentKind::Connection, ComponentState::Working), (ComponentKind::Consumer, ComponentState::Ended)];
    assert_eq!(states, expected);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_opens_and_closes_is_told() -> Outcome {
    let noted = Arc::new(Noted::default());
    let bus = Bus::in_memory().observed_by(noted.clone());
    bus.provision(STREAMS).await?;
    bus.publish(&Placed::of("o-1")).await?;
    let breaker = BreakerConfig { consecutive_failures: 1, ..BreakerConfig::default() };
    let config = ConsumerConfig { breaker: Some(breaker), ..ConsumerConfig::default() };

    bus.consumer("shop").config(config).on(placed).run(bus.settle()).await?;

    let told: Vec<String> =
        noted.0.lock().unwrap().iter().filter(|text| text.starts_with("breaker")).cloned().collect();
    assert_eq!(told.first().map(String::as_str), Some("breaker order.placed open"), "{told:?}");
    assert!(told.contains(&"breaker order.placed half_open".to_owned()), "{told:?}");
    Ok(())
}

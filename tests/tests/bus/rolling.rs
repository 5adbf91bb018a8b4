//! Versions of a service that run at the same time, with a consumer provisioned before or after either.

use std::collections::BTreeSet;
use std::time::Duration;

use eventsmith::admin::{BusAdmin, DeadLetterFilter, DeadReason, ProvisionError, Topology};
use eventsmith::catalogue::ConsumerDescriptor;
use eventsmith::config::{Order, RetryPolicy};
use eventsmith::{Bus, Config, ConsumeError, Event, Kind, Received};
use eventsmith_tests::running::PATIENCE;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::common::*;
use crate::dead_lettering::letters;

over_both_transports! {
    an_event_newer_than_a_service_waits_for_the_version_that_knows_it
    an_event_newer_than_a_service_dies_only_after_its_attempts
    an_event_newer_than_a_service_keeps_the_order_of_its_key
    programs_of_one_name_with_other_handlers_take_nothing_from_each_other
    a_filter_is_narrowed_only_when_nothing_waits_that_it_would_cut_off
    a_filter_that_became_too_narrow_since_it_was_planned_is_not_applied
}

const BOTH: [&str; 2] = ["rules.domain.rule.activated", "rules.domain.rule.updated"];

/// Tried again for longer than a test takes.
const PATIENT: RetryPolicy = RetryPolicy { max_attempts: 90, ..QUICK };

fn topology(subjects: &[&str]) -> Topology {
    Topology::from(&[STREAM, DEAD_LETTERS]).with_service("promotions", subjects, &ConsumerDescriptor::DEFAULT)
}

fn updated(rule_id: &str) -> Updated {
    Updated { rule_id: rule_id.to_owned(), revision: 1 }
}

async fn an_event_newer_than_a_service_waits_for_the_version_that_knows_it(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    bus.publish(&Revised { rule_id: "r3".to_owned() }).await?;
    let old = bus.consumer("promotions").retry(PATIENT).on(|_: Received<Updated>| async { Ok(()) });
    let monitor = old.monitor();

    let old = Running::start(old);
    until(|| monitor.summary().failed > 1).await?;
    let new = Running::start(bus.consumer("promotions").retry(PATIENT).on(move |event: Received<Revised>| {
        let tell = tell.clone();
        async move { Ok(tell.send((event.rule_id.clone(), event.attempt()))?) }
    }));
    let (handled, attempt) = next(&mut told).await?;
    let summary = old.stop().await?;
    new.stop().await?;

    assert_eq!((handled.as_str(), summary.handled, summary.dead_lettered), ("r3", 0, 0));
    assert_eq!(attempt, 1, "what the old version handed back was not tried");
    Ok(())
}

async fn an_event_newer_than_a_service_dies_only_after_its_attempts(bus: Bus) -> Outcome {
    bus.publish(&Revised { rule_id: "r1".to_owned() }).await?;

    let consumer = run(bus.consumer("promotions").on(|_: Received<Updated>| async { Ok(()) }));
    let letter = letters(&bus, 1).await?.remove(0);
    let summary = consumer.stop().await?;

    assert_eq!((letter.reason, letter.attempts), (DeadReason::TooNew, QUICK.max_attempts));
    assert_eq!((summary.failed, summary.dead_lettered), (QUICK.max_attempts - 1, 1));
    Ok(())
}

/// Two versions of an event with a key.
#[derive(Debug, Serialize, Deserialize)]
struct Shifted {
    key: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct ShiftedNext {
    key: String,
}

macro_rules! shifted {
    ($name:ident version $version:literal) => {
        impl Event for $name {
            const KIND: Kind = Kind::Domain;
            const TYPE: &'static str = "rule.shifted";
            const VERSION: u32 = $version;
            const SUBJECT: &'static str = "rules.domain.rule.shifted";
            const SCHEMA: &'static str = "true";
            const KEY: Option<&'static str> = Some("/key");
            eventsmith::generated::event_payload!(Event, $name, type);

            fn key(&self) -> Option<String> {
                Some(self.key.clone())
            }
        }
    };
}

shifted!(Shifted version 1);
shifted!(ShiftedNext version 2);

async fn an_event_newer_than_a_service_keeps_the_order_of_its_key(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    bus.publish(&ShiftedNext { key: "a".to_owned() }).await?;
    bus.publish(&Shifted { key: "a".to_owned() }).await?;
    bus.publish(&Shifted { key: "b".to_owned() }).await?;
    let slow = RetryPolicy { first_delay: Duration::from_secs(600), max_delay: Duration::from_secs(600), ..QUICK };
    let config = eventsmith::config::ConsumerConfig {
        order: Order::Key,
        retry: slow,
        ..eventsmith::config::ConsumerConfig::default()
    };

    let consumer = Running::start(bus.consumer("promotions").config(config).on(move |event: Received<Shifted>| {
        let tell = tell.clone();
        async move { Ok(tell.send(event.key.clone())?) }
    }));
    let first = next(&mut told).await?;
    let summary = consumer.stop().await?;

    assert_eq!(first, "b");
    assert_eq!((summary.handled, summary.failed), (1, 1), "{summary:?}");
    Ok(())
}

/// In development services create their consumers, and two programs may bear the same name.
async fn programs_of_one_name_with_other_handlers_take_nothing_from_each_other(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let tell_other = tell.clone();
    let one = Running::start(bus.consumer("promotions").retry(PATIENT).on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move { Ok(tell.send(event.rule_id.clone())?) }
    }));
    bus.publish(&activated("before")).await?;
    assert_eq!(next(&mut told).await?, "before");
    let other = Running::start(bus.consumer("promotions").retry(PATIENT).on(move |event: Received<Updated>| {
        let tell = tell_other.clone();
        async move { Ok(tell.send(event.rule_id.clone())?) }
    }));
    // What was stored before the filter became wider is not delivered.
    let widened = async {
        while told.is_empty() {
            bus.publish(&updated("early")).await?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Outcome::Ok(())
    };
    tokio::time::timeout(PATIENCE, widened).await??;

    for number in 0..10 {
        bus.publish(&activated(number)).await?;
        bus.publish(&updated(&format!("other {number}"))).await?;
    }
    let mut heard = BTreeSet::new();
    while heard.len() < 21 {
        heard.insert(next(&mut told).await?);
    }
    let summary = one.stop().await?;
    let summary_of_other = other.stop().await?;

    assert_eq!(summary.handled, 11);
    assert!(summary_of_other.handled >= 11, "{summary_of_other:?}");
    Ok(())
}

async fn a_filter_is_narrowed_only_when_nothing_waits_that_it_would_cut_off(bus: Bus) -> Outcome {
    bus.provision(topology(&BOTH)).await?;
    bus.publish(&activated("r1")).await?;
    bus.publish(&updated("r2")).await?;

    let error = bus.provision(topology(&BOTH[..1])).await.unwrap_err();
    let wider = bus.plan(topology(&["rules.domain.rule.*"])).await?;
    let swapped = bus.plan(topology(&["rules.domain.rule.moved"])).await?;
    let consumer = run(bus
        .consumer("promotions")
        .on(|_: Received<Activated>| async { Ok(()) })
        .on(|_: Received<Updated>| async { Ok(()) }));
    let settled = async {
        while bus.provision(topology(&BOTH[..1])).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };

    assert!(matches!(&error, ProvisionError::Refused { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("events wait for promotions") && text.contains("2 on rules.domain.rule.updated"), "{text}");
    assert!(!wider.is_refused() && swapped.is_refused(), "{wider}{swapped}");
    tokio::time::timeout(Duration::from_secs(30), settled).await?;
    consumer.stop().await?;
    Ok(())
}

async fn a_filter_that_became_too_narrow_since_it_was_planned_is_not_applied(bus: Bus) -> Outcome {
    bus.provision(topology(&BOTH)).await?;
    let plan = bus.plan(topology(&BOTH[..1])).await?;
    bus.publish(&updated("r2")).await?;

    let error = bus.apply(&plan).await.unwrap_err();

    assert!(!plan.is_refused());
    assert!(matches!(&error, ProvisionError::Refused { .. }), "{error}");
    assert!(!bus.plan(topology(&BOTH[..1])).await?.is_empty());
    Ok(())
}

/// What was provisioned for the new version does not keep the old one from starting again.
#[tokio::test]
async fn a_consumer_that_delivers_more_than_a_service_handles_serves_it() -> Outcome {
    let (server, operator) = server().await?;
    operator.provision(topology(&BOTH)).await?;
    let bus = Bus::connect(Config { create_consumers: false, ..config(server.url()) }).await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let (tell_new, tell_newer) = (tell.clone(), tell.clone());
    bus.publish(&updated("new")).await?;
    bus.publish(&activated("old")).await?;
    let old = bus.consumer("promotions").retry(PATIENT).on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move { Ok(tell.send(event.rule_id.clone())?) }
    });
    let monitor = old.monitor();

    let old = Running::start(old);
    assert_eq!(next(&mut told).await?, "old");
    until(|| monitor.summary().failed > 1).await?;
    let new = bus.consumer("promotions").retry(PATIENT);
    let new = Running::start(
        new.on(move |event: Received<Updated>| {
            let tell = tell_new.clone();
            async move { Ok(tell.send(event.rule_id.clone())?) }
        })
        .on(move |event: Received<Activated>| {
            let tell = tell_newer.clone();
            async move { Ok(tell.send(event.rule_id.clone())?) }
        }),
    );
    assert_eq!(next(&mut told).await?, "new");
    old.stop().await?;
    new.stop().await?;
    operator.provision(topology(&BOTH[..1])).await?;
    let too_narrow = bus.consumer("promotions").on(|_: Received<Updated>| async { Ok(()) });
    let error = run(too_narrow).end().await?.unwrap_err();

    let letters = operator.dead_letters("rules").await?.count(&DeadLetterFilter::default()).await?;
    assert_eq!(letters.len(), 0, "{letters:?}");
    assert!(
        matches!(&error, ConsumeError::Different { differences, .. } if differences.contains("filters")),
        "{error}"
    );
    Ok(())
}

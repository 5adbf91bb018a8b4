//! What the bus promises, whatever the transport: every test runs over both.

mod given_up;
mod provisioning;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::config::ConsumerConfig;
use eventsmith::{Bus, ConsumeError, HandlerError, PublishError, PublishOptions, Received, Uuid};
use tokio::sync::{Notify, mpsc};
use tower::ServiceBuilder;

use crate::common::*;
use given_up::*;
use provisioning::*;

over_both_transports! {
    an_event_comes_to_its_handler_in_its_envelope
    an_event_that_no_stream_captures_is_not_published
    an_invalid_event_is_not_sent
    an_id_is_stored_once
    events_of_one_call_are_stored_in_order
    an_invalid_event_keeps_none_behind_it_from_being_stored
    each_event_goes_to_the_handler_of_its_type
    a_failed_event_comes_again_and_counts_its_attempts
    a_panic_is_a_failure_and_the_consumer_goes_on
    a_consumer_goes_on_where_it_stopped
    a_handler_that_takes_longer_than_ack_wait_runs_once
    shutting_down_finishes_what_was_begun_and_hands_back_the_rest
    an_answer_carries_correlation_and_causation
    a_handler_can_be_wrapped_in_layers_of_tower
    two_services_each_get_every_event
    provisioning_twice_changes_nothing
    a_consumer_that_cannot_work_says_why
    a_plan_says_what_would_change_and_changes_nothing
    a_plan_with_a_refusal_is_not_applied_in_part
    consumers_are_provisioned_for_services_and_their_status_is_reported
    a_plan_names_services_that_have_no_stream_for_their_dead_letters
    what_is_given_up_is_not_pending_and_counts_as_redelivered
    what_is_given_up_and_dropped_counts_no_more
    what_is_given_up_holds_the_ack_floor_until_nothing_is_pending
    what_no_advisory_reported_is_recovered_by_a_search
}

async fn an_event_comes_to_its_handler_in_its_envelope(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let options = PublishOptions {
        correlation_id: Some("order-1".to_owned()),
        metadata: serde_json::from_str(r#"{"source":"x","environment":"test"}"#)?,
        ..PublishOptions::default()
    };

    let published = bus.publish_with(&activated("r1"), options).await?;
    let consumer = run(bus.consumer("promotions").on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move { Ok(tell.send(event)?) }
    }));
    let event = next(&mut told).await?;

    assert_eq!((event.rule_id.as_str(), event.attempt()), ("r1", 1));
    let envelope = event.envelope();
    assert_eq!(envelope.id, published.id.to_string());
    assert_eq!((envelope.event_type.as_str(), envelope.version), ("rule.activated", 1));
    assert_eq!(envelope.subject, "rules.domain.rule.activated");
    assert_eq!(envelope.correlation_id.as_deref(), Some("order-1"));
    assert_eq!(envelope.metadata["environment"], "test");
    let raw: serde_json::Value = serde_json::from_slice(event.raw())?;
    assert_eq!(raw["data"]["rule_id"], "r1");
    let summary = consumer.stop().await?;
    assert_eq!((summary.handled, summary.failed), (1, 0));
    Ok(())
}

async fn an_event_that_no_stream_captures_is_not_published(bus: Bus) -> Outcome {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Elsewhere;
    impl eventsmith::Event for Elsewhere {
        const KIND: eventsmith::Kind = eventsmith::Kind::Domain;
        const TYPE: &'static str = "else.where";
        const VERSION: u32 = 1;
        const SUBJECT: &'static str = "else.where";
        const SCHEMA: &'static str = "true";
        const KEY: Option<&'static str> = None;
        eventsmith::generated::event_payload!(Event, Elsewhere, type);
    }

    let error = bus.publish(&Elsewhere).await.unwrap_err();
    let consumer = bus.consumer("x").on(|_: Received<Elsewhere>| async { Ok(()) });
    let consume_error = consumer.run(std::future::pending::<()>()).await.unwrap_err();

    assert!(matches!(&error, PublishError::NoStream { subject } if subject == "else.where"), "{error}");
    assert!(matches!(&consume_error, ConsumeError::NoStream { event_type: "else.where", .. }), "{consume_error}");
    Ok(())
}

async fn an_invalid_event_is_not_sent(bus: Bus) -> Outcome {
    let error = bus.publish(&activated("")).await.unwrap_err();
    let first = bus.publish(&activated("r1")).await?;

    assert!(matches!(error, PublishError::Invalid(_)), "{error}");
    assert_eq!(first.sequence, 1);
    Ok(())
}

async fn an_id_is_stored_once(bus: Bus) -> Outcome {
    let options = PublishOptions { id: Some(Uuid::now_v7()), ..PublishOptions::default() };

    let first = bus.publish_with(&activated("r1"), options.clone()).await?;
    let again = bus.publish_with(&activated("r1"), options).await?;
    let other = bus.publish(&activated("r1")).await?;

    assert!(!first.duplicate && again.duplicate && !other.duplicate);
    assert_eq!((first.id, first.sequence), (again.id, again.sequence));
    assert_eq!(other.sequence, first.sequence + 1);
    Ok(())
}

async fn events_of_one_call_are_stored_in_order(bus: Bus) -> Outcome {
    let events: Vec<_> = (0..1_000).map(activated).collect();
    let (tell, mut told) = mpsc::unbounded_channel();

    let published = bus.publish_all(&events).await?;
    let sequences: Vec<u64> = published.into_iter().map(|published| published.sequence).collect();
    let consumer = run(bus.consumer("promotions").concurrency(1).on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move { Ok(tell.send(event.into_event())?) }
    }));

    assert_eq!(sequences, (1..=1_000).collect::<Vec<u64>>());
    for event in &events {
        assert_eq!(&next(&mut told).await?, event);
    }
    assert_eq!(consumer.stop().await?.handled, 1_000);
    Ok(())
}

async fn an_invalid_event_keeps_none_behind_it_from_being_stored(bus: Bus) -> Outcome {
    let events = [activated("r1"), activated(""), activated("r3")];

    let error = bus.publish_all(&events).await.unwrap_err();

    let reason = "rule.activated v1 is invalid: /rule_id: expected a name";
    assert_eq!(error.to_string(), format!("2 of 3 events are stored; event 1, counted from 0, is not: {reason}"));
    let several = bus.publish_all(&[activated(""), activated("")]).await.unwrap_err();
    let counts = "0 of 2 events are stored; 2 are not, the first is event 0, counted from 0";
    assert_eq!(several.to_string(), format!("{counts}: {reason}"));
    assert_eq!(
        error.stored().map(|(index, published)| (index, published.sequence)).collect::<Vec<_>>(),
        [(0, 1), (2, 2)]
    );
    assert_eq!(error.failures().map(|(index, _)| index).collect::<Vec<_>>(), [1]);
    let results = error.into_results();
    assert_eq!(results[0].as_ref().map(|published| published.sequence).ok(), Some(1));
    assert!(matches!(results[1], Err(PublishError::Invalid(_))), "{results:?}");
    assert_eq!(results[2].as_ref().map(|published| published.sequence).ok(), Some(2));
    Ok(())
}

async fn each_event_goes_to_the_handler_of_its_type(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let tell_other = tell.clone();
    bus.publish(&activated("r1")).await?;
    bus.publish(&Updated { rule_id: "r2".to_owned(), revision: 7 }).await?;

    let consumer = run(bus
        .consumer("promotions")
        .on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move { Ok(tell.send(format!("activated {}", event.rule_id))?) }
        })
        .on(move |event: Received<Updated>| {
            let tell = tell_other.clone();
            async move { Ok(tell.send(format!("updated {} to {}", event.rule_id, event.revision))?) }
        }));
    let heard = HashSet::from([next(&mut told).await?, next(&mut told).await?]);

    assert_eq!(heard, HashSet::from(["activated r1".to_owned(), "updated r2 to 7".to_owned()]));
    assert_eq!(consumer.stop().await?.handled, 2);
    Ok(())
}

async fn a_failed_event_comes_again_and_counts_its_attempts(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    bus.publish(&activated("r1")).await?;

    let consumer = run(bus.consumer("promotions").on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move {
            tell.send(event.attempt())?;
            match event.attempt() {
                1 => Err("not yet")?,
                2 => Err(HandlerError::retry_after(Duration::from_millis(10), "busy")),
                _ => Ok(()),
            }
        }
    }));

    for attempt in 1..=3 {
        assert_eq!(next(&mut told).await?, attempt);
    }
    let summary = consumer.stop().await?;
    assert_eq!((summary.handled, summary.failed), (1, 2));
    Ok(())
}

async fn a_panic_is_a_failure_and_the_consumer_goes_on(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    bus.publish(&activated("r1")).await?;

    let consumer = run(bus.consumer("promotions").on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move {
            assert!(event.attempt() > 1, "on purpose");
            Ok(tell.send(event.attempt())?)
        }
    }));

    assert_eq!(next(&mut told).await?, 2);
    let summary = consumer.stop().await?;
    assert_eq!((summary.handled, summary.failed), (1, 1));
    Ok(())
}

async fn a_consumer_goes_on_where_it_stopped(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let consumer = || {
        let tell = tell.clone();
        run(bus.consumer("promotions").on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move { Ok(tell.send((event.rule_id.clone(), event.attempt()))?) }
        }))
    };

    bus.publish(&activated("r1")).await?;
    let first = consumer();
    assert_eq!(next(&mut told).await?, ("r1".to_owned(), 1));
    first.stop().await?;
    bus.publish(&activated("r2")).await?;
    let second = consumer();

    assert_eq!(next(&mut told).await?, ("r2".to_owned(), 1));
    assert_eq!(second.stop().await?.handled, 1);
    Ok(())
}

/// With a backlog behind one slow handler: what waits must not be delivered again either.
async fn a_handler_that_takes_longer_than_ack_wait_runs_once(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    for number in 0..6 {
        bus.publish(&activated(number)).await?;
    }

    let config = ConsumerConfig { concurrency: 1, ack_wait: Duration::from_millis(300), ..ConsumerConfig::default() };
    let slow = bus.consumer("promotions").config(config).on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(400)).await;
            Ok(tell.send((event.rule_id.clone(), event.attempt()))?)
        }
    });
    let consumer = run(slow);

    for number in 0..6 {
        assert_eq!(next(&mut told).await?, (number.to_string(), 1));
    }
    assert_eq!(consumer.stop().await?.handled, 6);
    assert!(told.try_recv().is_err());
    Ok(())
}

async fn shutting_down_finishes_what_was_begun_and_hands_back_the_rest(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let events: Vec<_> = (0..5).map(activated).collect();
    bus.publish_all(&events).await?;
    let (has_begun, may_end) = (Arc::clone(&begun), Arc::clone(&go_on));
    let first = run(bus.consumer("promotions").concurrency(1).on(move |_: Received<Activated>| {
        let (begun, go_on) = (Arc::clone(&has_begun), Arc::clone(&may_end));
        async move {
            begun.notify_one();
            go_on.notified().await;
            Ok(())
        }
    }));

    begun.notified().await;
    let stopping = first.begin_stop();
    go_on.notify_one();
    let summary = stopping.await??;
    let second = run(bus.consumer("promotions").on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move { Ok(tell.send(event.rule_id.clone())?) }
    }));
    let mut rest = HashSet::new();
    for _ in 1..5 {
        rest.insert(next(&mut told).await?);
    }

    assert_eq!((summary.handled, summary.failed), (1, 0));
    assert_eq!(rest, (1..5).map(|number| number.to_string()).collect());
    assert_eq!(second.stop().await?.handled, 4);
    Ok(())
}

async fn an_answer_carries_correlation_and_causation(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let first = bus.publish(&activated("r1")).await?;

    let consumer = run(bus
        .consumer("promotions")
        .on(|event: Received<Activated>| async move {
            event.publish(&Updated { rule_id: event.rule_id.clone(), revision: 1 }).await?;
            Ok(())
        })
        .on(move |event: Received<Updated>| {
            let tell = tell.clone();
            async move { Ok(tell.send(event.envelope().clone())?) }
        }));
    let answer = next(&mut told).await?;
    consumer.stop().await?;

    assert_eq!(answer.correlation_id, Some(first.id.to_string()));
    assert_eq!(answer.causation_id, Some(first.id.to_string()));
    assert_ne!(answer.id, first.id.to_string());
    Ok(())
}

async fn a_handler_can_be_wrapped_in_layers_of_tower(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    bus.publish(&activated("r1")).await?;

    let service = ServiceBuilder::new()
        .map_request(move |event: Received<Activated>| {
            counted.fetch_add(1, Ordering::SeqCst);
            event
        })
        .service_fn(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move { tell.send(event.rule_id.clone()) }
        });
    let consumer = run(bus.consumer("promotions").on_service(service));

    assert_eq!(next(&mut told).await?, "r1");
    assert_eq!(consumer.stop().await?.handled, 1);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    Ok(())
}

async fn two_services_each_get_every_event(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let consumer = |name: &'static str| {
        let tell = tell.clone();
        run(bus.consumer(name).on(move |_: Received<Activated>| {
            let tell = tell.clone();
            async move { Ok(tell.send(name)?) }
        }))
    };

    let (promotions, loyalty) = (consumer("promotions"), consumer("loyalty"));
    bus.publish(&activated("r1")).await?;

    let heard = HashSet::from([next(&mut told).await?, next(&mut told).await?]);
    assert_eq!(heard, HashSet::from(["promotions", "loyalty"]));
    assert_eq!(promotions.stop().await?.handled, 1);
    assert_eq!(loyalty.stop().await?.handled, 1);
    Ok(())
}

async fn provisioning_twice_changes_nothing(bus: Bus) -> Outcome {
    bus.publish(&activated("r1")).await?;

    bus.provision(&[STREAM]).await?;
    bus.provision(&[STREAM.max_messages(10)]).await?;
    let memory = STREAM.storage(eventsmith::catalogue::Storage::Memory);
    let error = bus.provision(&[memory]).await.unwrap_err().to_string();

    assert!(error.contains("RULES") && error.contains("storage"), "{error}");
    assert_eq!(bus.publish(&activated("r2")).await?.sequence, 2);
    Ok(())
}

async fn a_consumer_that_cannot_work_says_why(bus: Bus) -> Outcome {
    let never = std::future::pending::<()>;
    let handler = |_: Received<Activated>| async { Ok(()) };

    let nothing = bus.consumer("promotions").run(never()).await.unwrap_err();
    let twice = bus.consumer("promotions").on(handler).on(handler).run(never()).await.unwrap_err();
    let name = bus.consumer("promo.tions").on(handler).run(never()).await.unwrap_err();

    assert!(matches!(nothing, ConsumeError::NoHandlers), "{nothing}");
    assert!(matches!(twice, ConsumeError::TwoHandlers { event_type: "rule.activated" }), "{twice}");
    assert!(matches!(name, ConsumeError::InvalidName { .. }), "{name}");
    Ok(())
}

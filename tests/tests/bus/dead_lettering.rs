//! When consumers dead-letter events, and what is in a dead letter: every test runs over both transports.

use std::time::Duration;

use eventsmith::admin::{BusAdmin, DeadLetter, DeadLetterFilter, DeadReason, ReplayTo};
use eventsmith::config::{ConsumerConfig, RetryPolicy};
use eventsmith::{Bus, ConsumeError, HandlerError, PublishOptions, Received};
use tokio::sync::mpsc;

use crate::common::*;

over_both_transports! {
    an_event_that_its_handler_rejects_dies_at_once_with_all_that_it_was
    an_event_that_fails_too_often_dies_after_its_attempts
    an_event_that_cannot_be_decoded_is_not_tried_again
    an_event_of_a_version_from_another_time_dies_with_that_reason
    a_dead_event_does_not_hold_up_the_others
    a_replayed_event_reaches_only_the_consumer_that_dead_lettered_it
    a_consumer_without_a_place_for_dead_letters_does_not_begin
    what_dies_of_two_catalogues_goes_to_the_dead_letters_of_its_own
}

/// Waits until there are as many letters.
pub(crate) async fn letters(bus: &Bus, count: usize) -> Outcome<Vec<DeadLetter>> {
    let letters = bus.dead_letters("rules").await?;
    let gather = async {
        loop {
            let (mut list, mut found) = (letters.list(&DeadLetterFilter::default()), Vec::new());
            while let Some(letter) = list.next().await? {
                found.push(letter);
            }
            if found.len() >= count {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gather).await?
}

async fn an_event_that_its_handler_rejects_dies_at_once_with_all_that_it_was(bus: Bus) -> Outcome {
    let options = PublishOptions { traceparent: Some("00-a-b-01".to_owned()), ..PublishOptions::default() };
    let (tell, mut told) = mpsc::unbounded_channel();
    let published = bus.publish_with(&activated("r1"), options).await?;

    let consumer = run(bus.consumer("promotions").on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move {
            tell.send(event.raw().clone())?;
            Err(HandlerError::reject("it makes\nno sense"))
        }
    }));
    let raw = next(&mut told).await?;
    let found = letters(&bus, 1).await?;
    let summary = consumer.stop().await?;

    let letter = &found[0];
    assert_eq!((letter.reason, letter.error.as_str(), letter.attempts), (DeadReason::Rejected, "it makes no sense", 1));
    assert_eq!((letter.consumer.as_str(), letter.origin_stream.as_str()), ("promotions", "RULES"));
    assert_eq!((letter.origin_sequence, letter.subject.as_str()), (published.sequence, "rules.domain.rule.activated"));
    assert_eq!((letter.event_type.as_deref(), &letter.payload), (Some("rule.activated"), &raw));
    let header = |name: &str| letter.headers().find(|(found, _)| *found == name).map(|(_, value)| value.to_owned());
    assert_eq!(header("traceparent").as_deref(), Some("00-a-b-01"));
    assert_eq!(header("Eventsmith-Message-Id"), Some(published.id.to_string()));
    assert!(letter.stored <= letter.dead_lettered, "{letter:?}");
    assert_eq!((summary.handled, summary.failed, summary.dead_lettered), (0, 0, 1));
    assert!(told.try_recv().is_err(), "it was tried again");
    Ok(())
}

async fn an_event_that_fails_too_often_dies_after_its_attempts(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    bus.publish(&activated("r1")).await?;

    let policy = RetryPolicy { max_attempts: 3, ..QUICK };
    let consumer = bus.consumer("promotions").retry(policy).on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move {
            tell.send(event.attempt())?;
            Err(HandlerError::retry(format!("attempt {}", event.attempt())))
        }
    });
    let consumer = Running::start(consumer);
    let found = letters(&bus, 1).await?;
    let summary = consumer.stop().await?;

    for attempt in 1..=3 {
        assert_eq!(next(&mut told).await?, attempt);
    }
    assert!(told.try_recv().is_err());
    assert_eq!((found[0].reason, found[0].error.as_str()), (DeadReason::Exhausted, "attempt 3"));
    assert_eq!((found[0].attempts, summary.failed, summary.dead_lettered), (3, 2, 1));
    Ok(())
}

async fn an_event_that_cannot_be_decoded_is_not_tried_again(bus: Bus) -> Outcome {
    bus.publish(&Careless { anything: "x".to_owned() }).await?;

    let consumer = run(bus.consumer("promotions").on(|_: Received<Activated>| async { Ok(()) }));
    let found = letters(&bus, 1).await?;
    let summary = consumer.stop().await?;

    assert_eq!((found[0].reason, found[0].attempts), (DeadReason::Undecodable, 1));
    assert!(found[0].error.contains("rule_id"), "{}", found[0].error);
    assert_eq!((summary.failed, summary.dead_lettered), (0, 1));
    Ok(())
}

async fn an_event_of_a_version_from_another_time_dies_with_that_reason(bus: Bus) -> Outcome {
    bus.publish(&Revised { rule_id: "r1".to_owned() }).await?;
    bus.publish(&Updated { rule_id: "r2".to_owned(), revision: 1 }).await?;

    // Each of the two services knows one of the versions.
    let yesterday = run(bus.consumer("yesterday").on(|_: Received<Updated>| async { Ok(()) }));
    let tomorrow = run(bus.consumer("tomorrow").on(|_: Received<Revised>| async { Ok(()) }));
    let found = letters(&bus, 2).await?;
    yesterday.stop().await?;
    tomorrow.stop().await?;

    let reason = |consumer: &str| found.iter().find(|letter| letter.consumer == consumer).map(|letter| letter.reason);
    assert_eq!(reason("yesterday"), Some(DeadReason::TooNew));
    assert_eq!(reason("tomorrow"), Some(DeadReason::TooOld));
    Ok(())
}

/// The first event fails again and again, and would wait for ever; all others are handled meanwhile.
async fn a_dead_event_does_not_hold_up_the_others(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let slow = RetryPolicy { first_delay: Duration::from_secs(600), max_delay: Duration::from_secs(600), ..QUICK };
    let config = ConsumerConfig { concurrency: 1, retry: slow, ..ConsumerConfig::default() };
    bus.publish_all(&(0..100).map(activated).collect::<Vec<_>>()).await?;

    let consumer = Running::start(bus.consumer("promotions").config(config).on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move {
            if event.rule_id == "0" {
                return Err(HandlerError::retry("never"));
            }
            Ok(tell.send(event.rule_id.clone())?)
        }
    }));

    for number in 1..100 {
        assert_eq!(next(&mut told).await?, number.to_string());
    }
    let summary = consumer.stop().await?;
    assert_eq!((summary.handled, summary.failed), (99, 1));
    Ok(())
}

async fn a_replayed_event_reaches_only_the_consumer_that_dead_lettered_it(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let consumer = |name: &'static str| {
        let tell = tell.clone();
        run(bus.consumer(name).on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move {
                tell.send((name, event.rule_id.clone(), event.attempt()))?;
                let is_bad = event.rule_id == "bad" && name == "promotions" && event.replay_of().is_none();
                if is_bad { Err(HandlerError::reject("bad")) } else { Ok(()) }
            }
        }))
    };
    let (promotions, loyalty) = (consumer("promotions"), consumer("loyalty"));
    bus.publish(&activated("bad")).await?;
    let mut heard = [next(&mut told).await?, next(&mut told).await?];
    heard.sort_unstable();
    assert_eq!(heard, [("loyalty", "bad".to_owned(), 1), ("promotions", "bad".to_owned(), 1)]);
    let letter = letters(&bus, 1).await?.remove(0);

    let dead_letters = bus.dead_letters("rules").await?;
    dead_letters.replay(letter.sequence, ReplayTo::Consumer).await?;
    dead_letters.replay(letter.sequence, ReplayTo::Consumer).await?;
    assert_eq!(next(&mut told).await?, ("promotions", "bad".to_owned(), 1));
    bus.publish(&activated("last")).await?;
    let mut last = [next(&mut told).await?, next(&mut told).await?];
    last.sort_unstable();

    // Had the replay come to the other, or twice, it would have been heard before the last.
    assert_eq!(last, [("loyalty", "last".to_owned(), 1), ("promotions", "last".to_owned(), 1)]);
    assert_eq!(dead_letters.count(&DeadLetterFilter::default()).await?.len(), 0);
    assert_eq!((promotions.stop().await?.handled, loyalty.stop().await?.handled), (2, 2));
    Ok(())
}

async fn a_consumer_without_a_place_for_dead_letters_does_not_begin(bus: Bus) -> Outcome {
    let elsewhere = STREAM.name("ELSEWHERE").subjects(&["else.domain.>"]);
    bus.provision(&[elsewhere]).await?;

    let consumer = bus.consumer("promotions").on(|_: Received<Homeless>| async { Ok(()) });
    let error = consumer.run(std::future::pending::<()>()).await.unwrap_err();

    assert!(matches!(&error, ConsumeError::NoDeadLetters { subject } if subject == "else.dlq.promotions.>"), "{error}");
    Ok(())
}

async fn what_dies_of_two_catalogues_goes_to_the_dead_letters_of_its_own(bus: Bus) -> Outcome {
    let events = STREAM.name("ELSE").subjects(&["else.domain.>"]);
    let letters = STREAM.name("ELSE_DEAD_LETTERS").subjects(&["else.dlq.>"]);
    let rejecting = || {
        let consumer = bus.consumer("promotions");
        let consumer = consumer.on(|_: Received<Activated>| async { Err(HandlerError::reject("activated")) });
        run(consumer.on(|_: Received<Homeless>| async { Err(HandlerError::reject("moved")) }))
    };
    bus.provision(&[events]).await?;
    let error = rejecting().end().await?.unwrap_err();
    bus.provision(&[letters]).await?;

    bus.publish(&activated("r1")).await?;
    bus.publish(&Homeless {}).await?;
    let consumer = rejecting();
    let of = async |root: &str| {
        let letters = bus.dead_letters(root).await?;
        let wait = async {
            loop {
                if let Some(letter) = letters.list(&DeadLetterFilter::default()).next().await? {
                    return Outcome::Ok((letter.error, letters.count(&DeadLetterFilter::default()).await?.len()));
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await?
    };

    assert_eq!((of("rules").await?, of("else").await?), (("activated".to_owned(), 1), ("moved".to_owned(), 1)));
    assert!(matches!(&error, ConsumeError::NoDeadLetters { subject } if subject == "else.dlq.promotions.>"), "{error}");
    assert_eq!(consumer.stop().await?.dead_lettered, 2);
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_whose_stream_was_missing_keeps_what_the_handler_said() -> Outcome {
    let (server, bus) = server().await?;
    let outside = async_nats::jetstream::new(async_nats::connect(server.url()).await?);
    let (tell, mut told) = mpsc::unbounded_channel();
    let consumer = bus.consumer("promotions").on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move {
            tell.send(event.rule_id.clone())?;
            if event.rule_id == "first" { Ok(()) } else { Err(HandlerError::reject("no such customer")) }
        }
    });
    let monitor = consumer.monitor();
    let consumer = run(consumer);
    bus.publish(&activated("first")).await?;
    next(&mut told).await?;
    outside.delete_stream(DEAD_LETTERS.name).await?;
    bus.publish(&activated("second")).await?;
    next(&mut told).await?;
    // It is redelivered again and again, as its dead letter is not stored.
    until(|| monitor.summary().failed > 2).await?;

    bus.provision(&[DEAD_LETTERS]).await?;
    let found = letters(&bus, 1).await?;
    let summary = consumer.stop().await?;

    let DeadLetter { reason, error, attempts, .. } = &found[0];
    assert_eq!((*reason, error.as_str(), *attempts), (DeadReason::Rejected, "no such customer", 1));
    assert_eq!((found.len(), summary.dead_lettered), (1, 1));
    assert!(told.try_recv().is_err(), "the handler ran again");
    Ok(())
}

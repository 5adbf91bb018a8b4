//! Publishing under trouble: expectations, batches, full streams, and a connection that is down.

use std::time::Duration;

use async_nats::jetstream;
use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::{Discard, Retention, StreamDescriptor};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, Expect, PublishError, PublishOptions, Received, Uuid};
use tokio::sync::mpsc;

use eventsmith_tests::results;

use crate::common::*;

const ATOMIC: StreamDescriptor = STREAM.atomic(true);

fn updated(rule_id: &str) -> Updated {
    Updated { rule_id: rule_id.to_owned(), revision: 1 }
}

fn expecting(expect: Expect) -> PublishOptions {
    PublishOptions { id: Some(Uuid::now_v7()), expect: Some(expect), ..PublishOptions::default() }
}

/// A bus over each transport with the stream, and the server of the second, which lives as long as it is held.
async fn both(stream: StreamDescriptor) -> Outcome<([Bus; 2], NatsServer)> {
    let server = NatsServer::start().await?;
    let buses = [Bus::in_memory(), Bus::connect(config(server.url())).await?];
    for bus in &buses {
        bus.provision(&[stream]).await?;
    }
    Ok((buses, server))
}

/// How many messages the stream of the server holds.
async fn held(server: &NatsServer) -> Outcome<u64> {
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    Ok(context.get_stream("RULES").await?.cached_info().state.messages)
}

#[tokio::test]
async fn an_append_that_is_published_again_is_a_success() -> Outcome {
    let (buses, _server) = both(STREAM).await?;
    for bus in buses {
        bus.publish(&activated("r0")).await?;
        bus.publish(&updated("r0")).await?;
        for expect in [Expect::LastSequence(2), Expect::LastSubjectSequence(3)] {
            let options = expecting(expect);

            let first = bus.publish_with(&activated("r1"), options.clone()).await?;
            bus.publish(&updated("between")).await?;
            let again = bus.publish_with(&activated("r1"), options).await?;

            assert_eq!((first.sequence, first.id, first.duplicate), (again.sequence, again.id, false), "{bus:?}");
            assert!(again.duplicate, "{bus:?} {expect:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_append_that_was_handled_and_dropped_meanwhile_is_a_success_too() -> Outcome {
    let (buses, _server) = both(STREAM.retention(Retention::WorkQueue)).await?;
    for bus in buses {
        bus.provision(&[DEAD_LETTERS]).await?;
        for (expect, elses) in [(Expect::LastSequence(1), 3), (Expect::LastSubjectSequence(4), 6)] {
            bus.publish(&activated("before")).await?;
            let options = expecting(expect);
            let first = bus.publish_with(&activated("r1"), options.clone()).await?;
            let (tell, mut told) = mpsc::unbounded_channel();
            let consumer = run(bus.consumer("promotions").on(move |event: Received<Activated>| {
                let tell = tell.clone();
                async move { Ok(tell.send(event.rule_id.clone())?) }
            }));
            while next(&mut told).await? != "r1" {}
            consumer.stop().await?;
            assert_eq!(bus.publish(&activated("behind")).await?.sequence, elses, "{bus:?}");

            let again = bus.publish_with(&activated("r1"), options).await?;
            let others = bus.publish_with(&activated("r1"), expecting(expect)).await.unwrap_err();

            assert_eq!((again.sequence, again.duplicate), (first.sequence, true), "{bus:?} {expect:?}");
            assert!(matches!(others, PublishError::WrongSequence { .. }), "{bus:?} {expect:?} {others}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_append_behind_somebody_elses_is_refused_with_the_last_number() -> Outcome {
    let (buses, _server) = both(STREAM).await?;
    for bus in buses {
        bus.publish(&activated("r0")).await?;
        bus.publish(&updated("r0")).await?;
        for (expect, ends_at) in [
            (Expect::LastSequence(1), 2),
            (Expect::LastSequence(9), 2),
            (Expect::LastSubjectSequence(0), 1),
            (Expect::LastSubjectSequence(2), 1),
        ] {
            let error = bus.publish_with(&activated("r1"), expecting(expect)).await.unwrap_err();

            let PublishError::WrongSequence { expected, last, .. } = &error else { return Err(error.into()) };
            assert_eq!((*expected, *last), (Some(expect), ends_at), "{bus:?}");
        }
        assert_eq!(bus.publish(&activated("r2")).await?.sequence, 3, "nothing was stored");
    }
    Ok(())
}

#[tokio::test]
async fn a_batch_of_several_types_is_stored_one_behind_the_other() -> Outcome {
    let (buses, _server) = both(ATOMIC).await?;
    for bus in buses {
        bus.publish(&activated("r0")).await?;
        let first = PublishOptions { expect: Some(Expect::LastSequence(1)), ..PublishOptions::default() };
        let batch = bus.batch().and_with(&updated("r1"), first)?.and(&activated("r1"))?.and(&activated("r2"))?;

        let published = bus.publish_atomic(&batch).await?;
        let nothing = bus.publish_atomic(&bus.batch()).await?;

        assert_eq!(published.iter().map(|event| event.sequence).collect::<Vec<_>>(), [2, 3, 4], "{bus:?}");
        assert!(published.iter().all(|event| event.stream == "RULES" && !event.duplicate), "{published:?}");
        assert_eq!(bus.publish(&activated("r3")).await?.sequence, 5, "{bus:?}");
        assert!(nothing.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn of_a_batch_one_of_whose_events_is_refused_nothing_is_stored() -> Outcome {
    let small = ATOMIC.discard(Discard::New).max_messages(3);
    let (buses, _server) = both(small).await?;
    for bus in buses {
        let wrong = expecting(Expect::LastSubjectSequence(7));
        let unexpected = bus.batch().and(&activated("r1"))?.and_with(&updated("r1"), wrong)?;
        let too_many = (0..4).try_fold(bus.batch(), |batch, number| batch.and(&activated(number)))?;

        let unexpected = bus.publish_atomic(&unexpected).await.unwrap_err();
        let too_many = bus.publish_atomic(&too_many).await.unwrap_err();

        assert!(matches!(unexpected, PublishError::WrongSequence { last: 0, .. }), "{bus:?} {unexpected}");
        assert!(matches!(too_many, PublishError::Refused { code: Some(10077), .. }), "{bus:?} {too_many}");
        assert_eq!(bus.publish(&activated("first")).await?.sequence, 1, "{bus:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_in_a_batch_is_refused_before_anything_is_sent() -> Outcome {
    let bus = Bus::in_memory();
    let batch = || bus.batch().and(&activated("r1"));
    let same = PublishOptions { id: Some(Uuid::now_v7()), ..PublishOptions::default() };

    let invalid = batch()?.and(&activated("")).unwrap_err();
    let misplaced = batch()?.and_with(&updated("r1"), expecting(Expect::LastSequence(0))).unwrap_err();
    let behind_its_like = batch()?.and_with(&activated("r2"), expecting(Expect::LastSubjectSequence(0))).unwrap_err();
    let twice = batch()?.and_with(&activated("r2"), same.clone())?.and_with(&activated("r2"), same).unwrap_err();
    let full = (0..1_001).try_fold(bus.batch(), |batch, number| batch.and(&activated(number))).unwrap_err();

    assert!(matches!(invalid, PublishError::Invalid(_)), "{invalid}");
    for (error, word) in [(misplaced, "first"), (behind_its_like, "subject"), (twice, "id"), (full, "1,000")] {
        let text = error.to_string();
        assert!(matches!(error, PublishError::Batch { .. }) && text.contains(word), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_batch_that_is_published_again_is_stored_once() -> Outcome {
    let (buses, server) = both(ATOMIC).await?;
    for bus in buses {
        let batch = bus.batch().and(&updated("r1"))?.and(&activated("r1"))?;

        let first = bus.publish_atomic(&batch).await?;
        let again = bus.publish_atomic(&batch).await?;
        // Nor does it matter that others have published behind it.
        bus.publish(&activated("r2")).await?;
        bus.publish(&updated("r2")).await?;
        let once_more = bus.publish_atomic(&batch).await?;

        let places = |published: &[eventsmith::Published]| -> Vec<_> {
            published.iter().map(|event| (event.id, event.sequence)).collect()
        };
        assert_eq!((places(&again), places(&once_more)), (places(&first), places(&first)), "{bus:?}");
        assert!(again.iter().chain(&once_more).all(|event| event.duplicate), "{again:?} {once_more:?}");
        assert_eq!(bus.publish(&activated("r3")).await?.sequence, 5, "{bus:?}");
    }
    assert_eq!(held(&server).await?, 5);
    Ok(())
}

#[tokio::test]
async fn a_crash_in_the_middle_of_batches_leaves_each_of_them_whole_and_once() -> Outcome {
    const BATCHES: u64 = 300;
    let mut server = NatsServer::start().await?;
    let bus = Bus::connect(Config { ack_timeout: Duration::from_secs(1), ..config(server.url()) }).await?;
    bus.provision(&[ATOMIC]).await?;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();

    let publishing = tokio::spawn(async move {
        let mut places = Vec::new();
        for number in 0..BATCHES {
            let batch = bus.batch().and(&updated("r1"))?.and(&activated(number))?.and(&updated("r2"))?;
            places.push(bus.publish_atomic(&batch).await?.iter().map(|event| event.sequence).collect::<Vec<_>>());
            tell.send(number).ok();
        }
        Ok::<_, PublishError>(places)
    });
    while next(&mut told).await? < BATCHES / 3 {}
    server.kill()?;
    server.start_again().await?;
    let places = publishing.await??;

    assert!(places.iter().all(|of_one| of_one.windows(2).all(|pair| pair[1] == pair[0] + 1)), "{places:?}");
    assert_eq!(places.concat(), (1..=3 * BATCHES).collect::<Vec<_>>());
    assert_eq!(held(&server).await?, 3 * BATCHES);
    Ok(())
}

#[tokio::test]
async fn an_id_that_was_used_otherwise_makes_no_batch_a_stored_one() -> Outcome {
    let (buses, _server) = both(ATOMIC).await?;
    for bus in buses {
        let used = PublishOptions { id: Some(Uuid::now_v7()), ..PublishOptions::default() };
        bus.publish_with(&updated("r0"), used.clone()).await?;
        bus.publish(&activated("r0")).await?;

        let first = bus.batch().and_with(&updated("r1"), used.clone())?.and(&activated("r1"))?;
        let last = bus.batch().and(&activated("r1"))?.and_with(&updated("r1"), used)?;

        for batch in [first, last] {
            let error = bus.publish_atomic(&batch).await.unwrap_err();
            assert!(matches!(error, PublishError::Refused { code: Some(10201), .. }), "{bus:?} {error}");
        }
        assert_eq!(bus.publish(&activated("r2")).await?.sequence, 3, "{bus:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_takes_batches_only_where_the_catalogue_says_so() -> Outcome {
    let (buses, _server) = both(STREAM).await?;
    for bus in buses {
        let batch = bus.batch().and(&updated("r1"))?.and(&activated("r1"))?;

        let error = bus.publish_atomic(&batch).await.unwrap_err();

        assert!(matches!(error, PublishError::AtomicDisabled { .. }), "{bus:?} {error}");
        assert!(error.to_string().contains("atomic = true"), "{error}");
        assert_eq!(bus.publish(&activated("r2")).await?.sequence, 1, "{bus:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_batch_for_two_streams_is_refused_and_both_are_named() -> Outcome {
    let rules = ATOMIC.subjects(&["rules.domain.rule.updated"]);
    let others = ATOMIC.name("OTHERS").subjects(&["rules.domain.rule.activated"]);
    let (buses, _server) = both(rules).await?;
    for bus in buses {
        let batch = bus.batch().and(&updated("r1"))?.and(&activated("r1"))?;

        let nowhere = bus.publish_atomic(&batch).await.unwrap_err().to_string();
        bus.provision(&[others]).await?;
        let scattered = bus.publish_atomic(&batch).await.unwrap_err().to_string();

        assert!(nowhere.contains("no stream captures rules.domain.rule.activated"), "{bus:?} {nowhere}");
        assert!(scattered.contains("RULES") && scattered.contains("OTHERS"), "{bus:?} {scattered}");
    }
    Ok(())
}

#[tokio::test]
async fn a_full_stream_refuses_at_once_with_the_servers_words() -> Outcome {
    let by_bytes = STREAM.discard(Discard::New).max_bytes(1_500);
    let by_count = STREAM.discard(Discard::New).max_messages(2);
    for (stream, words) in [(by_bytes, "maximum bytes exceeded"), (by_count, "maximum messages exceeded")] {
        let (buses, _server) = both(stream).await?;
        for bus in buses {
            let started = tokio::time::Instant::now();

            let stored = bus.publish(&activated("r1")).await;
            let results = results(bus.publish_all(&vec![activated("x".repeat(500)); 4]).await);

            assert!(stored.is_ok(), "{bus:?} {stored:?}");
            let Some(Err(PublishError::Refused { code, reason, .. })) = results.last() else {
                return Err(format!("{bus:?} {results:?}").into());
            };
            assert!(*code == Some(10077) && reason.to_string().contains(words), "{bus:?} {reason}");
            assert!(started.elapsed() < Duration::from_secs(20), "the time to publish is 30 s: nothing was retried");
        }
    }
    Ok(())
}

#[tokio::test]
async fn while_the_connection_is_down_so_many_wait_and_no_more() -> Outcome {
    let mut server = NatsServer::start().await?;
    let bus = Bus::connect(Config { max_queued: 3, ..config(server.url()) }).await?;
    bus.provision(&[STREAM]).await?;
    let results = |tasks: Vec<tokio::task::JoinHandle<Result<eventsmith::Published, PublishError>>>| {
        futures_util::future::try_join_all(tasks)
    };
    let publish = |number: usize| {
        let bus = bus.clone();
        tokio::spawn(async move { bus.publish(&activated(number)).await })
    };

    server.kill()?;
    // Whoever is sent into the dying connection waits for another one as well, and by then has a claim to a place.
    let mut waiting = Vec::new();
    let refused = loop {
        let mut task = publish(waiting.len());
        match tokio::time::timeout(Duration::from_millis(500), &mut task).await {
            Ok(refused) => break refused?.unwrap_err(),
            Err(_) => waiting.push(task),
        }
    };
    server.start_again().await?;
    let waited = waiting.len();
    let outcomes = results(waiting).await?;

    assert!(matches!(refused, PublishError::QueueFull { limit: 3 }), "{refused}");
    assert!(refused.to_string().contains("max_queued"), "{refused}");
    assert!(waited >= 3, "{waited}");
    for outcome in outcomes {
        outcome?;
    }
    assert_eq!(held(&server).await?, waited as u64);
    Ok(())
}

#[tokio::test]
async fn an_event_is_not_sent_any_more_when_its_time_is_up() -> Outcome {
    let mut server = NatsServer::start().await?;
    let time = Duration::from_secs(1);
    let bus = Bus::connect(Config { publish_timeout: time, ..config(server.url()) }).await?;
    bus.provision(&[STREAM]).await?;
    server.kill()?;
    let started = tokio::time::Instant::now();

    let error = bus.publish(&activated("r1")).await.unwrap_err();
    let took = started.elapsed();
    server.start_again().await?;

    assert!(matches!(error, PublishError::Unacknowledged { .. }), "{error}");
    // The time to wait for an acknowledgement is 5 s, and is not spent on waiting for a connection.
    assert!(took < Duration::from_secs(4), "{took:?}");
    Ok(())
}

#[tokio::test]
async fn a_configuration_under_which_nothing_is_sent_is_refused() {
    for (config, setting) in [
        (Config { max_in_flight: 0, ..Config::default() }, "max_in_flight"),
        (Config { ack_timeout: Duration::ZERO, ..Config::default() }, "ack_timeout"),
        (Config { replicas: Some(0), ..Config::default() }, "replicas"),
    ] {
        let error = Bus::connect(config).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("the setting {setting} is wrong: it must be ")), "{error}");
    }
}

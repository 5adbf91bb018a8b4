//! Events that a real server no longer delivers.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, pull};
use async_nats::{HeaderMap, jetstream};
use eventsmith::admin::{BusAdmin, DeadLetterFilter, DeadReason, Recovered, ReplayTo};
use eventsmith::catalogue::StreamDescriptor;
use eventsmith::testing::NatsCluster;
use eventsmith::{Bus, Config, Event};
use eventsmith_tests::running::PATIENCE;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::common::*;
use crate::dead_letters::*;

/// A durable consumer whose events get two deliveries.
async fn consumer(scene: &Scene) -> Outcome<Consumer<pull::Config>> {
    let config = pull::Config {
        durable_name: Some("promotions".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_millis(100),
        max_deliver: 2,
        filter_subject: "rules.domain.>".to_owned(),
        ..pull::Config::default()
    };
    Ok(scene.outside.get_stream("RULES").await?.create_consumer(config).await?)
}

/// Takes deliveries and acknowledges those of these numbers, as processes that die of the others would, until the server
/// has given up on as many as that.
async fn consume(consumer: &mut Consumer<pull::Config>, acknowledged: &[u64], given_up: usize) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut batch = consumer.fetch().max_messages(100).expires(Duration::from_millis(200)).messages().await?;
        while let Some(message) = batch.next().await {
            let message = match message {
                Ok(message) => message,
                // Nobody answers for a consumer whose leader is being elected.
                Err(_) if Instant::now() < deadline => break,
                Err(error) => return Err(error.to_string().into()),
            };
            if acknowledged.contains(&message.info().map_err(|error| error.to_string())?.stream_sequence) {
                message.double_ack().await.map_err(|error| error.to_string())?;
            }
        }
        let info = consumer.info().await?;
        if info.num_pending == 0 && info.num_ack_pending == 0 {
            assert_eq!(info.num_redelivered, given_up);
            return Ok(());
        }
    }
}

async fn publish(scene: &Scene, events: u32) -> Outcome {
    for event in 0..events {
        scene.bus.publish(&activated(event)).await?;
    }
    Ok(())
}

async fn origins(scene: &Scene) -> Outcome<Vec<u64>> {
    let letters = all(&scene.letters, &DeadLetterFilter::default()).await?;
    let mut origins: Vec<u64> = letters.iter().map(|letter| letter.origin_sequence).collect();
    origins.sort_unstable();
    Ok(origins)
}

fn counts(recovered: Recovered) -> (u64, u64, u64) {
    (recovered.from_advisories, recovered.from_reconciling, recovered.unaccounted)
}

#[tokio::test]
async fn what_the_server_gave_up_on_is_recovered_from_its_advisories() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    publish(&scene, 3).await?;
    let mut consumer = consumer(&scene).await?;
    consume(&mut consumer, &[2], 2).await?;

    let first = scene.letters.recover("RULES", "promotions").await?;
    let second = scene.letters.recover("RULES", "promotions").await?;

    assert_eq!((counts(first), counts(second)), ((2, 0, 0), (0, 0, 0)));
    assert_eq!(origins(&scene).await?, [1, 3]);
    let letters = all(&scene.letters, &DeadLetterFilter::default()).await?;
    let letter = letters.first().ok_or("no letter")?;
    let event = scene.outside.get_stream("RULES").await?.get_raw_message(1).await?;
    assert_eq!((letter.reason, letter.attempts), (DeadReason::MaxDeliveries, 2));
    assert_eq!((letter.consumer.as_str(), letter.subject.as_str()), ("promotions", Activated::SUBJECT));
    assert_eq!(letter.payload, event.payload);
    let id = event.headers.get("Nats-Msg-Id").ok_or("no id")?.as_str();
    assert!(letter.headers().any(|header| header == ("Eventsmith-Message-Id", id)));
    assert_eq!(messages(&scene, LETTERS.name).await?, 2, "the advisories are done with");
    assert_eq!(consumer.info().await?.num_redelivered, 0, "the server has forgotten them");
    Ok(())
}

#[tokio::test]
async fn what_no_advisory_reported_is_found_and_nothing_else_is_dead_lettered() -> Outcome {
    let scene = scene(&[DEAD_LETTERS]).await?;
    publish(&scene, 6).await?;
    let mut consumer = consumer(&scene).await?;
    consume(&mut consumer, &[2, 4], 4).await?;

    // Several instances do it at the same time.
    let recoveries = (0..3).map(|_| scene.letters.recover("RULES", "promotions"));
    let outcomes = futures_util::future::join_all(recoveries).await.into_iter().collect::<Result<Vec<_>, _>>()?;

    assert_eq!(origins(&scene).await?, [1, 3, 5, 6]);
    assert!(outcomes.iter().all(|outcome| outcome.unaccounted == 0), "{outcomes:?}");
    assert_eq!(consumer.info().await?.num_redelivered, 0);
    Ok(())
}

#[tokio::test]
async fn in_a_cluster_nothing_else_is_dead_lettered_or_replayed_twice_either() -> Outcome {
    let cluster = NatsCluster::start(3).await?;
    let urls = cluster.urls();
    let bus = Bus::connect(Config { servers: urls.iter().cloned().map(Into::into).collect(), ..config("") }).await?;
    let replicated = |stream: StreamDescriptor| stream.replicas(3);
    bus.provision(&[replicated(STREAM), replicated(DEAD_LETTERS)]).await?;
    let outside = async_nats::jetstream::new(async_nats::connect(urls).await?);
    let letters = bus.dead_letters("rules").await?;
    let scene = Scene { _server: Box::new(cluster), bus, outside, letters };
    publish(&scene, 40).await?;
    let mut consumer = consumer(&scene).await?;
    let acknowledged: Vec<u64> = (1..=40).filter(|sequence| sequence % 4 != 0).collect();
    consume(&mut consumer, &acknowledged, 10).await?;

    let recoveries = (0..2).map(|_| scene.letters.recover("RULES", "promotions"));
    let outcomes = futures_util::future::join_all(recoveries).await.into_iter().collect::<Result<Vec<_>, _>>()?;

    let given_up: Vec<u64> = (1..=10).map(|number| number * 4).collect();
    assert_eq!(origins(&scene).await?, given_up);
    assert!(outcomes.iter().all(|outcome| outcome.unaccounted == 0), "{outcomes:?}");

    let filter = DeadLetterFilter::default();
    let replays = (0..3).map(|_| scene.letters.replay_all(&filter, ReplayTo::Everyone));
    futures_util::future::join_all(replays).await.into_iter().collect::<Result<Vec<_>, _>>()?;

    assert_eq!((messages(&scene, STREAM.name).await?, messages(&scene, LETTERS.name).await?), (50, 0));
    Ok(())
}

#[tokio::test]
async fn later_acknowledgements_do_not_hide_what_the_server_gave_up_on() -> Outcome {
    let scene = scene(&[DEAD_LETTERS]).await?;
    publish(&scene, 2).await?;
    let mut consumer = consumer(&scene).await?;
    consume(&mut consumer, &[], 2).await?;
    publish(&scene, 2).await?;
    // With nothing else pending, this moves the end of what is acknowledged past the lost ones.
    consume(&mut consumer, &[3, 4], 2).await?;
    assert_eq!(consumer.info().await?.ack_floor.stream_sequence, 4);

    let recovered = scene.letters.recover("RULES", "promotions").await?;

    assert_eq!((counts(recovered), origins(&scene).await?), ((0, 2, 0), vec![1, 2]));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_found_is_counted() -> Outcome {
    let scene = scene(&[DEAD_LETTERS]).await?;
    publish(&scene, 1).await?;
    let mut consumer = consumer(&scene).await?;
    consume(&mut consumer, &[], 1).await?;
    // It is further back than anybody looks.
    let later: Vec<_> = (0..1_000).map(activated).collect();
    scene.bus.publish_all(&later).await?;
    consume(&mut consumer, &(2..=1_001).collect::<Vec<_>>(), 1).await?;

    let recovered = scene.letters.recover("RULES", "promotions").await?;

    assert_eq!((counts(recovered), origins(&scene).await?), ((0, 0, 1), vec![]));
    Ok(())
}

#[tokio::test]
async fn a_consumer_at_work_is_left_alone() -> Outcome {
    let scene = scene(&[DEAD_LETTERS]).await?;
    publish(&scene, 2).await?;
    let consumer = consumer(&scene).await?;
    let mut batch = consumer.fetch().max_messages(2).messages().await?;
    while batch.next().await.is_some() {}

    let recovered = scene.letters.recover("RULES", "promotions").await?;

    assert_eq!(counts(recovered), (0, 0, 0));
    assert_eq!(counts(scene.letters.recover("RULES", "nobody").await?), (0, 0, 0));
    Ok(())
}

#[tokio::test]
async fn a_handled_event_has_no_dead_letter_even_if_others_arrive_during_the_search() -> Outcome {
    let window = Duration::from_millis(100);
    let scene = scene(&[DEAD_LETTERS.duplicate_window(window)]).await?;
    publish(&scene, 200).await?;
    let mut consumer = consumer(&scene).await?;
    consume(&mut consumer, &(1..200).collect::<Vec<_>>(), 1).await?;
    // This moves the end of what is acknowledged past it, so that all before it are looked at first.
    publish(&scene, 1).await?;
    consume(&mut consumer, &[201], 1).await?;

    // Someone publishes and handles now and then, until all searches are over.
    let traffic = async {
        loop {
            publish(&scene, 1).await?;
            let mut batch = consumer.fetch().max_messages(1).messages().await?;
            while let Some(message) = batch.next().await {
                message.map_err(|error| error.to_string())?.double_ack().await.map_err(|error| error.to_string())?;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let search = async {
        for _ in 0..30 {
            scene.letters.recover("RULES", "promotions").await?;
            // One search in each window.
            tokio::time::sleep(window).await;
        }
        Outcome::Ok(())
    };
    tokio::select! {
        outcome = traffic => return outcome,
        outcome = search => outcome?,
    }

    let origins = origins(&scene).await?;
    assert!(origins.iter().all(|origin| *origin == 200), "{origins:?}");
    Ok(())
}

#[tokio::test]
async fn an_event_that_the_stream_dropped_cannot_be_dead_lettered() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    publish(&scene, 1).await?;
    consume(&mut consumer(&scene).await?, &[], 1).await?;
    scene.outside.get_stream("RULES").await?.delete_message(1).await?;

    let recovered = scene.letters.recover("RULES", "promotions").await?;

    assert_eq!(recovered.from_advisories, 0);
    assert_eq!(messages(&scene, LETTERS.name).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_stream_made_anew_has_dead_letters_of_its_own_under_the_same_numbers() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    for _ in 0..2 {
        publish(&scene, 1).await?;
        consume(&mut consumer(&scene).await?, &[], 1).await?;
        scene.letters.recover("RULES", "promotions").await?;
        scene.outside.delete_stream("RULES").await?;
        scene.bus.provision(&[STREAM]).await?;
    }

    assert_eq!(origins(&scene).await?, [1, 1]);
    Ok(())
}

#[tokio::test]
async fn an_advisory_of_an_earlier_stream_says_nothing_of_a_later_one() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    publish(&scene, 1).await?;
    consume(&mut consumer(&scene).await?, &[], 1).await?;
    scene.outside.delete_stream("RULES").await?;
    scene.bus.provision(&[STREAM]).await?;
    publish(&scene, 1).await?;

    scene.letters.recover("RULES", "promotions").await?;

    assert!(origins(&scene).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_event_that_cannot_be_dead_lettered_does_not_block_others() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    // A letter keeps the id of its event, and this stream takes none so large.
    let config = scene.outside.get_stream(LETTERS.name).await?.cached_info().config.clone();
    scene.outside.update_stream(jetstream::stream::Config { max_message_size: 2_000, ..config }).await?;
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", "x".repeat(3_000));
    scene.outside.publish_with_headers(Activated::SUBJECT, headers, "".into()).await?.await?;
    publish(&scene, 2).await?;
    consume(&mut consumer(&scene).await?, &[], 3).await?;

    let first = scene.letters.recover("RULES", "promotions").await?;
    let second = scene.letters.recover("RULES", "promotions").await?;

    assert_eq!((counts(first), counts(second)), ((2, 0, 1), (0, 0, 1)));
    assert_eq!(origins(&scene).await?, [2, 3]);
    assert_eq!(messages(&scene, LETTERS.name).await?, 3, "the advisory is left for next time");
    Ok(())
}

#[tokio::test]
async fn an_event_with_headers_that_none_may_have_is_dead_lettered() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    consumer(&scene).await?;
    let headers = b"NATS/1.0\r\nX Y: 1\r\nlatin: \xfc\r\nno colon\r\nown: 2\r\n\r\n";
    // The client gives up its connection over such a message, so whoever it is delivered to is no client of ours.
    let (pull, next) = (r#"{"batch":10}"#, "$JS.API.CONSUMER.MSG.NEXT.RULES.promotions");
    let mut talk = b"CONNECT {\"headers\":true,\"verbose\":false}\r\nSUB raw 1\r\n".to_vec();
    talk.extend(format!("HPUB {} {} {}\r\n", Activated::SUBJECT, headers.len(), headers.len() + 2).bytes());
    talk.extend(headers.iter().chain(b"{}\r\n"));
    talk.extend(format!("PUB {next} raw {}\r\n{pull}\r\n", pull.len()).bytes());
    let server = scene.outside.client().server_info();
    let mut raw = tokio::net::TcpStream::connect((server.host.as_str(), server.port)).await?;
    raw.write_all(&talk).await?;
    while messages(&scene, LETTERS.name).await? == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let recovered = scene.letters.recover("RULES", "promotions").await?;

    let letters = all(&scene.letters, &DeadLetterFilter::default()).await?;
    let letter = letters.first().ok_or("no letter")?;
    assert_eq!((counts(recovered), letter.origin_sequence, &*letter.payload), ((1, 0, 0), 1, &b"{}"[..]));
    let own: Vec<_> = letter.headers().filter(|(name, _)| !name.starts_with("Eventsmith-")).collect();
    assert_eq!(own, [("own", "2")]);
    Ok(())
}

//! Dead letters on a real server: looking at them, replaying and purging them. The letters are written by hand, as the
//! guide says what is in one.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{Context, message::StreamMessage};
use eventsmith::admin::{
    BusAdmin, DeadLetter, DeadLetterError, DeadLetterFilter, DeadLetters, DeadReason, ReplayTo, Replayed,
};
use eventsmith::catalogue::StreamDescriptor;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, HandlerError, Received};
use tokio::sync::mpsc;

use crate::common::*;

/// Dead letters, and what the server says when it gives up.
pub(crate) const LETTERS: StreamDescriptor =
    DEAD_LETTERS.subjects(&["rules.dlq.>", "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.RULES.*"]);

/// So short that a test can wait until it is over.
const SHORT_WINDOW: Duration = Duration::from_millis(100);

/// A server with a stream of events and one of dead letters.
pub(crate) struct Scene {
    /// Runs as long as the scene.
    pub(crate) _server: Box<dyn std::any::Any>,
    pub(crate) bus: Bus,
    pub(crate) outside: Context,
    pub(crate) letters: DeadLetters,
}

pub(crate) async fn scene(streams: &[StreamDescriptor]) -> Outcome<Scene> {
    let (server, bus) = server().await?;
    bus.provision(streams).await?;
    let outside = async_nats::jetstream::new(async_nats::connect(server.url()).await?);
    let letters = bus.dead_letters("rules").await?;
    Ok(Scene { _server: Box::new(server), bus, outside, letters })
}

/// A letter as somebody else would write it.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    consumer: &'static str,
    sequence: u64,
    event_type: &'static str,
    reason: &'static str,
    minutes_ago: i64,
}

pub(crate) const SAMPLE: Sample =
    Sample { consumer: "promotions", sequence: 7, event_type: "rule.activated", reason: "rejected", minutes_ago: 0 };

impl Sample {
    fn address(&self) -> String {
        format!("rules.dlq.{}.RULES.{}.domain.{}", self.consumer, self.sequence, self.event_type)
    }

    fn headers(&self) -> HeaderMap {
        let buried = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(self.minutes_ago);
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("Eventsmith-Type", self.event_type),
            ("x-own", "kept"),
            ("Eventsmith-Dead-Reason", self.reason),
            ("Eventsmith-Dead-Error", "no such customer"),
            ("Eventsmith-Dead-Attempts", "3"),
            ("Eventsmith-Dead-Consumer", self.consumer),
            ("Eventsmith-Dead-Stream", "RULES"),
            ("Eventsmith-Dead-Sequence", &self.sequence.to_string()),
            ("Eventsmith-Dead-Subject", &format!("rules.domain.{}", self.event_type)),
            ("Eventsmith-Dead-Stored", "2026-11-26T15:34:29.450599080Z"),
            ("Eventsmith-Dead-Time", &buried.to_string()),
            ("Eventsmith-Message-Id", "first-id"),
        ] {
            headers.insert(name, value);
        }
        headers
    }

    pub(crate) async fn store(&self, scene: &Scene) -> Outcome<u64> {
        put(scene, self.address(), self.headers()).await
    }
}

const PAYLOAD: &str = r#"{ "as" : "published" }"#;

async fn put(scene: &Scene, subject: impl Into<String>, headers: HeaderMap) -> Outcome<u64> {
    let ack = scene.outside.publish_with_headers(subject.into(), headers, PAYLOAD.into()).await?;
    Ok(ack.await?.sequence)
}

/// The letter of a sample and the mark that a replay leaves when its process dies.
async fn store_marked(scene: &Scene) -> Outcome<u64> {
    let letter = SAMPLE.store(scene).await?;
    let mut mark = SAMPLE.headers();
    mark.insert("Eventsmith-Dead-Replaying", format!("{letter}:0"));
    put(scene, SAMPLE.address(), mark).await?;
    Ok(letter)
}

pub(crate) async fn all(letters: &DeadLetters, filter: &DeadLetterFilter) -> Outcome<Vec<DeadLetter>> {
    let (mut list, mut found) = (letters.list(filter), Vec::new());
    while let Some(letter) = list.next().await? {
        found.push(letter);
    }
    Ok(found)
}

pub(crate) async fn messages(scene: &Scene, stream: &str) -> Outcome<u64> {
    Ok(scene.outside.get_stream(stream).await?.cached_info().state.messages)
}

over_both_transports! {
    what_a_consumer_rejected_is_replayed_to_it_alone_and_counted_from_one
    what_dies_again_is_another_dead_letter
}

async fn what_a_consumer_rejected_is_replayed_to_it_alone_and_counted_from_one(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let calls = |name, rejects| {
        let tell = tell.clone();
        run(bus.consumer(name).on(move |event: Received<Activated>| {
            let first = rejects && event.rule_id == "first";
            let _ = tell.send((name, event.rule_id.clone(), event.attempt()));
            async move { if first { Err(HandlerError::reject("no such customer")) } else { Ok(()) } }
        }))
    };
    let loyalty = calls("loyalty", false);
    let promotions = calls("promotions", true);
    bus.publish(&activated("first")).await?;
    let mut heard = [next(&mut told).await?, next(&mut told).await?];
    heard.sort_unstable();
    promotions.stop().await?;
    let letters = bus.dead_letters("rules").await?;
    let dead = all(&letters, &DeadLetterFilter::default()).await?;

    let promotions = calls("promotions", false);
    let replayed = letters.replay_all(&DeadLetterFilter::default(), ReplayTo::Consumer).await?;
    bus.publish(&activated("last")).await?;
    let mut after = [next(&mut told).await?, next(&mut told).await?, next(&mut told).await?];
    after.sort_unstable();

    let call = |name, event: &str| (name, event.to_owned(), 1);
    assert_eq!(heard, [call("loyalty", "first"), call("promotions", "first")]);
    assert_eq!((dead.len(), replayed), (1, 1));
    assert_eq!((dead[0].reason, dead[0].error.as_str()), (DeadReason::Rejected, "no such customer"));
    assert_eq!(after, [call("loyalty", "last"), call("promotions", "first"), call("promotions", "last")]);
    assert!(all(&letters, &DeadLetterFilter::default()).await?.is_empty());
    loyalty.stop().await?;
    promotions.stop().await?;
    Ok(())
}

async fn what_dies_again_is_another_dead_letter(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let consumer = run(bus.consumer("promotions").on(move |_: Received<Activated>| {
        let _ = tell.send(());
        async { Err(HandlerError::reject("no")) }
    }));
    bus.publish(&activated("first")).await?;
    next(&mut told).await?;
    let letters = bus.dead_letters("rules").await?;
    let filter = DeadLetterFilter::default();
    while letters.replay_all(&filter, ReplayTo::Everyone).await? == 0 {
        tokio::task::yield_now().await;
    }

    next(&mut told).await?;
    consumer.stop().await?;

    let dead = all(&letters, &filter).await?;
    assert_eq!(dead.iter().map(|letter| letter.origin_sequence).collect::<Vec<_>>(), [2]);
    Ok(())
}

/// The most that a server takes for a message, headers and all, unless it is told otherwise.
const MAX_PAYLOAD: usize = 1_048_576;

#[tokio::test]
async fn an_event_as_large_as_the_server_takes_is_dead_lettered_and_can_be_replayed() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    let small = scene.bus.publish(&activated("x")).await?.sequence;
    let small = scene.outside.get_stream("RULES").await?.get_raw_message(small).await?;
    let headers = small.headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    let headers: usize = headers.map(|(name, value)| name.to_string().len() + value.as_str().len() + 4).sum();
    let overhead = small.payload.len() + headers + 12;
    let (tell, mut told) = mpsc::unbounded_channel();
    let consumer = run(scene.bus.consumer("promotions").on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move {
            let size = event.rule_id.len();
            if size > 1 && event.replay_of().is_none() {
                return Err(HandlerError::reject("no ".repeat(1_000)));
            }
            Ok(tell.send(size)?)
        }
    }));
    assert_eq!(next(&mut told).await?, 1);
    let filter = DeadLetterFilter::default();

    // Room for all that a letter says but the error, and room for less than that.
    for (room, is_whole) in [(1_000, true), (200, false)] {
        let size = MAX_PAYLOAD - overhead - room;
        scene.bus.publish(&activated("x".repeat(size))).await?;
        let letter = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                if let Some(letter) = all(&scene.letters, &filter).await?.pop() {
                    return Outcome::Ok(letter);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await??;
        let says_so = letter.headers().any(|header| header == ("Eventsmith-Dead-Payload", "too-large"));
        assert_eq!((letter.payload.len() > size, says_so), (is_whole, !is_whole), "{room}");
        assert_eq!((letter.error.is_empty(), letter.reason), (is_whole, DeadReason::Rejected), "{room}");

        scene.letters.replay(letter.sequence, ReplayTo::Consumer).await?;

        assert_eq!(next(&mut told).await?, size, "{room}");
        assert!(all(&scene.letters, &filter).await?.is_empty(), "{room}");
    }
    consumer.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_without_its_payload_is_not_replayed_once_the_event_is_gone() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    // Of the same number, but stored at another time.
    scene.bus.publish(&activated("another")).await?;
    let mut headers = Sample { sequence: 1, ..SAMPLE }.headers();
    headers.insert("Eventsmith-Dead-Payload", "too-large");
    let letter = put(&scene, Sample { sequence: 1, ..SAMPLE }.address(), headers).await?;

    let error = scene.letters.replay(letter, ReplayTo::Everyone).await.unwrap_err();

    assert!(matches!(&error, DeadLetterError::Replay { sequence, .. } if *sequence == letter), "{error}");
    assert!(error.to_string().contains("RULES no longer holds the event 1"), "{error}");
    assert_eq!(all(&scene.letters, &DeadLetterFilter::default()).await?.len(), 1);
    assert_eq!(messages(&scene, "RULES").await?, 1);
    Ok(())
}

#[tokio::test]
async fn without_a_stream_for_them_there_are_no_dead_letters() -> Outcome {
    let server = NatsServer::start().await?;
    let bus = Bus::connect(config(server.url())).await?;

    let error = bus.dead_letters("rules").await.unwrap_err();

    assert!(matches!(&error, DeadLetterError::NoStream { subject } if subject == "rules.dlq.>"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_says_what_died_of_what() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    let sequence = SAMPLE.store(&scene).await?;

    let letter = scene.letters.get(sequence).await?.ok_or("no letter")?;

    assert_eq!((letter.reason, letter.error.as_str(), letter.attempts), (DeadReason::Rejected, "no such customer", 3));
    assert_eq!(
        (letter.consumer.as_str(), letter.origin_stream.as_str(), letter.origin_sequence),
        ("promotions", "RULES", 7)
    );
    assert_eq!(
        (letter.subject.as_str(), letter.event_type.as_deref()),
        ("rules.domain.rule.activated", Some("rule.activated"))
    );
    assert_eq!(letter.payload, PAYLOAD);
    assert!(letter.headers().any(|header| header == ("x-own", "kept")));
    assert!(scene.letters.get(sequence + 1).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn filters_select_counts_count_and_purges_delete_no_more_than_that() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    for sample in [
        SAMPLE,
        Sample { consumer: "loyalty", ..SAMPLE },
        Sample { sequence: 8, event_type: "rule.updated", ..SAMPLE },
        Sample { sequence: 9, reason: "too-new", ..SAMPLE },
        Sample { sequence: 10, minutes_ago: 90, ..SAMPLE },
    ] {
        sample.store(&scene).await?;
    }
    put(&scene, "rules.dlq.promotions.RULES.11.domain.rule.activated", HeaderMap::new()).await?;
    let filter = DeadLetterFilter::default;
    let hour = Some(Duration::from_secs(3_600));
    let numbers = async |filter| {
        Outcome::Ok(all(&scene.letters, &filter).await?.iter().map(|letter| letter.sequence).collect::<Vec<_>>())
    };

    assert_eq!(numbers(filter()).await?, [1, 2, 3, 4, 5]);
    assert_eq!(numbers(DeadLetterFilter { consumer: Some("loyalty".to_owned()), ..filter() }).await?, [2]);
    assert_eq!(numbers(DeadLetterFilter { event_type: Some("rule.updated".to_owned()), ..filter() }).await?, [3]);
    assert_eq!(numbers(DeadLetterFilter { reason: Some(DeadReason::TooNew), ..filter() }).await?, [4]);
    assert_eq!(numbers(DeadLetterFilter { older_than: hour, ..filter() }).await?, [5]);
    assert_eq!(numbers(DeadLetterFilter { newer_than: hour, ..filter() }).await?, [1, 2, 3, 4]);
    assert!(numbers(DeadLetterFilter { stream: Some("OTHER".to_owned()), ..filter() }).await?.is_empty());
    let mut list = scene.letters.list(&filter());
    while list.next().await?.is_some() {}
    assert_eq!(list.foreign(), 1);
    let rejected = |consumer: &str| (consumer.to_owned(), DeadReason::Rejected);
    let counts = scene.letters.count(&filter()).await?;
    assert_eq!((counts[&rejected("promotions")], counts[&rejected("loyalty")], counts.len()), (3, 1, 3));

    let promotions = DeadLetterFilter { consumer: Some("promotions".to_owned()), newer_than: hour, ..filter() };
    assert_eq!(scene.letters.purge(&promotions).await?, 3);

    assert_eq!(numbers(filter()).await?, [2, 5]);
    assert_eq!(messages(&scene, LETTERS.name).await?, 3, "the foreign message is none of our business");
    Ok(())
}

#[tokio::test]
async fn a_replayed_event_has_its_bytes_and_headers_a_new_id_and_a_link() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    let (one, other) = (SAMPLE.store(&scene).await?, Sample { sequence: 8, ..SAMPLE }.store(&scene).await?);

    let first = scene.letters.replay(one, ReplayTo::Everyone).await?;
    let second = scene.letters.replay(other, ReplayTo::Consumer).await?;

    let stored = |sequence| Replayed::Now { stream: "RULES".to_owned(), sequence };
    assert_eq!((first, second), (stored(1), stored(2)));
    let rules = scene.outside.get_stream("RULES").await?;
    let (first, second) = (rules.get_raw_message(1).await?, rules.get_raw_message(2).await?);
    assert_eq!((first.subject.as_str(), &*first.payload), ("rules.domain.rule.activated", PAYLOAD.as_bytes()));
    let headers = |message: &StreamMessage| {
        let text = |name: &str| message.headers.get(name).map(ToString::to_string);
        let names = ["Eventsmith-Type", "x-own", "Eventsmith-Replay-Of", "Eventsmith-Only"];
        (names.map(text), message.headers.len())
    };
    let some = |text: &str| Some(text.to_owned());
    let (kind, own) = (some("rule.activated"), some("kept"));
    assert_eq!(headers(&first), ([kind.clone(), own.clone(), some("RULES_DEAD_LETTERS:1"), None], 4));
    assert_eq!(headers(&second), ([kind, own, some("RULES_DEAD_LETTERS:2"), some("promotions")], 5));
    let id = |message: &StreamMessage| message.headers.get("Nats-Msg-Id").map(ToString::to_string);
    assert!(id(&first).is_some_and(|id| id.starts_with("replay:RULES_DEAD_LETTERS:1:")), "{first:?}");
    assert!(id(&second).is_some_and(|id| id.starts_with("replay:RULES_DEAD_LETTERS:2:")), "{second:?}");
    assert_eq!(messages(&scene, LETTERS.name).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_that_was_replayed_is_not_there_to_be_replayed_again() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    let sequence = SAMPLE.store(&scene).await?;
    scene.letters.replay(sequence, ReplayTo::Everyone).await?;

    assert_eq!(scene.letters.replay(sequence, ReplayTo::Everyone).await?, Replayed::NotFound);

    assert_eq!(messages(&scene, "RULES").await?, 1);
    Ok(())
}

#[tokio::test]
async fn operators_who_replay_at_the_same_time_do_not_double() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    for sequence in 1..=20 {
        Sample { sequence, ..SAMPLE }.store(&scene).await?;
    }
    let filter = DeadLetterFilter::default();

    let replays = (0..4).map(|_| scene.letters.replay_all(&filter, ReplayTo::Everyone));
    let outcomes = futures_util::future::join_all(replays).await;

    outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    assert_eq!((messages(&scene, "RULES").await?, messages(&scene, LETTERS.name).await?), (20, 0));
    Ok(())
}

#[tokio::test]
async fn a_replay_that_died_after_publishing_is_only_finished() -> Outcome {
    let scene = scene(&[LETTERS, STREAM.duplicate_window(SHORT_WINDOW)]).await?;
    scene.bus.publish(&activated("another on the same subject")).await?;
    let letter = store_marked(&scene).await?;
    let mut event = HeaderMap::new();
    event.insert("Eventsmith-Replay-Of", format!("RULES_DEAD_LETTERS:{letter}"));
    event.insert("Nats-Msg-Id", format!("replay:RULES_DEAD_LETTERS:{letter}"));
    put(&scene, "rules.domain.rule.activated", event).await?;
    is_over(&scene, SHORT_WINDOW).await?;
    let before = messages(&scene, "RULES").await?;

    assert_eq!(scene.letters.replay(letter, ReplayTo::Everyone).await?, Replayed::Before);

    assert_eq!((messages(&scene, "RULES").await?, messages(&scene, LETTERS.name).await?), (before, 0));
    Ok(())
}

/// Waits until the stream of events forgets ids, by asking it: an id that it has forgotten is stored again.
async fn is_over(scene: &Scene, window: Duration) -> Outcome {
    let probe = || async {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", "probe");
        let ack = scene.outside.publish_with_headers("rules.domain.probe", headers, "".into()).await?;
        Outcome::Ok(ack.await?)
    };
    probe().await?;
    while probe().await?.duplicate {
        tokio::time::sleep(window / 10).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_replay_that_died_before_publishing_is_done_over() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    scene.bus.publish(&activated("another on the same subject")).await?;
    let letter = store_marked(&scene).await?;
    assert_eq!(all(&scene.letters, &DeadLetterFilter::default()).await?.len(), 1, "the mark is no second letter");

    let replayed = scene.letters.replay(letter, ReplayTo::Everyone).await?;

    assert_eq!(replayed, Replayed::Now { stream: "RULES".to_owned(), sequence: 2 });
    assert_eq!(messages(&scene, LETTERS.name).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_replay_that_died_between_its_two_deletions_leaves_a_dead_letter_that_says_so() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    let letter = store_marked(&scene).await?;
    scene.outside.get_stream(LETTERS.name).await?.delete_message(letter).await?;
    let mut event = HeaderMap::new();
    event.insert("Eventsmith-Replay-Of", format!("RULES_DEAD_LETTERS:{letter}"));
    put(&scene, "rules.domain.rule.activated", event).await?;

    let found = all(&scene.letters, &DeadLetterFilter::default()).await?;
    let replayed = scene.letters.replay_all(&DeadLetterFilter::default(), ReplayTo::Everyone).await?;

    assert_eq!(found.iter().map(DeadLetter::is_replay_begun).collect::<Vec<_>>(), [true]);
    assert_eq!((replayed, messages(&scene, "RULES").await?, messages(&scene, LETTERS.name).await?), (1, 1, 0));
    Ok(())
}

#[tokio::test]
async fn of_two_dead_letters_on_one_subject_each_is_replayed() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    let (first, second) = (SAMPLE.store(&scene).await?, SAMPLE.store(&scene).await?);

    let replayed = scene.letters.replay(first, ReplayTo::Everyone).await?;

    assert_eq!(replayed, Replayed::Now { stream: "RULES".to_owned(), sequence: 1 });
    assert!(scene.letters.get(second).await?.is_some());
    assert!(matches!(scene.letters.replay(second, ReplayTo::Everyone).await?, Replayed::Now { sequence: 2, .. }));
    assert_eq!(messages(&scene, LETTERS.name).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_whose_subject_no_stream_captures_stays() -> Outcome {
    let scene = scene(&[LETTERS]).await?;
    let sequence = SAMPLE.store(&scene).await?;
    scene.outside.delete_stream("RULES").await?;

    let error = scene.letters.replay(sequence, ReplayTo::Everyone).await.unwrap_err().to_string();

    assert!(error.contains("rules.domain.rule.activated") && error.contains(&sequence.to_string()), "{error}");
    assert_eq!(all(&scene.letters, &DeadLetterFilter::default()).await?.len(), 1);
    Ok(())
}

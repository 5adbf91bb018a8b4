//! Messages whose headers the client cannot read: it drops its connection over them, and some end its task.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventsmith::admin::{BusAdmin, DeadLetter, DeadLetterFilter, ReplayTo, Replayed};
use eventsmith::config::{ConsumerConfig, Order};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, ConsumeError, Consumer, Expect, PublishError, PublishOptions, Received};
use eventsmith_tests::running::PATIENCE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::common::*;

const EVENTS: u32 = 300;
/// No event may be handled later than this after the consumer began: twice `ack_wait`, and something for a busy machine.
const SOON: Duration = Duration::from_secs(15);
const ACK_WAIT: Duration = Duration::from_secs(3);

/// Blocks that the server stores and the client cannot read.
pub(crate) const MALFORMED: [&[u8]; 7] = [
    b"NATS/1.0\r\nname: M\xfcller\r\n\r\n",
    b"NATS/1.0\r\nno colon\r\n\r\n",
    b"NATS/1.0\r\na name: 1\r\n\r\n",
    b"HTTP/1.1 200\r\na: 1\r\n\r\n",
    "NATS/1.0\r\n\u{1f600}: 1\r\n\r\n".as_bytes(),
    b"NATS/1.1\r\na: 1\r\n\r\n",
    b"\r\n",
];
/// The client's task panics over it.
pub(crate) const DEADLY: &[u8] = b"NATS/1.0\r\na: 1\r2\r\n\r\n";

/// Publishes messages as no client would let us.
pub(crate) async fn publish_raw(server: &NatsServer, subject: &str, head: &[u8], payload: &[u8]) -> Outcome {
    publish_bytes(server, subject.as_bytes(), head, payload).await
}

/// The same on any subject, and without headers if there are none.
pub(crate) async fn publish_bytes(server: &NatsServer, subject: &[u8], head: &[u8], payload: &[u8]) -> Outcome {
    let mut raw = TcpStream::connect(("127.0.0.1", server.port())).await?;
    raw.write_all(b"CONNECT {\"verbose\":false,\"headers\":true,\"user\":\"admin\",\"pass\":\"p\"}\r\n").await?;
    let (verb, sizes) = match head.len() {
        0 => (&b"PUB "[..], format!(" {}\r\n", payload.len())),
        length => (&b"HPUB "[..], format!(" {length} {}\r\n", length + payload.len())),
    };
    raw.write_all(&[verb, subject, sizes.as_bytes(), head, payload, b"\r\nPING\r\n"].concat()).await?;
    let mut answers = String::new();
    while !answers.contains("PONG") {
        let mut part = [0; 4096];
        let length = raw.read(&mut part).await?;
        if length == 0 || answers.contains("-ERR") {
            return Err(answers.into());
        }
        answers.push_str(&String::from_utf8_lossy(&part[..length]));
    }
    Ok(())
}

/// An event that is well but for its headers.
const PAYLOAD: &[u8] = br#"{"id":"f-1","type":"rule.moved","source":"cron","subject":"rules.domain.rule.moved",
    "time":"2026-11-23T10:00:00+01:00","version":"1","data":{"key":"k0","number":1000}}"#;

async fn poison(server: &NatsServer, head: &[u8]) -> Outcome {
    publish_raw(server, "rules.domain.rule.moved", head, PAYLOAD).await
}

async fn publish(bus: &Bus, numbers: std::ops::Range<u32>) -> Outcome {
    let moved = |number| Moved { key: format!("k{}", number % 7), number };
    bus.publish_all(&numbers.map(moved).collect::<Vec<_>>()).await?;
    Ok(())
}

/// What a service handled, in order.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<u32>>>);

impl Journal {
    fn service(&self, bus: &Bus, order: Order) -> Consumer {
        let config = ConsumerConfig { ack_wait: ACK_WAIT, order, ..quick() };
        let journal = self.clone();
        bus.consumer("promotions").config(config).on(move |event: Received<Moved>| {
            journal.0.lock().unwrap().push(event.number);
            async { Ok(()) }
        })
    }

    fn distinct(&self) -> usize {
        self.counts().len()
    }

    fn counts(&self) -> BTreeMap<u32, usize> {
        let mut counts = BTreeMap::new();
        self.0.lock().unwrap().iter().for_each(|number| *counts.entry(*number).or_default() += 1);
        counts
    }

    /// Checks that everything was handled once, and in the order of its key if that is promised.
    fn check(&self, expected: u32, order: Order) {
        let counts = self.counts();
        assert!(counts.keys().copied().eq(0..expected), "{counts:?}");
        assert!(counts.values().all(|count| *count == 1), "{counts:?}");
        if order == Order::Key {
            for key in 0..7 {
                let of_key: Vec<u32> = self.0.lock().unwrap().iter().copied().filter(|it| it % 7 == key).collect();
                assert!(of_key.is_sorted(), "{of_key:?}");
            }
        }
    }
}

async fn letters(bus: &Bus) -> Outcome<Vec<DeadLetter>> {
    let letters = bus.dead_letters("rules").await?;
    let (mut list, mut found) = (letters.list(&DeadLetterFilter::default()), Vec::new());
    while let Some(letter) = list.next().await? {
        found.push(letter);
    }
    Ok(found)
}

async fn letters_until(bus: &Bus, count: usize) -> Outcome<Vec<DeadLetter>> {
    let gather = async {
        loop {
            let found = letters(bus).await?;
            if found.len() >= count {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gather).await?
}

/// A service reads a stream that holds malformed messages before, among or behind others.
async fn gets_past(heads: &[&[u8]], events: &[u32], order: Order) -> Outcome {
    let (server, bus) = server().await?;
    let mut from = 0;
    for (index, head) in heads.iter().enumerate() {
        poison(&server, head).await?;
        let more = events.get(index).copied().unwrap_or_default();
        publish(&bus, from..from + more).await?;
        from += more;
    }
    let journal = Journal::default();

    let begun = Instant::now();
    let consumer = Running::start(journal.service(&Bus::connect(config(server.url())).await?, order));
    let all = from as usize;
    until(|| journal.distinct() >= all).await.map_err(|_| format!("{} of {all}", journal.distinct()))?;
    let taken = begun.elapsed();
    let found = letters_until(&bus, heads.len()).await?;
    consumer.stop().await?;

    journal.check(from, order);
    let reasons: Vec<&str> = found.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, vec!["malformed"; heads.len()]);
    assert!(taken < SOON, "{taken:?}");
    eprintln!("{taken:?} for {} malformed among {all}, {order:?}", heads.len());
    Ok(())
}

#[tokio::test]
async fn one_of_each_kind_before_all_others() -> Outcome {
    for head in MALFORMED {
        gets_past(&[head], &[EVENTS], Order::None).await.map_err(|error| format!("{head:?}: {error}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn one_before_others_that_are_ordered_by_key() -> Outcome {
    // The server mends the last by the header that it adds for such a consumer.
    for head in &MALFORMED[..6] {
        gets_past(&[head], &[EVENTS], Order::Key).await.map_err(|error| format!("{head:?}: {error}"))?;
    }
    Ok(())
}

/// The client of a running service meets a malformed message on a subject that its durable consumer delivers, and it has no handler for.
async fn is_found_where(change: impl AsyncFn(&jetstream::Context) -> Outcome) -> Outcome {
    let (server, bus) = server().await?;
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    let journal = Journal::default();
    publish(&bus, 0..10).await?;
    let consumer = Running::start(journal.service(&Bus::connect(config(server.url())).await?, Order::None));
    until(|| journal.distinct() == 10).await?;

    change(&context).await?;
    publish_raw(&server, "rules.domain.rule.elsewhere", MALFORMED[0], PAYLOAD).await?;
    publish(&bus, 10..20).await?;
    until(|| journal.distinct() == 20).await?;
    let found = letters_until(&bus, 1).await?;
    consumer.stop().await?;

    assert_eq!(found[0].reason.as_str(), "malformed");
    Ok(())
}

async fn with_filters(context: &jetstream::Context, filters: &[&str]) -> Outcome {
    let stream = context.get_stream(STREAM.name).await?;
    let mut settings: serde_json::Value = serde_json::to_value(&stream.consumer_info("promotions").await?.config)?;
    for name in ["filter_subject", "filter_subjects"] {
        settings.as_object_mut().ok_or("no settings")?.remove(name);
    }
    settings["filter_subjects"] = serde_json::json!(filters);
    stream.update_consumer(serde_json::from_value::<jetstream::consumer::pull::Config>(settings)?).await?;
    Ok(())
}

#[tokio::test]
async fn one_is_found_behind_a_filter_that_was_widened_meanwhile() -> Outcome {
    is_found_where(async |context| {
        with_filters(context, &["rules.domain.rule.moved", "rules.domain.rule.elsewhere"]).await
    })
    .await
}

#[tokio::test]
async fn one_is_found_where_there_is_no_filter() -> Outcome {
    is_found_where(async |context| with_filters(context, &[]).await).await
}

#[tokio::test]
async fn several_among_others() -> Outcome {
    let heads = [MALFORMED[0], MALFORMED[1], MALFORMED[2], MALFORMED[3], MALFORMED[0], MALFORMED[4]];
    gets_past(&heads, &[0, 100, 0, 1, 500], Order::None).await?;
    gets_past(&heads, &[0, 100, 0, 1, 500], Order::Key).await
}

#[tokio::test]
async fn its_dead_letter_holds_its_headers_as_they_were_and_can_be_replayed_without_them() -> Outcome {
    let (server, bus) = server().await?;
    let head = b"NATS/1.0\r\ngood: 1\r\nname: M\xfcller\r\n\r\n";
    poison(&server, head).await?;
    let journal = Journal::default();

    let consumer = Running::start(journal.service(&bus, Order::None));
    let found = letters_until(&bus, 1).await?;
    let replayed = bus.dead_letters("rules").await?.replay(found[0].sequence, ReplayTo::Everyone).await?;
    until(|| journal.distinct() > 0).await?;
    let summary = consumer.stop().await?;

    let letter = &found[0];
    let header = |name: &str| letter.headers().find(|(found, _)| *found == name).map(|(_, value)| value.to_owned());
    assert_eq!((letter.reason.as_str(), letter.attempts, &*letter.payload), ("malformed", 0, PAYLOAD));
    assert_eq!(letter.error, "no client can read its headers: they are not UTF-8");
    assert_eq!(header("Eventsmith-Dead-Headers"), Some(STANDARD.encode(head)));
    assert_eq!((header("good").as_deref(), header("name")), (Some("1"), None));
    assert_eq!(letter.event_type.as_deref(), Some("rule.moved"));
    assert!(matches!(replayed, Replayed::Now { .. }), "{replayed:?}");
    assert_eq!(journal.counts(), BTreeMap::from([(1000, 1)]));
    assert_eq!((summary.handled, summary.dead_lettered, summary.failed), (1, 1, 0));
    Ok(())
}

#[tokio::test]
async fn one_that_ends_the_task_of_the_client_ends_one_process_and_not_the_next() -> Outcome {
    for order in [Order::None, Order::Key] {
        let (server, bus) = server().await?;
        poison(&server, DEADLY).await?;
        publish(&bus, 0..EVENTS).await?;
        let journal = Journal::default();
        let connect = async || Bus::connect(config(server.url())).await;

        let first = Running::start(journal.service(&connect().await?, order)).end().await?;
        let second = Running::start(journal.service(&connect().await?, order));
        until(|| journal.distinct() >= EVENTS as usize).await?;
        let found = letters_until(&bus, 1).await?;
        second.stop().await?;

        assert!(matches!(first, Err(ConsumeError::Gone { .. })), "{first:?}");
        assert_eq!((found.len(), found[0].reason.as_str()), (1, "malformed"));
        assert_eq!(found[0].error, "no client can read its headers: a value has a carriage return");
        journal.check(EVENTS, order);
    }
    Ok(())
}

#[tokio::test]
async fn without_permission_to_read_single_messages_it_is_put_off_and_others_go_on() -> Outcome {
    for order in [Order::None, Order::Key] {
        let users = r#"authorization { users = [
            { user: admin, password: p }
            { user: service, password: p, permissions: {
                publish: { allow: ">", deny: "$JS.API.STREAM.MSG.GET.RULES" }, subscribe: ">" } }
        ] }"#;
        let server = NatsServer::builder().config(users).start().await?;
        let user =
            |name: &str| Config { user: Some(name.to_owned()), password: Some("p".into()), ..config(server.url()) };
        let (admin, service) = (Bus::connect(user("admin")).await?, Bus::connect(user("service")).await?);
        admin.provision(&[STREAM, DEAD_LETTERS]).await?;
        publish(&admin, 0..50).await?;
        poison(&server, MALFORMED[0]).await?;
        publish(&admin, 50..EVENTS).await?;
        let journal = Journal::default();

        let consumer = Running::start(journal.service(&service, order));
        until(|| journal.distinct() >= EVENTS as usize)
            .await
            .map_err(|_| format!("{} {order:?}", journal.distinct()))?;
        publish(&admin, EVENTS..EVENTS + 50).await?;
        until(|| journal.distinct() >= EVENTS as usize + 50).await?;
        let summary = consumer.stop().await?;

        journal.check(EVENTS + 50, order);
        assert_eq!((summary.dead_lettered, letters(&admin).await?.len()), (0, 0));
        // Where it is permitted, the same service finds it.
        let permitted = Running::start(journal.service(&admin, order));
        let found = letters_until(&admin, 1).await?;
        permitted.stop().await?;
        assert_eq!(found[0].reason.as_str(), "malformed");
    }
    Ok(())
}

#[tokio::test]
async fn operators_and_publishers_get_past_it_too() -> Outcome {
    let (server, bus) = server().await?;
    for head in [&MALFORMED[..], &[DEADLY]].concat() {
        poison(&server, head).await?;
        publish_raw(&server, "rules.dlq.promotions.RULES.7.domain.rule.moved", head, b"{}").await?;
    }
    publish_bytes(&server, b"rules.dlq.promotions.RULES.7.domain.rule.\xff", b"", b"{}").await?;
    let letters = bus.dead_letters("rules").await?;

    let mut list = letters.list(&DeadLetterFilter::default());
    let first = list.next().await?;
    let one = letters.get(1).await?;
    let options = PublishOptions { expect: Some(Expect::LastSubjectSequence(3)), ..PublishOptions::default() };
    let refused = bus.publish_with(&Moved { key: "k".to_owned(), number: 1 }, options).await.unwrap_err();
    let recovered = letters.recover("RULES", "promotions").await?;

    assert!(first.is_none() && one.is_none());
    assert_eq!(list.foreign(), 9);
    assert!(matches!(refused, PublishError::WrongSequence { .. }), "{refused:?}");
    assert_eq!(recovered.unaccounted, 0);
    Ok(())
}

#[tokio::test]
async fn one_that_the_server_gave_up_on_is_dead_lettered_as_what_it_is() -> Outcome {
    let (server, bus) = server().await?;
    poison(&server, MALFORMED[3]).await?;
    let outside = jetstream::new(async_nats::connect(server.url()).await?);
    let pull = jetstream::consumer::pull::Config {
        durable_name: Some("promotions".to_owned()),
        max_deliver: 1,
        ack_wait: Duration::from_millis(100),
        ..Default::default()
    };
    outside.get_stream("RULES").await?.create_consumer(pull).await?;
    // It is delivered to somebody who does not ack it, and would be again.
    let mut raw = TcpStream::connect(("127.0.0.1", server.port())).await?;
    let next = r#"{"batch":2,"expires":5000000000}"#;
    let pull = format!(
        "CONNECT {{\"verbose\":false,\"headers\":true}}\r\nSUB somebody 1\r\n\
         PUB $JS.API.CONSUMER.MSG.NEXT.RULES.promotions somebody {}\r\n{next}\r\n",
        next.len()
    );
    raw.write_all(pull.as_bytes()).await?;
    let letters = bus.dead_letters("rules").await?;

    let recovered = async {
        loop {
            let recovered = letters.recover("RULES", "promotions").await?;
            if recovered.from_advisories > 0 {
                return Ok::<_, eventsmith::admin::DeadLetterError>(recovered);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, recovered).await??;

    let found = letters_until(&bus, 1).await?;
    assert_eq!((found[0].reason.as_str(), found[0].attempts), ("malformed", 1));
    Ok(())
}

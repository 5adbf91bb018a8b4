//! Live events: what passes while somebody listens.

use std::time::Duration;

use eventsmith::admin::BusAdmin;
use eventsmith::live::{LiveError, SubscribeError, Subscriber};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Received};
use eventsmith_tests::running::PATIENCE;
use tokio::time::timeout;

use crate::common::*;

over_both_transports! {
    an_event_comes_to_all_who_listen_with_its_envelope
    events_of_several_types_come_as_one_type
    what_is_no_event_is_told_and_what_follows_comes
    what_a_slow_reader_misses_is_counted
    an_older_event_is_upcast
    a_subscriber_of_nothing_is_an_error
}

async fn come<T>(events: &mut Subscriber<T>) -> Outcome<Result<T, LiveError>> {
    Ok(timeout(PATIENCE, events.next()).await?.ok_or("nothing comes any more")?)
}

async fn an_event_comes_to_all_who_listen_with_its_envelope(bus: Bus) -> Outcome {
    let mut listeners = [bus.subscribe::<Activated>().await?, bus.subscribe::<Activated>().await?];

    let published = bus.publish(&activated("r1")).await?;
    bus.publish(&Moved { key: "k".to_owned(), number: 1 }).await?;
    bus.publish(&activated("r2")).await?;

    for events in &mut listeners {
        let event = come(events).await??;
        assert_eq!((&*event.rule_id, &event.envelope().id), ("r1", &published.id.to_string()));
        assert_eq!((event.subject(), event.attempt(), event.has_lease()), ("rules.domain.rule.activated", 1, true));
        assert_eq!(come(events).await??.rule_id, "r2");
        assert_eq!(events.missed(), 0);
    }
    Ok(())
}

#[derive(Debug)]
enum Change {
    Activated(Received<Activated>),
    Moved(Received<Moved>),
}

async fn events_of_several_types_come_as_one_type(bus: Bus) -> Outcome {
    let mut changes = bus.subscribe_any().on(Change::Activated).on(Change::Moved).open().await?;

    bus.publish(&Moved { key: "k".to_owned(), number: 7 }).await?;
    bus.publish(&Updated { rule_id: "r1".to_owned(), revision: 1 }).await?;
    bus.publish(&activated("r1")).await?;

    assert!(matches!(come(&mut changes).await??, Change::Moved(event) if event.number == 7));
    assert!(matches!(come(&mut changes).await??, Change::Activated(event) if event.rule_id == "r1"));
    Ok(())
}

async fn what_is_no_event_is_told_and_what_follows_comes(bus: Bus) -> Outcome {
    let mut events = bus.subscribe::<Activated>().await?;

    bus.publish(&Careless { anything: "x".to_owned() }).await?;
    bus.publish(&activated("r1")).await?;

    match come(&mut events).await? {
        Err(LiveError::Undecodable { subject, reason, raw }) => {
            assert_eq!(subject, "rules.domain.rule.activated");
            assert!(reason.contains("rule_id") && raw.starts_with(b"{"), "{reason}");
        }
        other => return Err(format!("{other:?}").into()),
    }
    assert_eq!(come(&mut events).await??.rule_id, "r1");
    Ok(())
}

async fn what_a_slow_reader_misses_is_counted(bus: Bus) -> Outcome {
    let mut events = bus.subscribe_any().on(|event: Received<Activated>| event).room(2).open().await?;

    for number in 0..10 {
        bus.publish(&activated(number)).await?;
    }

    until(|| events.missed() == 8).await?;
    assert_eq!([come(&mut events).await??.rule_id.clone(), come(&mut events).await??.rule_id.clone()], ["0", "1"]);
    Ok(())
}

async fn an_older_event_is_upcast(bus: Bus) -> Outcome {
    let mut events = bus.subscribe::<Updated>().await?;

    bus.publish(&Revised { rule_id: "r1".to_owned() }).await?;
    bus.publish(&Updated { rule_id: "r1".to_owned(), revision: 2 }).await?;

    let newer = come(&mut events).await?;
    assert!(matches!(&newer, Err(LiveError::Undecodable { reason, .. }) if reason.contains('3')), "{newer:?}");
    assert_eq!(come(&mut events).await??.revision, 2);
    Ok(())
}

async fn a_subscriber_of_nothing_is_an_error(bus: Bus) -> Outcome {
    let opened = bus.subscribe_any::<()>().open().await;

    assert!(matches!(opened, Err(SubscribeError::NoTypes)), "{opened:?}");
    Ok(())
}

#[tokio::test]
async fn whoever_may_not_listen_learns_it() -> Outcome {
    let server = NatsServer::builder()
        .config(r#"authorization { users = [ { user: u, password: p, permissions: { publish: ">", subscribe: "_INBOX.>" } } ] }"#)
        .start()
        .await?;
    let config = eventsmith::Config { user: Some("u".to_owned()), password: Some("p".into()), ..config(server.url()) };
    let operator = Bus::connect(config.clone()).await?;
    operator.provision(&[STREAM, DEAD_LETTERS]).await?;
    let bus = Bus::connect(config).await?;
    let mut events = bus.subscribe::<Activated>().await?;

    match come(&mut events).await? {
        Err(LiveError::Denied(denied)) => assert_eq!(denied.subject, "rules.domain.rule.activated"),
        other => return Err(format!("{other:?}").into()),
    }
    assert!(timeout(PATIENCE, events.next()).await?.is_none());
    // Nobody else is concerned.
    bus.publish(&activated("r1")).await?;
    let (consumer, mut told) = run_and_tell(&bus);
    assert_eq!(next(&mut told).await?, "r1");
    bus.publish(&activated("r2")).await?;
    assert_eq!(next(&mut told).await?, "r2");
    consumer.stop().await?;
    Ok(())
}

#[tokio::test]
async fn live_events_come_again_after_the_connection_was_lost() -> Outcome {
    let (mut server, bus) = server().await?;
    let mut events = bus.subscribe::<Activated>().await?;
    bus.publish(&activated("before")).await?;
    assert_eq!(come(&mut events).await??.rule_id, "before");

    server.restart().await?;

    let more = async {
        loop {
            bus.publish(&activated("after")).await?;
            if let Ok(Some(event)) = timeout(Duration::from_millis(500), events.next()).await {
                return Outcome::Ok(event?);
            }
        }
    };
    assert_eq!(timeout(PATIENCE, more).await??.rule_id, "after");
    Ok(())
}

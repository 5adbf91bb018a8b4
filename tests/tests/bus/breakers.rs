//! Circuit breakers, whatever the transport: every test runs over both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use eventsmith::admin::{BusAdmin, DeadLetterFilter, ReplayTo};
use eventsmith::config::{BreakerConfig, ConsumerConfig, HandlerConfig, Order, RetryPolicy};
use eventsmith::monitor::BreakerState;
use eventsmith::{Bus, HandlerError, Received};
use tokio::sync::mpsc;

use crate::common::*;

over_both_transports! {
    an_open_breaker_keeps_events_away_and_delivery_counts_flat
    so_it_does_where_keys_are_ordered
    handlers_that_share_a_dependency_share_its_breaker
    what_waits_for_its_key_is_kept_while_the_breaker_is_open
    a_breaker_that_opened_before_anything_new_came_lets_its_probe_through
    a_probe_that_was_meant_for_somebody_else_makes_room_for_another
}

async fn an_open_breaker_keeps_events_away_and_delivery_counts_flat(bus: Bus) -> Outcome {
    keep_events_away(bus, Order::None).await
}

async fn so_it_does_where_keys_are_ordered(bus: Bus) -> Outcome {
    keep_events_away(bus, Order::Key).await
}

/// One failure opens the breaker. What is published while it is open is not delivered at all, so that its first delivery
/// after the breaker has closed is attempt 1.
async fn keep_events_away(bus: Bus, order: Order) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let breaker =
        BreakerConfig { consecutive_failures: 1, open_for: Duration::from_secs(4), ..BreakerConfig::default() };
    let config = ConsumerConfig { breaker: Some(breaker), order, handlers: unordered("rule.activated"), ..quick() };
    let consumer = bus.consumer("promotions").config(config).on(move |event: Received<Activated>| {
        let (tell, down) = (tell.clone(), Arc::clone(&down));
        async move {
            tell.send((event.rule_id.clone(), event.attempt()))?;
            if down.load(Ordering::SeqCst) { Err(HandlerError::retry("down")) } else { Ok(()) }
        }
    });
    let monitor = consumer.monitor();
    let breaker_state = || monitor.breakers().next().map(|(_, state)| state);
    let consumer = Running::start(consumer);
    bus.publish(&activated("first")).await?;
    assert_eq!(next(&mut told).await?, ("first".to_owned(), 1));
    until(|| breaker_state() == Some(BreakerState::Open)).await?;

    assert_eq!(lag_and_waiting(&bus, (0, 0)).await?, (0, 0));
    for number in 0..20 {
        bus.publish(&activated(number)).await?;
    }
    assert_eq!((lag_and_waiting(&bus, (20, 0)).await?, breaker_state()), ((20, 0), Some(BreakerState::Open)));
    is_down.store(false, Ordering::SeqCst);
    let mut heard = Vec::new();
    for _ in 0..21 {
        heard.push(next(&mut told).await?);
    }

    for (rule_id, attempt) in heard {
        assert_eq!(attempt, if rule_id == "first" { 2 } else { 1 }, "{rule_id}");
    }
    assert_eq!(breaker_state(), Some(BreakerState::Closed));
    assert_eq!(consumer.stop().await?.handled, 21);
    Ok(())
}

/// The breaker is open for longer than a server keeps the pin of a reader that asks for nothing.
async fn what_waits_for_its_key_is_kept_while_the_breaker_is_open(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let breaker =
        BreakerConfig { consecutive_failures: 1, open_for: Duration::from_secs(8), ..BreakerConfig::default() };
    let config = ConsumerConfig { breaker: Some(breaker), order: Order::Key, ..quick() };
    for number in 0..6 {
        bus.publish(&Moved { key: "k".to_owned(), number }).await?;
    }
    let consumer = bus.consumer("promotions").config(config).on(move |event: Received<Moved>| {
        let (tell, down) = (tell.clone(), Arc::clone(&down));
        async move {
            // Time for the others to come.
            tokio::time::sleep(Duration::from_secs(1)).await;
            tell.send(event.number)?;
            if down.load(Ordering::SeqCst) { Err(HandlerError::retry("down")) } else { Ok(()) }
        }
    });
    let consumer = Running::start(consumer);

    assert_eq!([next(&mut told).await?, next(&mut told).await?], [0, 0], "it is the probe");
    is_down.store(false, Ordering::SeqCst);
    for number in 0..6 {
        assert_eq!(next(&mut told).await?, number);
    }
    let summary = consumer.stop().await?;

    assert_eq!((summary.handled, summary.released), (6, 0));
    Ok(())
}

/// How many events are not delivered yet, and how many requests for events wait at the server, which may take a moment to
/// be as expected.
async fn lag_and_waiting(bus: &Bus, expected: (u64, u64)) -> Outcome<(u64, u64)> {
    let patience = std::time::Instant::now() + Duration::from_secs(2);
    loop {
        let status = bus.status(None).await?;
        let consumer = status.streams.iter().flat_map(|stream| &stream.consumers).find(|it| it.name == "promotions");
        let found = consumer.map(|consumer| (consumer.lag, consumer.waiting)).ok_or("no consumer")?;
        if found == expected || std::time::Instant::now() > patience {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn handlers_that_share_a_dependency_share_its_breaker(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let tell_updated = tell.clone();
    let breaker =
        BreakerConfig { consecutive_failures: 1, open_for: Duration::from_secs(600), ..BreakerConfig::default() };
    let guarded = HandlerConfig { breaker: Some("gateway".to_owned()), ..HandlerConfig::default() };
    let config = ConsumerConfig {
        breakers: BTreeMap::from([("gateway".to_owned(), breaker)]),
        handlers: ["rule.activated", "rule.updated"].map(|name| (name.to_owned(), guarded.clone())).into(),
        concurrency: 1,
        ..quick()
    };
    // Both are there before the consumer, so that they are fetched together.
    bus.publish(&activated("r1")).await?;
    bus.publish(&Updated { rule_id: "r2".to_owned(), revision: 1 }).await?;
    let consumer = bus
        .consumer("promotions")
        .config(config)
        .on(move |_: Received<Activated>| {
            let tell = tell.clone();
            async move {
                tell.send("activated")?;
                Err(HandlerError::retry("down"))
            }
        })
        .on(move |_: Received<Updated>| {
            let tell = tell_updated.clone();
            async move { Ok(tell.send("updated")?) }
        });
    let monitor = consumer.monitor();
    let consumer = Running::start(consumer);
    assert_eq!(next(&mut told).await?, "activated");
    until(|| monitor.breakers().eq([("gateway", BreakerState::Open)])).await?;

    let summary = consumer.stop().await?;

    assert_eq!((summary.handled, summary.failed), (0, 1));
    assert!(told.try_recv().is_err(), "the other handler ran although its dependency is down");
    Ok(())
}

async fn a_breaker_that_opened_before_anything_new_came_lets_its_probe_through(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let breaker =
        BreakerConfig { consecutive_failures: 1, open_for: Duration::from_millis(50), ..BreakerConfig::default() };
    let instance = |breaker: Option<BreakerConfig>, retry: RetryPolicy| {
        let tell = tell.clone();
        let config = ConsumerConfig { breaker, retry, ..ConsumerConfig::default() };
        Running::start(bus.consumer("promotions").config(config).on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move {
                tell.send(event.attempt())?;
                if event.attempt() < 4 { Err(HandlerError::retry("down")) } else { Ok(()) }
            }
        }))
    };
    bus.publish(&activated("r1")).await?;
    let first = instance(None, QUICK);
    assert_eq!((next(&mut told).await?, next(&mut told).await?), (1, 2));
    first.stop().await?;

    // All that this one ever gets has been delivered several times, and comes again long after the breaker is due.
    let late = RetryPolicy { first_delay: Duration::from_millis(400), max_delay: Duration::from_millis(400), ..QUICK };
    let second = instance(Some(breaker), late);

    // A third delivery was on its way to the first instance, perhaps.
    while next(&mut told).await? < 4 {}
    assert_eq!(second.stop().await?.handled, 1);
    Ok(())
}

async fn a_probe_that_was_meant_for_somebody_else_makes_room_for_another(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let breaker =
        BreakerConfig { consecutive_failures: 1, open_for: Duration::from_millis(50), ..BreakerConfig::default() };
    let far = RetryPolicy { first_delay: Duration::from_secs(600), max_delay: Duration::from_secs(600), ..QUICK };
    let config = ConsumerConfig { breaker: Some(breaker), retry: far, ..ConsumerConfig::default() };
    let guarded = bus.consumer("promotions").config(config).on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move {
            tell.send(event.rule_id.clone())?;
            if event.rule_id == "fails" { Err(HandlerError::retry("down")) } else { Ok(()) }
        }
    });
    let monitor = guarded.monitor();
    let loyalty = bus.consumer("loyalty").on(|event: Received<Activated>| async move {
        if event.rule_id == "bad" && event.replay_of().is_none() { Err(HandlerError::reject("bad")) } else { Ok(()) }
    });
    let loyal = loyalty.monitor();
    let (guarded, loyalty) = (Running::start(guarded), run(loyalty));
    bus.publish(&activated("bad")).await?;
    assert_eq!(next(&mut told).await?, "bad");
    until(|| loyal.summary().dead_lettered == 1).await?;

    bus.publish(&activated("fails")).await?;
    assert_eq!(next(&mut told).await?, "fails");
    until(|| monitor.breakers().any(|(_, state)| state != BreakerState::Closed)).await?;
    // What comes next to both is for one of them only: it takes the place of the probe and says nothing.
    bus.dead_letters("rules").await?.replay_all(&DeadLetterFilter::default(), ReplayTo::Consumer).await?;
    bus.publish(&activated("last")).await?;

    assert_eq!(next(&mut told).await?, "last");
    assert_eq!(guarded.stop().await?.handled, 2);
    loyalty.stop().await?;
    Ok(())
}

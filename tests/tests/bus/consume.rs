//! What consumers promise beyond the first delivery, whatever the transport: every test runs over both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventsmith::catalogue::DeliverFrom;
use eventsmith::config::{BreakerConfig, ConsumerConfig, HandlerConfig, Order, RetryPolicy};
use eventsmith::{Bus, ConsumeError, HandlerError, Received};
use tokio::sync::{Notify, mpsc};

use crate::common::*;

over_both_transports! {
    a_handler_that_takes_too_long_is_cut_off_and_tried_again
    each_handler_has_its_own_policy
    a_configuration_that_contradicts_itself_is_refused
    events_of_one_key_keep_their_order_though_one_of_them_fails
    events_without_a_key_are_not_ordered_by_key_in_silence
    one_instance_at_a_time_is_served_where_keys_are_ordered
    a_handler_that_outlives_the_shutdown_is_cut_off_and_its_event_redelivered
    a_new_consumer_begins_where_it_is_asked_to
    an_event_that_was_released_is_redelivered_to_a_replacement_at_once
    a_restart_keeps_the_schedule_of_retries
    what_a_consumer_that_vanished_had_in_hand_comes_again
}

async fn a_handler_that_takes_too_long_is_cut_off_and_tried_again(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    bus.publish(&activated("r1")).await?;

    let config = ConsumerConfig { timeout: Duration::from_millis(50), ..quick() };
    let consumer = run(bus.consumer("promotions").config(config).on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move {
            if event.attempt() == 1 {
                std::future::pending::<()>().await;
            }
            Ok(tell.send(event.attempt())?)
        }
    }));

    assert_eq!(next(&mut told).await?, 2);
    let summary = consumer.stop().await?;
    assert_eq!((summary.handled, summary.failed), (1, 1));
    Ok(())
}

async fn each_handler_has_its_own_policy(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let tell_updated = tell.clone();
    bus.publish(&activated("r1")).await?;
    bus.publish(&Updated { rule_id: "r2".to_owned(), revision: 1 }).await?;

    let once = HandlerConfig { retry: Some(RetryPolicy { max_attempts: 1, ..QUICK }), ..HandlerConfig::default() };
    let config = ConsumerConfig { handlers: BTreeMap::from([("rule.updated".to_owned(), once)]), ..quick() };
    let consumer = bus
        .consumer("promotions")
        .config(config)
        .on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move {
                tell.send(("activated", event.attempt()))?;
                if event.attempt() < 3 { Err(HandlerError::retry("not yet")) } else { Ok(()) }
            }
        })
        .on(move |event: Received<Updated>| {
            let tell = tell_updated.clone();
            async move {
                tell.send(("updated", event.attempt()))?;
                Err(HandlerError::retry("never"))
            }
        });
    let consumer = Running::start(consumer);

    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(next(&mut told).await?);
    }
    heard.sort_unstable();
    assert_eq!(heard, [("activated", 1), ("activated", 2), ("activated", 3), ("updated", 1)]);
    let summary = consumer.stop().await?;
    assert_eq!((summary.handled, summary.failed, summary.dead_lettered), (1, 2, 1));
    Ok(())
}

async fn a_configuration_that_contradicts_itself_is_refused(bus: Bus) -> Outcome {
    let refusal = async |config: ConsumerConfig| {
        let consumer = bus.consumer("promotions").config(config).on(|_: Received<Activated>| async { Ok(()) });
        let error = consumer.run(std::future::pending::<()>()).await.unwrap_err();
        let ConsumeError::Config { setting, .. } = error else { return error.to_string() };
        setting
    };
    let handlers = |name: &str, breaker: Option<&str>| {
        let handler = HandlerConfig { breaker: breaker.map(ToOwned::to_owned), ..HandlerConfig::default() };
        BTreeMap::from([(name.to_owned(), handler)])
    };

    let unknown = refusal(ConsumerConfig { handlers: handlers("rule.activatd", None), ..quick() }).await;
    let missing = refusal(ConsumerConfig { handlers: handlers("rule.activated", Some("db")), ..quick() }).await;
    let attempts = refusal(ConsumerConfig { max_deliver: 5, ..quick() }).await;

    for (senseless, setting) in [
        (ConsumerConfig { concurrency: 0, ..quick() }, "concurrency"),
        (ConsumerConfig { max_ack_pending: 0, ..quick() }, "max_ack_pending"),
        (ConsumerConfig { timeout: Duration::ZERO, ..quick() }, "timeout"),
        (ConsumerConfig { ack_wait: Duration::ZERO, ..quick() }, "ack_wait"),
        (
            ConsumerConfig { breaker: Some(BreakerConfig { window: 0, ..BreakerConfig::default() }), ..quick() },
            "breaker.window",
        ),
    ] {
        assert_eq!(refusal(senseless).await, setting);
    }
    assert_eq!(unknown, "handlers.rule.activatd");
    assert_eq!(missing, "handlers.rule.activated.breaker");
    assert!(attempts.contains("max_attempts"), "{attempts}");
    Ok(())
}

async fn events_of_one_key_keep_their_order_though_one_of_them_fails(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let config = ConsumerConfig { order: Order::Key, concurrency: 64, ..quick() };
    for number in 0..200 {
        bus.publish(&Moved { key: format!("k{}", number % 5), number }).await?;
    }

    let consumer = Running::start(bus.consumer("promotions").config(config).on(move |event: Received<Moved>| {
        let tell = tell.clone();
        async move {
            // One in seven fails twice, and all take a moment, so that others could pass.
            if event.number.is_multiple_of(7) && event.attempt() < 3 {
                Err("not yet")?;
            }
            tokio::task::yield_now().await;
            Ok(tell.send((event.key.clone(), event.number))?)
        }
    }));
    let mut by_key = BTreeMap::<String, Vec<u32>>::new();
    for _ in 0..200 {
        let (key, number) = next(&mut told).await?;
        by_key.entry(key).or_default().push(number);
    }

    for (key, numbers) in by_key {
        assert!(numbers.is_sorted(), "{key}: {numbers:?}");
    }
    assert_eq!(consumer.stop().await?.handled, 200);
    Ok(())
}

async fn events_without_a_key_are_not_ordered_by_key_in_silence(bus: Bus) -> Outcome {
    let never = std::future::pending::<()>;
    let consumer = |config: ConsumerConfig| {
        bus.consumer("promotions")
            .config(config)
            .on(|_: Received<Moved>| async { Ok(()) })
            .on(|_: Received<Activated>| async { Ok(()) })
    };
    let of_key = HandlerConfig { order: Some(Order::Key), ..HandlerConfig::default() };
    let of_key = BTreeMap::from([("rule.moved".to_owned(), of_key)]);

    let refused = consumer(ConsumerConfig { order: Order::Key, ..quick() }).run(never()).await.unwrap_err();
    let alone = consumer(ConsumerConfig { handlers: of_key, ..quick() }).run(never()).await.unwrap_err();
    let aside = ConsumerConfig { order: Order::Key, handlers: unordered("rule.activated"), ..quick() };
    let aside = consumer(aside);
    let monitor = aside.monitor();
    let running = Running::start(aside);
    bus.publish(&activated("r1")).await?;
    until(|| monitor.summary().handled == 1).await?;
    running.stop().await?;

    assert!(matches!(refused, ConsumeError::NoKey { event_type: "rule.activated", .. }), "{refused}");
    let text = refused.to_string();
    assert!(text.contains("its schema domain/rule/activated.v1.json names no key; name one there"), "{text}");
    assert!(text.ends_with("or set order = \"none\" in handlers.\"rule.activated\""), "{text}");
    assert!(alone.to_string().starts_with("the setting handlers.rule.moved.order of the consumer is wrong"), "{alone}");
    Ok(())
}

async fn one_instance_at_a_time_is_served_where_keys_are_ordered(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let instance = |name: &'static str| {
        let tell = tell.clone();
        let config = ConsumerConfig { order: Order::Key, ..quick() };
        Running::start(bus.consumer("promotions").config(config).on(move |event: Received<Moved>| {
            let tell = tell.clone();
            async move { Ok(tell.send((name, event.number))?) }
        }))
    };

    let first = instance("first");
    bus.publish(&Moved { key: "a".to_owned(), number: 0 }).await?;
    assert_eq!(next(&mut told).await?, ("first", 0));
    let second = instance("second");
    for number in 1..50 {
        bus.publish(&Moved { key: "a".to_owned(), number }).await?;
        assert_eq!(next(&mut told).await?, ("first", number));
    }
    first.stop().await?;
    bus.publish(&Moved { key: "a".to_owned(), number: 50 }).await?;

    assert_eq!(next(&mut told).await?, ("second", 50));
    assert_eq!(second.stop().await?.handled, 1);
    Ok(())
}

async fn a_handler_that_outlives_the_shutdown_is_cut_off_and_its_event_redelivered(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let begun = Arc::new(Notify::new());
    let signal = Arc::clone(&begun);
    bus.publish(&activated("r1")).await?;
    let config = ConsumerConfig { shutdown_timeout: Duration::from_millis(50), ..quick() };
    let first = Running::start(bus.consumer("promotions").config(config).on(move |_: Received<Activated>| {
        signal.notify_one();
        async {
            std::future::pending::<()>().await;
            Ok(())
        }
    }));
    tokio::time::timeout(Duration::from_secs(30), begun.notified()).await?;

    let summary = first.stop().await?;
    let second = run(bus.consumer("promotions").on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move { Ok(tell.send(event.attempt())?) }
    }));

    assert_eq!((summary.handled, summary.cut_off), (0, 1));
    // Long before ack_wait, which is 15 s.
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), next(&mut told)).await??, 2);
    second.stop().await?;
    Ok(())
}

async fn a_new_consumer_begins_where_it_is_asked_to(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let consumer = |name: &'static str, deliver: DeliverFrom| {
        let tell = tell.clone();
        let config = ConsumerConfig { deliver, ..quick() };
        let consumer = bus.consumer(name).config(config).on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move { Ok(tell.send((name, event.rule_id.clone()))?) }
        });
        Running::start(consumer)
    };
    for number in 1..=3 {
        bus.publish(&activated(number)).await?;
    }
    let between = eventsmith::Timestamp::now();
    bus.publish(&activated(4)).await?;

    for (name, deliver, expected) in [
        ("all", DeliverFrom::All, &["1", "2", "3", "4"][..]),
        ("third", DeliverFrom::Sequence(3), &["3", "4"]),
        ("time", DeliverFrom::Time(between), &["4"]),
    ] {
        let running = consumer(name, deliver);
        for rule_id in expected {
            assert_eq!(next(&mut told).await?, (name, (*rule_id).to_owned()));
        }
        running.stop().await?;
    }
    let new = consumer("new", DeliverFrom::New);
    // It exists once it has handled something, or once its status can be asked; here the first is awaited.
    let mut number = 5;
    let heard = loop {
        bus.publish(&activated(number)).await?;
        number += 1;
        if let Ok(heard) = tokio::time::timeout(Duration::from_millis(100), told.recv()).await {
            break heard.ok_or("the handler is gone")?;
        }
    };

    assert_eq!(heard.0, "new");
    assert!(heard.1.parse::<u32>()? >= 5, "{heard:?}");
    new.stop().await?;
    Ok(())
}

async fn an_event_that_was_released_is_redelivered_to_a_replacement_at_once(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let handled = Arc::new(AtomicUsize::new(0));
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    bus.publish_all(&(0..100).map(activated).collect::<Vec<_>>()).await?;
    let (has_begun, may_end, count) = (Arc::clone(&begun), Arc::clone(&go_on), Arc::clone(&handled));
    let first = run(bus.consumer("promotions").concurrency(1).on(move |_: Received<Activated>| {
        let (begun, go_on, count) = (Arc::clone(&has_begun), Arc::clone(&may_end), Arc::clone(&count));
        async move {
            begun.notify_one();
            go_on.notified().await;
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }));
    tokio::time::timeout(Duration::from_secs(30), begun.notified()).await?;
    let stopping = first.begin_stop();
    go_on.notify_one();
    stopping.await??;

    let stopped = std::time::Instant::now();
    let second = run(bus.consumer("promotions").on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move { Ok(tell.send(event.rule_id.clone())?) }
    }));
    for _ in 1..100 {
        next(&mut told).await?;
    }

    // `ack_wait` is 15 s: whatever had not been handed back would come after that.
    assert!(stopped.elapsed() < Duration::from_secs(10), "{:?}", stopped.elapsed());
    assert_eq!(handled.load(Ordering::SeqCst), 1);
    assert_eq!(second.stop().await?.handled, 99);
    Ok(())
}

async fn a_restart_keeps_the_schedule_of_retries(bus: Bus) -> Outcome {
    const DELAY: Duration = Duration::from_millis(1_500);

    let (tell, mut told) = mpsc::unbounded_channel();
    let consumer = || {
        let tell = tell.clone();
        run(bus.consumer("promotions").on(move |event: Received<Activated>| {
            let tell = tell.clone();
            async move {
                tell.send((event.attempt(), std::time::Instant::now()))?;
                if event.attempt() == 1 { Err(HandlerError::retry_after(DELAY, "busy")) } else { Ok(()) }
            }
        }))
    };
    bus.publish(&activated("r1")).await?;

    let first = consumer();
    let (_, failed) = next(&mut told).await?;
    first.stop().await?;
    let second = consumer();
    let (attempt, again) = next(&mut told).await?;

    assert_eq!(attempt, 2);
    assert!(again.duration_since(failed) >= DELAY, "{:?}", again.duration_since(failed));
    second.stop().await?;
    Ok(())
}

async fn what_a_consumer_that_vanished_had_in_hand_comes_again(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let config = || ConsumerConfig { ack_wait: Duration::from_millis(200), ..quick() };
    let begun = Arc::new(Notify::new());
    let signal = Arc::clone(&begun);
    bus.publish(&activated("r1")).await?;
    let hangs = bus.consumer("promotions").config(config()).on(move |_: Received<Activated>| {
        signal.notify_one();
        async {
            std::future::pending::<()>().await;
            Ok(())
        }
    });
    let vanishes = tokio::spawn(hangs.run(std::future::pending::<()>()));
    tokio::time::timeout(Duration::from_secs(30), begun.notified()).await?;

    vanishes.abort();
    let second = Running::start(bus.consumer("promotions").config(config()).on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move { Ok(tell.send(event.attempt())?) }
    }));

    assert_eq!(next(&mut told).await?, 2);
    assert_eq!(second.stop().await?.handled, 1);
    Ok(())
}

//! Commands and queries: what asking and answering promise, whatever the transport, and what only a server shows.

#![expect(clippy::panic, reason = "a test fails by panicking")]

mod cluster;
mod common;
mod described;
mod idempotent;
mod isolation;
mod misled;
mod network;
mod once;
mod others;
mod over_server;
mod overload;
mod stops;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventsmith::config::{BreakerConfig, EndpointConfig, ServiceConfig};
use eventsmith::{Bus, Received, Refusal, RequestError, RequestOptions, ServiceError};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tower::ServiceBuilder;

use crate::common::*;
use common::*;

over_both_transports! {
    a_request_comes_to_its_handler_in_its_envelope_and_the_reply_comes_back
    a_refusal_comes_back_typed
    a_failure_comes_back_with_its_text
    a_panic_is_a_failure_and_the_service_goes_on
    an_invalid_request_is_not_sent
    an_invalid_reply_is_a_failure_of_the_service
    a_request_that_nobody_answers_says_so
    no_reply_in_time_says_that_it_may_be_done
    a_handler_is_dropped_when_nobody_waits_any_more
    what_nobody_waits_for_is_not_begun
    more_requests_than_there_is_room_for_are_answered_at_once
    a_request_for_which_there_is_no_room_is_sent_again
    an_older_request_is_upcast
    each_request_goes_to_one_of_two_instances
    a_stop_answers_what_was_taken_on
    a_stop_that_takes_too_long_cuts_handlers_off
    handlers_ask_on_with_what_time_is_left
    a_service_can_be_wrapped_in_layers_of_tower
    an_open_breaker_answers_for_the_handler
    a_service_that_makes_no_sense_says_why
    no_time_is_too_long
    a_service_and_those_who_ask_end_with_the_bus
}

async fn a_request_comes_to_its_handler_in_its_envelope_and_the_reply_comes_back(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let service = serve(bus.service("rules").answer(move |request: Received<Get>| {
        let tell = tell.clone();
        async move {
            let reply = found(&request.rule_id);
            tell.send(request)?;
            Ok(reply)
        }
    }));
    let options = RequestOptions { correlation_id: Some("order-1".to_owned()), ..RequestOptions::default() };

    let reply = bus.request_with(&get("r1"), options).await?;

    assert_eq!(reply, found("r1"));
    let request = next(&mut told).await?;
    assert_eq!(request.subject(), "rules.query.rule.get");
    let envelope = request.envelope();
    assert_eq!((envelope.event_type.as_str(), envelope.version), ("rule.get", 2));
    assert_eq!(envelope.correlation_id.as_deref(), Some("order-1"));
    assert!(request.time_left() <= Duration::from_secs(5));
    let summary = service.stop().await?;
    assert_eq!((summary.replied, summary.failed), (1, 0));
    Ok(())
}

async fn a_refusal_comes_back_typed(bus: Bus) -> Outcome {
    let service = serve(bus.service("rules").answer(async |_: Received<Get>| Err(Refusal::new(unknown("r9")))));

    match bus.request(&get("r9")).await {
        Err(RequestError::Refused(refusal)) => assert_eq!(refusal, unknown("r9")),
        other => panic!("{other:?}"),
    }
    assert_eq!(service.stop().await?.refused, 1);
    Ok(())
}

async fn a_failure_comes_back_with_its_text(bus: Bus) -> Outcome {
    let service = serve(
        bus.service("rules")
            .answer(async |_: Received<Get>| Err("the database\r\nNats-Service-Error-Code: 200\r\nis down".into())),
    );

    let error = bus.request(&get("r1")).await.unwrap_err();

    assert!(error.may_be_done());
    match error {
        RequestError::Failed { code: 500, message, .. } => {
            assert!(message.starts_with("the database") && message.ends_with("is down"), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(service.stop().await?.failed, 1);
    Ok(())
}

async fn a_panic_is_a_failure_and_the_service_goes_on(bus: Bus) -> Outcome {
    let service = serve(bus.service("rules").answer(async |request: Received<Get>| {
        assert!(request.rule_id != "bad", "no such luck");
        Ok(found(&request.rule_id))
    }));

    match bus.request(&get("bad")).await {
        Err(RequestError::Failed { code: 500, message, .. }) => assert!(message.contains("no such luck"), "{message}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(bus.request(&get("good")).await?, found("good"));
    assert_eq!(service.stop().await?.replied, 1);
    Ok(())
}

async fn an_invalid_request_is_not_sent(bus: Bus) -> Outcome {
    let service = serve(bus.service("rules").answer(async |request: Received<Get>| Ok(found(&request.rule_id))));

    let error = bus.request(&get("")).await.unwrap_err();

    assert!(matches!(error, RequestError::Invalid(_)) && !error.may_be_done(), "{error:?}");
    assert_eq!(service.stop().await?, Default::default());
    Ok(())
}

async fn an_invalid_reply_is_a_failure_of_the_service(bus: Bus) -> Outcome {
    let service = serve(bus.service("rules").answer(async |_: Received<Get>| Ok(found(""))));

    match bus.request(&get("r1")).await {
        Err(RequestError::Failed { code: 500, message, .. }) => assert!(message.contains("is invalid"), "{message}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(service.stop().await?.failed, 1);
    Ok(())
}

async fn a_request_that_nobody_answers_says_so(bus: Bus) -> Outcome {
    let begun = Instant::now();

    let error = bus.request(&get("r1")).await.unwrap_err();

    assert!(matches!(&error, RequestError::NoResponders { subject } if subject == "rules.query.rule.get"), "{error:?}");
    assert!(!error.may_be_done() && begun.elapsed() < Duration::from_secs(4));
    Ok(())
}

async fn no_reply_in_time_says_that_it_may_be_done(bus: Bus) -> Outcome {
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&begun);
    let service = serve(bus.service("rules").answer(move |_: Received<Activate>| {
        counted.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<Result<NoReply, Refusal<NoRefusal>>>()
    }));

    let error = bus.request_with(&Activate {}, within(Duration::from_millis(300))).await.unwrap_err();

    assert!(matches!(error, RequestError::TimedOut { .. }) && error.may_be_done(), "{error:?}");
    assert_eq!(begun.load(Ordering::SeqCst), 1, "a command is not sent again where it may be under way");
    until(|| service.monitor.summary().expired == 1).await?;
    service.stop().await?;
    Ok(())
}

async fn a_handler_is_dropped_when_nobody_waits_any_more(bus: Bus) -> Outcome {
    struct Told(mpsc::UnboundedSender<()>);
    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (tell, mut told) = mpsc::unbounded_channel();
    let service = serve(bus.service("rules").answer(move |_: Received<Activate>| {
        let dropped = Told(tell.clone());
        async move {
            std::future::pending::<()>().await;
            drop(dropped);
            Ok(NoReply)
        }
    }));

    let asked = bus.request_with(&Activate {}, within(Duration::from_millis(200))).await;

    assert!(matches!(asked, Err(RequestError::TimedOut { .. })), "{asked:?}");
    next(&mut told).await?;
    service.stop().await?;
    Ok(())
}

async fn what_nobody_waits_for_is_not_begun(bus: Bus) -> Outcome {
    let (begun, release) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counted, released) = (Arc::clone(&begun), Arc::clone(&release));
    let config = ServiceConfig { concurrency: 1, ..ServiceConfig::default() };
    let service = serve(bus.service("rules").config(config).answer(move |_: Received<Activate>| {
        counted.fetch_add(1, Ordering::SeqCst);
        let released = Arc::clone(&released);
        async move {
            released.notified().await;
            Ok(NoReply)
        }
    }));
    let first = tokio::spawn(ask(bus.clone(), within(Duration::from_secs(20))));
    until(|| begun.load(Ordering::SeqCst) == 1).await?;

    let second = bus.request_with(&Activate {}, within(Duration::from_millis(100))).await;
    assert!(matches!(second, Err(RequestError::TimedOut { .. })), "{second:?}");
    // There its time began when it came, which nothing shows here.
    tokio::time::sleep(Duration::from_secs(1)).await;
    release.notify_one();
    first.await??;

    until(|| service.monitor.summary().expired == 1).await?;
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    service.stop().await?;
    Ok(())
}

/// A service whose handlers wait until they are released, with room for one that runs and one that waits.
fn narrow(bus: &Bus, release: &Arc<Notify>) -> Serving {
    let released = Arc::clone(release);
    let config = ServiceConfig { concurrency: 1, max_queued: 1, ..ServiceConfig::default() };
    serve(bus.service("rules").config(config).answer(move |_: Received<Activate>| {
        let released = Arc::clone(&released);
        async move {
            released.notified().await;
            Ok(NoReply)
        }
    }))
}

async fn more_requests_than_there_is_room_for_are_answered_at_once(bus: Bus) -> Outcome {
    let release = Arc::new(Notify::new());
    let service = narrow(&bus, &release);
    let waiting: Vec<_> = (0..2).map(|_| tokio::spawn(ask(bus.clone(), within(Duration::from_secs(20))))).collect();
    // Whichever comes third is turned away, and again and again until its time is over.
    let refused = tokio::spawn(ask(bus.clone(), within(Duration::from_millis(900))));
    until(|| service.monitor.summary().busy > 0).await?;

    match refused.await? {
        Err(error @ RequestError::Failed { code: 429, retry_after: Some(_), .. }) => assert!(!error.may_be_done()),
        // It came before one of the others.
        Err(RequestError::TimedOut { .. }) => {}
        other => panic!("{other:?}"),
    }
    release.notify_one();
    release.notify_one();
    for asked in waiting {
        release.notify_one();
        asked.await??;
    }
    service.stop().await?;
    Ok(())
}

async fn a_request_for_which_there_is_no_room_is_sent_again(bus: Bus) -> Outcome {
    let release = Arc::new(Notify::new());
    let service = narrow(&bus, &release);

    let asked: Vec<_> = (0..6).map(|_| tokio::spawn(ask(bus.clone(), within(Duration::from_secs(20))))).collect();
    until(|| service.monitor.summary().busy > 0).await?;
    let releasing = tokio::spawn(async move {
        loop {
            release.notify_one();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });

    for asked in asked {
        asked.await??;
    }
    releasing.abort();
    assert_eq!(service.stop().await?.replied, 6);
    Ok(())
}

async fn an_older_request_is_upcast(bus: Bus) -> Outcome {
    let service = serve(bus.service("rules").answer(async |request: Received<Get>| {
        assert_eq!(request.envelope().version, 1);
        Ok(found(&format!("{}/{}", request.rule_id, request.depth)))
    }));

    let reply = bus.request(&OldGet { rule_id: "r1".to_owned() }).await?;

    assert_eq!(reply, found("r1/1"));
    service.stop().await?;
    Ok(())
}

async fn each_request_goes_to_one_of_two_instances(bus: Bus) -> Outcome {
    let handler = async |request: Received<Get>| Ok(found(&request.rule_id));
    let instances = [(); 2].map(|()| serve(bus.service("rules").answer(handler)));
    for instance in &instances {
        instance.is_up(&bus).await?;
    }
    let before: u64 = instances.iter().map(|instance| instance.monitor.summary().replied).sum();

    for number in 0..40 {
        bus.request(&get(&number.to_string())).await?;
    }

    let mut replied = Vec::new();
    for instance in instances {
        replied.push(instance.stop().await?.replied);
    }
    assert_eq!(replied.iter().sum::<u64>() - before, 40);
    assert!(replied.iter().all(|replied| *replied > 0), "{replied:?}");
    Ok(())
}

async fn a_stop_answers_what_was_taken_on(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    let config = ServiceConfig { concurrency: 1, ..ServiceConfig::default() };
    let service = serve(bus.service("rules").config(config).answer(move |_: Received<Activate>| {
        let (tell, released) = (tell.clone(), Arc::clone(&released));
        async move {
            tell.send(())?;
            released.notified().await;
            Ok(NoReply)
        }
    }));
    let asked: Vec<_> = (0..5).map(|_| tokio::spawn(ask(bus.clone(), within(Duration::from_secs(20))))).collect();
    next(&mut told).await?;
    service.has_taken_on(5).await?;

    let stopping = tokio::spawn(service.stop_in_task());
    for _ in 0..5 {
        release.notify_one();
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    for asked in asked {
        asked.await??;
    }
    assert_eq!(stopping.await??.replied, 5);
    let after = bus.request(&Activate {}).await;
    assert!(matches!(after, Err(RequestError::NoResponders { .. })), "{after:?}");
    Ok(())
}

async fn a_stop_that_takes_too_long_cuts_handlers_off(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let config = ServiceConfig { shutdown_timeout: Duration::from_millis(100), ..ServiceConfig::default() };
    let service = serve(bus.service("rules").config(config).answer(move |_: Received<Activate>| {
        let told = tell.send(());
        async move {
            told?;
            std::future::pending::<()>().await;
            Ok(NoReply)
        }
    }));
    let asked = tokio::spawn(ask(bus.clone(), within(Duration::from_millis(1_500))));
    next(&mut told).await?;

    let summary = service.stop().await?;

    assert_eq!(summary.failed, 1);
    let asked = asked.await?;
    assert!(matches!(&asked, Err(RequestError::Failed { code: 500, .. })), "{asked:?}");
    assert!(asked.is_err_and(|error| error.may_be_done()));
    Ok(())
}

async fn handlers_ask_on_with_what_time_is_left(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let rules = serve(bus.service("rules").answer(move |request: Received<Get>| {
        let told = tell.send((request.time_left(), request.envelope().clone()));
        async move {
            told?;
            Ok(found("r1"))
        }
    }));
    let front = serve(bus.service("front").answer(async |request: Received<Activate>| {
        request.request(&get("r1")).await?;
        Ok(NoReply)
    }));

    bus.request_with(&Activate {}, within(Duration::from_secs(2))).await?;

    let (time_left, envelope) = next(&mut told).await?;
    assert!(time_left <= Duration::from_secs(2), "{time_left:?}");
    assert!(envelope.causation_id.is_some() && envelope.correlation_id == envelope.causation_id);
    front.stop().await?;
    rules.stop().await?;
    Ok(())
}

async fn a_service_can_be_wrapped_in_layers_of_tower(bus: Bus) -> Outcome {
    let handler = tower::service_fn(async |request: Received<Get>| Ok::<_, Refusal<Unknown>>(found(&request.rule_id)));
    let layered = ServiceBuilder::new()
        .map_request(|request: Received<Get>| request)
        .map_response(|reply: Found| Found { name: format!("<{}>", reply.name) })
        .service(handler);
    let service = serve(bus.service("rules").answer_service(layered));

    assert_eq!(bus.request(&get("r1")).await?, found("<r1>"));
    service.stop().await?;
    Ok(())
}

async fn an_open_breaker_answers_for_the_handler(bus: Bus) -> Outcome {
    let called = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&called);
    let breaker = BreakerConfig { consecutive_failures: 2, open_for: Duration::from_secs(60), ..Default::default() };
    let endpoint = EndpointConfig { breaker: Some(breaker), ..EndpointConfig::default() };
    let mut config = ServiceConfig::default();
    config.endpoints.insert("rule.activate".to_owned(), endpoint);
    let service = serve(bus.service("rules").config(config).answer(move |_: Received<Activate>| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Err("the database is down".into()) }
    }));

    for _ in 0..2 {
        let failed = bus.request(&Activate {}).await;
        assert!(matches!(failed, Err(RequestError::Failed { code: 500, .. })), "{failed:?}");
    }
    match bus.request_with(&Activate {}, within(Duration::from_millis(300))).await {
        Err(error @ RequestError::Failed { code: 503, retry_after: Some(_), .. }) => assert!(!error.may_be_done()),
        other => panic!("{other:?}"),
    }
    assert_eq!(called.load(Ordering::SeqCst), 2);
    service.stop().await?;
    Ok(())
}

async fn a_service_that_makes_no_sense_says_why(bus: Bus) -> Outcome {
    let handler = async |request: Received<Get>| Ok(found(&request.rule_id));
    let never = || std::future::pending::<()>();

    let nothing = bus.service("rules").run(never()).await;
    assert!(matches!(nothing, Err(ServiceError::NoHandlers)), "{nothing:?}");
    let twice = bus.service("rules").answer(handler).answer(handler).run(never()).await;
    assert!(matches!(twice, Err(ServiceError::TwoHandlers { request_type: "rule.get" })), "{twice:?}");
    let name = bus.service("the rules").answer(handler).run(never()).await;
    assert!(matches!(name, Err(ServiceError::InvalidName { .. })), "{name:?}");
    let mut config = ServiceConfig::default();
    config.endpoints.insert("rule.gte".to_owned(), EndpointConfig::default());
    match bus.service("rules").config(config).answer(handler).run(never()).await {
        Err(ServiceError::Config { setting, .. }) => assert_eq!(setting, "endpoints.rule.gte"),
        other => panic!("{other:?}"),
    }
    Ok(())
}

async fn no_time_is_too_long(bus: Bus) -> Outcome {
    let config = ServiceConfig { timeout: Duration::MAX, shutdown_timeout: Duration::MAX, ..ServiceConfig::default() };
    let handler = async |request: Received<Get>| {
        assert!(request.time_left() > Duration::from_secs(86_400));
        Ok(found(&request.rule_id))
    };
    let service = serve(bus.service("rules").config(config).answer(handler));

    assert_eq!(bus.request_with(&get("r1"), within(Duration::MAX)).await?, found("r1"));

    service.stop().await?;
    Ok(())
}

async fn a_service_and_those_who_ask_end_with_the_bus(bus: Bus) -> Outcome {
    let begun = Arc::new(Notify::new());
    let begins = Arc::clone(&begun);
    let service = bus.service("rules").answer(move |_: Received<Activate>| {
        let begins = Arc::clone(&begins);
        async move {
            begins.notify_one();
            std::future::pending().await
        }
    });
    let config = ServiceConfig { shutdown_timeout: Duration::from_millis(50), ..ServiceConfig::default() };
    let service = tokio::spawn(service.config(config).run(std::future::pending::<()>()));
    let asking = tokio::spawn(ask(bus.clone(), within(Duration::from_secs(60))));
    begun.notified().await;

    bus.shutdown().await?;

    let ended = tokio::time::timeout(Duration::from_secs(20), service).await??;
    assert!(matches!(ended, Err(ServiceError::Closed { .. })), "{ended:?}");
    let asked = tokio::time::timeout(Duration::from_secs(20), asking).await??;
    assert!(matches!(asked, Err(RequestError::ConnectionLost { .. })), "{asked:?}");
    let asked = ask(bus.clone(), within(Duration::from_secs(5))).await;
    assert!(matches!(asked, Err(RequestError::Closed)), "{asked:?}");
    let late = bus.service("late").answer(|_: Received<Activate>| async { Ok(NoReply) });
    let late = tokio::time::timeout(Duration::from_secs(20), late.run(std::future::pending::<()>())).await?;
    assert!(matches!(late, Err(ServiceError::Unavailable { .. })), "{late:?}");
    Ok(())
}

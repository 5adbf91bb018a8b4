//! What is asked again, and what is not: nothing is done twice by itself, and no error says that it is not done where it may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventsmith::config::{BreakerConfig, EndpointConfig, ServiceConfig};
use eventsmith::{Bus, Received, Refusal, RequestError};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::common::*;
use crate::common::*;

over_both_transports! {
    a_command_that_was_cut_off_is_not_begun_again
    a_slow_query_is_under_way_three_times_at_most
    an_earlier_attempt_is_heard_while_the_next_has_to_wait
    an_instance_of_the_older_version_is_passed_over
    a_handler_sees_the_time_that_its_service_allows
    callers_without_patience_open_no_breaker
    an_invalid_request_closes_no_breaker
    a_request_comes_to_the_handler_of_its_own_subject
}

async fn a_command_that_was_cut_off_is_not_begun_again(bus: Bus) -> Outcome {
    let config = ServiceConfig { shutdown_timeout: Duration::from_millis(100), ..ServiceConfig::default() };
    let hanging = serve(bus.service("rules").config(config).answer(async |_: Received<Activate>| {
        std::future::pending::<()>().await;
        Ok(NoReply)
    }));
    let asked = tokio::spawn(ask(bus.clone(), within(Duration::from_secs(10))));
    hanging.has_taken_on(1).await?;
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let other = serve(
        bus.service("rules")
            .answer(move |_: Received<Activate>| {
                counted.fetch_add(1, Ordering::Relaxed);
                async { Ok(NoReply) }
            })
            .answer(async |request: Received<Get>| Ok(found(&request.rule_id))),
    );
    other.is_up(&bus).await?;

    hanging.stop().await?;

    match asked.await? {
        Err(error @ RequestError::Failed { code: 500, .. }) => assert!(error.may_be_done(), "{error}"),
        other => panic!("{other:?}"),
    }
    other.stop().await?;
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    Ok(())
}

async fn a_slow_query_is_under_way_three_times_at_most(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let service = serve(bus.service("rules").answer(move |_: Received<Get>| {
        let told = tell.send(());
        async move {
            told?;
            std::future::pending::<()>().await;
            Ok(found("never"))
        }
    }));

    match bus.request_with(&get("r1"), within(Duration::from_secs(2))).await {
        // Those that found nobody yet count, too.
        Err(RequestError::TimedOut { attempts, .. }) => assert!(attempts >= 3, "{attempts}"),
        other => panic!("{other:?}"),
    }

    let mut runs = 0;
    while told.try_recv().is_ok() {
        runs += 1;
    }
    assert!((1..=3).contains(&runs), "{runs}");
    service.stop().await?;
    Ok(())
}

async fn an_earlier_attempt_is_heard_while_the_next_has_to_wait(bus: Bus) -> Outcome {
    let attempts = Arc::new(AtomicUsize::new(0));
    let service = serve(bus.service("rules").answer(move |_: Received<Get>| {
        let attempt = attempts.fetch_add(1, Ordering::Relaxed);
        async move {
            if attempt > 0 {
                return Err(Refusal::unavailable(Duration::from_secs(60), "busy"));
            }
            sleep(Duration::from_millis(1_300)).await;
            Ok(found("first"))
        }
    }));
    service.has_taken_on(0).await?;

    let reply = bus.request_with(&get("r1"), within(Duration::from_secs(2))).await?;

    assert_eq!(reply, found("first"));
    service.stop().await?;
    Ok(())
}

async fn an_instance_of_the_older_version_is_passed_over(bus: Bus) -> Outcome {
    let old = serve(bus.service("rules").answer(async |_: Received<OldGet>| Ok(found("old"))));
    let new = serve(bus.service("rules").answer(async |_: Received<Get>| Ok(found("new"))));
    new.is_up(&bus).await?;

    for _ in 0..20 {
        assert_eq!(bus.request(&get("r1")).await?, found("new"));
    }

    assert!(old.monitor.summary().invalid > 0, "it was asked, too");
    old.stop().await?;
    // Where there is no other, that is said.
    new.stop().await?;
    let old = serve(bus.service("rules").answer(async |_: Received<OldGet>| Ok(found("old"))));
    let only = bus.request(&get("r1")).await;
    assert!(matches!(only, Err(RequestError::Failed { code: 404, .. })), "{only:?}");
    old.stop().await?;
    Ok(())
}

async fn a_handler_sees_the_time_that_its_service_allows(bus: Bus) -> Outcome {
    let (tell, mut told) = mpsc::unbounded_channel();
    let config = ServiceConfig { timeout: Duration::from_millis(300), ..ServiceConfig::default() };
    let service = serve(bus.service("rules").config(config).answer(move |request: Received<Activate>| {
        let told = tell.send(request.time_left());
        async move {
            told?;
            std::future::pending::<()>().await;
            Ok(NoReply)
        }
    }));

    let asked = ask(bus.clone(), within(Duration::from_secs(20))).await;

    assert!(next(&mut told).await? <= Duration::from_millis(300));
    match asked {
        Err(error @ RequestError::Failed { code: 408, .. }) => assert!(error.may_be_done(), "{error}"),
        other => panic!("{other:?}"),
    }
    service.stop().await?;
    Ok(())
}

fn breaker(consecutive_failures: u32, open_for: Duration) -> ServiceConfig {
    let breaker = BreakerConfig { consecutive_failures, open_for, ..BreakerConfig::default() };
    let endpoint = EndpointConfig { breaker: Some(breaker), ..EndpointConfig::default() };
    ServiceConfig { endpoints: [("rule.get".to_owned(), endpoint)].into(), ..ServiceConfig::default() }
}

async fn callers_without_patience_open_no_breaker(bus: Bus) -> Outcome {
    let config = breaker(2, Duration::from_secs(60));
    let service = serve(bus.service("rules").config(config).answer(async |request: Received<Get>| {
        sleep(Duration::from_millis(100)).await;
        Ok(found(&request.rule_id))
    }));
    service.is_up(&bus).await?;

    for _ in 0..5 {
        let asked = bus.request_with(&get("r1"), within(Duration::from_millis(20))).await;
        assert!(asked.is_err());
    }
    assert_eq!(bus.request(&get("r2")).await?, found("r2"));

    service.stop().await?;
    Ok(())
}

async fn an_invalid_request_closes_no_breaker(bus: Bus) -> Outcome {
    /// Says that it is a [`Get`], and is none.
    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    struct Careless {}
    request!(Careless, Query, "rule.get", 2, "rules.query.rule.get", Found, Unknown, |_| true);
    let config = breaker(1, Duration::from_millis(100));
    let service =
        serve(bus.service("rules").config(config).answer(async |request: Received<Get>| match &*request.rule_id {
            "up" => Ok(found("up")),
            _ => Err("out of order".into()),
        }));
    service.is_up(&bus).await?;
    drop(bus.request(&get("r1")).await);
    sleep(Duration::from_millis(150)).await;

    let careless = bus.request(&Careless {}).await;
    assert!(matches!(careless, Err(RequestError::Failed { code: 400, .. })), "{careless:?}");
    // The probe is still to be made: it fails, and opens the breaker again.
    let probe = bus.request_with(&get("r1"), within(Duration::from_millis(90))).await;
    assert!(matches!(probe, Err(RequestError::Failed { code: 500, .. })), "{probe:?}");
    let next = bus.request_with(&get("r1"), within(Duration::from_millis(60))).await;
    assert!(matches!(next, Err(RequestError::Failed { code: 503, .. })), "{next:?}");

    service.stop().await?;
    Ok(())
}

async fn a_request_comes_to_the_handler_of_its_own_subject(bus: Bus) -> Outcome {
    /// A request whose subjects cover that of [`Get`].
    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    struct Any {}
    request!(Any, Query, "rule.any", 1, "rules.query.rule.*", Found, NoRefusal, |_| true);
    let service = serve(
        bus.service("rules")
            .answer(async |_: Received<Any>| Ok(found("any")))
            .answer(async |_: Received<Get>| Ok(found("get"))),
    );

    for _ in 0..10 {
        assert_eq!(bus.request(&get("r1")).await?, found("get"));
    }

    service.stop().await?;
    Ok(())
}

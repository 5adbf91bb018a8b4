//! Commands whose answers are kept: done once, however often they are asked for.

mod attacked;
mod clocks;
mod over_server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use eventsmith::admin::{BusAdmin as _, Topology};
use eventsmith::catalogue::Idempotent;
use eventsmith::config::{BreakerConfig, ServiceConfig};
use eventsmith::{Bus, Received, Refusal, RequestError, RequestOptions, Service, Uuid};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::common::*;
use crate::common::*;

over_both_transports! {
    a_command_that_is_asked_again_gets_its_first_reply
    a_refusal_is_kept_and_a_failure_is_not
    one_that_comes_while_the_first_is_at_work_waits
    one_that_cannot_wait_so_long_is_told
    a_reply_that_came_too_late_is_there_for_the_next_try
    of_many_at_once_at_two_instances_one_runs
    an_id_belongs_to_one_request
    what_was_cut_off_is_not_begun_again
    what_was_cut_off_is_begun_again_where_its_schema_says_so
    that_it_was_begun_before_is_not_forgotten_by_a_failure
    what_ran_and_has_no_answer_is_not_begun_again
    a_command_that_waits_for_another_is_not_begun_after_a_stop
    kept_answers_move_no_breaker
    after_its_time_an_answer_is_forgotten
}

pub(super) const SERVICE: &str = "payments";

/// A command whose answer is kept for ten minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Capture {
    pub(super) amount: u32,
}

/// A command that is begun again if it was lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reserve {}

/// A command whose answer is kept for a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Brief {}

const KEPT: Idempotent = Idempotent::within(Duration::from_secs(600));

request!(Capture, Command, "pay.capture", 1, "rules.command.pay.capture", Found, Unknown, |_| true, KEPT);
request!(
    Reserve,
    Command,
    "pay.reserve",
    1,
    "rules.command.pay.reserve",
    Found,
    Unknown,
    |_| true,
    KEPT.rerunning_lost()
);
request!(
    Brief,
    Command,
    "pay.brief",
    1,
    "rules.command.pay.brief",
    Found,
    Unknown,
    |_| true,
    Idempotent::within(Duration::from_secs(1))
);

/// With the bucket that the service needs.
pub(super) async fn provisioned(bus: &Bus) -> Outcome {
    Ok(bus.provision(Topology::default().with_replies(SERVICE, Duration::from_secs(600))).await?)
}

pub(super) fn under(id: Uuid) -> RequestOptions {
    RequestOptions { id: Some(id), ..RequestOptions::default() }
}

/// A service that tells how often it has run.
fn counting(bus: &Bus, runs: &Arc<AtomicU32>, works_for: Duration) -> Service {
    let runs = Arc::clone(runs);
    bus.service(SERVICE).answer(move |_: Received<Capture>| {
        let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
        async move {
            sleep(works_for).await;
            Ok(found(&format!("run {run}")))
        }
    })
}

async fn a_command_that_is_asked_again_gets_its_first_reply(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let runs = Arc::default();
    let service = serve(counting(&bus, &runs, Duration::ZERO));
    let (id, other) = (Uuid::now_v7(), Uuid::now_v7());

    for _ in 0..3 {
        assert_eq!(bus.request_with(&Capture { amount: 1 }, under(id)).await?, found("run 1"));
    }
    assert_eq!(bus.request_with(&Capture { amount: 1 }, under(other)).await?, found("run 2"));

    // Another instance knows it, too.
    service.stop().await?;
    let service = serve(counting(&bus, &runs, Duration::ZERO));
    assert_eq!(bus.request_with(&Capture { amount: 1 }, under(id)).await?, found("run 1"));
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    service.stop().await?;
    Ok(())
}

async fn a_refusal_is_kept_and_a_failure_is_not(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let service = serve(bus.service(SERVICE).answer(move |request: Received<Capture>| {
        let run = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            match (request.amount, run) {
                (0, _) => Err(Refusal::new(unknown(&format!("run {run}")))),
                (_, 1) => Err("out of order".into()),
                _ => Ok(found("done")),
            }
        }
    }));
    let (refused, failed) = (Uuid::now_v7(), Uuid::now_v7());

    for _ in 0..2 {
        match bus.request_with(&Capture { amount: 0 }, under(refused)).await {
            Err(RequestError::Refused(refusal)) => assert_eq!(refusal, unknown("run 0")),
            other => panic!("{other:?}"),
        }
    }
    let first = bus.request_with(&Capture { amount: 7 }, under(failed)).await;
    assert!(matches!(first, Err(RequestError::Failed { code: 500, .. })), "{first:?}");
    assert_eq!(bus.request_with(&Capture { amount: 7 }, under(failed)).await?, found("done"));
    assert_eq!(runs.load(Ordering::Relaxed), 3);
    service.stop().await?;
    Ok(())
}

/// A service whose handler waits until it is told to go on.
fn waiting(bus: &Bus, runs: &Arc<AtomicU32>, go_on: &Arc<Notify>) -> Service {
    let (runs, go_on) = (Arc::clone(runs), Arc::clone(go_on));
    bus.service(SERVICE).answer(move |_: Received<Capture>| {
        runs.fetch_add(1, Ordering::Relaxed);
        let go_on = Arc::clone(&go_on);
        async move {
            go_on.notified().await;
            Ok(found("done"))
        }
    })
}

async fn one_that_comes_while_the_first_is_at_work_waits(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let (runs, go_on) = (Arc::default(), Arc::default());
    let service = serve(waiting(&bus, &runs, &go_on));
    let id = Uuid::now_v7();
    let asking: Vec<_> = (0..2)
        .map(|_| {
            let bus = bus.clone();
            tokio::spawn(async move { bus.request_with(&Capture { amount: 1 }, under(id)).await })
        })
        .collect();
    service.has_taken_on(2).await?;

    go_on.notify_one();

    for asking in asking {
        assert_eq!(asking.await??, found("done"));
    }
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    service.stop().await?;
    Ok(())
}

async fn one_that_cannot_wait_so_long_is_told(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let (runs, go_on) = (Arc::default(), Arc::default());
    let service = serve(waiting(&bus, &runs, &go_on));
    let id = Uuid::now_v7();
    let first = {
        let bus = bus.clone();
        tokio::spawn(async move { bus.request_with(&Capture { amount: 1 }, under(id)).await })
    };
    service.has_taken_on(1).await?;

    let options = RequestOptions { timeout: Some(Duration::from_millis(300)), ..under(id) };
    let error = bus.request_with(&Capture { amount: 1 }, options).await.unwrap_err();

    assert!(error.may_be_done(), "{error}");
    go_on.notify_one();
    assert_eq!(first.await??, found("done"));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    service.stop().await?;
    Ok(())
}

async fn a_reply_that_came_too_late_is_there_for_the_next_try(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let runs = Arc::default();
    let service = serve(counting(&bus, &runs, Duration::from_millis(500)));
    let id = Uuid::now_v7();
    let options = RequestOptions { timeout: Some(Duration::from_millis(200)), ..under(id) };

    let early = bus.request_with(&Capture { amount: 1 }, options).await;
    assert!(early.is_err_and(|error| error.may_be_done()));
    assert_eq!(bus.request_with(&Capture { amount: 1 }, under(id)).await?, found("run 1"));

    service.stop().await?;
    Ok(())
}

async fn of_many_at_once_at_two_instances_one_runs(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let runs = Arc::default();
    let services: Vec<_> = (0..2).map(|_| serve(counting(&bus, &runs, Duration::from_millis(30)))).collect();
    let ids = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    let asking: Vec<_> = (0..30)
        .map(|number| {
            let (bus, id) = (bus.clone(), ids[number % 3]);
            tokio::spawn(async move { (id, bus.request_with(&Capture { amount: 1 }, under(id)).await) })
        })
        .collect();

    let mut replies = std::collections::BTreeMap::new();
    for asking in asking {
        let (id, reply) = asking.await?;
        let reply = reply?;
        assert_eq!(*replies.entry(id).or_insert_with(|| reply.clone()), reply);
    }

    assert_eq!(runs.load(Ordering::Relaxed), 3);
    for service in services {
        service.stop().await?;
    }
    Ok(())
}

async fn an_id_belongs_to_one_request(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let runs = Arc::default();
    let service = serve(counting(&bus, &runs, Duration::ZERO));
    let id = Uuid::now_v7();
    bus.request_with(&Capture { amount: 1 }, under(id)).await?;

    match bus.request_with(&Capture { amount: 2 }, under(id)).await {
        Err(RequestError::Failed { code: 400, message, .. }) => {
            assert!(message.contains("another payload"), "{message}")
        }
        other => panic!("{other:?}"),
    }
    service.stop().await?;
    Ok(())
}

/// Asks something that a stop cuts off, and then again.
async fn cut_off_and_asked_again<R: eventsmith::Request<Reply = Found, Error = Unknown>>(
    bus: &Bus,
    request: R,
) -> Outcome<Result<Found, RequestError<Unknown>>> {
    provisioned(bus).await?;
    let config = ServiceConfig { shutdown_timeout: Duration::from_millis(100), ..ServiceConfig::default() };
    let hanging = serve(bus.service(SERVICE).config(config).answer(async |_: Received<R>| {
        std::future::pending::<()>().await;
        Ok(found("never"))
    }));
    let id = Uuid::now_v7();
    let first = bus.request_with(&request, RequestOptions { timeout: Some(Duration::from_millis(300)), ..under(id) });
    let (first, _) = tokio::join!(first, hanging.has_taken_on(1));
    assert!(first.is_err_and(|error| error.may_be_done()));
    hanging.stop().await?;
    let again =
        serve(bus.service(SERVICE).answer(async |request: Received<R>| {
            Ok(found(if request.was_begun() { "begun before" } else { "fresh" }))
        }));
    let answer = bus.request_with(&request, under(id)).await;
    assert_eq!(bus.request_with(&request, under(Uuid::now_v7())).await?, found("fresh"));
    again.stop().await?;
    Ok(answer)
}

async fn what_was_cut_off_is_not_begun_again(bus: Bus) -> Outcome {
    match cut_off_and_asked_again(&bus, Capture { amount: 1 }).await? {
        Err(error @ RequestError::Failed { code: 500, .. }) => assert!(error.may_be_done(), "{error}"),
        other => panic!("{other:?}"),
    }
    Ok(())
}

async fn what_was_cut_off_is_begun_again_where_its_schema_says_so(bus: Bus) -> Outcome {
    assert_eq!(cut_off_and_asked_again(&bus, Reserve {}).await??, found("begun before"));
    Ok(())
}

async fn that_it_was_begun_before_is_not_forgotten_by_a_failure(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let config = ServiceConfig { shutdown_timeout: Duration::from_millis(100), ..ServiceConfig::default() };
    let hanging = serve(bus.service(SERVICE).config(config).answer(async |_: Received<Reserve>| {
        std::future::pending::<()>().await;
        Ok(found("never"))
    }));
    let id = Uuid::now_v7();
    let options = RequestOptions { timeout: Some(Duration::from_millis(300)), ..under(id) };
    let (first, _) = tokio::join!(bus.request_with(&Reserve {}, options), hanging.has_taken_on(1));
    assert!(first.is_err());
    hanging.stop().await?;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let failing = serve(bus.service(SERVICE).answer(move |request: Received<Reserve>| {
        let told = tell.send(request.was_begun());
        async move {
            told?;
            Err("out of order".into())
        }
    }));

    for _ in 0..3 {
        let failed = bus.request_with(&Reserve {}, under(id)).await;
        assert!(matches!(failed, Err(RequestError::Failed { code: 500, .. })), "{failed:?}");
        assert!(next(&mut told).await?);
    }

    failing.stop().await?;
    Ok(())
}

async fn what_ran_and_has_no_answer_is_not_begun_again(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let service = serve(bus.service(SERVICE).answer(move |request: Received<Capture>| {
        counted.fetch_add(1, Ordering::Relaxed);
        // Neither is a reply: one violates its schema, of the other nobody knows.
        async move { if request.amount == 0 { Ok(found("")) } else { panic!("out of order") } }
    }));

    for amount in [0, 1] {
        let id = Uuid::now_v7();
        for _ in 0..3 {
            match bus.request_with(&Capture { amount }, under(id)).await {
                Err(error @ RequestError::Failed { code: 500, .. }) => assert!(error.may_be_done(), "{error}"),
                other => panic!("{other:?}"),
            }
        }
    }

    assert_eq!(runs.load(Ordering::Relaxed), 2);
    service.stop().await?;
    Ok(())
}

async fn a_command_that_waits_for_another_is_not_begun_after_a_stop(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let (runs, go_on) = (Arc::default(), Arc::default());
    let config = ServiceConfig { shutdown_timeout: Duration::from_millis(300), ..ServiceConfig::default() };
    let service = serve(waiting(&bus, &runs, &go_on).config(config));
    let id = Uuid::now_v7();
    let asking: Vec<_> = (0..2)
        .map(|_| {
            let bus = bus.clone();
            let options = RequestOptions { timeout: Some(Duration::from_secs(3)), ..under(id) };
            tokio::spawn(async move { bus.request_with(&Capture { amount: 1 }, options).await })
        })
        .collect();
    service.has_taken_on(2).await?;

    service.stop().await?;

    for asking in asking {
        let asked = asking.await?;
        assert!(asked.is_err(), "{asked:?}");
    }
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    Ok(())
}

async fn kept_answers_move_no_breaker(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let breaker =
        BreakerConfig { consecutive_failures: 2, open_for: Duration::from_secs(60), ..BreakerConfig::default() };
    let config = ServiceConfig { breaker: Some(breaker), ..ServiceConfig::default() };
    let service =
        serve(bus.service(SERVICE).config(config).answer(async |request: Received<Capture>| match request.amount {
            0 => panic!("out of order"),
            _ => Ok(found("done")),
        }));
    let id = Uuid::now_v7();

    for _ in 0..5 {
        assert!(bus.request_with(&Capture { amount: 0 }, under(id)).await.is_err());
    }
    assert_eq!(bus.request(&Capture { amount: 1 }).await?, found("done"));

    service.stop().await?;
    Ok(())
}

async fn after_its_time_an_answer_is_forgotten(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let runs = AtomicU32::new(0);
    let runs = Arc::new(runs);
    let counted = Arc::clone(&runs);
    let service = serve(bus.service(SERVICE).answer(move |_: Received<Brief>| {
        let run = counted.fetch_add(1, Ordering::Relaxed) + 1;
        async move { Ok(found(&format!("run {run}"))) }
    }));
    let id = Uuid::now_v7();

    assert_eq!(bus.request_with(&Brief {}, under(id)).await?, found("run 1"));
    assert_eq!(bus.request_with(&Brief {}, under(id)).await?, found("run 1"));
    sleep(Duration::from_millis(1_100)).await;
    assert_eq!(bus.request_with(&Brief {}, under(id)).await?, found("run 2"));

    service.stop().await?;
    Ok(())
}

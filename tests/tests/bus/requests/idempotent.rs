//! Commands whose answers are kept: done once, however often they are asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_nats::HeaderMap;
use eventsmith::admin::{BusAdmin as _, Topology};
use eventsmith::catalogue::Idempotent;
use eventsmith::config::ServiceConfig;
use eventsmith::{Bus, Received, Refusal, RequestError, RequestOptions, Service, ServiceError, Uuid};
use futures_util::StreamExt as _;
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
    after_its_time_an_answer_is_forgotten
}

const SERVICE: &str = "payments";

/// A command whose answer is kept for ten minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Capture {
    amount: u32,
}

/// A command that is begun again if it was lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Reserve {}

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
async fn provisioned(bus: &Bus) -> Outcome {
    Ok(bus.provision(Topology::default().with_replies(SERVICE, Duration::from_secs(600))).await?)
}

fn under(id: Uuid) -> RequestOptions {
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

#[tokio::test]
async fn a_command_whose_answer_is_kept_is_sent_again_by_itself() -> Outcome {
    let (server, bus) = server().await?;
    provisioned(&bus).await?;
    // The first attempt goes to somebody who never answers.
    let client = async_nats::connect(server.url()).await?;
    let mut silent = client.subscribe("rules.command.pay.capture").await?;
    client.flush().await?;
    let asking = {
        let bus = bus.clone();
        tokio::spawn(async move { bus.request(&Capture { amount: 1 }).await })
    };
    silent.next().await.ok_or("nothing was asked")?;
    let runs = Arc::default();
    let service = serve(counting(&bus, &runs, Duration::ZERO));

    assert_eq!(asking.await??, found("run 1"));
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_service_without_its_bucket_says_so_at_once() -> Outcome {
    let (_server, bus) = server().await?;
    let runs = Arc::default();

    let ended = counting(&bus, &runs, Duration::ZERO).run(std::future::pending::<()>()).await;

    assert!(matches!(&ended, Err(ServiceError::NoReplies { bucket, .. }) if bucket == "REPLIES_payments"), "{ended:?}");
    Ok(())
}

/// A claim as a service leaves it whose process is killed at work.
#[tokio::test]
async fn the_claim_of_a_service_that_died_is_found_out() -> Outcome {
    let (server, bus) = server().await?;
    provisioned(&bus).await?;
    let client = async_nats::connect(server.url()).await?;
    let id = Uuid::now_v7();
    for (subject, hash) in [("pay.capture", r#"{"amount":1}"#), ("pay.reserve", "{}")] {
        let mut headers = HeaderMap::new();
        headers.insert("Eventsmith-Kept", "claim");
        headers.insert("Eventsmith-Request", hex(hash));
        client.publish_with_headers(format!("$KV.REPLIES_payments.{subject}.{id}"), headers, "".into()).await?;
    }
    client.flush().await?;
    let runs = Arc::new(AtomicU32::new(0));
    // A handler that may run for a moment only is soon known to be gone.
    let config = ServiceConfig { timeout: Duration::from_millis(200), ..ServiceConfig::default() };
    let service =
        serve(counting(&bus, &runs, Duration::ZERO).config(config).answer(async |request: Received<Reserve>| {
            Ok(found(if request.was_begun() { "begun before" } else { "fresh" }))
        }));
    let options = || RequestOptions { timeout: Some(Duration::from_secs(30)), ..under(id) };

    let (capture, reserve) =
        tokio::join!(bus.request_with(&Capture { amount: 1 }, options()), bus.request_with(&Reserve {}, options()));

    match capture {
        Err(error @ RequestError::Failed { code: 500, .. }) => assert!(error.may_be_done(), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(reserve?, found("begun before"));
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    service.stop().await?;
    Ok(())
}

/// The hash of a payload, as a claim names it.
fn hex(payload: &str) -> String {
    use sha2::Digest as _;
    format!("{:x}", sha2::Sha256::digest(payload))
}

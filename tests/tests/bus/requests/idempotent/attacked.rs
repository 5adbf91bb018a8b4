//! Kept answers where the bucket is at fault: gone, full, out of reach, or too small for an answer.

use async_nats::jetstream::{self, stream::DiscardPolicy};
use eventsmith::Config;
use eventsmith::testing::NatsServer;

use super::*;

const BUCKET: &str = "KV_REPLIES_payments";

/// For as long as a busy machine may take for one attempt, twice: an attempt that is not answered by then may be under way.
fn briefly(id: Uuid) -> RequestOptions {
    RequestOptions { timeout: Some(Duration::from_secs(6)), ..under(id) }
}

/// Nothing was begun, and somebody may ask again.
#[track_caller]
fn is_unavailable(asked: &Result<Found, RequestError<Unknown>>) {
    match asked {
        Err(error @ RequestError::Failed { code: 503, .. }) => assert!(!error.may_be_done(), "{error}"),
        other => panic!("{other:?}"),
    }
}

async fn streams(server: &NatsServer) -> Outcome<jetstream::Context> {
    Ok(jetstream::new(async_nats::connect(server.url()).await?))
}

#[tokio::test]
async fn without_the_bucket_nothing_is_begun_and_with_a_new_one_it_goes_on() -> Outcome {
    let (server, bus) = server().await?;
    provisioned(&bus).await?;
    let (runs, go_on) = (Arc::default(), Arc::default());
    let service = serve(waiting(&bus, &runs, &go_on));
    let (at_work, id) = (Uuid::now_v7(), Uuid::now_v7());
    let asking = {
        let bus = bus.clone();
        let options = RequestOptions { timeout: Some(Duration::from_secs(60)), ..under(at_work) };
        tokio::spawn(async move { bus.request_with(&Capture { amount: 1 }, options).await })
    };
    service.has_taken_on(1).await?;
    crate::common::until(|| runs.load(Ordering::Relaxed) == 1).await?;

    streams(&server).await?.delete_stream(BUCKET).await?;

    let asked = bus.request_with(&Capture { amount: 1 }, briefly(id)).await;
    is_unavailable(&asked);
    assert_eq!(runs.load(Ordering::Relaxed), 1, "begun without a claim");
    provisioned(&bus).await?;
    // What was at work meanwhile is kept all the same.
    go_on.notify_one();
    assert_eq!(asking.await??, found("done"));
    assert_eq!(bus.request_with(&Capture { amount: 1 }, under(at_work)).await?, found("done"));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    go_on.notify_one();
    assert_eq!(bus.request_with(&Capture { amount: 1 }, under(id)).await?, found("done"));
    service.stop().await?;
    Ok(())
}

/// Lets the bucket take so many bytes, and refuse what is more.
async fn takes_only(server: &NatsServer, bytes: i64) -> Outcome {
    let context = streams(server).await?;
    let mut config = context.get_stream(BUCKET).await?.cached_info().config.clone();
    (config.max_bytes, config.discard) = (bytes, DiscardPolicy::New);
    context.update_stream(config).await?;
    Ok(())
}

#[tokio::test]
async fn in_a_full_bucket_nothing_is_claimed_and_what_was_begun_is_answered() -> Outcome {
    let (server, bus) = server().await?;
    provisioned(&bus).await?;
    let (runs, go_on) = (Arc::default(), Arc::default());
    let service = serve(waiting(&bus, &runs, &go_on));
    let (at_work, id) = (Uuid::now_v7(), Uuid::now_v7());
    let asking = {
        let bus = bus.clone();
        let options = RequestOptions { timeout: Some(Duration::from_secs(60)), ..under(at_work) };
        tokio::spawn(async move { bus.request_with(&Capture { amount: 1 }, options).await })
    };
    crate::common::until(|| runs.load(Ordering::Relaxed) == 1).await?;

    takes_only(&server, 1).await?;

    is_unavailable(&bus.request_with(&Capture { amount: 1 }, briefly(id)).await);
    go_on.notify_one();
    assert_eq!(asking.await??, found("done"));
    // Its answer takes the place of its claim, for which there was room.
    assert_eq!(bus.request_with(&Capture { amount: 1 }, under(at_work)).await?, found("done"));
    assert_eq!(runs.load(Ordering::Relaxed), 1, "begun twice");
    takes_only(&server, -1).await?;
    go_on.notify_one();
    assert_eq!(bus.request_with(&Capture { amount: 1 }, under(id)).await?, found("done"));
    service.stop().await?;
    Ok(())
}

/// A service whose server takes messages of 64 KiB, and answers with so many bytes.
async fn answering_with(bytes: usize) -> Outcome<(NatsServer, Bus, Serving, Arc<AtomicU32>)> {
    let server = NatsServer::builder().config("max_payload: 65536").start().await?;
    let bus = Bus::connect(config(server.url())).await?;
    provisioned(&bus).await?;
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let service = serve(bus.service(SERVICE).answer(move |_: Received<Capture>| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { Ok(found(&"x".repeat(bytes))) }
    }));
    Ok((server, bus, service, runs))
}

#[tokio::test]
async fn an_answer_that_no_message_holds_is_a_failure_and_is_not_begun_again() -> Outcome {
    let (_server, bus, service, runs) = answering_with(100_000).await?;
    let id = Uuid::now_v7();

    for _ in 0..3 {
        match bus.request_with(&Capture { amount: 1 }, under(id)).await {
            Err(error @ RequestError::Failed { code: 500, .. }) => assert!(error.may_be_done(), "{error}"),
            other => panic!("{other:?}"),
        }
    }

    assert_eq!(runs.load(Ordering::Relaxed), 1);
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn an_answer_that_can_be_sent_and_not_kept_is_sent_and_not_begun_again() -> Outcome {
    // What is kept has some headers more.
    let (_server, bus, service, runs) = answering_with(65_536 - 110).await?;
    let id = Uuid::now_v7();

    assert!(bus.request_with(&Capture { amount: 1 }, under(id)).await.is_ok());
    for _ in 0..2 {
        match bus.request_with(&Capture { amount: 1 }, under(id)).await {
            Err(RequestError::Failed { code: 500, message, .. }) => assert!(message.contains("too large"), "{message}"),
            other => panic!("{other:?}"),
        }
    }

    assert_eq!(runs.load(Ordering::Relaxed), 1);
    service.stop().await?;
    Ok(())
}

/// A service of a user who may not do something, and somebody who asks and may do all.
async fn without(denied: &str) -> Outcome<(NatsServer, Bus, Serving, Arc<AtomicU32>)> {
    let users = format!(
        r#"authorization {{ users = [ {{ user: all, password: p }}, {{ user: some, password: p, permissions: {{ {denied} }} }} ] }}"#
    );
    let server = NatsServer::builder().config(users).start().await?;
    let connect = async |user: &str| {
        let config = Config { user: Some(user.to_owned()), password: Some("p".into()), ..config(server.url()) };
        Bus::connect(Config { request_timeout: Duration::from_secs(2), ..config }).await
    };
    let (asking, answering) = (connect("all").await?, connect("some").await?);
    provisioned(&asking).await?;
    let runs = Arc::default();
    let service = serve(counting(&answering, &runs, Duration::from_millis(100)));
    Ok((server, asking, service, runs))
}

#[tokio::test]
async fn who_may_not_write_the_bucket_begins_nothing_and_says_so() -> Outcome {
    let (_server, bus, service, runs) = without(r#"publish: { deny: "$KV.>" }"#).await?;

    let asked = bus.request_with(&Capture { amount: 1 }, briefly(Uuid::now_v7())).await;

    is_unavailable(&asked);
    assert!(asked.is_err_and(|error| error.to_string().contains("$KV.REPLIES_payments.")));
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn who_may_not_read_the_bucket_begins_nothing_twice() -> Outcome {
    let reads = r#"publish: { deny: ["$JS.API.STREAM.MSG.GET.>", "$JS.API.DIRECT.GET.>"] }"#;
    let (_server, bus, service, runs) = without(reads).await?;
    let id = Uuid::now_v7();

    assert_eq!(bus.request_with(&Capture { amount: 1 }, under(id)).await?, found("run 1"));
    let again = bus.request_with(&Capture { amount: 1 }, briefly(id)).await;

    is_unavailable(&again);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn who_may_not_listen_to_the_bucket_looks_from_time_to_time() -> Outcome {
    let (_server, bus, service, runs) = without(r#"subscribe: { deny: "$KV.>" }"#).await?;
    let id = Uuid::now_v7();
    let ask = || bus.request_with(&Capture { amount: 1 }, under(id));

    let (one, two) = tokio::join!(ask(), ask());

    assert_eq!((one?, two?), (found("run 1"), found("run 1")));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    service.stop().await?;
    Ok(())
}

#[tokio::test]
async fn an_id_may_be_that_of_requests_of_two_types() -> Outcome {
    let (_server, bus) = server().await?;
    provisioned(&bus).await?;
    let service = serve(
        counting(&bus, &Arc::default(), Duration::ZERO)
            .answer(async |request: Received<Reserve>| Ok(found(if request.was_begun() { "again" } else { "fresh" }))),
    );
    let id = Uuid::now_v7();

    for _ in 0..2 {
        assert_eq!(bus.request_with(&Capture { amount: 1 }, under(id)).await?, found("run 1"));
        assert_eq!(bus.request_with(&Reserve {}, under(id)).await?, found("fresh"));
    }

    service.stop().await?;
    Ok(())
}

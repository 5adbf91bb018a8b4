//! What a user may not do is said at once, by name: never by a timeout.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use eventsmith::admin::{BusAdmin, DeadLetterFilter, ProvisionError, Topology};
use eventsmith::catalogue::ConsumerDescriptor;
use eventsmith::config::{ConsumerConfig, RetryPolicy};
use eventsmith::error::{Denied, DeniedAction};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, ConsumeError, HandlerError, PublishError, Received};

use crate::common::*;

/// Less than any timeout of the defaults that a denial could be mistaken for.
const AT_ONCE: Duration = Duration::from_secs(4);

/// What a service may publish to that consumes, all of it.
const ALL: &[&str] = &[
    "rules.domain.rule.activated",
    "rules.dlq.promotions.>",
    "$JS.API.STREAM.NAMES",
    "$JS.API.CONSUMER.INFO.*.promotions",
    "$JS.API.CONSUMER.MSG.NEXT.*.promotions",
    "$JS.ACK.*.promotions.>",
    "$JS.ACK.*.*.*.promotions.>",
    "$JS.API.STREAM.MSG.GET.>",
];

/// A server with streams and a consumer, and a bus of an operator, who may do everything. The user `service` may publish to
/// these subjects, and subscribe to these.
async fn server(publish: &[&str], subscribe: &[&str]) -> Outcome<(NatsServer, Bus)> {
    let server = NatsServer::builder()
        .config(format!(
            "authorization {{ users = [
                {{ user: operator, password: x }}
                {{ user: service, password: x, permissions: {{ publish: {publish:?}, subscribe: {subscribe:?} }} }}
            ] }}"
        ))
        .start()
        .await?;
    let operator = Bus::connect(user(&server, "operator")).await?;
    let consumer = ConsumerDescriptor::DEFAULT.ack_wait(Duration::from_millis(500));
    let topology = Topology::from(&[STREAM, DEAD_LETTERS]);
    operator.provision(topology.with_service("promotions", &["rules.domain.rule.activated"], &consumer)).await?;
    Ok((server, operator))
}

fn user(server: &NatsServer, name: &str) -> Config {
    Config {
        user: Some(name.to_owned()),
        password: Some("x".to_owned().into()),
        create_consumers: false,
        ..config(server.url())
    }
}

/// All but one.
fn without(subject: &str) -> Vec<&'static str> {
    assert!(ALL.iter().any(|other| other.starts_with(subject)), "{subject}");
    ALL.iter().copied().filter(|other| !other.starts_with(subject)).collect()
}

/// Why a consumer does not run, which it has to say at once.
async fn refusal(bus: &Bus) -> Outcome<Denied> {
    let began = Instant::now();
    let consumer = run(bus.consumer("promotions").on(|_: Received<Activated>| async { Ok(()) }));
    let error = consumer.end().await?.unwrap_err();

    assert!(began.elapsed() < AT_ONCE, "{:?}: {error}", began.elapsed());
    match error {
        ConsumeError::Denied { consumer, denied } if consumer == "promotions" => Ok(denied),
        error => Err(error.into()),
    }
}

#[tokio::test]
async fn publishing_where_one_may_not_is_denied_at_once_and_by_name() -> Outcome {
    let (server, operator) = server(&["rules.domain.rule.updated"], &["_INBOX.>"]).await?;
    let bus = Bus::connect(user(&server, "service")).await?;
    let began = Instant::now();

    let one = bus.publish(&activated("r1")).await.unwrap_err();
    let all = bus.publish_all(&(0..300).map(activated).collect::<Vec<_>>()).await.unwrap_err();
    let allowed = bus.publish(&Updated { rule_id: "r1".to_owned(), revision: 1 }).await?;

    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    let is_denied = |error: &PublishError| {
        matches!(error, PublishError::Denied(Denied { action: DeniedAction::Publish, subject })
            if subject == "rules.domain.rule.activated")
    };
    assert!(is_denied(&one), "{one:?}");
    assert!(one.to_string().contains("add rules.domain.rule.activated to its permissions to publish"), "{one}");
    assert_eq!(all.failures().filter(|(_, error)| is_denied(error)).count(), 300, "{all:?}");
    assert_eq!(allowed.sequence, 1);
    operator.shutdown().await?;
    Ok(())
}

#[tokio::test]
async fn a_user_who_may_receive_no_answers_learns_that_at_once() -> Outcome {
    let (server, _operator) = server(ALL, &["else.>"]).await?;
    let bus = Bus::connect(user(&server, "service")).await?;
    let began = Instant::now();

    let first = bus.publish(&activated("r1")).await.unwrap_err();
    let later = bus.publish(&activated("r2")).await.unwrap_err();
    let denied = refusal(&bus).await?;
    let plan = bus.plan(&[STREAM]).await.unwrap_err();

    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    // What was sent before the server said so may be stored.
    assert!(matches!(first, PublishError::Denied(_) | PublishError::Unacknowledged { .. }), "{first:?}");
    assert!(first.to_string().contains("add _INBOX.> to its permissions to subscribe"), "{first}");
    assert!(matches!(&later, PublishError::Denied(Denied { action: DeniedAction::Subscribe, .. })), "{later:?}");
    assert_eq!(denied.permission(), "_INBOX.>");
    assert!(
        matches!(&plan, ProvisionError::Unavailable { reason, .. } if reason.to_string().contains("_INBOX.>")),
        "{plan}"
    );
    Ok(())
}

#[tokio::test]
async fn a_consumer_that_may_not_look_for_its_streams_says_so_at_once() -> Outcome {
    for denied in ["$JS.API.STREAM.NAMES", "$JS.API.CONSUMER.INFO"] {
        let (server, _operator) = server(&without(denied), &["_INBOX.>"]).await?;
        let bus = Bus::connect(user(&server, "service")).await?;

        let refusal = refusal(&bus).await?;

        assert!(refusal.permission().starts_with(denied), "{refusal}");
    }
    Ok(())
}

#[tokio::test]
async fn a_consumer_that_may_not_fetch_says_so_at_once() -> Outcome {
    let (server, operator) = server(&without("$JS.API.CONSUMER.MSG.NEXT"), &["_INBOX.>"]).await?;
    let bus = Bus::connect(user(&server, "service")).await?;
    operator.publish(&activated("r1")).await?;

    let denied = refusal(&bus).await?;

    let subject = "$JS.API.CONSUMER.MSG.NEXT.RULES.promotions".to_owned();
    assert_eq!(denied, Denied { action: DeniedAction::Publish, subject });
    Ok(())
}

/// However often it is started again: what was handled is no dead letter because the server denies the acks.
#[tokio::test]
async fn a_consumer_that_may_not_ack_says_so_and_dead_letters_nothing() -> Outcome {
    let (server, operator) = server(&without("$JS.ACK"), &["_INBOX.>"]).await?;
    let bus = Bus::connect(user(&server, "service")).await?;
    let handled = Arc::new(AtomicUsize::new(0));
    operator.publish(&activated("r1")).await?;

    let config = ConsumerConfig { retry: RetryPolicy { max_attempts: 2, ..QUICK }, ..ConsumerConfig::default() };
    for _ in 0..4 {
        let counter = Arc::clone(&handled);
        let consumer = bus.consumer("promotions").config(config.clone()).on(move |_: Received<Activated>| {
            counter.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        });
        let error = Running::start(consumer).end().await?.unwrap_err();

        let ConsumeError::Denied { denied, .. } = &error else { return Err(error.into()) };
        assert!(denied.subject.starts_with("$JS.ACK."), "{denied}");
        assert!(denied.permission().ends_with("RULES.promotions.>"), "{denied}");
    }

    assert!(handled.load(Ordering::Relaxed) >= 1);
    let letters = operator.dead_letters("rules").await?.count(&DeadLetterFilter::default()).await?;
    assert_eq!(letters.values().sum::<u64>(), 0, "{letters:?}");
    Ok(())
}

/// An event that cannot be dead-lettered is redelivered until the server gives it up: somebody has to know.
#[tokio::test]
async fn a_consumer_that_may_not_store_dead_letters_says_so() -> Outcome {
    let (server, operator) = server(&without("rules.dlq"), &["_INBOX.>"]).await?;
    let bus = Bus::connect(user(&server, "service")).await?;
    operator.publish(&activated("r1")).await?;
    let rejecting = || {
        bus.consumer("promotions")
            .config(ConsumerConfig { retry: QUICK, ..ConsumerConfig::default() })
            .on(|_: Received<Activated>| async { Err(HandlerError::reject("no")) })
    };

    let error = Running::start(rejecting()).end().await?.unwrap_err();

    let ConsumeError::Denied { denied, .. } = &error else { return Err(error.into()) };
    assert_eq!(denied.permission(), "rules.dlq.promotions.>");
    // Nothing is lost: whoever may, dead-letters it.
    let allowed = Bus::connect(user(&server, "operator")).await?;
    let consumer =
        allowed.consumer("promotions").on(|_: Received<Activated>| async { Err(HandlerError::reject("no")) });
    let monitor = consumer.monitor();
    let running = run(consumer);
    until(|| monitor.summary().dead_lettered == 1).await?;
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn an_operator_who_may_not_change_streams_learns_which_permission_is_missing() -> Outcome {
    let (server, _operator) = server(ALL, &["_INBOX.>"]).await?;
    let bus = Bus::connect(user(&server, "service")).await?;
    let began = Instant::now();

    let error = bus.plan(&[STREAM]).await.unwrap_err();

    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert!(error.to_string().contains("add $JS.API.STREAM.INFO.RULES to its permissions to publish"), "{error}");
    Ok(())
}

/// Otherwise it would wait for messages that cannot come, and end as if there had been none.
#[tokio::test]
async fn a_consumer_that_may_not_have_another_subscription_says_so_at_once() -> Outcome {
    let server = NatsServer::builder().config("max_subscriptions: 2").start().await?;
    let bus = Bus::connect(config(server.url())).await?;
    bus.provision(&[STREAM, DEAD_LETTERS]).await?;
    bus.publish(&activated("r1")).await?;

    let denied = refusal(&bus).await?;
    let later = bus.publish(&activated("r2")).await?;

    assert_eq!(denied.action, DeniedAction::SubscribeMore);
    assert!(denied.to_string().contains("raise max_subscriptions"), "{denied}");
    assert_eq!(later.sequence, 2);
    Ok(())
}

#[tokio::test]
async fn a_server_or_an_account_without_jetstream_is_known_at_once() -> Outcome {
    let account =
        "accounts { APP: { users: [ { user: service, password: x } ] }, SYS: { users: [ { user: s, password: s } ] } }
                   system_account: SYS";
    let disabled = "jetstream: disabled\nauthorization { users = [ { user: service, password: x } ] }";
    for (lines, missing) in [(account, "account"), (disabled, "jetstream {}")] {
        let server = NatsServer::builder().config(lines).start().await?;
        let bus = Bus::connect(user(&server, "service")).await?;
        let began = Instant::now();

        let error = bus.publish(&activated("r1")).await.unwrap_err();
        let consumer = run(bus.consumer("promotions").on(|_: Received<Activated>| async { Ok(()) }));
        let consume_error = consumer.end().await?.unwrap_err();

        assert!(began.elapsed() < AT_ONCE, "{:?}: {error}", began.elapsed());
        assert!(matches!(&error, PublishError::NoJetStream { reason, .. } if reason.contains(missing)), "{error:?}");
        assert!(consume_error.to_string().contains(missing), "{consume_error}");
    }
    Ok(())
}

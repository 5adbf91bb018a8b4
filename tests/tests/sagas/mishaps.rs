//! What comes twice, late, too early or too large, and programs that are newer or older than an instance.

use std::time::Duration;

use async_nats::jetstream::new as context_of;
use eventsmith::Bus;
use eventsmith::admin::BusAdmin;
use eventsmith::state::{Saga, SagaConfig, SagaEventKind, SagaRetry, SagaStatus, Sagas, Step, StepOutcome};
use eventsmith::testing::NatsServer;
use eventsmith_tests::running::PATIENCE;

use crate::bank::*;
use crate::common::{DEAD_LETTERS, Moved, Outcome, STREAM, Updated, over_both_transports, server, until};

over_both_transports! {
    of_two_cancels_the_second_passes_over_nothing_that_was_not_seen
    a_time_out_does_not_wait_behind_requests
    what_cannot_be_stored_is_compensated
    an_instance_keeps_room_for_its_end
    what_cannot_be_asked_for_as_it_is_too_large_waits_for_an_operator
    an_event_that_comes_before_the_start_is_waited_for
    an_attempt_is_a_request_and_not_a_delivery
    a_step_that_was_inserted_is_told
    what_may_be_undone_under_an_id_is_undone_under_no_other
    one_saga_does_not_keep_an_event_from_another
    a_compensation_that_is_not_there_is_told_and_not_passed_over
    a_step_that_asks_for_something_else_is_told
    what_has_ended_is_purged_and_nothing_else
}

const SOON: Duration = Duration::from_millis(400);
const NEVER: SagaRetry = SagaRetry {
    max_attempts: None,
    first_delay: Duration::from_secs(3_600),
    max_delay: Duration::from_secs(3_600),
    ..QUICK
};

/// Waits until a durable consumer is as far as is wanted, by what lags, is pending, and came again.
async fn consumer_is(bus: &Bus, stream: &str, consumer: &str, is_wanted: impl Fn(u64, u64, u64) -> bool) -> Outcome {
    let wait = async {
        loop {
            let found = bus.transport().consumer(stream, consumer).await.map_err(|error| error.to_string())?;
            if let Some(progress) = found.map(|found| found.progress)
                && is_wanted(progress.lag, progress.ack_pending, progress.redelivered)
            {
                return Outcome::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await?
}

/// Waits until a durable consumer has nothing more to do.
async fn settles(bus: &Bus, stream: &str, consumer: &str) -> Outcome {
    consumer_is(bus, stream, consumer, |lag, pending, _| lag + pending == 0).await
}

/// Stores the last input of an instance once more, as it is when it is delivered again long after.
async fn deliver_again(server: &NatsServer, id: &str, input: &str) -> Outcome {
    let context = context_of(async_nats::connect(server.url()).await?);
    let stream = context.get_stream(SAGAS.name).await?;
    let saga = if input == "event" { "order" } else { "transfer" };
    let subject = format!("rules.saga.{saga}.{id}.v1.input.{input}");
    let stored = stream.get_last_raw_message_by_subject(&subject).await?;
    context.publish(subject, stored.payload).await?.await?;
    Ok(())
}

#[tokio::test]
async fn a_cancel_that_is_delivered_twice_passes_over_nothing() -> Outcome {
    let (server, bus) = server().await?;
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    bank.ledger().silent.insert("deposit");
    bank.ledger().refusing.insert(("give_back", "a".to_owned()));
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(transfer(1))));
    sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    until(|| bank.path("t-1").ends_with(&["deposit"])).await?;
    sagas.cancel("transfer", "t-1", "anna", "the customer called").await?;
    reaches(&sagas, "transfer", "t-1", |status| status == SagaStatus::Stuck).await?;

    deliver_again(&server, "t-1", "cancel").await?;
    settles(&bus, SAGAS.name, "saga_transfer_v1_inputs").await?;

    assert_eq!(sagas.status("transfer", "t-1").await?, Some(SagaStatus::Stuck));
    // Whoever sees it stuck means the step.
    sagas.cancel("transfer", "t-1", "anna", "settled by phone").await?;
    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Compensated);
    Ok(())
}

async fn of_two_cancels_the_second_passes_over_nothing_that_was_not_seen(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let saga = || {
        Saga::new("transfer", 1)
            .step(Step::asks("withdraw", withdraw).irreversible())
            .step(Step::asks("deposit", deposit).irreversible())
            .step(Step::asks("fee", |transfer: &Transfer| Withdraw {
                transfer: format!("{}-fee", transfer.id),
                account: "nobody".to_owned(),
                cents: 1,
            }))
    };
    let (_bank, runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(saga())));
    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    reaches(&sagas, "transfer", "t-1", |status| status == SagaStatus::Stuck).await?;
    runner.stop().await??;

    for _ in 0..2 {
        sagas.cancel("transfer", "t-1", "anna", "the deposit is settled").await?;
    }
    let _runner = run(sagas.runner("sagas").saga(saga()));
    settles(&bus, SAGAS.name, "saga_transfer_v1_inputs").await?;

    let history = sagas.history("transfer", "t-1").await?;
    assert_eq!((history.summary.status, history.summary.step.as_deref()), (SagaStatus::Stuck, Some("withdraw")));
    assert_eq!(
        history.steps[..2].iter().map(|step| step.1).collect::<Vec<_>>(),
        [StepOutcome::Done, StepOutcome::PassedOver]
    );
    Ok(())
}

async fn a_time_out_does_not_wait_behind_requests(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    bank.ledger().failing.insert("withdraw", u32::MAX);
    let saga = || Saga::new("transfer", 1).step(Step::asks("withdraw", withdraw).retry(NEVER).timeout(SOON));
    let config = SagaConfig { max_ack_pending: 1, concurrency: 1, ..SagaConfig::default() };
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").config(config).saga(saga())));

    for id in ["t-1", "t-2"] {
        sagas.start(&saga(), id, &a_transfer(id, "a", "b", 30)).await?;
    }

    for id in ["t-1", "t-2"] {
        assert_eq!(ends(&sagas, id).await?, SagaStatus::Compensated);
    }
    Ok(())
}

fn large() -> String {
    "x".repeat(2 << 20)
}

async fn what_cannot_be_stored_is_compensated(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let saga = || {
        let withdraw = Step::asks("withdraw", withdraw).compensate(give_back).compensation_retry(QUICK);
        Saga::new("transfer", 1).step(withdraw.on_reply(|transfer: &mut Transfer, _| transfer.notes.push(large())))
    };
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(saga())));

    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Compensated);
    assert_eq!((bank.balance("a"), bank.path("t-1")), (1_000, vec!["withdraw", "give_back"]));
    let reason = sagas.history("transfer", "t-1").await?.reason.unwrap_or_default();
    assert!(reason.contains("cannot be stored") && reason.contains("1048576"), "{reason}");
    Ok(())
}

async fn an_instance_keeps_room_for_its_end(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    bank.ledger().refusing.insert(("deposit", "b".to_owned()));
    let saga = || {
        let withdraw = Step::asks("withdraw", withdraw).compensate(give_back).compensation_retry(QUICK);
        // What is stored with the reply is as large as the server takes, but for less than the end of a saga needs.
        let withdraw =
            withdraw.on_reply(|transfer: &mut Transfer, _| transfer.notes.push("x".repeat((1 << 20) - 3_000)));
        Saga::new("transfer", 1).step(withdraw).step(Step::asks("deposit", deposit).retry(QUICK))
    };
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(saga())));

    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Compensated);
    assert_eq!((bank.balance("a"), bank.path("t-1")), (1_000, vec!["withdraw", "give_back"]));
    let too_large = Transfer { notes: vec!["x".repeat((1 << 20) - 2_000)], ..a_transfer("t-2", "a", "b", 30) };
    let refused = sagas.start(&saga(), "t-2", &too_large).await.unwrap_err();
    assert!(
        refused.to_string().contains("cannot be stored") || format!("{refused:?}").contains("TooLarge"),
        "{refused:?}"
    );
    Ok(())
}

async fn what_cannot_be_asked_for_as_it_is_too_large_waits_for_an_operator(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let saga = || {
        Saga::new("transfer", 1)
            .step(
                Step::asks("withdraw", withdraw)
                    .compensate(|of: &Transfer| GiveBack { account: large(), ..give_back(of) }),
            )
            .step(Step::asks("deposit", |of: &Transfer| Deposit { account: large(), ..deposit(of) }))
    };
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(saga())));

    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;

    reaches(&sagas, "transfer", "t-1", |status| status == SagaStatus::Stuck).await?;
    assert_eq!((bank.balance("a"), bank.path("t-1")), (970, vec!["withdraw"]));
    Ok(())
}

/// Moved, then approved, and nothing is asked for.
fn order(begin: impl Fn(&Moved) -> Option<(String, Transfer)> + Send + Sync + 'static) -> Saga<Transfer> {
    Saga::new("order", 1)
        .starts_on(begin)
        .step(Step::awaits("approved", |updated: &Updated| Some(updated.rule_id.clone())))
}

fn moved(moved: &Moved) -> Option<(String, Transfer)> {
    Some((moved.key.clone(), a_transfer(&moved.key, "a", "b", 1)))
}

async fn an_event_that_comes_before_the_start_is_waited_for(bus: Bus) -> Outcome {
    let sagas = sagas(&bus).await?;
    let _runner = run(sagas.runner("orders").saga(order(moved)));
    bus.publish(&Updated { rule_id: "o-1".to_owned(), revision: 1 }).await?;
    bus.publish(&Updated { rule_id: "o-2".to_owned(), revision: 1 }).await?;

    bus.publish(&Moved { key: "o-1".to_owned(), number: 1 }).await?;

    assert_eq!(reaches(&sagas, "order", "o-1", SagaStatus::is_ended).await?, SagaStatus::Completed);
    // That nobody starts the other does no harm.
    settles(&bus, "RULES", "orders").await?;
    assert_eq!(sagas.status("order", "o-2").await?, None);
    Ok(())
}

async fn an_attempt_is_a_request_and_not_a_delivery(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    bank.ledger().failing.insert("withdraw", 1);
    let twice = SagaRetry { max_attempts: Some(2), ..QUICK };
    let saga = |name| Saga::new("transfer", 1).step(Step::asks(name, withdraw).retry(twice).compensate(give_back));
    let _bank = serve(&bank, &bus);
    sagas.start(&saga("withdraw"), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    // Somebody renames a step without raising the version, and deploys that.
    let wrong = run(sagas.runner("sagas").saga(saga("take")));
    consumer_is(&bus, SAGAS.name, "saga_transfer_v1", |_, _, redelivered| redelivered > 0).await?;
    wrong.stop().await??;
    assert_eq!(bank.path("t-1"), [""; 0]);

    let _right = run(sagas.runner("sagas").saga(saga("withdraw")));

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Completed);
    assert_eq!(bank.ledger().calls.len(), 2);
    assert_eq!(
        told(&sagas, "transfer", "t-1").await?,
        ["started", "asked_again withdraw", "done withdraw", "completed"]
    );
    Ok(())
}

async fn a_step_that_was_inserted_is_told(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    let inserted = || {
        Saga::new("transfer", 1)
            .step(Step::asks("fee", withdraw))
            .step(Step::asks("withdraw", withdraw).compensate(give_back))
    };
    let _bank = serve(&bank, &bus);
    let wrong = run(sagas.runner("sagas").saga(inserted()));
    consumer_is(&bus, SAGAS.name, "saga_transfer_v1", |lag, _, _| lag == 0).await?;
    wrong.stop().await??;

    assert_eq!(told(&sagas, "transfer", "t-1").await?, ["started"]);
    assert_eq!(bank.path("t-1"), [""; 0]);
    let _right = run(sagas.runner("sagas").saga(transfer(1)));
    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Completed);
    Ok(())
}

async fn one_saga_does_not_keep_an_event_from_another(bus: Bus) -> Outcome {
    let sagas = sagas(&bus).await?;
    let broken = order(|moved: &Moved| {
        let notes = vec![INVALID_NOTE.to_owned()];
        Some((moved.key.clone(), Transfer { notes, ..Transfer::default() }))
    });
    let sound = Saga::new("transfer", 1).starts_on(moved).step(Step::asks("never", withdraw).when(|_| false));
    let _runner = run(sagas.runner("orders").saga(broken).saga(sound));

    bus.publish(&Moved { key: "t-1".to_owned(), number: 1 }).await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Completed);
    assert_eq!(sagas.status("order", "t-1").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_step_may_wait_for_the_event_of_another_and_takes_none_twice() -> Outcome {
    let (server, bus) = server().await?;
    BusAdmin::provision(&bus, &[STREAM, DEAD_LETTERS]).await?;
    let sagas = sagas(&bus).await?;
    let approved = |name| {
        Step::awaits(name, |updated: &Updated| Some(updated.rule_id.clone()))
            .on_event(|order: &mut Transfer, updated| order.notes.push(updated.revision.to_string()))
    };
    let saga = || Saga::new("order", 1).step(approved("by one")).step(approved("by another"));
    let _runner = run(sagas.runner("orders").saga(saga()));
    sagas.start(&saga(), "o-1", &a_transfer("o-1", "a", "b", 1)).await?;
    bus.publish(&Updated { rule_id: "o-1".to_owned(), revision: 1 }).await?;
    waits_for(&sagas, "o-1", "by another").await?;

    deliver_again(&server, "o-1", "event").await?;
    settles(&bus, SAGAS.name, "saga_order_v1_inputs").await?;

    waits_for(&sagas, "o-1", "by another").await?;
    bus.publish(&Updated { rule_id: "o-1".to_owned(), revision: 2 }).await?;
    assert_eq!(reaches(&sagas, "order", "o-1", SagaStatus::is_ended).await?, SagaStatus::Completed);
    assert_eq!(sagas.state(&saga(), "o-1").await?.map(|order| order.notes), Some(vec!["1".to_owned(), "2".to_owned()]));
    Ok(())
}

async fn waits_for(sagas: &Sagas, id: &str, step: &str) -> Outcome {
    let wait = async {
        while sagas.list("order").await?.iter().all(|saga| saga.id != id || saga.step.as_deref() != Some(step)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Outcome::Ok(())
    };
    tokio::time::timeout(PATIENCE, wait).await?
}

async fn what_may_be_undone_under_an_id_is_undone_under_no_other(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let once = SagaRetry { max_attempts: Some(1), patience: Duration::from_millis(200), ..QUICK };
    let saga = || {
        Saga::new("transfer", 1)
            .step(Step::asks("withdraw", withdraw).retry(QUICK).compensate(give_back).compensation_retry(once))
            .step(Step::asks("deposit", deposit).retry(QUICK))
    };
    bank.ledger().silent.insert("give_back");
    bank.ledger().refusing.insert(("deposit", "b".to_owned()));
    let (service, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(saga())));
    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    let stuck = |status| status == SagaStatus::Stuck;
    reaches(&sagas, "transfer", "t-1", stuck).await?;
    // Nobody is there when it is tried again, and then somebody is.
    drop(service);
    sagas.retry("transfer", "t-1", "anna").await?;
    let history = async || sagas.history("transfer", "t-1").await;
    let wait = async {
        while history().await?.events.iter().filter(|event| event.kind == SagaEventKind::Stuck).count() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Outcome::Ok(())
    };
    tokio::time::timeout(PATIENCE, wait).await??;
    bank.ledger().silent.clear();
    let _service = serve(&bank, &bus);

    sagas.retry("transfer", "t-1", "anna").await?;

    // Whether the service listens yet is not known.
    let ended = async {
        loop {
            match reaches(&sagas, "transfer", "t-1", |status| stuck(status) || status.is_ended()).await? {
                SagaStatus::Stuck => {
                    drop(sagas.retry("transfer", "t-1", "anna").await);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                status => return Outcome::Ok(status),
            }
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, ended).await??, SagaStatus::Compensated);
    let calls = bank.ledger().calls.clone();
    let mut ids: Vec<&str> =
        calls.iter().filter(|call| call.what == "give_back").map(|call| call.id.as_str()).collect();
    assert!(ids.len() > 1, "{calls:?}");
    ids.dedup();
    assert_eq!(ids.len(), 1, "{calls:?}");
    Ok(())
}

#[tokio::test]
async fn what_a_newer_program_wrote_waits_for_it() -> Outcome {
    let (server, bus) = server().await?;
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    let context = context_of(async_nats::connect(server.url()).await?);
    let subject = "rules.saga.transfer.t-1.v1.event";
    let stored =
        context.get_stream(SAGAS.name).await?.get_last_raw_message_by_subject(&format!("{subject}.started")).await?;
    let mut event: serde_json::Value = serde_json::from_slice(&stored.payload)?;
    event["data"]["happening"]["kind"] = "of_a_later_release".into();
    event["data"]["instance"]["number"] = 2.into();
    event["data"]["instance"]["state"]["version"] = 2.into();
    context.publish(format!("{subject}.of_a_later_release"), event.to_string().into()).await?.await?;
    let _bank = serve(&bank, &bus);

    let older = run(sagas.runner("sagas").saga(transfer(1)));
    consumer_is(&bus, SAGAS.name, "saga_transfer_v1", |_, _, redelivered| redelivered > 0).await?;
    older.stop().await??;

    assert_eq!(sagas.status("transfer", "t-1").await?, Some(SagaStatus::Running));
    assert_eq!((bank.path("t-1"), bank.balance("a")), (Vec::<&str>::new(), 1_000));
    Ok(())
}

/// A program of before, or one that was taken back, beside a newer one.
async fn a_compensation_that_is_not_there_is_told_and_not_passed_over(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    bank.ledger().refusing.insert(("deposit", "b".to_owned()));
    let without = || {
        Saga::new("transfer", 1)
            .step(Step::asks("withdraw", withdraw).retry(QUICK))
            .step(Step::asks("deposit", deposit).retry(QUICK))
    };
    bank.ledger().silent.insert("give_back");
    let _bank = serve(&bank, &bus);
    let right = run(impatient(&sagas).saga(transfer(1)));
    sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    until(|| bank.path("t-1").ends_with(&["give_back"])).await?;
    drop(right);
    bank.ledger().silent.clear();
    let wrong = run(impatient(&sagas).saga(without()));
    consumer_is(&bus, SAGAS.name, "saga_transfer_v1", |_, _, redelivered| redelivered > 0).await?;
    wrong.stop().await??;

    let _right = run(impatient(&sagas).saga(transfer(1)));

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Compensated);
    assert_eq!(bank.balance("a"), 1_000);
    Ok(())
}

async fn a_step_that_asks_for_something_else_is_told(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    let other = || Saga::new("transfer", 1).step(Step::asks("withdraw", deposit)).step(Step::asks("deposit", deposit));
    let _bank = serve(&bank, &bus);
    let wrong = run(sagas.runner("sagas").saga(other()));
    consumer_is(&bus, SAGAS.name, "saga_transfer_v1", |lag, _, _| lag == 0).await?;
    wrong.stop().await??;

    assert_eq!(bank.path("t-1"), [""; 0]);
    let _right = run(sagas.runner("sagas").saga(transfer(1)));
    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Completed);
    Ok(())
}

async fn what_has_ended_is_purged_and_nothing_else(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let runner = run(sagas.runner("sagas").saga(transfer(1)));
    let service = serve(&bank, &bus);
    sagas.start(&transfer(1), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    ends(&sagas, "t-1").await?;
    runner.stop().await??;
    sagas.start(&transfer(1), "t-2", &a_transfer("t-2", "a", "b", 30)).await?;

    let (ended, running) = (sagas.purge("transfer", "t-1").await?, sagas.purge("transfer", "t-2").await?);

    assert!(ended >= 6 && running == 0, "{ended} {running}");
    assert_eq!(sagas.purge("transfer", "t-1").await?, 0);
    assert_eq!(sagas.status("transfer", "t-1").await?, None);
    let left = bus.transport().count(SAGAS.name, "rules.saga.transfer.t-1.>").await;
    assert_eq!(left.map_err(|error| error.to_string())?, 0);
    assert_eq!(sagas.list("transfer").await?.iter().map(|saga| saga.id.as_str()).collect::<Vec<_>>(), ["t-2"]);
    let _runner = run(sagas.runner("sagas").saga(transfer(1)));
    assert_eq!(ends(&sagas, "t-2").await?, SagaStatus::Completed);
    drop(service);
    Ok(())
}

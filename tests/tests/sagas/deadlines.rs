//! Steps that wait for a time, and times that the state says.

use std::time::{Duration, Instant};

use eventsmith::state::{Otherwise, Saga, SagaError, SagaStatus, Sagas, Step, StepOutcome};
use eventsmith::{Bus, DateTime, Timestamp};

use crate::bank::*;
use crate::common::{Outcome, Updated, over_both_transports};

over_both_transports! {
    a_step_waits_until_the_time_of_its_state
    what_is_over_is_over_at_once
    an_event_makes_a_deadline_moot
    a_deadline_without_its_event_goes_on
}

const SHORT: Duration = Duration::from_millis(400);

/// The day that a transfer notes.
fn day(transfer: &Transfer) -> Option<DateTime> {
    transfer.notes.first()?.parse().ok()
}

fn a_transfer_at(id: &str, day: &str) -> Transfer {
    Transfer { notes: vec![day.to_owned()], ..a_transfer(id, "a", "b", 30) }
}

fn soon() -> String {
    (Timestamp::now() + SHORT).to_string()
}

/// Withdraws on its day.
fn dated() -> Saga<Transfer> {
    Saga::new("transfer", 1).step(Step::waits("day").deadline(day)).step(Step::asks("withdraw", withdraw).retry(QUICK))
}

/// Withdraws on its day unless it is updated before.
fn revocable() -> Saga<Transfer> {
    Saga::new("transfer", 1)
        .step(
            Step::awaits("revoked", |updated: &Updated| Some(updated.rule_id.clone()))
                .on_event(|transfer: &mut Transfer, _| transfer.notes.push("revoked".to_owned()))
                .deadline(day)
                .on_timeout(Otherwise::GoOn),
        )
        .step(Step::asks("withdraw", withdraw).when(|transfer| transfer.notes.len() == 1).retry(QUICK))
}

/// How many time-outs wait for an instance, and how many came.
async fn timers(bus: &Bus, id: &str) -> Outcome<(u64, u64)> {
    let count = async |kind: &str| {
        let subject = format!("rules.saga.transfer.{id}.*.{kind}.*");
        bus.transport().count(SAGAS.name, &subject).await.map_err(|error| error.to_string())
    };
    Ok((count("timer").await?, count("timeout").await?))
}

async fn a_step_waits_until_the_time_of_its_state(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let _bank = serve(&bank, &bus);
    let day = soon();

    sagas.start(&dated(), "t-1", &a_transfer_at("t-1", &day)).await?;
    assert_eq!((timers(&bus, "t-1").await?, bank.balance("a")), ((1, 0), 1_000));
    // Nobody runs it before its day, and two do from then on.
    let _runners = [run(sagas.runner("sagas").saga(dated())), run(sagas.runner("sagas").saga(dated()))];

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Completed);
    assert_eq!(told(&sagas, "transfer", "t-1").await?, ["started", "done day", "done withdraw", "completed"]);
    assert_eq!((timers(&bus, "t-1").await?, bank.balance("a")), ((0, 1), 970));
    let history = sagas.history("transfer", "t-1").await?;
    assert_eq!(history.steps[0].1, StepOutcome::Done);
    assert!(history.timeouts[0].stored >= day.parse()?, "{:?} {day}", history.timeouts[0]);
    Ok(())
}

async fn what_is_over_is_over_at_once(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(dated())));

    for (id, state) in [
        ("t-1", a_transfer_at("t-1", "2001-02-03T04:05:06Z")),
        ("t-2", a_transfer_at("t-2", "0001-01-01T00:00:00Z")),
        ("t-3", a_transfer("t-3", "a", "b", 30)),
    ] {
        sagas.start(&dated(), id, &state).await?;

        assert_eq!(ends(&sagas, id).await?, SagaStatus::Completed, "{id}");
    }
    Ok(())
}

async fn an_event_makes_a_deadline_moot(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(revocable())));
    // What many systems write for "never".
    sagas.start(&revocable(), "t-1", &a_transfer_at("t-1", "9999-12-31T23:59:59Z")).await?;
    assert_eq!(timers(&bus, "t-1").await?, (1, 0));

    bus.publish(&Updated { rule_id: "t-1".to_owned(), revision: 1 }).await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Completed);
    assert_eq!(told(&sagas, "transfer", "t-1").await?, ["started", "done revoked", "skipped withdraw", "completed"]);
    assert_eq!((timers(&bus, "t-1").await?, bank.balance("a")), ((0, 0), 1_000));
    Ok(())
}

async fn a_deadline_without_its_event_goes_on(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(revocable())));

    sagas.start(&revocable(), "t-1", &a_transfer_at("t-1", &soon())).await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Completed);
    let told = told(&sagas, "transfer", "t-1").await?;
    assert_eq!(told, ["started", "timed_out revoked", "done withdraw", "completed"]);
    assert_eq!((timers(&bus, "t-1").await?, bank.balance("a")), ((0, 1), 970));
    Ok(())
}

#[tokio::test]
async fn in_memory_a_month_takes_no_time() -> Outcome {
    let bus = Bus::in_memory();
    let (sagas, bank, began) = (sagas(&bus).await?, Bank::with(&["a", "b"]), Instant::now());
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(dated())));
    let day = (Timestamp::now() + Duration::from_secs(30 * 86_400)).to_string();
    sagas.start(&dated(), "t-1", &a_transfer_at("t-1", &day)).await?;

    bus.settle().await;

    let history = sagas.history("transfer", "t-1").await?;
    assert_eq!(history.summary.status, SagaStatus::Completed);
    let late = history.events[1].stored.duration_since(day.parse()?);
    assert!((0..60).contains(&late.as_secs()) && began.elapsed() < Duration::from_secs(60), "{late}");
    Ok(())
}

#[tokio::test]
async fn a_deadline_that_cannot_be_told_compensates() -> Outcome {
    let bus = Bus::in_memory();
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let saga = || {
        Saga::new("transfer", 1)
            .step(Step::asks("withdraw", withdraw).compensate(give_back))
            .step(Step::asks("deposit", deposit).deadline(|_| panic!("no such day")))
    };
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(saga())));
    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;

    bus.settle().await;

    assert_eq!(sagas.status("transfer", "t-1").await?, Some(SagaStatus::Compensated));
    let history = sagas.history("transfer", "t-1").await?;
    assert!(history.reason.as_deref().is_some_and(|reason| reason.contains("no such day")), "{:?}", history.reason);
    assert_eq!((bank.balance("a"), bank.path("t-1")), (1_000, vec!["withdraw", "give_back"]));
    Ok(())
}

#[tokio::test]
async fn a_step_that_would_wait_for_ever_is_refused() -> Outcome {
    let sagas: Sagas = sagas(&Bus::in_memory()).await?;
    let saga = Saga::new("transfer", 1).step(Step::waits("day"));

    let refused = sagas.start(&saga, "t-1", &a_transfer("t-1", "a", "b", 30)).await.err();

    let reason = "day waits for its time, and has neither a time-out nor a deadline";
    assert!(matches!(&refused, Some(SagaError::Definition { reason: told, .. }) if told == reason), "{refused:?}");
    Ok(())
}

//! Unit tests of sagas: the clock is put forward, so that nobody waits for a time-out or a retry.

use std::time::{Duration, Instant};

use eventsmith::Bus;
use eventsmith::state::{Otherwise, Saga, SagaRetry, SagaStatus, Step, StepOutcome};

use crate::bank::*;
use crate::common::Outcome;

const DAY: Duration = Duration::from_secs(86_400);

fn slow() -> Saga<Transfer> {
    Saga::new("transfer", 1).step(Step::asks("withdraw", withdraw).timeout(DAY).compensate(give_back)).step(
        Step::asks("deposit", deposit)
            .retry(SagaRetry { max_attempts: None, ..SagaRetry::default() })
            .timeout(7 * DAY)
            .compensate(take_back),
    )
}

/// A saga and its services over a bus in memory, with whatever is said of the bank.
async fn settled(
    saga: impl Fn() -> Saga<Transfer>,
    prepare: impl FnOnce(&Bank),
) -> Outcome<(SagaStatus, Bank, Vec<String>)> {
    let bus = Bus::in_memory();
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    prepare(&bank);
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("sagas").saga(saga())));
    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    bus.settle().await;
    let status = sagas.status("transfer", "t-1").await?.ok_or("it did not begin")?;
    Ok((status, bank, told(&sagas, "transfer", "t-1").await?))
}

#[tokio::test]
async fn a_unit_test_takes_milliseconds() -> Outcome {
    drop(settled(slow, |_| {}).await?);
    let began = Instant::now();

    let (status, bank, _) = settled(slow, |_| {}).await?;

    assert_eq!((status, bank.balance("b")), (SagaStatus::Completed, 1_030));
    println!("a saga of two steps took {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    Ok(())
}

#[tokio::test]
async fn settling_runs_retries_and_time_outs() -> Outcome {
    let began = Instant::now();

    let (status, bank, told) = settled(slow, |bank| {
        bank.ledger().failing.insert("deposit", u32::MAX);
    })
    .await?;

    assert_eq!((status, bank.balance("a")), (SagaStatus::Compensated, 1_000));
    assert_eq!(told[2..5], ["timed_out deposit", "compensating", "undone deposit"]);
    let asked = bank.ledger().calls.iter().filter(|call| call.what == "deposit").count();
    // Every 30 s for seven days.
    assert!((20_000..21_000).contains(&asked), "{asked}");
    println!("seven days and {asked} attempts took {:?}", began.elapsed());
    Ok(())
}

#[tokio::test]
async fn an_event_that_never_comes_times_out() -> Outcome {
    let saga = || {
        Saga::new("transfer", 1).step(
            Step::awaits("approved", |updated: &crate::common::Updated| Some(updated.rule_id.clone()))
                .timeout(DAY)
                .on_timeout(Otherwise::GoOn),
        )
    };
    let bus = Bus::in_memory();
    eventsmith::admin::BusAdmin::provision(&bus, &[crate::common::STREAM, crate::common::DEAD_LETTERS]).await?;
    let sagas = sagas(&bus).await?;
    let _runner = run(sagas.runner("sagas").saga(saga()));

    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    bus.settle().await;

    let history = sagas.history("transfer", "t-1").await?;
    assert_eq!((history.summary.status, history.steps[0].1), (SagaStatus::Completed, StepOutcome::NotDone));
    let waited = history.events[1].stored.duration_since(history.events[0].stored);
    // It is due a day after the step was decided, which is stored a moment later.
    assert!((86_399..86_460).contains(&waited.as_secs()), "{waited}");
    Ok(())
}

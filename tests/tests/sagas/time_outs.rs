//! Time-outs of steps: each comes once, or is cancelled by what makes it moot.

use std::time::Duration;

use eventsmith::Bus;
use eventsmith::state::{Otherwise, Saga, SagaRetry, SagaStatus, Step, StepOutcome};

use crate::bank::*;
use crate::common::{Outcome, over_both_transports};

over_both_transports! {
    a_time_out_comes_once_and_the_step_is_undone_with_the_others
    what_is_answered_in_time_takes_its_time_out_back
    a_time_out_may_be_passed_over_or_end_the_saga
}

/// Soon, but not before an answer on a busy machine.
const SHORT: Duration = Duration::from_millis(400);
/// Longer than any test.
const LONG: Duration = Duration::from_secs(3_600);

/// Asks once, and waits for the answer for longer than its time-out.
const PATIENT: SagaRetry = SagaRetry { max_attempts: None, patience: Duration::from_secs(2), ..QUICK };

/// Withdraws at leisure, and deposits within a time.
fn timed(within: Duration, choice: Otherwise) -> Saga<Transfer> {
    Saga::new("transfer", 1)
        .step(Step::asks("withdraw", withdraw).timeout(LONG).compensate(give_back))
        .step(Step::asks("deposit", deposit).retry(PATIENT).timeout(within).on_timeout(choice).compensate(take_back))
}

/// How many messages of an instance are of a kind.
async fn count(bus: &Bus, id: &str, kind: &str) -> Outcome<u64> {
    let subject = format!("rules.saga.transfer.{id}.*.{kind}.*");
    Ok(bus.transport().count(SAGAS.name, &subject).await.map_err(|error| error.to_string())?)
}

async fn a_time_out_comes_once_and_the_step_is_undone_with_the_others(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    bank.ledger().silent.insert("deposit");
    let saga = || timed(SHORT, Otherwise::Compensate);
    let (_bank, _runners) =
        (serve(&bank, &bus), [run(impatient(&sagas).saga(saga())), run(impatient(&sagas).saga(saga()))]);

    sagas.start(&saga(), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Compensated);
    assert_eq!(bank.balance("a"), 1_000);
    let history = sagas.history("transfer", "t-1").await?;
    assert_eq!(history.timeouts.iter().map(|timeout| timeout.command).collect::<Vec<_>>(), [2]);
    let told = told(&sagas, "transfer", "t-1").await?;
    assert_eq!(told.iter().filter(|told| *told == "timed_out deposit").count(), 1, "{told:?}");
    assert_eq!(history.steps[1].1, StepOutcome::Undone);
    assert_eq!(bank.path("t-1").iter().filter(|what| **what == "take_back").count(), 1);
    assert_eq!((count(&bus, "t-1", "timer").await?, count(&bus, "t-1", "timeout").await?), (0, 1));
    Ok(())
}

async fn what_is_answered_in_time_takes_its_time_out_back(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    sagas.start(&timed(LONG, Otherwise::Compensate), "t-1", &a_transfer("t-1", "a", "b", 30)).await?;
    sagas.start(&timed(LONG, Otherwise::Compensate), "t-2", &a_transfer("t-2", "a", "nobody", 30)).await?;
    assert_eq!((count(&bus, "t-1", "timer").await?, count(&bus, "t-2", "timer").await?), (1, 1));
    let runner = sagas.runner("sagas").saga(timed(LONG, Otherwise::Compensate));

    let (_bank, _runner) = (serve(&bank, &bus), run(runner));

    assert_eq!(ends(&sagas, "t-1").await?, SagaStatus::Completed);
    assert_eq!(ends(&sagas, "t-2").await?, SagaStatus::Compensated);
    for id in ["t-1", "t-2"] {
        assert_eq!((count(&bus, id, "timer").await?, count(&bus, id, "timeout").await?), (0, 0), "{id}");
    }
    Ok(())
}

async fn a_time_out_may_be_passed_over_or_end_the_saga(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    bank.ledger().silent.insert("deposit");
    let _bank = serve(&bank, &bus);
    for (choice, status) in [(Otherwise::GoOn, SagaStatus::Completed), (Otherwise::Fail, SagaStatus::Failed)] {
        let id = format!("t-{status}");
        let runner = run(impatient(&sagas).saga(timed(SHORT, choice)));

        sagas.start(&timed(SHORT, choice), &id, &a_transfer(&id, "a", "b", 30)).await?;

        assert_eq!(ends(&sagas, &id).await?, status);
        let history = sagas.history("transfer", &id).await?;
        assert_eq!((history.steps[1].1, history.timeouts.len()), (StepOutcome::Uncertain, 1));
        runner.stop().await??;
    }
    Ok(())
}

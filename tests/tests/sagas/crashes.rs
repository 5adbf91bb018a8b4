//! Runners that end wherever they are, and connections that end whatever is sent: every saga ends, and no money is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use eventsmith::state::{Saga, SagaConfig, SagaStatus, Sagas, Step};
use eventsmith::{Bus, Config};
use eventsmith_tests::proxy::{End, Frame, Proxy, Verdict};

use crate::bank::*;
use crate::common::{Outcome, config, server};

/// Withdraws and deposits in time, and has a fee that some cannot pay.
fn timed() -> Saga<Transfer> {
    let hour = Duration::from_secs(3_600);
    Saga::new("transfer", 1)
        .step(Step::asks("withdraw", withdraw).retry(QUICK).timeout(hour).compensate(give_back))
        .step(Step::asks("deposit", deposit).retry(QUICK).timeout(hour).compensate(take_back))
        .step(Step::asks("fee", fee).retry(QUICK).timeout(hour).when(|transfer: &Transfer| transfer.cents > 10))
}

fn fee(transfer: &Transfer) -> Withdraw {
    Withdraw { transfer: format!("{}-fee", transfer.id), account: "nobody".to_owned(), cents: 1 }
}

/// Every saga has ended one way or the other, and its time-outs are gone.
async fn audit(bus: &Bus, sagas: &Sagas, bank: &Bank, id: &str) -> Outcome<SagaStatus> {
    let history = sagas.history("transfer", id).await?;
    let status = history.summary.status;
    assert!(matches!(status, SagaStatus::Completed | SagaStatus::Compensated), "{id}: {status} {history:?}");
    assert_eq!(bank.total(), 2_000, "{id}: {history:?}");
    let deposited = bank.ledger().done.contains(&("deposit", id.to_owned()));
    let taken_back = bank.ledger().done.contains(&("take_back", id.to_owned()));
    assert_eq!(status == SagaStatus::Completed, deposited && !taken_back, "{id}: {history:?}");
    let numbers: Vec<u64> = history.events.iter().map(|event| event.number).collect();
    assert_eq!(numbers, (1..=history.events.len() as u64).collect::<Vec<_>>());
    let timers = bus.transport().count(SAGAS.name, &format!("rules.saga.transfer.{id}.*.timer.*")).await;
    assert_eq!(timers.map_err(|error| error.to_string())?, 0, "{id}: a time-out waits: {history:?}");
    assert_eq!(history.timeouts.len(), 0, "{id}: {history:?}");
    Ok(status)
}

/// A runner that is dropped at each of the places at which it can wait, one after the other: another one ends what it began.
#[tokio::test(start_paused = true)]
async fn a_runner_that_ends_anywhere_is_followed_by_another() -> Outcome {
    let mut ended = (0, 0);
    for yields in 0..400 {
        let bus = Bus::in_memory();
        let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
        let _bank = serve(&bank, &bus);
        let cents = if yields % 2 == 0 { 5 } else { 20 };
        sagas.start(&timed(), "t-1", &a_transfer("t-1", "a", "b", cents)).await?;

        let crashes = async {
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            outcome = impatient(&sagas).saga(timed()).run(std::future::pending::<()>()) => outcome?,
            () = crashes => {}
        }
        let _again = run(impatient(&sagas).saga(timed()));
        ends(&sagas, "t-1").await?;

        match audit(&bus, &sagas, &bank, "t-1").await? {
            SagaStatus::Completed => ended.0 += 1,
            _ => ended.1 += 1,
        }
    }
    assert_eq!(ended, (200, 200));
    Ok(())
}

/// A connection that is cut at the nth frame that the runner sends or is sent, for each n in turn.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_anywhere_loses_nothing() -> Outcome {
    const ROUNDS: u64 = 60;
    let (server, outside) = server().await?;
    let (observed, bank) = (sagas(&outside).await?, Bank::with(&["a", "b"]));
    let _bank = serve(&bank, &outside);
    let mut cuts = 0;
    for round in 0..ROUNDS {
        let proxy = Proxy::start(server.port()).await?;
        let bus = Bus::connect(Config { ack_timeout: Duration::from_millis(500), ..config(proxy.url()) }).await?;
        let sagas = Sagas::of(&bus, &[SAGAS]);
        let quick = SagaConfig { ack_wait: Duration::from_millis(1_500), ..SagaConfig::default() };
        let runner = run(sagas.runner("sagas").config(quick).saga(timed()));
        let (frames, cut) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (seen, done) = (Arc::clone(&frames), Arc::clone(&cut));
        let id = format!("t-{round}");
        let about = format!(".{id}.");
        // Half of them before the frame passes, half after it.
        let verdict = if round % 2 == 0 { Verdict::Cut } else { Verdict::CutAfter };
        proxy.rule(move |frame: &Frame<'_>| {
            let is_about = frame.subject.contains(&about) || frame.subject.starts_with("rules.command");
            let is_of_runner = is_about || frame.from == End::Client && frame.subject.starts_with("$JS.");
            if is_of_runner && seen.fetch_add(1, Ordering::SeqCst) == round / 2 {
                done.fetch_add(1, Ordering::SeqCst);
                return verdict;
            }
            Verdict::Forward
        });

        let cents = if round % 4 < 2 { 5 } else { 20 };
        observed.start(&timed(), &id, &a_transfer(&id, "a", "b", cents)).await?;
        ends(&observed, &id).await?;

        cuts += cut.load(Ordering::SeqCst);
        audit(&outside, &observed, &bank, &id).await?;
        drop(runner);
    }
    assert!(cuts >= ROUNDS / 2, "only {cuts} connections were cut");
    Ok(())
}

//! Events that start sagas, and that their steps wait for.

use std::time::Duration;

use eventsmith::state::{Saga, SagaStatus, Step};
use eventsmith::{Bus, PublishOptions, Uuid};

use crate::bank::*;
use crate::common::{Moved, Outcome, Updated, activated, over_both_transports};

over_both_transports! {
    an_event_starts_a_saga_once_and_another_is_waited_for
    an_event_may_come_before_its_step
    an_event_that_nobody_waits_for_is_of_no_use
    the_newest_version_starts_and_each_gets_its_events
}

const LONG: Duration = Duration::from_secs(3_600);

/// An order is moved, withdrawn for, and then approved.
fn order(version: u32) -> Saga<Transfer> {
    Saga::new("order", version)
        .starts_on(|moved: &Moved| {
            (moved.number > 0).then(|| (moved.key.clone(), a_transfer(&moved.key, "a", "b", moved.number.into())))
        })
        .step(Step::asks("withdraw", withdraw).retry(QUICK).compensate(give_back))
        .step(
            Step::awaits("approved", |updated: &Updated| Some(updated.rule_id.clone()))
                .on_event(|order: &mut Transfer, updated| order.notes.push(format!("revision {}", updated.revision)))
                .timeout(LONG),
        )
}

fn approved(id: &str, revision: u32) -> Updated {
    Updated { rule_id: id.to_owned(), revision }
}

async fn reaches_step(sagas: &eventsmith::state::Sagas, id: &str, step: &str) -> Outcome {
    let wait = async {
        loop {
            let listed = sagas.list("order").await?;
            if listed.iter().any(|saga| saga.id == id && saga.step.as_deref() == Some(step)) {
                return Outcome::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(eventsmith_tests::running::PATIENCE, wait).await?
}

async fn order_ends(sagas: &eventsmith::state::Sagas, id: &str) -> Outcome<SagaStatus> {
    reaches(sagas, "order", id, SagaStatus::is_ended).await
}

async fn an_event_starts_a_saga_once_and_another_is_waited_for(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("orders").saga(order(1))));
    let (moved, correlated) = (Moved { key: "o-1".to_owned(), number: 7 }, Some("visit-3".to_owned()));

    for _ in 0..2 {
        let options = PublishOptions { correlation_id: correlated.clone(), ..PublishOptions::default() };
        bus.publish_with(&moved, options).await?;
    }
    bus.publish(&Moved { key: "o-2".to_owned(), number: 0 }).await?;
    reaches_step(&sagas, "o-1", "approved").await?;
    bus.publish(&approved("o-1", 3)).await?;
    order_ends(&sagas, "o-1").await?;
    bus.publish(&approved("o-1", 4)).await?;

    assert_eq!(order_ends(&sagas, "o-1").await?, SagaStatus::Completed);
    assert_eq!(sagas.state(&order(1), "o-1").await?.map(|order| order.notes), Some(vec!["revision 3".to_owned()]));
    assert_eq!(told(&sagas, "order", "o-1").await?, ["started", "done withdraw", "done approved", "completed"]);
    assert_eq!(sagas.history("order", "o-1").await?.correlation_id, correlated);
    assert_eq!((bank.balance("a"), sagas.status("order", "o-2").await?), (993, None));
    let timers = bus.transport().count(SAGAS.name, "rules.saga.order.o-1.*.timer.*").await;
    assert_eq!(timers.map_err(|error| error.to_string())?, 0);
    Ok(())
}

async fn an_event_may_come_before_its_step(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let _runner = run(sagas.runner("orders").saga(order(1)));
    sagas.start(&order(1), "o-1", &a_transfer("o-1", "a", "b", 7)).await?;

    bus.publish(&approved("o-1", 3)).await?;
    let wait = async {
        while told(&sagas, "order", "o-1").await?.last().is_none_or(|last| last != "received approved") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Outcome::Ok(())
    };
    tokio::time::timeout(eventsmith_tests::running::PATIENCE, wait).await??;
    // Of several the first counts.
    bus.publish(&approved("o-1", 4)).await?;
    let _bank = serve(&bank, &bus);

    assert_eq!(order_ends(&sagas, "o-1").await?, SagaStatus::Completed);
    assert_eq!(sagas.state(&order(1), "o-1").await?.map(|order| order.notes), Some(vec!["revision 3".to_owned()]));
    let expected = ["started", "received approved", "done withdraw", "done approved", "completed"];
    assert_eq!(told(&sagas, "order", "o-1").await?, expected);
    Ok(())
}

async fn an_event_that_nobody_waits_for_is_of_no_use(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    let (_bank, runner) = (serve(&bank, &bus), run(sagas.runner("orders").saga(order(1))));

    bus.publish(&approved("o-9", 1)).await?;
    bus.publish(&approved("no id, as it has spaces", 1)).await?;
    bus.publish(&activated("r-1")).await?;
    bus.publish(&Moved { key: "o-1".to_owned(), number: 7 }).await?;
    reaches_step(&sagas, "o-1", "approved").await?;
    sagas.cancel("order", "o-1", "anna", "nobody approves").await?;
    assert_eq!(order_ends(&sagas, "o-1").await?, SagaStatus::Compensated);
    bus.publish(&approved("o-1", 1)).await?;

    let progress = async {
        let consumer =
            || async { bus.transport().consumer("RULES", "orders").await.map_err(|error| error.to_string()) };
        while consumer().await?.is_none_or(|found| found.progress.lag + found.progress.ack_pending > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Outcome::Ok(())
    };
    tokio::time::timeout(eventsmith_tests::running::PATIENCE, progress).await??;
    assert_eq!(sagas.list("order").await?.len(), 1);
    assert_eq!((sagas.status("order", "o-1").await?, bank.balance("a")), (Some(SagaStatus::Compensated), 1_000));
    runner.stop().await??;
    Ok(())
}

async fn the_newest_version_starts_and_each_gets_its_events(bus: Bus) -> Outcome {
    let (sagas, bank) = (sagas(&bus).await?, Bank::with(&["a", "b"]));
    sagas.start(&order(1), "o-1", &a_transfer("o-1", "a", "b", 7)).await?;
    let (_bank, _runner) = (serve(&bank, &bus), run(sagas.runner("orders").saga(order(1)).saga(order(2))));

    let id = Some(Uuid::now_v7());
    let moved = Moved { key: "o-2".to_owned(), number: 7 };
    bus.publish_with(&moved, PublishOptions { id, ..PublishOptions::default() }).await?;
    for id in ["o-1", "o-2"] {
        reaches_step(&sagas, id, "approved").await?;
        bus.publish(&approved(id, 1)).await?;
        assert_eq!(order_ends(&sagas, id).await?, SagaStatus::Completed);
    }

    let versions: Vec<(String, u32)> =
        sagas.list("order").await?.into_iter().map(|saga| (saga.id, saga.version)).collect();
    assert_eq!(versions, [("o-1".to_owned(), 1), ("o-2".to_owned(), 2)]);
    Ok(())
}

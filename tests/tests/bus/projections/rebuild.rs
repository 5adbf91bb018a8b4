//! A read model that is built beside the one that serves, and takes its place.

use std::collections::BTreeSet;

use eventsmith::state::{Documents, Phase, Projection, ProjectionError, Projections};
use eventsmith::{Bus, Received};

use super::common::*;
use crate::common::*;

over_both_transports! {
    readers_see_no_read_model_that_is_half_built
    another_revision_is_built_beside_and_takes_the_place
    one_that_cannot_be_built_leaves_the_other_alone
    an_operator_has_it_built_anew
    who_reads_one_goes_on_reading_it
    an_earlier_revision_takes_no_place_back
    who_catches_up_an_earlier_revision_is_not_kept_waiting
    what_nobody_reads_any_more_is_dropped
}

/// As [`totals`], but of twice the numbers.
fn doubled(revision: u32) -> Projection<Documents<Total>> {
    let add = |total: &mut Option<Total>, event: &Received<Moved>| {
        let total = total.get_or_insert_default();
        total.numbers.push(event.number * 2);
        Ok(())
    };
    Projection::in_bucket::<Total>("totals", revision).config(hasty()).on(|event: &Moved| [event.key.clone()], add)
}

async fn readers_see_no_read_model_that_is_half_built(bus: Bus) -> Outcome {
    const KEYS: u32 = 400;
    provisioned(&bus).await?;
    let events: Vec<Moved> = (1..=2 * KEYS).map(|number| moved(number % KEYS, number)).collect();
    bus.publish_all(&events).await?;

    let first = Projecting::start(totals(1), &bus);
    let mut seen = BTreeSet::new();
    let mut second = None;
    eventually(async || {
        let view = match model(&bus).view().await {
            Ok(view) => view,
            Err(ProjectionError::Unknown { .. } | ProjectionError::NotServing { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let generation = view.generation();
        seen.insert(generation.to_string());
        assert_eq!(view.keys(">").await?.len(), KEYS as usize, "{generation}");
        for key in [0, 1, KEYS - 1] {
            let total = view.get(&key.to_string()).await?.ok_or("there is none")?;
            assert_eq!(total.numbers.len(), 2, "{generation}");
        }
        if second.is_none() {
            second = Some(Projecting::start(doubled(2), &bus));
        }
        Ok(generation.revision == 2)
    })
    .await?;

    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["1-1", "2-1"]);
    assert_eq!(numbers(&bus, "1").await?, [2, 2 * (KEYS + 1)]);
    first.stop().await?;
    second.ok_or("it never began")?.stop().await
}

async fn another_revision_is_built_beside_and_takes_the_place(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    publish(&bus, "a", 1..=3).await?;
    let first = totals(1);
    let of_first = first.monitor();
    let first = Projecting::start(first, &bus);
    eventually(async || Ok(of_first.serving().is_some_and(|status| status.phase == Phase::Running))).await?;

    doubled(2).catch_up(&bus).await?;
    publish(&bus, "a", [4]).await?;
    doubled(2).catch_up(&bus).await?;

    assert_eq!(numbers(&bus, "a").await?, [2, 4, 6, 8]);
    // The program of before goes on beside it, and serves nobody.
    let superseded =
        |status: &eventsmith::state::ProjectionStatus| status.phase == Phase::Superseded && status.projected == 4;
    eventually(async || Ok(of_first.statuses().iter().any(superseded))).await?;
    let report = Projections::of(&bus).get("totals").await?;
    let models: Vec<_> =
        report.models.iter().map(|model| (model.status.generation.to_string(), model.serves)).collect();
    assert_eq!(models, [("1-1".to_owned(), false), ("2-1".to_owned(), true)]);
    first.stop().await
}

async fn one_that_cannot_be_built_leaves_the_other_alone(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    publish(&bus, "a", [1]).await?;
    totals(1).catch_up(&bus).await?;
    publish(&bus, "a", [REJECTED, 2]).await?;
    totals(1).catch_up(&bus).await?;

    let error = stopping(2).catch_up(&bus).await.unwrap_err();

    assert!(matches!(error, ProjectionError::Event { sequence: 2, .. }), "{error}");
    assert_eq!(numbers(&bus, "a").await?, [1, 2]);
    let report = Projections::of(&bus).get("totals").await?;
    assert_eq!(report.serving.map(|generation| generation.to_string()).as_deref(), Some("1-1"));
    assert_eq!(report.models[1].status.phase, Phase::Failed);
    // A later program mends it.
    totals(2).catch_up(&bus).await?;
    assert_eq!(Projections::of(&bus).get("totals").await?.serving.map(|generation| generation.revision), Some(2));
    Ok(())
}

async fn an_operator_has_it_built_anew(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let early = Projections::of(&bus).rebuild("totals").await.unwrap_err();
    publish(&bus, "a", 1..=3).await?;
    let running = Projecting::start(totals(1), &bus);
    eventually(async || Ok(numbers(&bus, "a").await.is_ok_and(|numbers| numbers.len() == 3))).await?;
    // Somebody has spoilt it.
    bus.bucket::<Total>().delete("totals.1-1.a").await?;

    let wanted = Projections::of(&bus).rebuild("totals").await?;
    eventually(async || Ok(Projections::of(&bus).get("totals").await?.serving == Some(wanted))).await?;
    publish(&bus, "a", [4]).await?;
    eventually(async || Ok(numbers(&bus, "a").await?.len() == 4)).await?;

    assert!(matches!(early, ProjectionError::Unknown { .. }), "{early}");
    assert_eq!(wanted.to_string(), "1-2");
    assert_eq!(numbers(&bus, "a").await?, [1, 2, 3, 4]);
    running.stop().await?;
    // Whoever runs next makes the same.
    publish(&bus, "a", [5]).await?;
    totals(1).catch_up(&bus).await?;
    assert_eq!(numbers(&bus, "a").await?.len(), 5);
    assert_eq!(Projections::of(&bus).rebuild("totals").await?.to_string(), "1-3");
    Ok(())
}

async fn who_reads_one_goes_on_reading_it(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    publish(&bus, "a", 1..=3).await?;
    totals(1).catch_up(&bus).await?;
    let before = model(&bus).view().await?;
    doubled(2).catch_up(&bus).await?;

    let (old, new) = (before.get("a").await?, model(&bus).get("a").await?);

    assert_eq!(old.map(|total| total.into_value().numbers), Some(vec![1, 2, 3]));
    assert_eq!(new.map(|total| total.into_value().numbers), Some(vec![2, 4, 6]));
    Ok(())
}

/// As while a new version is rolled out, and instances of both run.
async fn an_earlier_revision_takes_no_place_back(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    publish(&bus, "a", 1..=3).await?;
    totals(1).catch_up(&bus).await?;
    doubled(2).catch_up(&bus).await?;
    let old = totals(1);
    let monitor = old.monitor();
    let old = Projecting::start(old, &bus);
    publish(&bus, "a", [4]).await?;

    let is_current = |status: &eventsmith::state::ProjectionStatus| status.projected == 4;
    eventually(async || Ok(monitor.statuses().iter().any(is_current))).await?;
    old.stop().await?;

    assert_eq!(numbers(&bus, "a").await?, [2, 4, 6]);
    let report = Projections::of(&bus).get("totals").await?;
    assert_eq!(report.serving.map(|generation| generation.revision), Some(2));
    Ok(())
}

async fn who_catches_up_an_earlier_revision_is_not_kept_waiting(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    publish(&bus, "a", 1..=3).await?;
    doubled(2).catch_up(&bus).await?;

    tokio::time::timeout(eventsmith_tests::running::PATIENCE, totals(1).catch_up(&bus)).await??;

    assert_eq!(numbers(&bus, "a").await?, [2, 4, 6]);
    assert_eq!(status(&bus, "1-1").await?.projected, 3);
    Ok(())
}

async fn what_nobody_reads_any_more_is_dropped(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    publish(&bus, "a", 1..=3).await?;
    for revision in 1..=3 {
        doubled(revision).catch_up(&bus).await?;
    }
    let monitor = doubled(3);
    monitor.catch_up(&bus).await?;

    eventually(async || {
        let report = Projections::of(&bus).get("totals").await?;
        Ok(report.models.iter().map(|model| model.status.generation.revision).eq([2, 3]))
    })
    .await?;
    let mut keys = bus.bucket::<Total>().keys(">").await?;
    keys.sort_unstable();
    assert_eq!(keys, ["totals.2-1.a", "totals.3-1.a"]);
    assert_eq!(numbers(&bus, "a").await?, [2, 4, 6]);
    Ok(())
}

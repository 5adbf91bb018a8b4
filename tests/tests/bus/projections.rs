//! Projections: read models that are made of events, whatever the transport, and what only a server shows.

mod common;
mod effects;
mod over_server;
mod own_store;
mod rebuild;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::{Retention, StreamDescriptor};
use eventsmith::state::{Phase, Projection, ProjectionError, Projections};
use eventsmith::{Bus, HandlerError, Received};

use crate::common::*;
use common::*;

over_both_transports! {
    a_read_model_is_made_of_events_in_their_order
    it_resumes_where_it_was
    what_was_projected_behind_the_checkpoint_is_not_projected_again
    what_was_left_out_stays_so
    it_is_kept_up_to_date_and_says_how_far_it_is
    an_event_may_change_several_documents
    events_of_several_streams_make_one_read_model
    what_cannot_be_projected_is_left_out_counted_and_named
    who_wants_to_know_is_stopped_by_name
    what_fails_is_tried_again_and_stops_by_name
    an_event_of_a_newer_version_stops_by_name_and_waits
    of_two_instances_one_projects_and_the_other_takes_over
    what_is_missing_is_named
    what_cannot_be_a_projection_is_told
    a_stream_that_dropped_what_was_not_read_is_named
    a_document_that_others_wrote_is_named
}

async fn a_read_model_is_made_of_events_in_their_order(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    for number in 1..=300 {
        publish(&bus, &format!("k{}", number % 3), [number]).await?;
        bus.publish(&activated("other")).await?;
    }
    publish(&bus, "gone", [1, REMOVES]).await?;
    publish(&bus, "back", [1, REMOVES, 2]).await?;

    let early = model(&bus).get("k0").await.unwrap_err();
    totals(1).catch_up(&bus).await?;

    assert!(matches!(early, ProjectionError::Unknown { .. }), "{early}");
    for rest in 0..3 {
        let expected: Vec<u32> = (1..=300).filter(|number| number % 3 == rest).collect();
        assert_eq!(numbers(&bus, &format!("k{rest}")).await?, expected);
    }
    assert_eq!((numbers(&bus, "gone").await?, numbers(&bus, "back").await?), (vec![], vec![2]));
    let mut keys = model(&bus).view().await?.keys(">").await?;
    keys.sort_unstable();
    assert_eq!(keys, ["back", "k0", "k1", "k2"]);
    let entry = model(&bus).get("k1").await?.ok_or("there is none")?;
    assert_eq!((entry.key.as_str(), entry.sum), ("k1", (1..=300).filter(|number| number % 3 == 1).sum()));
    Ok(())
}

async fn it_resumes_where_it_was(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    for round in 0..5 {
        publish(&bus, "a", round * 10 + 1..round * 10 + 11).await?;
        let projected = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&projected);
        let projection = Projection::in_bucket::<Total>("totals", 1).config(hasty()).on(
            |event: &Moved| [event.key.clone()],
            move |total: &mut Option<Total>, event: &Received<Moved>| {
                count.fetch_add(1, SeqCst);
                add(total, event)
            },
        );
        projection.catch_up(&bus).await?;

        assert_eq!(projected.load(SeqCst), 10, "in round {round}");
        assert_eq!(numbers(&bus, "a").await?, (1..=round * 10 + 10).collect::<Vec<_>>());
    }
    assert_eq!(status(&bus, "1-1").await?.projected, 50);
    Ok(())
}

/// As after a process that died before it wrote the checkpoint behind its documents.
async fn what_was_projected_behind_the_checkpoint_is_not_projected_again(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let ledger = bus.raw_bucket("EVENTSMITH_PROJECTIONS");
    publish(&bus, "a", 1..=3).await?;
    totals(1).catch_up(&bus).await?;
    let early =
        ledger.get("totals.1-1.checkpoint").await?.ok_or("there is no checkpoint")?.value.map_err(|_| "gone")?;
    publish(&bus, "a", 4..=6).await?;
    publish(&bus, "b", [1, REMOVES]).await?;
    publish(&bus, "c", [1, REMOVES, 2]).await?;
    totals(1).catch_up(&bus).await?;

    ledger.put("totals.1-1.checkpoint", "eventsmith.projection", 1, early).await?;
    publish(&bus, "a", [7]).await?;
    totals(1).catch_up(&bus).await?;

    assert_eq!(numbers(&bus, "a").await?, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((numbers(&bus, "b").await?, numbers(&bus, "c").await?), (vec![], vec![2]));
    let status = status(&bus, "1-1").await?;
    assert_eq!((status.projected, status.skipped), (12, 0));
    Ok(())
}

/// An event that changes two documents and is rejected by one of them, and one behind it that changes that one: what was decided of the first
/// stays so, also for a process that died before it wrote its checkpoint.
async fn what_was_left_out_stays_so(bus: Bus) -> Outcome {
    let moves = || {
        let keys = |event: &Moved| if event.number == REJECTED { vec!["a", "b"] } else { vec!["a"] };
        let add = |total: &mut Option<Total>, event: &Received<Moved>| {
            let total = total.get_or_insert_default();
            if event.number == REJECTED && total.numbers == [1] {
                return Err(HandlerError::reject("not enough"));
            }
            total.numbers.push(event.number);
            Ok(())
        };
        Projection::in_bucket::<Total>("totals", 1).config(hasty()).on(keys, add)
    };
    provisioned(&bus).await?;
    let ledger = bus.raw_bucket("EVENTSMITH_PROJECTIONS");
    let checkpoint = async || -> Outcome<bytes::Bytes> {
        let found = ledger.get("totals.1-1.checkpoint").await?.ok_or("there is no checkpoint")?;
        Ok(found.value.map_err(|_| "gone")?)
    };
    publish(&bus, "a", [1]).await?;
    moves().catch_up(&bus).await?;

    publish(&bus, "a", [REJECTED, 2]).await?;
    let running = Projecting::start(moves(), &bus);
    eventually(async || Ok(numbers(&bus, "a").await?.len() == 2)).await?;
    running.kill().await;
    // Whatever was kept when the last event was written: nothing before it is decided again.
    let kept = String::from_utf8(checkpoint().await?.to_vec())?;
    moves().catch_up(&bus).await?;

    assert!(kept.contains(r#""skipped":1"#), "{kept}");
    assert_eq!((numbers(&bus, "a").await?, numbers(&bus, "b").await?), (vec![1, 2], vec![]));
    assert_eq!(status(&bus, "1-1").await?.skipped, 1);
    Ok(())
}

async fn it_is_kept_up_to_date_and_says_how_far_it_is(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let projection = totals(1);
    let monitor = projection.monitor();
    let running = Projecting::start(projection, &bus);
    eventually(async || Ok(monitor.serving().is_some_and(|status| status.phase == Phase::Running))).await?;

    publish(&bus, "a", 1..=5).await?;
    eventually(async || Ok(numbers(&bus, "a").await?.len() == 5)).await?;
    eventually(async || Ok(status(&bus, "1-1").await?.projected == 5)).await?;
    bus.publish(&activated("other")).await?;
    // What is none of its events is passed over.
    eventually(async || Ok(status(&bus, "1-1").await?.streams["RULES"].position == 6)).await?;

    let report = Projections::of(&bus).get("totals").await?;
    let [model] = report.models.as_slice() else { return Err(format!("{report:?}").into()) };
    assert!(model.serves && model.holder.is_some() && model.heard.is_some(), "{model:?}");
    assert_eq!((model.status.phase, model.status.behind()), (Phase::Running, 0));
    assert!(model.status.streams["RULES"].time.is_some());
    assert_eq!(monitor.serving().map(|status| status.projected), Some(5));
    running.stop().await?;
    publish(&bus, "a", 6..=7).await?;

    let report = Projections::of(&bus).list().await?;
    let [report] = report.as_slice() else { return Err(format!("{report:?}").into()) };
    let model = &report.models[0];
    assert_eq!((model.status.phase, model.holder.clone(), model.status.behind()), (Phase::Stopped, None, 2));
    Ok(())
}

async fn an_event_may_change_several_documents(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let keys = |event: &Moved| vec![event.key.clone(), "all".to_owned(), "all".to_owned(), format!("by.{}", event.key)];
    let projection = || Projection::in_bucket::<Total>("totals", 1).config(hasty()).on(keys, add);
    publish(&bus, "a", 1..=2).await?;
    publish(&bus, "b", [3, REJECTED]).await?;
    projection().catch_up(&bus).await?;
    publish(&bus, "b", [4]).await?;
    projection().catch_up(&bus).await?;

    assert_eq!(numbers(&bus, "all").await?, [1, 2, 3, 4]);
    assert_eq!((numbers(&bus, "a").await?, numbers(&bus, "by.b").await?), (vec![1, 2], vec![3, 4]));
    Ok(())
}

async fn events_of_several_streams_make_one_read_model(bus: Bus) -> Outcome {
    const THINGS: StreamDescriptor = StreamDescriptor::new("THINGS", &["else.domain.>"]);
    provisioned(&bus).await?;
    bus.provision(&[THINGS]).await?;
    let projection = || {
        totals(1)
            .on(
                |event: &Activated| [event.rule_id.clone()],
                |total: &mut Option<Total>, _: &Received<Activated>| {
                    total.get_or_insert_default().numbers.push(100);
                    Ok(())
                },
            )
            .on(
                |_: &Homeless| ["a"],
                |total: &mut Option<Total>, _: &Received<Homeless>| {
                    total.get_or_insert_default().numbers.push(200);
                    Ok(())
                },
            )
    };
    for round in 1..=3 {
        publish(&bus, "a", [round]).await?;
        bus.publish(&activated("a")).await?;
        bus.publish(&Homeless {}).await?;
        projection().catch_up(&bus).await?;
    }

    let all = numbers(&bus, "a").await?;
    let of_rules: Vec<u32> = all.iter().copied().filter(|number| *number < 200).collect();
    assert_eq!((of_rules, all.len()), (vec![1, 100, 2, 100, 3, 100], 9));
    let streams = status(&bus, "1-1").await?.streams;
    let filters: Vec<_> =
        streams.iter().map(|(stream, progress)| (stream.as_str(), progress.filter.as_str())).collect();
    assert_eq!(filters, [("RULES", "rules.domain.rule.*"), ("THINGS", "else.domain.thing.moved")]);
    Ok(())
}

/// Publishes everything that cannot be projected, each behind an event that can.
async fn poisoned(bus: &Bus) -> Outcome {
    for (number, poison) in (1..).zip([REJECTED, PANICS, INVALID]) {
        publish(bus, "a", [number, poison]).await?;
    }
    bus.publish(&Careless { anything: "no rule".to_owned() }).await?;
    publish(bus, "not/a key!", [1]).await?;
    publish(bus, "a", [4]).await
}

async fn what_cannot_be_projected_is_left_out_counted_and_named(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let projection = || {
        totals(1)
            .on(|event: &Activated| [event.rule_id.clone()], |_: &mut Option<Total>, _: &Received<Activated>| Ok(()))
    };
    poisoned(&bus).await?;
    projection().catch_up(&bus).await?;

    assert_eq!(numbers(&bus, "a").await?, [1, 2, 3, 4]);
    let told = status(&bus, "1-1").await?;
    let last = told.last_skipped.ok_or("none is named")?;
    assert_eq!((told.projected, told.skipped), (4, 5));
    assert_eq!((last.stream.as_str(), last.sequence, last.subject.as_str()), ("RULES", 8, "rules.domain.rule.moved"));
    assert!(last.reason.contains("cannot be the key of a document"), "{}", last.reason);

    // Nor is it counted again.
    projection().catch_up(&bus).await?;
    assert_eq!(status(&bus, "1-1").await?.skipped, 5);
    Ok(())
}

async fn who_wants_to_know_is_stopped_by_name(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    for (number, (poison, why)) in (1..).zip([
        (REJECTED, "a number that nobody likes"),
        (PANICS, "its handler panicked: a number that nobody can add"),
        (INVALID, "it would make an invalid document"),
    ]) {
        publish(&bus, "a", [number, poison, number + 10]).await?;

        let error = stopping(1).catch_up(&bus).await.unwrap_err();

        let ProjectionError::Event { stream, sequence, subject, reason, .. } = &error else { return Err(error.into()) };
        assert_eq!((stream.as_str(), *sequence), ("RULES", u64::from(number * 3 - 1)));
        assert_eq!(subject, "rules.domain.rule.moved");
        assert!(reason.contains(why), "{reason}");
        assert!(error.to_string().contains("it goes on with this message"), "{error}");
        let told = status(&bus, "1-1").await?;
        assert_eq!((told.phase, told.error), (Phase::Failed, Some(error.to_string())));
        // What is before it is projected.
        let serving = Projections::of(&bus).get("totals").await?.serving;
        if serving.is_some() {
            assert_eq!(numbers(&bus, "a").await?.last(), Some(&number));
        }
        // The way out: a program that leaves it out.
        totals(1).catch_up(&bus).await?;
        assert_eq!(numbers(&bus, "a").await?.last(), Some(&(number + 10)));
    }
    Ok(())
}

async fn what_fails_is_tried_again_and_stops_by_name(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let attempts = Arc::new(AtomicU64::new(0));
    let projection = |succeeds_at: u64| {
        let attempts = Arc::clone(&attempts);
        Projection::in_bucket::<Total>("totals", 1).config(hasty()).on(
            |event: &Moved| [event.key.clone()],
            move |total: &mut Option<Total>, event: &Received<Moved>| {
                if event.number == FAILS && attempts.fetch_add(1, SeqCst) + 1 < succeeds_at {
                    return Err(HandlerError::retry("not now"));
                }
                total.get_or_insert_default().numbers.push(event.number);
                Ok(())
            },
        )
    };
    publish(&bus, "a", [1, 2, FAILS, 3]).await?;

    let error = projection(u64::MAX).catch_up(&bus).await.unwrap_err();
    let failed = attempts.swap(0, SeqCst);
    projection(3).catch_up(&bus).await?;

    assert!(matches!(&error, ProjectionError::Event { sequence: 3, reason, .. } if reason == "not now"), "{error}");
    // The first time with those before it, and then alone, three times.
    assert_eq!((failed, attempts.load(SeqCst)), (4, 3));
    assert_eq!(numbers(&bus, "a").await?, [1, 2, FAILS, 3]);
    assert_eq!(status(&bus, "1-1").await?.error, None);
    Ok(())
}

async fn an_event_of_a_newer_version_stops_by_name_and_waits(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let old = || {
        totals(1).on(
            |event: &Updated| [event.rule_id.clone()],
            |total: &mut Option<Total>, event: &Received<Updated>| {
                total.get_or_insert_default().numbers.push(event.revision);
                Ok(())
            },
        )
    };
    bus.publish(&Updated { rule_id: "a".to_owned(), revision: 1 }).await?;
    bus.publish(&Revised { rule_id: "a".to_owned() }).await?;

    let error = old().catch_up(&bus).await.unwrap_err();
    let new = totals(1).on(
        |event: &Revised| [event.rule_id.clone()],
        |total: &mut Option<Total>, _: &Received<Revised>| {
            total.get_or_insert_default().numbers.push(3);
            Ok(())
        },
    );
    new.catch_up(&bus).await?;

    assert!(matches!(&error, ProjectionError::Event { sequence: 2, .. }), "{error}");
    assert!(error.to_string().contains("deploy a program whose catalogue has that version"), "{error}");
    assert_eq!(numbers(&bus, "a").await?, [1, 3]);
    Ok(())
}

async fn of_two_instances_one_projects_and_the_other_takes_over(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let first = totals(1);
    let of_first = first.monitor();
    let first = Projecting::start(first, &bus);
    eventually(async || Ok(of_first.serving().is_some_and(|status| status.phase == Phase::Running))).await?;
    let second = totals(1);
    let of_second = second.monitor();
    let second = Projecting::start(second, &bus);
    publish(&bus, "a", 1..=5).await?;
    eventually(async || Ok(numbers(&bus, "a").await?.len() == 5)).await?;
    eventually(async || Ok(of_second.serving().is_some_and(|status| status.phase == Phase::Waiting))).await?;

    // One that is stopped gives way at once, one that is killed after its lease.
    first.stop().await?;
    publish(&bus, "a", 6..=10).await?;
    eventually(async || Ok(numbers(&bus, "a").await?.len() == 10)).await?;
    assert_eq!(of_second.serving().map(|status| status.phase), Some(Phase::Running));
    let third = Projecting::start(totals(1), &bus);
    second.kill().await;
    publish(&bus, "a", 11..=15).await?;
    eventually(async || Ok(numbers(&bus, "a").await?.len() == 15)).await?;

    assert_eq!(numbers(&bus, "a").await?, (1..=15).collect::<Vec<_>>());
    third.stop().await
}

async fn what_is_missing_is_named(bus: Bus) -> Outcome {
    let no_ledger = totals(1).catch_up(&bus).await.unwrap_err();
    bus.provision(eventsmith::state::PROJECTIONS).await?;
    let no_bucket = totals(1).catch_up(&bus).await.unwrap_err();
    bus.provision(&[TOTALS.ttl(std::time::Duration::from_secs(60))]).await?;
    totals(1).catch_up(&bus).await?;
    let homeless = totals(1).on(|_: &Homeless| ["a"], |_: &mut Option<Total>, _: &Received<Homeless>| Ok(()));
    let no_stream = homeless.catch_up(&bus).await.unwrap_err();
    bus.provision(&[StreamDescriptor::new("THINGS", &["else.domain.>"]).retention(Retention::WorkQueue)]).await?;
    let retention = homeless.catch_up(&bus).await.unwrap_err();
    let unknown = Projections::of(&bus).get("nobody").await.unwrap_err();

    assert!(matches!(no_ledger, ProjectionError::NoLedger { .. }), "{no_ledger}");
    assert!(matches!(no_bucket, ProjectionError::NoBucket { bucket: "TOTALS" }), "{no_bucket}");
    assert!(
        matches!(&no_stream, ProjectionError::NoStream { subject, .. } if subject == "else.domain.thing.moved"),
        "{no_stream}"
    );
    assert!(matches!(&retention, ProjectionError::Retention { stream, .. } if stream == "THINGS"), "{retention}");
    assert!(matches!(unknown, ProjectionError::Unknown { .. }), "{unknown}");
    Ok(())
}

async fn what_cannot_be_a_projection_is_told(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    for name in ["", "a.b", "a b", "*", "a\0"] {
        let projection = Projection::in_bucket::<Total>(name, 1).on(|event: &Moved| [event.key.clone()], add);
        let error = projection.catch_up(&bus).await.unwrap_err();
        assert!(matches!(error, ProjectionError::Name { .. }), "{error}");
        assert!(Projections::of(&bus).get(name).await.is_err());
    }
    let nothing = Projection::in_bucket::<Total>("totals", 1).catch_up(&bus).await.unwrap_err();
    let twice = totals(1).on(|event: &Moved| [event.key.clone()], add).catch_up(&bus).await.unwrap_err();

    assert!(matches!(nothing, ProjectionError::NoHandlers { .. }), "{nothing}");
    assert!(matches!(twice, ProjectionError::TwoHandlers { event_type: "rule.moved", .. }), "{twice}");
    Ok(())
}

async fn a_stream_that_dropped_what_was_not_read_is_named(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    publish(&bus, "a", 1..=3).await?;
    totals(1).catch_up(&bus).await?;
    // What was read may go, and so may what is none of its events.
    bus.publish(&activated("other")).await?;
    totals(1).catch_up(&bus).await?;
    for sequence in 1..=4 {
        bus.transport().delete_message("RULES", sequence).await?;
    }
    publish(&bus, "a", 4..=6).await?;
    totals(1).catch_up(&bus).await?;
    publish(&bus, "a", 7..=8).await?;
    for sequence in 5..=8 {
        bus.transport().delete_message("RULES", sequence).await?;
    }

    let error = totals(1).catch_up(&bus).await.unwrap_err();
    totals(2).catch_up(&bus).await?;

    let is_named =
        matches!(&error, ProjectionError::Truncated { stream, position: 7, first: 9, .. } if stream == "RULES");
    assert!(is_named, "{error}");
    assert!(error.to_string().contains("another revision"), "{error}");
    assert_eq!(numbers(&bus, "a").await?, [8]);
    Ok(())
}

async fn a_document_that_others_wrote_is_named(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    publish(&bus, "a", [1]).await?;
    totals(1).catch_up(&bus).await?;
    bus.bucket::<Total>().put("totals.1-1.a", &Total::default()).await?;
    publish(&bus, "a", [2]).await?;

    let error = totals(1).catch_up(&bus).await.unwrap_err();

    assert!(matches!(&error, ProjectionError::Document { key, .. } if key == "totals.1-1.a"), "{error}");
    assert!(error.to_string().contains("eventsmith projections rebuild totals"), "{error}");
    Ok(())
}

/// Nobody has to ask again and again, and nothing takes any time.
#[tokio::test(start_paused = true)]
async fn in_memory_settle_waits_for_projections_and_their_side_effects() -> Outcome {
    let bus = Bus::in_memory();
    bus.provision(&[STREAM]).await?;
    provisioned(&bus).await?;
    let (send, mut mails) = tokio::sync::mpsc::unbounded_channel();
    let begun = std::time::Instant::now();
    let projection = totals(1).effect(move |event: Received<Moved>| {
        let send = send.clone();
        async move { Ok(send.send(event.number)?) }
    });
    let mut monitor = projection.monitor();
    let running = Projecting::start(projection, &bus);
    monitor.caught_up().await;

    for number in 1..=20 {
        publish(&bus, "a", [number]).await?;
        bus.settle().await;
        assert_eq!(numbers(&bus, "a").await?.len(), number as usize);
        assert_eq!(mails.try_recv()?, number);
    }
    // A process that dies is missed after its lease, by a clock that stands still otherwise.
    running.kill().await;
    publish(&bus, "a", [21]).await?;
    totals(1).catch_up(&bus).await?;

    assert_eq!(numbers(&bus, "a").await?.len(), 21);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    Ok(())
}

//! Side effects: for what is live, once it is in the read model, and never for history.

use std::sync::{Arc, Mutex, PoisonError};

use eventsmith::state::{Documents, Projection};
use eventsmith::{Bus, HandlerError, Received};
use tokio::sync::mpsc;

use super::common::*;
use crate::common::*;

over_both_transports! {
    history_has_no_side_effects_and_what_is_live_has
    handlers_are_told_what_is_history
    a_side_effect_that_is_new_begins_with_what_is_new
    a_side_effect_comes_once_the_event_can_be_read
    a_rebuild_repeats_no_side_effect_and_leaves_none_out
    a_side_effect_that_fails_is_tried_again_and_holds_up_nothing_but_others
    after_a_crash_a_side_effect_comes_again_rather_than_never
    what_the_read_model_left_out_has_no_side_effect
    of_two_who_make_read_models_one_has_the_side_effects
}

fn mailing(revision: u32, mails: &mpsc::UnboundedSender<u32>) -> Projection<Documents<Total>> {
    let mails = mails.clone();
    totals(revision).effect(move |event: Received<Moved>| {
        let mails = mails.clone();
        async move {
            assert!(!event.is_replay());
            if event.number == REJECTED {
                return Err(HandlerError::reject("no such address"));
            }
            Ok(mails.send(event.number)?)
        }
    })
}

/// A projection at work: what is stored from now on is live.
async fn begun(projection: Projection<Documents<Total>>, bus: &Bus) -> Projecting {
    let mut monitor = projection.monitor();
    let running = Projecting::start(projection, bus);
    monitor.caught_up().await;
    running
}

fn drain(mails: &mut mpsc::UnboundedReceiver<u32>) -> Vec<u32> {
    std::iter::from_fn(|| mails.try_recv().ok()).collect()
}

async fn history_has_no_side_effects_and_what_is_live_has(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let (send, mut mails) = mpsc::unbounded_channel();
    publish(&bus, "a", 1..=3).await?;
    mailing(1, &send).catch_up(&bus).await?;
    let of_history = drain(&mut mails);
    // Nobody ran when these were stored: they are none of the history all the same.
    publish(&bus, "a", 4..=6).await?;
    mailing(1, &send).catch_up(&bus).await?;
    let live = drain(&mut mails);
    mailing(1, &send).catch_up(&bus).await?;

    assert_eq!((of_history, live, drain(&mut mails)), (vec![], vec![4, 5, 6], vec![]));
    Ok(())
}

/// A program that gets a side effect later on must not mail everything that ever happened.
async fn a_side_effect_that_is_new_begins_with_what_is_new(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let (send, mut mails) = mpsc::unbounded_channel();
    totals(1).catch_up(&bus).await?;
    publish(&bus, "a", 1..=3).await?;
    totals(1).catch_up(&bus).await?;
    mailing(1, &send).catch_up(&bus).await?;
    publish(&bus, "a", 4..=5).await?;
    mailing(1, &send).catch_up(&bus).await?;

    assert_eq!(drain(&mut mails), [4, 5]);
    Ok(())
}

async fn handlers_are_told_what_is_history(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let projection = |revision| {
        let seen = Arc::clone(&seen);
        Projection::in_bucket::<Total>("totals", revision).config(hasty()).on(
            |event: &Moved| [event.key.clone()],
            move |total: &mut Option<Total>, event: &Received<Moved>| {
                let place = event.place().ok_or("it has no place")?;
                let what = (event.number, place.sequence, event.is_replay());
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(what);
                assert_eq!((&*place.stream, event.envelope().event_type.as_str()), ("RULES", "rule.moved"));
                add(total, event)
            },
        )
    };
    let taken = || std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    publish(&bus, "a", [11]).await?;
    projection(1).catch_up(&bus).await?;
    let history = taken();
    publish(&bus, "a", [12]).await?;
    projection(1).catch_up(&bus).await?;
    let live = taken();
    projection(2).catch_up(&bus).await?;

    assert_eq!((history, live), (vec![(11, 1, true)], vec![(12, 2, false)]));
    assert_eq!(taken(), [(11, 1, true), (12, 2, true)]);
    Ok(())
}

async fn a_side_effect_comes_once_the_event_can_be_read(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let (send, mut seen) = mpsc::unbounded_channel();
    let projection = totals(1).effect(move |event: Received<Moved>| {
        let send = send.clone();
        async move {
            let total = model(event.bus()).get(&event.key).await?;
            Ok(send.send((event.number, total.map(|total| total.into_value().numbers)))?)
        }
    });
    let running = begun(projection, &bus).await;
    for number in 1..=5 {
        publish(&bus, "a", [number]).await?;
        let (effect, read) = next(&mut seen).await?;
        assert_eq!(effect, number);
        assert!(read.is_some_and(|numbers| numbers.contains(&number)));
    }
    running.stop().await
}

async fn a_rebuild_repeats_no_side_effect_and_leaves_none_out(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let (send, mut mails) = mpsc::unbounded_channel();
    mailing(1, &send).catch_up(&bus).await?;
    publish(&bus, "a", 1..=3).await?;
    mailing(1, &send).catch_up(&bus).await?;
    publish(&bus, "a", 4..=6).await?;
    mailing(2, &send).catch_up(&bus).await?;
    publish(&bus, "a", 7..=8).await?;
    // A program of before has no say any more.
    let old = Projecting::start(mailing(1, &send), &bus);
    mailing(2, &send).catch_up(&bus).await?;
    old.stop().await?;

    assert_eq!(drain(&mut mails), (1..=8).collect::<Vec<_>>());
    Ok(())
}

async fn a_side_effect_that_fails_is_tried_again_and_holds_up_nothing_but_others(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let (send, mut mails) = mpsc::unbounded_channel();
    let (open, is_open) = tokio::sync::watch::channel(false);
    let projection = totals(1).effect(move |event: Received<Moved>| {
        let (send, is_open) = (send.clone(), *is_open.borrow());
        async move {
            match (event.number, is_open) {
                (2, false) => Err("the mail server is down".into()),
                (3, _) => Err(HandlerError::reject("no such address")),
                (number, _) => Ok(send.send(number)?),
            }
        }
    });
    let monitor = projection.monitor();
    let running = begun(projection, &bus).await;
    publish(&bus, "a", 1..=4).await?;
    // The read model does not wait.
    eventually(async || Ok(numbers(&bus, "a").await?.len() == 4)).await?;
    assert_eq!(next(&mut mails).await?, 1);
    assert!(mails.try_recv().is_err());
    open.send_replace(true);

    assert_eq!((next(&mut mails).await?, next(&mut mails).await?), (2, 4));
    eventually(async || Ok(monitor.serving().is_some_and(|status| status.skipped_effects == 1))).await?;
    running.stop().await
}

async fn after_a_crash_a_side_effect_comes_again_rather_than_never(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let (send, mut started) = mpsc::unbounded_channel();
    // Its process dies while it has the side effect of the second.
    let dying = totals(1).effect(move |event: Received<Moved>| {
        let send = send.clone();
        async move {
            send.send(event.number)?;
            if event.number == 2 {
                std::future::pending::<()>().await;
            }
            Ok(())
        }
    });
    let running = begun(dying, &bus).await;
    publish(&bus, "a", 1..=3).await?;
    while next(&mut started).await? != 2 {}
    running.kill().await;
    let (send, mut mails) = mpsc::unbounded_channel();
    mailing(1, &send).catch_up(&bus).await?;

    let mut again = drain(&mut mails);
    again.retain(|number| *number != 1);
    assert_eq!(again, [2, 3]);
    Ok(())
}

/// Also where side effects are far behind the read model, and where another instance has them.
async fn what_the_read_model_left_out_has_no_side_effect(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let (send, mut mails) = mpsc::unbounded_channel();
    let (open, is_open) = tokio::sync::watch::channel(false);
    let projection = || {
        let (send, is_open) = (send.clone(), is_open.clone());
        totals(1).effect(move |event: Received<Moved>| {
            let (send, is_open) = (send.clone(), *is_open.borrow());
            async move {
                match is_open {
                    false => Err("the mail server is down".into()),
                    true => Ok(send.send(event.number)?),
                }
            }
        })
    };
    let first = projection();
    let monitor = first.monitor();
    let running = begun(first, &bus).await;
    publish(&bus, "a", [1, REJECTED, 2, PANICS, 3]).await?;
    eventually(async || Ok(numbers(&bus, "a").await? == [1, 2, 3])).await?;
    // Operators see what holds them up.
    eventually(async || {
        let effects = status(&bus, "1-1").await?.effects;
        Ok(effects.is_some_and(|effects| effects.error.is_some_and(|error| error.contains("the mail server is down"))))
    })
    .await?;
    assert!(monitor.serving().is_some_and(|status| status.effects_behind() == 5), "{:?}", monitor.serving());
    running.kill().await;
    open.send_replace(true);
    let second = projection();
    let monitor = second.monitor();
    let running = begun(second, &bus).await;
    publish(&bus, "a", [4, REJECTED, 5]).await?;
    eventually(async || {
        Ok(monitor.serving().is_some_and(|status| status.effects_behind() == 0 && status.projected == 5))
    })
    .await?;
    running.stop().await?;

    assert_eq!(drain(&mut mails), [1, 2, 3, 4, 5]);
    let effects = status(&bus, "1-1").await?.effects.ok_or("there are none")?;
    assert_eq!((effects.done, effects.skipped, effects.error), (5, 3, None));
    Ok(())
}

/// While what is built takes the place of what serves, its own instance may not have heard of that.
async fn of_two_who_make_read_models_one_has_the_side_effects(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let (send, mut mails) = mpsc::unbounded_channel();
    let slow = || eventsmith::state::ProjectionConfig { status_interval: std::time::Duration::from_secs(2), ..hasty() };
    let old = begun(mailing(1, &send).config(slow()), &bus).await;
    publish(&bus, "a", 1..=20).await?;
    eventually(async || Ok(mails.len() == 20)).await?;

    let new = Projecting::start(mailing(2, &send), &bus);
    let generation =
        async || Ok::<_, eventsmith::state::ProjectionError>(model(&bus).view().await?.generation().to_string());
    eventually(async || Ok(generation().await? == "2-1")).await?;
    publish(&bus, "a", 21..=60).await?;
    eventually(async || Ok(mails.len() >= 60)).await?;
    old.stop().await?;
    publish(&bus, "a", 61..=70).await?;
    eventually(async || Ok(mails.len() >= 70)).await?;
    new.stop().await?;

    assert_eq!(drain(&mut mails), (1..=70).collect::<Vec<_>>());
    Ok(())
}

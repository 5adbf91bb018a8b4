//! Aggregates: state that is made of events, whatever the transport, and what only a server shows.

mod cluster;
pub(crate) mod common;
mod discarded;
mod over_server;
mod snapshots;

use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::StreamDescriptor;
use eventsmith::state::{
    AggregateEvents, Aggregates, Defect, ExecuteError, ExecuteOptions, Point, StateError, check_histories,
};
use eventsmith::{Bus, PublishError};
use futures_util::FutureExt;
use futures_util::future::join_all;

use crate::common::*;
use common::*;

over_both_transports! {
    events_make_the_aggregate_and_its_history
    what_a_command_refuses_or_leaves_is_not_stored
    a_batch_of_events_is_stored_together
    writers_at_the_same_time_append_one_after_the_other
    a_command_that_comes_again_appends_nothing_and_has_the_same_result
    an_aggregate_is_loaded_as_it_was
    other_aggregates_do_not_matter
    what_was_not_appended_is_passed_over_and_named
    where_a_history_ends_with_strangers_its_last_event_is_found
    a_gap_is_named
    all_histories_of_a_stream_are_checked
    a_panic_in_apply_stays_in_its_call
    of_several_executions_of_one_command_at_a_time_one_counts
    a_command_long_ago_appends_nothing_as_long_as_its_ids_are_remembered
    what_other_streams_hold_is_no_home_of_an_aggregate
    what_is_not_of_the_aggregate_is_not_appended
    an_event_of_an_aggregate_is_published_in_no_other_way
    a_stream_that_is_not_there_is_named
    an_id_that_makes_its_subject_too_long_is_refused
}

async fn events_make_the_aggregate_and_its_history(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;
    let nothing = accounts.load::<Account>("a1").await?;
    let metadata = [("user_id".to_owned(), "anna".into())].into_iter().collect();
    let options = ExecuteOptions {
        command_id: Some("c-1".to_owned()),
        correlation_id: Some("order-7".to_owned()),
        metadata,
        ..ExecuteOptions::default()
    };

    open(&accounts, "a1").await?;
    let executed = accounts.execute_with("a1", options, |_: &Account| Ok::<_, String>(vec![paid("a1", 7)])).await?;
    pay(&accounts, "a1", -2).await?;

    assert_eq!((nothing.number, nothing.sequence, nothing.is_open), (0, 0, false));
    assert_eq!((executed.state.number, executed.state.balance, executed.is_repeated), (2, 7, false));
    assert_eq!(executed.events, [paid("a1", 7)]);
    let account = accounts.load::<Account>("a1").await?;
    assert_eq!((account.number, account.balance, account.is_open), (3, 5, true));
    let history = accounts.history::<Account>("a1").await?;
    assert_eq!(history.strays, []);
    let numbers: Vec<_> = history.events.iter().map(|event| (event.number, event.sequence)).collect();
    assert_eq!(numbers, [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(account.sequence, 3);
    let second = &history.events[1];
    assert_eq!(**second, paid("a1", 7));
    assert_eq!(second.command_id.as_deref(), Some("c-1"));
    assert_eq!(second.envelope.causation_id.as_deref(), Some("c-1"));
    assert_eq!(second.envelope.correlation_id.as_deref(), Some("order-7"));
    assert_eq!(second.envelope.metadata["user_id"], "anna");
    assert!(history.events.is_sorted_by_key(|event| event.stored));
    assert_eq!(history.events[0].envelope.causation_id, None);
    Ok(())
}

async fn what_a_command_refuses_or_leaves_is_not_stored(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;
    open(&accounts, "a1").await?;

    let refused = open(&accounts, "a1").await.unwrap_err();
    let nothing = accounts.execute("a1", |_: &Account| Ok::<_, String>(Vec::new())).await?;

    assert!(matches!(refused, ExecuteError::Refused("it is open")), "{refused}");
    assert_eq!((nothing.state.number, nothing.events.len()), (1, 0));
    assert_eq!(accounts.load::<Account>("a1").await?.number, 1);
    Ok(())
}

async fn a_batch_of_events_is_stored_together(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;
    open(&accounts, "other").await?;

    let decide = |_: &Account| Ok::<_, String>(vec![opened("a1"), paid("a1", 1), paid("a1", 2)]);
    let first = accounts.execute("a1", decide).await?;
    let second = accounts.execute("a1", |_: &Account| Ok::<_, String>(vec![paid("a1", 3), paid("a1", 4)])).await?;

    assert_eq!((first.state.number, first.state.sequence, first.state.balance), (3, 4, 3));
    assert_eq!((second.state.number, second.state.sequence, second.state.balance), (5, 6, 10));
    let account = accounts.load::<Account>("a1").await?;
    assert_eq!((account.number, account.sequence, account.balance), (5, 6, 10));
    let too_many = |_: &Account| Ok::<_, String>(vec![paid("a1", 1); 1_001]);
    let error = accounts.execute("a1", too_many).await.unwrap_err();
    assert!(error.to_string().contains("1,000"), "{error}");
    Ok(())
}

async fn writers_at_the_same_time_append_one_after_the_other(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;
    open(&accounts, "a1").await?;

    let writers = (0..64).map(|amount| {
        let accounts = accounts.clone();
        tokio::spawn(async move { pay(&accounts, "a1", amount).await.map(|executed| executed.state.number) })
    });
    let mut numbers = Vec::new();
    for written in join_all(writers).await {
        numbers.push(written??);
    }

    numbers.sort_unstable();
    assert_eq!(numbers, (2..=65).collect::<Vec<_>>());
    let account = accounts.load::<Account>("a1").await?;
    assert_eq!((account.number, account.balance), (65, (0..64).sum()));
    let history = accounts.history::<Account>("a1").await?;
    assert!(history.events.iter().map(|event| event.number).eq(1..=65));
    Ok(())
}

async fn a_command_that_comes_again_appends_nothing_and_has_the_same_result(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;
    open(&accounts, "a1").await?;
    let options = |id: &str| ExecuteOptions { command_id: Some(id.to_owned()), ..ExecuteOptions::default() };
    let double = |account: &Account| Ok::<_, String>(vec![paid("a1", account.balance + 1), paid("a1", 10)]);

    let first = accounts.execute_with("a1", options("c-1"), double).await?;
    pay(&accounts, "a1", 100).await?;
    let again = accounts.execute_with("a1", options("c-1"), double).await?;
    let other = accounts.execute_with("a1", options("c-2"), double).await?;
    let of_other =
        accounts.execute_with("a2", options("c-1"), |_: &Account| Ok::<_, String>(vec![opened("a2")])).await?;

    assert!(!first.is_repeated && again.is_repeated && !other.is_repeated && !of_other.is_repeated);
    assert_eq!(again.events, first.events);
    assert_eq!(again.command_id, "c-1");
    let result = |it: &eventsmith::state::Executed<Account>| (it.state.number, it.state.sequence, it.state.balance);
    assert_eq!(result(&again), result(&first));
    assert_eq!(accounts.load::<Account>("a1").await?.number, 6);
    for id in ["", "a b", "ü", "a\r\nNats-Rollup: all"] {
        let error = accounts.execute_with("a1", options(id), double).await.unwrap_err();
        assert!(matches!(error, ExecuteError::State(StateError::CommandId { .. })), "{error}");
    }
    Ok(())
}

async fn an_aggregate_is_loaded_as_it_was(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;
    open(&accounts, "a1").await?;
    open(&accounts, "a2").await?;
    pay(&accounts, "a1", 1).await?;
    pay(&accounts, "a1", 2).await?;
    let history = accounts.history::<Account>("a1").await?;

    for (point, number, balance) in [
        (Point::Number(0), 0, 0),
        (Point::Number(2), 2, 1),
        (Point::Number(9), 3, 3),
        (Point::Sequence(2), 1, 0),
        (Point::Sequence(3), 2, 1),
        (Point::Time(history.events[2].stored), 3, 3),
        (Point::Time(eventsmith::Timestamp::UNIX_EPOCH), 0, 0),
    ] {
        let account = accounts.at::<Account>("a1", point).await?;
        assert_eq!((account.number, account.balance), (number, balance), "{point:?}");
    }
    Ok(())
}

async fn other_aggregates_do_not_matter(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;
    for round in 0..3 {
        for id in ["a", "a1", "a11", "b-a1", "A1"] {
            pay(&accounts, id, round).await?;
        }
    }

    for id in ["a", "a1", "a11", "b-a1", "A1"] {
        let account = accounts.load::<Account>(id).await?;
        assert_eq!((account.number, account.balance), (3, 3), "{id}");
    }
    for id in ["", "a.b", "*", ">", "a b"] {
        let error = accounts.load::<Account>(id).await.unwrap_err();
        assert!(matches!(error, StateError::Id { .. }), "{error}");
    }
    Ok(())
}

async fn what_was_not_appended_is_passed_over_and_named(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;
    let foreign = || async { bus.publish(&Foreign { account: "a1".to_owned() }).await };
    foreign().await?;
    open(&accounts, "a1").await?;
    pay(&accounts, "a1", 1).await?;
    foreign().await?;
    foreign().await?;

    let at_the_end = accounts.load::<Account>("a1").await?;
    let strays = accounts.history::<Account>("a1").await?.strays;
    assert_eq!(strays.iter().map(|stray| stray.sequence).collect::<Vec<_>>(), [1, 4, 5]);
    let executed = pay(&accounts, "a1", 2).await?;
    let behind = accounts.load::<Account>("a1").await?;

    assert_eq!((at_the_end.number, at_the_end.sequence, at_the_end.balance), (2, 3, 1));
    assert_eq!((executed.state.number, executed.state.sequence), (3, 6));
    assert_eq!((behind.number, behind.balance), (3, 3));
    let history = accounts.history::<Account>("a1").await?;
    assert_eq!(history.events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [2, 3, 6]);
    assert_eq!(history.strays.iter().map(|stray| stray.sequence).collect::<Vec<_>>(), [1, 4, 5]);
    assert!(history.strays[0].reason.contains("Eventsmith-Number"), "{:?}", history.strays);
    Ok(())
}

/// What lies between are events of others; what lies before, other strangers.
async fn where_a_history_ends_with_strangers_its_last_event_is_found(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;
    let foreign = || async { bus.publish(&Foreign { account: "a1".to_owned() }).await };
    let mut strangers = 0;
    for (of_others, at_once) in [(0, 1), (1, 1), (9, 2), (30, 3), (0, 20)] {
        let before = accounts.load::<Account>("a1").await?.number;
        if strangers > 0 {
            pay(&accounts, "a1", 1).await?;
        }
        let expected = accounts.load::<Account>("a1").await?;
        assert_eq!(expected.number, before + u64::from(strangers > 0));
        let others: Vec<_> = (0..of_others).map(|amount| paid("other", amount)).collect();
        accounts.execute("other", |_: &Lenient| Ok::<_, String>(others.clone())).await?;
        for _ in 0..at_once {
            foreign().await?;
            strangers += 1;
        }

        let account = accounts.load::<Account>("a1").await?;

        let result = (account.number, account.sequence, account.balance);
        assert_eq!(result, (expected.number, expected.sequence, expected.balance), "{strangers} strangers");
        assert_eq!(accounts.history::<Account>("a1").await?.strays.len(), strangers);
    }
    assert_eq!(pay(&accounts, "a1", 1).await?.state.number, 5);
    Ok(())
}

async fn a_gap_is_named(bus: Bus) -> Outcome {
    bus.provision(&[UNPROTECTED]).await?;
    let accounts = Aggregates::of(&bus);
    for id in ["first", "middle", "whole"] {
        for amount in 1..=4 {
            pay(&accounts, id, amount).await?;
        }
    }

    for (sequence, id, missing, behind) in [(1, "first", 1, 2), (6, "middle", 2, 7)] {
        bus.transport().delete_message("ACCOUNTS", sequence).await?;
        let error = accounts.load::<Account>(id).await.unwrap_err();
        let is_gap = matches!(&error, StateError::Gap { missing: m, sequence: s, .. } if (*m, *s) == (missing, behind));
        assert!(is_gap, "{error}");
        assert!(error.to_string().contains(&format!("account {id} has a gap")), "{error}");
        assert!(matches!(pay(&accounts, id, 1).await, Err(ExecuteError::State(StateError::Gap { .. }))));
    }
    assert_eq!(accounts.load::<Account>("whole").await?.balance, 10);
    Ok(())
}

async fn all_histories_of_a_stream_are_checked(bus: Bus) -> Outcome {
    bus.provision(&[UNPROTECTED]).await?;
    let accounts = Aggregates::of(&bus);
    for id in ["a1", "a2", "a3"] {
        accounts.execute(id, |_: &Account| Ok::<_, String>(vec![opened(id), paid(id, 1), paid(id, 2)])).await?;
    }
    bus.publish(&Foreign { account: "a3".to_owned() }).await?;
    bus.transport().delete_message("ACCOUNTS", 5).await?;

    let mut defects = Vec::new();
    let checked = check_histories(&bus, "ACCOUNTS", AccountEvent::SUBJECT, |defect| defects.push(defect)).await?;

    assert_eq!((checked.aggregates, checked.messages), (3, 9));
    let [gap, stray] = defects.as_slice() else { return Err(format!("{defects:?}").into()) };
    assert_eq!(*gap, Defect::Gap { id: "a2".to_owned(), missing: 2, sequence: 6 });
    assert!(gap.is_fatal() && !stray.is_fatal());
    assert!(stray.to_string().starts_with("a3: message 10 is no event of the history"), "{stray}");
    Ok(())
}

async fn a_panic_in_apply_stays_in_its_call(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;
    open(&accounts, "a1").await?;
    open(&accounts, "a2").await?;

    let executed = pay(&accounts, "a1", DEADLY).await.unwrap_err();
    let after = accounts.load::<Account>("a1").await?.number;
    // Another release could apply it.
    accounts.execute("a1", |_: &Lenient| Ok::<_, String>(vec![paid("a1", DEADLY)])).await?;
    let loaded = accounts.load::<Account>("a1").await.unwrap_err();

    for error in [executed.to_string(), loaded.to_string()] {
        assert!(error.contains("applying event 2 to account a1 panicked: an amount that nobody can pay"), "{error}");
    }
    assert_eq!((after, accounts.load::<Account>("a2").await?.number), (1, 1));
    Ok(())
}

/// A message that is redelivered while its first handler is still at work leads to the same command, which may decide otherwise.
async fn of_several_executions_of_one_command_at_a_time_one_counts(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;
    for count in [1, 2] {
        let id = format!("a{count}");
        open(&accounts, &id).await?;
        let execute = |times: i64| {
            let (accounts, id) = (&accounts, &id);
            let options = ExecuteOptions { command_id: Some("c-1".to_owned()), ..ExecuteOptions::default() };
            let decide =
                move |_: &Account| Ok::<_, String>((1..=count).map(|amount| paid(id, amount * times)).collect());
            async move { accounts.execute_with(id, options, decide).await }
        };

        let all: Vec<_> = join_all((1..=8).map(execute)).await.into_iter().collect::<Result<_, _>>()?;

        let loaded = accounts.load::<Account>(&id).await?;
        assert_eq!(loaded.number, 1 + count as u64);
        for executed in all {
            assert_eq!((executed.state.number, executed.state.balance), (loaded.number, loaded.balance));
            let paid_in: i64 = executed.events.iter().map(amount_of).sum();
            assert_eq!(paid_in, loaded.balance);
        }
    }
    Ok(())
}

fn amount_of(event: &AccountEvent) -> i64 {
    match event {
        AccountEvent::Paid(Paid { amount, .. }) => *amount,
        AccountEvent::Opened(_) => 0,
    }
}

async fn a_command_long_ago_appends_nothing_as_long_as_its_ids_are_remembered(bus: Bus) -> Outcome {
    let accounts = snapshots::provisioned(&bus).await?;
    let options = || ExecuteOptions { command_id: Some("c-1".to_owned()), ..ExecuteOptions::default() };
    let decide = |_: &Account<10>| Ok::<_, String>(vec![paid("a1", 7)]);
    accounts.execute_with("a1", options(), decide).await?;
    for _ in 0..270 {
        accounts.execute("a1", |_: &Account<10>| Ok::<_, String>(vec![paid("a1", 1)])).await?;
    }

    let again = accounts.execute_with("a1", options(), decide).await?;

    assert_eq!((again.is_repeated, again.events, again.state.number), (true, vec![paid("a1", 7)], 1));
    assert_eq!(accounts.load::<Account<10>>("a1").await?.number, 271);
    Ok(())
}

/// Other streams may hold what looks like an event of the aggregate by its wildcard.
async fn what_other_streams_hold_is_no_home_of_an_aggregate(bus: Bus) -> Outcome {
    bus.provision(&[StreamDescriptor::new("OTHERS", &["bank.domain.account.closed.*"])]).await?;
    bus.provision(&[StreamDescriptor::new(
        "ACCOUNTS",
        &["bank.domain.account.opened.*", "bank.domain.account.paid.*"],
    )
    .aggregates(true)])
        .await?;
    let accounts = Aggregates::of(&bus);

    open(&accounts, "a1").await?;

    assert_eq!(accounts.load::<Account>("a1").await?.number, 1);
    Ok(())
}

async fn what_is_not_of_the_aggregate_is_not_appended(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;

    let decide = |_: &Account| Ok::<_, String>(vec![paid("a1", 1), paid("a2", 1)]);
    let error = accounts.execute("a1", decide).await.unwrap_err();

    let subject = "bank.domain.account.paid.a2";
    assert!(
        matches!(&error, ExecuteError::State(StateError::OtherAggregate { subject: s, .. }) if s == subject),
        "{error}"
    );
    assert_eq!(accounts.load::<Account>("a1").await?.number, 0);
    Ok(())
}

async fn an_event_of_an_aggregate_is_published_in_no_other_way(bus: Bus) -> Outcome {
    bus.provision(&[ACCOUNTS]).await?;
    let event = Opened { account: "a1".to_owned() };

    let one = bus.publish(&event).await.unwrap_err();
    let batch = bus.batch().and(&event).unwrap_err();

    for error in [one, batch] {
        assert!(matches!(error, PublishError::OfAggregate { aggregate: "account", .. }), "{error}");
    }
    assert!(bus.publish_all([&event]).await.is_err());
    assert!(bus.publish_bulk([event]).await.is_err());
    Ok(())
}

async fn a_stream_that_is_not_there_is_named(bus: Bus) -> Outcome {
    let accounts = Aggregates::of(&bus);

    let error = accounts.load::<Account>("a1").await.unwrap_err();

    assert!(matches!(error, StateError::NoStream { .. }), "{error}");
    assert!(error.to_string().contains("bank.domain.account.*.*"), "{error}");
    bus.provision(&[ACCOUNTS]).await?;
    assert_eq!(accounts.load::<Account>("a1").await?.number, 0);
    Ok(())
}

/// A server closes the connection of whoever sends it a longer line than it takes.
async fn an_id_that_makes_its_subject_too_long_is_refused(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;
    let (longest, longer) = ("a".repeat(2_026), "a".repeat(2_027));

    for id in [longer.clone(), longer.repeat(3)] {
        let loaded = accounts.load::<Account>(&id).await.unwrap_err();
        let executed = open(&accounts, &id).await.unwrap_err();
        for error in [loaded.to_string(), executed.to_string()] {
            assert!(error.contains("no id of an aggregate account") && error.contains("2,048 bytes"), "{error}");
        }
    }
    open(&accounts, &longest).await?;

    assert!(accounts.load::<Account>(&longest).await?.is_open);
    Ok(())
}

/// Commands that decide while others append, as often as is said. In memory nothing has to be waited for.
#[tokio::test]
async fn a_command_decides_again_when_others_append_but_not_for_ever() -> Outcome {
    let bus = Bus::in_memory();
    let accounts = accounts(&bus).await?;
    open(&accounts, "a1").await?;
    let mut decided = 0;
    let mut decide = |others: u32, account: &Account| {
        decided += 1;
        if decided <= others {
            pay(&accounts, "a1", 1).now_or_never().ok_or("it waits")?.map_err(|_| "it failed")?;
        }
        Ok::<_, &str>(vec![paid("a1", account.balance * 10)])
    };

    let executed = accounts.execute("a1", |account: &Account| decide(3, account)).await?;

    assert_eq!((executed.state.number, executed.state.balance), (5, 33));
    let options = ExecuteOptions { max_attempts: 2, ..ExecuteOptions::default() };
    let error = accounts.execute_with("a1", options, |account: &Account| decide(99, account)).await.unwrap_err();
    assert!(matches!(error, ExecuteError::State(StateError::Conflict { attempts: 2, .. })), "{error}");
    assert_eq!(decided, 6);
    Ok(())
}

//! Two events of one number, of which an operator lets one count.

use async_nats::{HeaderMap, jetstream};
use eventsmith::Bus;
use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::AggregateEvents;
use eventsmith::state::{Aggregates, Defect, Discard, DiscardError, StateError, check_histories, discard};
use eventsmith::testing::NatsServer;

use super::common::*;
use super::snapshots::{Every10, pay_each};
use crate::common::*;

/// Stores an event as a cluster may that lets two appends in at one place.
async fn let_in(server: &NatsServer, (number, predecessor): (u64, u64), amount: i64) -> Outcome {
    let payload = format!(
        r#"{{"id":"f-1","type":"account.paid","source":"cron","subject":"bank.domain.account.paid.a1","time":"2026-11-23T10:00:00Z","version":"1","data":{{"account":"a1","amount":{amount}}}}}"#
    );
    let mut headers = HeaderMap::new();
    headers.insert("Eventsmith-Number", number.to_string());
    headers.insert("Eventsmith-Predecessor", predecessor.to_string());
    let context = jetstream::new(async_nats::connect(server.url()).await?);
    context.publish_with_headers("bank.domain.account.paid.a1", headers, payload.into()).await?.await?;
    Ok(())
}

fn of(sequence: u64) -> Discard<'static> {
    let (stream, subject) = (ACCOUNTS.name, AccountEvent::SUBJECT);
    Discard { stream, subject, id: "a1", sequence, by: "anna", reason: "the other one was paid" }
}

/// Event 1, and behind it two branches: messages 2 and 3, and 4.
async fn forked(server: &NatsServer, bus: &Bus) -> Outcome<Aggregates> {
    let accounts = accounts(bus).await?;
    accounts.execute("a1", |_: &Account| Ok::<_, String>(vec![opened("a1")])).await?;
    accounts.execute("a1", |_: &Account| Ok::<_, String>(vec![paid("a1", 10), paid("a1", 20)])).await?;
    let_in(server, (2, 1), 500).await?;
    Ok(accounts)
}

#[tokio::test]
async fn whichever_is_discarded_the_history_goes_on_with_the_other() -> Outcome {
    let (server, bus) = server().await?;
    let accounts = forked(&server, &bus).await?;
    let double = accounts.load::<Account>("a1").await.unwrap_err();
    assert!(matches!(double, StateError::Double { number: 2, first: 2, second: 4, .. }), "{double}");
    assert!(double.to_string().contains("eventsmith aggregates discard account a1 SEQUENCE"), "{double}");

    let gone = discard(&bus, of(2)).await?;

    assert_eq!(gone, [2, 3]);
    let account = accounts.load::<Account>("a1").await?;
    assert_eq!((account.number, account.sequence, account.balance), (2, 4, 500));
    for amount in 1..=3 {
        pay(&accounts, "a1", amount).await?;
    }
    let account = accounts.load::<Account>("a1").await?;
    assert_eq!((account.number, account.balance), (5, 506));
    let history = accounts.history::<Account>("a1").await?;
    let (events, strays): (Vec<u64>, Vec<u64>) = (
        history.events.iter().map(|event| event.sequence).collect(),
        history.strays.iter().map(|stray| stray.sequence).collect(),
    );
    assert_eq!((events, strays), (vec![1, 4, 6, 7, 8], vec![2, 3, 5]));
    assert!(history.strays[0].reason.contains("message 5"), "{:?}", history.strays);
    let mut defects: Vec<Defect> = Vec::new();
    check_histories(&bus, ACCOUNTS.name, AccountEvent::SUBJECT, |defect| defects.push(defect)).await?;
    assert_eq!(defects, []);
    Ok(())
}

#[tokio::test]
async fn a_snapshot_of_what_was_discarded_is_not_taken() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(&[SNAPSHOTS]).await?;
    let accounts = accounts(&bus).await?;
    pay_each(&accounts, "a1", 1..=10).await?;
    // Events 9 and 10 of the snapshot are those that do not count.
    let_in(&server, (9, 8), 1_000).await?;
    discard(&bus, of(9)).await?;

    let before = accounts.load::<Every10>("a1").await?;
    pay_each(&accounts, "a1", 1..=3).await?;
    let after = accounts.load::<Every10>("a1").await?;

    assert_eq!((before.number, before.balance), (9, 1_036));
    assert_eq!((after.number, after.balance), (12, 1_042));
    Ok(())
}

#[tokio::test]
async fn what_is_no_double_is_not_discarded() -> Outcome {
    let (server, bus) = server().await?;
    let accounts = accounts(&bus).await?;
    pay(&accounts, "a1", 1).await?;
    pay(&accounts, "a1", 2).await?;
    assert!(matches!(discard(&bus, of(2)).await, Err(DiscardError::Whole { .. })));
    let_in(&server, (2, 1), 3).await?;
    pay(&accounts, "other", 1).await?;

    for sequence in [1, 4, 99] {
        let error = discard(&bus, of(sequence)).await.unwrap_err();
        assert!(matches!(error, DiscardError::NoHelp { .. }), "{sequence}: {error}");
    }
    assert!(accounts.load::<Account>("a1").await.is_err());
    assert_eq!(discard(&bus, of(3)).await?, [3]);
    assert_eq!(accounts.load::<Account>("a1").await?.balance, 3);
    Ok(())
}

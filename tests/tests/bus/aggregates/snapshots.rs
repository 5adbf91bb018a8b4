//! Snapshots: they spare events, and are never the truth.

use eventsmith::Bus;
use eventsmith::admin::BusAdmin;
use eventsmith::state::{Aggregate, Aggregates, ExecuteOptions, Snapshots};

use super::common::*;
use crate::common::*;

over_both_transports! {
    events_before_a_snapshot_are_not_read
    a_snapshot_of_other_schemas_is_ignored_and_replaced
    what_is_no_snapshot_is_ignored_and_replaced
    without_a_bucket_all_events_are_read
    a_command_before_a_snapshot_is_known
    a_gap_before_a_snapshot_is_named
    what_was_not_appended_behind_a_snapshot_does_no_harm
    what_no_document_describes_is_not_kept
}

pub(super) type Every10 = Account<10>;

/// An account of which no snapshot is made while it is in debt.
#[derive(Debug, Default)]
struct Solvent(Account);

impl Aggregate for Solvent {
    type Event = AccountEvent;

    fn apply(&mut self, event: &AccountEvent) {
        self.0.apply(event);
    }

    fn snapshots() -> Option<Snapshots<Self>> {
        let take = |Self(Account { is_open, balance, .. }): &Self| {
            (*balance >= 0).then_some(AccountSnapshot { is_open: *is_open, balance: *balance })
        };
        let restore = |AccountSnapshot { is_open, balance }| Self(Account { is_open, balance, applied: 0 });
        Some(Snapshots::every_if(10, take, restore))
    }
}

pub(super) async fn provisioned(bus: &Bus) -> Outcome<Aggregates> {
    bus.provision(&[SNAPSHOTS]).await?;
    accounts(bus).await
}

pub(super) async fn pay_each(accounts: &Aggregates, id: &str, amounts: std::ops::RangeInclusive<i64>) -> Outcome {
    for amount in amounts {
        accounts.execute(id, |_: &Every10| Ok::<_, String>(vec![paid(id, amount)])).await?;
    }
    Ok(())
}

async fn what_was_not_appended_behind_a_snapshot_does_no_harm(bus: Bus) -> Outcome {
    let accounts = provisioned(&bus).await?;
    pay_each(&accounts, "a1", 1..=10).await?;

    for stray in 1..=2 {
        bus.publish(&Foreign { account: "a1".to_owned() }).await?;
        let account = accounts.load::<Every10>("a1").await?;
        assert_eq!((account.number, account.balance), (9 + stray, 55 + 7 * (stray as i64 - 1)));
        pay_each(&accounts, "a1", 7..=7).await?;
    }

    let account = accounts.load::<Every10>("a1").await?;
    assert_eq!((account.number, account.balance, account.applied), (12, 69, 2));
    Ok(())
}

async fn what_no_document_describes_is_not_kept(bus: Bus) -> Outcome {
    let accounts = provisioned(&bus).await?;
    let pay = async |amount: i64| {
        accounts.execute("a1", |_: &Solvent| Ok::<_, String>(vec![paid("a1", amount)])).await.map(drop)
    };
    for _ in 0..12 {
        pay(-1).await?;
    }
    assert_eq!(bus.bucket::<AccountSnapshot>().get("a1").await?, None);
    let in_debt = accounts.load::<Solvent>("a1").await?;
    assert_eq!((in_debt.0.balance, in_debt.0.applied), (-12, 12));

    for _ in 0..10 {
        pay(5).await?;
    }

    let account = accounts.load::<Solvent>("a1").await?;
    let snapshot = bus.bucket::<AccountSnapshot>().get("a1").await?.ok_or("there is none")?;
    assert_eq!(account.0.balance, 38);
    assert_eq!(snapshot.balance + 5 * i64::try_from(account.0.applied)?, 38);
    assert!(account.0.applied < 10, "{}", account.0.applied);
    Ok(())
}

async fn events_before_a_snapshot_are_not_read(bus: Bus) -> Outcome {
    let accounts = provisioned(&bus).await?;
    pay_each(&accounts, "a1", 1..=9).await?;
    assert_eq!(bus.bucket::<AccountSnapshot>().get("a1").await?, None);

    pay_each(&accounts, "a1", 10..=23).await?;

    let account = accounts.load::<Every10>("a1").await?;
    assert_eq!((account.number, account.balance, account.applied), (23, (1..=23).sum(), 3));
    let snapshot = bus.bucket::<AccountSnapshot>().get("a1").await?.ok_or("there is none")?;
    assert_eq!(snapshot.balance, (1..=20).sum::<i64>());
    pay_each(&accounts, "a1", 24..=30).await?;
    assert_eq!(accounts.load::<Every10>("a1").await?.applied, 0);
    assert_eq!(accounts.load::<Account>("a1").await?.applied, 30);
    Ok(())
}

async fn a_snapshot_of_other_schemas_is_ignored_and_replaced(bus: Bus) -> Outcome {
    let accounts = provisioned(&bus).await?;
    pay_each(&accounts, "a1", 1..=12).await?;

    let other = accounts.load::<Account<10, 1>>("a1").await?;
    let again = accounts.load::<Account<10, 1>>("a1").await?;
    let first = accounts.load::<Every10>("a1").await?;

    assert_eq!((other.number, other.balance, other.applied), (12, 78, 12));
    assert_eq!((again.number, again.balance, again.applied), (12, 78, 0));
    assert_eq!((first.number, first.balance, first.applied), (12, 78, 12));
    Ok(())
}

async fn what_is_no_snapshot_is_ignored_and_replaced(bus: Bus) -> Outcome {
    let accounts = provisioned(&bus).await?;
    let bucket = bus.bucket::<AccountSnapshot>();
    pay_each(&accounts, "a1", 1..=12).await?;
    bucket.put("a1", &AccountSnapshot { is_open: true, balance: 1_000 }).await?;

    let first = accounts.load::<Every10>("a1").await?;
    let second = accounts.load::<Every10>("a1").await?;
    bucket.delete("a1").await?;
    let third = accounts.load::<Every10>("a1").await?;

    assert_eq!((first.balance, first.applied), (78, 12));
    assert_eq!((second.balance, second.applied), (78, 0));
    assert_eq!((third.balance, third.applied), (78, 12));
    Ok(())
}

async fn without_a_bucket_all_events_are_read(bus: Bus) -> Outcome {
    let accounts = accounts(&bus).await?;

    pay_each(&accounts, "a1", 1..=12).await?;

    let account = accounts.load::<Every10>("a1").await?;
    assert_eq!((account.number, account.applied), (12, 12));
    Ok(())
}

async fn a_command_before_a_snapshot_is_known(bus: Bus) -> Outcome {
    let accounts = provisioned(&bus).await?;
    let options = || ExecuteOptions { command_id: Some("c-1".to_owned()), ..ExecuteOptions::default() };
    let decide = |_: &Every10| Ok::<_, String>(vec![paid("a1", 5), paid("a1", 6)]);
    let first = accounts.execute_with("a1", options(), decide).await?;
    pay_each(&accounts, "a1", 1..=20).await?;
    assert!(accounts.load::<Every10>("a1").await?.applied < 10);

    let again = accounts.execute_with("a1", options(), decide).await?;

    assert!(again.is_repeated);
    assert_eq!(again.events, first.events);
    assert_eq!((again.state.number, again.state.balance), (2, 11));
    assert_eq!(accounts.load::<Every10>("a1").await?.number, 22);
    Ok(())
}

async fn a_gap_before_a_snapshot_is_named(bus: Bus) -> Outcome {
    bus.provision(&[SNAPSHOTS]).await?;
    bus.provision(&[UNPROTECTED]).await?;
    let accounts = Aggregates::of(&bus);
    pay_each(&accounts, "a1", 1..=12).await?;

    bus.transport().delete_message("ACCOUNTS", 3).await?;
    let error = accounts.load::<Every10>("a1").await.unwrap_err();

    assert!(error.to_string().contains("event 3 is missing before message 4"), "{error}");
    Ok(())
}

//! Whether it all adds up once everything has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::SeqCst;

use eventsmith::state::{AggregateEvents, Aggregates, ReadModel, SagaEventKind, SagaStatus, Sagas, check_histories};
use eventsmith_tests::transfers::account::{Account, AccountEvent};
use eventsmith_tests::transfers::balances::{self, Balance};
use eventsmith_tests::transfers::messages::{Booked, Fate, Transfer, What};
use eventsmith_tests::transfers::{ACCOUNTS, LETTERS, SAGAS, saga};

use super::{ACCOUNTS_OPEN, BEGINS_WITH, Site};
use crate::common::{Outcome, until};

/// What happened to an account, and where it stands in the stream.
type History = Vec<(u64, Booked)>;

/// All that is wrong, a sentence for each.
///
/// - Every saga ended as it had to, once. Of each time-out came one or none, and none is left.
/// - Histories are linear, each thing happened once for each transfer, and the money is all there.
/// - The read model is what the events make, and each had its side effect.
/// - Nothing was dead-lettered.
pub(super) async fn audit(site: &Site) -> Outcome<Vec<String>> {
    let mut wrong = Vec::new();
    all_end(site).await?;
    let sagas = Sagas::of(&site.bus, &[SAGAS]);
    for transfer in &site.transfers {
        saga_of(&sagas, transfer, &mut wrong).await?;
    }
    let count = async |stream: &str, subject: &str| {
        site.bus.transport().count(stream, subject).await.map_err(|error| error.to_string())
    };
    let timers = count(SAGAS.name, "bank.saga.transfer.*.*.timer.*").await?;
    let letters = count(LETTERS.name, "bank.dlq.>").await?;
    wrong.extend((timers > 0).then(|| format!("{timers} time-outs wait of sagas that have ended")));
    wrong.extend((letters > 0).then(|| format!("there are {letters} dead letters")));

    check_histories(&site.bus, ACCOUNTS.name, AccountEvent::SUBJECT, |defect| wrong.push(defect.to_string())).await?;
    let accounts = Aggregates::of(&site.bus);
    let mut histories: BTreeMap<String, History> = BTreeMap::new();
    for number in 0..ACCOUNTS_OPEN {
        let id = format!("a{number}");
        let history = accounts.history::<Account>(&id).await?;
        let booked = |event: AccountEvent| {
            let AccountEvent::Booked(booked) = event;
            booked
        };
        let history = history.events.into_iter().map(|event| (event.sequence, booked(event.into_event()))).collect();
        // A snapshot and the events behind it make the same as all events.
        let (loaded, folded) = (accounts.load::<Account>(&id).await?, folded(&history));
        if (loaded.cents, loaded.number) != (folded.cents, folded.events) {
            wrong.push(format!("{id} has {} cents when loaded, and {} by its events", loaded.cents, folded.cents));
        }
        histories.insert(id, history);
    }
    money(site, &histories, &mut wrong);
    read_model(site, &histories, &mut wrong).await?;
    Ok(wrong)
}

/// Waits until all sagas that were asked for have ended, or are stuck.
pub(super) async fn all_end(site: &Site) -> Outcome {
    let sagas = Sagas::of(&site.bus, &[SAGAS]);
    let rests = |status: &SagaStatus| status.is_ended() || *status == SagaStatus::Stuck;
    for transfer in &site.transfers[site.ended.load(SeqCst)..] {
        let id = &transfer.transfer;
        let status = async || Ok(sagas.status(saga::NAME, id).await?.filter(rests));
        until(&format!("the end of {transfer:?}"), status).await?;
    }
    site.ended.store(site.transfers.len(), SeqCst);
    Ok(())
}

/// Whether a saga ended as it had to.
async fn saga_of(sagas: &Sagas, transfer: &Transfer, wrong: &mut Vec<String>) -> Outcome {
    let id = &transfer.transfer;
    let history = sagas.history(saga::NAME, id).await?;
    let status = history.summary.status;
    let mut complain = |what: &str| wrong.push(format!("{id}: {what}: {transfer:?} {history:?}"));
    if status != transfer.fate.ends() {
        complain(&format!("it is {status}"));
    }
    let happened = |wanted: SagaEventKind| history.events.iter().filter(|event| event.kind == wanted).count();
    let ends = happened(SagaEventKind::Completed) + happened(SagaEventKind::Compensated);
    if (happened(SagaEventKind::Started), ends) != (1, 1) {
        complain("it does not begin and end once");
    }
    let came: BTreeSet<u64> = history.timeouts.iter().map(|timeout| timeout.command).collect();
    let due = usize::from(transfer.fate == Fate::Abandoned);
    if (came.len(), history.timeouts.len(), happened(SagaEventKind::TimedOut)) != (due, due, due) {
        complain(&format!("{due} time-outs were due"));
    }
    Ok(())
}

/// Whether each thing happened once, and the money is where it has to be.
fn money(site: &Site, histories: &BTreeMap<String, History>, wrong: &mut Vec<String>) {
    let total: i64 = histories.values().flatten().map(|(_, booked)| booked.cents).sum();
    let expected = BEGINS_WITH * ACCOUNTS_OPEN as i64;
    if total != expected {
        wrong.push(format!("there are {total} cents, and not {expected}"));
    }
    let mut happened: BTreeMap<(&str, What), usize> = BTreeMap::new();
    let mut moved: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for (_, booked) in histories.values().flatten().filter(|(_, booked)| booked.what != What::Open) {
        *happened.entry((&booked.transfer, booked.what)).or_default() += 1;
        *moved.entry((&booked.transfer, &booked.account)).or_default() += booked.cents;
    }
    for ((transfer, what), times) in happened.into_iter().filter(|(_, times)| *times > 1) {
        wrong.push(format!("{transfer}: {what:?} happened {times} times"));
    }
    for Transfer { transfer, from, to, cents, fate } in &site.transfers {
        let is_done = fate.ends() == SagaStatus::Completed;
        let wanted = if is_done { (-cents, *cents) } else { (0, 0) };
        let of = |account: &str| moved.get(&(transfer.as_str(), account)).copied().unwrap_or_default();
        if (of(from), of(to)) != wanted {
            wrong.push(format!("{transfer}: {:?} was moved, and not {wanted:?}", (of(from), of(to))));
        }
    }
}

/// Whether the read model comes to be what the events make, and all of them have their side effect.
async fn read_model(site: &Site, histories: &BTreeMap<String, History>, wrong: &mut Vec<String>) -> Outcome {
    let model = ReadModel::<Balance>::of(&site.bus, balances::NAME);
    let is_right = async |id: &str, history: &History| {
        Ok(model.get(id).await?.filter(|found| **found == folded(history)).map(drop))
    };
    for (id, history) in histories {
        if until("the read model", async || is_right(id, history).await).await.is_err() {
            let found = model.get(id).await?.map(|found| found.into_value());
            wrong.push(format!("{id} is {found:?} in the read model, and {:?} by its events", folded(history)));
        }
    }
    let moved = |(_, booked): &&(u64, Booked)| booked.what != What::Open;
    let all: BTreeSet<u64> = histories.values().flatten().filter(moved).map(|(sequence, _)| *sequence).collect();
    let missing = || -> Outcome<Vec<u64>> {
        let done: BTreeSet<u64> = site.journal.done()?.into_iter().map(|entry| entry.id).collect();
        Ok(all.difference(&done).copied().collect())
    };
    if until("side effects", async || Ok(missing()?.is_empty().then_some(()))).await.is_err() {
        wrong.push(format!("events without a side effect: {:?}", missing()?));
    }
    Ok(())
}

fn folded(history: &History) -> Balance {
    let mut balance = Balance::default();
    history.iter().for_each(|(sequence, booked)| balance.add(booked.cents, *sequence));
    balance
}

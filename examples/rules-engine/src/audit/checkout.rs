//! One checkout: whether what happened to the payment, the points, the coupon and the promotions is what its end says.

use std::collections::BTreeSet;

use eventsmith::Bus;
use eventsmith::state::{Aggregates, SagaHistory, SagaStatus, Sagas, saga_request_id};
use rules_events::aggregates::PaymentEvent;
use rules_events::checkout::{CheckoutProgress, CheckoutStart};

use super::books::Books;
use super::finding::Finding;
use crate::services::payments::payment::Payment;

/// What happened to the money of a transaction, in minor units.
#[derive(Debug, Default)]
struct Money {
    authorized: Vec<i64>,
    captured: Vec<i64>,
    refunded: Vec<i64>,
    voided: usize,
}

/// What is wrong, and what was earned.
pub(super) async fn look(
    bus: &Bus,
    sagas: &Sagas,
    books: &Books,
    start: &CheckoutStart,
) -> anyhow::Result<(Vec<Finding>, i64)> {
    let id = start.transaction_id.as_str();
    let history = sagas.history("checkout", id).await?;
    let state: CheckoutProgress = serde_json::from_str(&history.state)?;
    let mut findings = Vec::new();
    let is_completed = match history.summary.status {
        SagaStatus::Completed => true,
        SagaStatus::Compensated => false,
        status => {
            let at = history.summary.step.as_deref().unwrap_or("no step");
            let why = history.reason.as_deref().unwrap_or("nobody said why");
            findings.push(Finding::Lost(format!("it is {status} at {at}: {why}")));
            return Ok((findings, 0));
        }
    };
    let (money, mut causes) = money(bus, id).await?;
    causes.extend(books.causes.get(id).cloned().unwrap_or_default());
    look_at_money(&mut findings, &money, &state, is_completed);
    look_at_promotions(&mut findings, books, &state, is_completed);
    look_at_coupon(&mut findings, books, &state, is_completed);
    look_at_points(&mut findings, books, &state, is_completed);
    look_at_causes(&mut findings, &history, &causes);
    Ok((findings, money.captured.iter().sum::<i64>() - money.refunded.iter().sum::<i64>()))
}

type Causes = Vec<(String, Option<String>)>;

async fn money(bus: &Bus, id: &str) -> anyhow::Result<(Money, Causes)> {
    let (mut money, mut causes) = (Money::default(), Vec::new());
    for event in Aggregates::of(bus).history::<Payment>(id).await?.events {
        causes.push((event.envelope.event_type.clone(), event.envelope.causation_id.clone()));
        match &*event {
            PaymentEvent::Authorized(it) => money.authorized.push(it.amount.amount_minor),
            PaymentEvent::Captured(it) => money.captured.push(it.amount.amount_minor),
            PaymentEvent::Refunded(it) => money.refunded.push(it.amount.amount_minor),
            PaymentEvent::Voided(_) => money.voided += 1,
            PaymentEvent::Failed(_) => {}
        }
    }
    Ok((money, causes))
}

/// What the customer pays, by the state of the checkout.
fn total(state: &CheckoutProgress) -> i64 {
    let amount = |money: &Option<rules_events::common::Money>| money.as_ref().map_or(0, |it| it.amount_minor);
    (state.subtotal.amount_minor - amount(&state.discount_total)).max(0) + amount(&state.tax_total)
}

fn look_at_money(findings: &mut Vec<Finding>, money: &Money, state: &CheckoutProgress, is_completed: bool) {
    let counts = [money.authorized.len(), money.captured.len(), money.refunded.len(), money.voided];
    if counts.iter().any(|count| *count > 1) {
        findings.push(Finding::Doubled(format!("the payment was moved more than once: {money:?}")));
    }
    let (captured, refunded): (i64, i64) = (money.captured.iter().sum(), money.refunded.iter().sum());
    if is_completed && (captured, refunded, money.voided) != (total(state), 0, 0) {
        findings.push(Finding::Lost(format!("it is completed, costs {}, and its payment is {money:?}", total(state))));
    }
    if !is_completed && captured != refunded {
        findings.push(Finding::Lost(format!("it is undone, and {captured} was captured, {refunded} refunded")));
    }
    if !is_completed && !money.authorized.is_empty() && money.voided == 0 && captured == 0 {
        findings.push(Finding::Lost("it is undone, and its authorization stands".to_owned()));
    }
}

fn look_at_promotions(findings: &mut Vec<Finding>, books: &Books, state: &CheckoutProgress, is_completed: bool) {
    let events = books.promotions.get(state.transaction_id.as_str()).map_or(&[][..], Vec::as_slice);
    let ids: BTreeSet<&str> = events.iter().map(|(id, _, _)| id.as_str()).collect();
    let mut off = 0;
    for id in ids {
        let of = |is_applied: bool| events.iter().filter(move |(it, applied, _)| it == id && *applied == is_applied);
        let (applied, cancelled) = (of(true).count(), of(false).count());
        let left: i64 = of(true).map(|it| it.2).sum::<i64>() - of(false).map(|it| it.2).sum::<i64>();
        off += left;
        if applied > 1 || cancelled > 1 {
            findings.push(Finding::Doubled(format!("the promotion {id} was applied {applied} times")));
        }
        if !is_completed && left != 0 {
            findings.push(Finding::Lost(format!("it is undone, and the promotion {id} still takes {left} off")));
        }
    }
    let amount = |money: &Option<rules_events::common::Money>| money.as_ref().map_or(0, |it| it.amount_minor);
    if is_completed {
        let points: i64 = left_of(books, state.transaction_id.as_str());
        let told = amount(&state.discount_total) - amount(&state.coupon_discount) - points;
        if off != told {
            findings.push(Finding::Lost(format!("promotions took {off} off, and the checkout says {told}")));
        }
    }
}

fn look_at_coupon(findings: &mut Vec<Finding>, books: &Books, state: &CheckoutProgress, is_completed: bool) {
    let events = books.coupons.get(state.transaction_id.as_str()).map_or(&[][..], Vec::as_slice);
    let count = |what: &str| events.iter().filter(|(_, it)| *it == what).count();
    let (reserved, released, redeemed) = (count("reserved"), count("released"), count("redeemed"));
    if reserved > 1 || redeemed > 1 {
        findings.push(Finding::Doubled(format!("its coupon was reserved {reserved} and redeemed {redeemed} times")));
    }
    let wanted = usize::from(is_completed && state.coupon_code.is_some());
    if redeemed != wanted {
        findings.push(Finding::Lost(format!("its coupon was redeemed {redeemed} times, and should be {wanted} times")));
    }
    if !is_completed && reserved > 0 && released == 0 {
        findings.push(Finding::Lost("it is undone, and its coupon is reserved".to_owned()));
    }
}

/// The points that a transaction took and did not get back.
fn left_of(books: &Books, transaction: &str) -> i64 {
    let events = books.points.get(transaction).map_or(&[][..], Vec::as_slice);
    let sum = |what: &str| events.iter().filter(|(it, _)| *it == what).map(|(_, points)| points).sum::<i64>();
    sum("redeemed") - sum("restored")
}

fn look_at_points(findings: &mut Vec<Finding>, books: &Books, state: &CheckoutProgress, is_completed: bool) {
    let transaction = state.transaction_id.as_str();
    let events = books.points.get(transaction).map_or(&[][..], Vec::as_slice);
    let count = |what: &str| events.iter().filter(|(it, _)| *it == what).count();
    let (redeemed, restored, earned) = (count("redeemed"), count("restored"), count("earned"));
    if redeemed > 1 || restored > 1 || earned > 1 {
        findings
            .push(Finding::Doubled(format!("points: redeemed {redeemed}, restored {restored}, earned {earned} times")));
    }
    let left = left_of(books, transaction);
    let wanted = if is_completed { state.points.unwrap_or(0) } else { 0 };
    // A checkout that was free before its turn to pay with points pays with none.
    if left != wanted && !(is_completed && left == 0 && redeemed == 0 && total(state) == 0) {
        findings.push(Finding::Lost(format!("{left} points are taken, and {wanted} should be")));
    }
    let should_earn = usize::from(is_completed && total(state) >= 100);
    if earned != should_earn {
        findings.push(Finding::Lost(format!("points were earned {earned} times, and should be {should_earn} times")));
    }
}

/// Every event has its cause: a request that the checkout made.
fn look_at_causes(findings: &mut Vec<Finding>, history: &SagaHistory, causes: &Causes) {
    let (saga, id) = (&history.summary.saga, &history.summary.id);
    let requests: BTreeSet<String> =
        history.commands.iter().map(|it| saga_request_id(saga, id, it.command).to_string()).collect();
    for (event, cause) in causes {
        if !cause.as_ref().is_some_and(|cause| requests.contains(cause)) {
            findings
                .push(Finding::Lost(format!("{event} was caused by {cause:?}, which is no request of the checkout")));
        }
    }
}

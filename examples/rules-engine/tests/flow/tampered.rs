//! That the audit finds what it says it finds: each thing that may go wrong is done to checkouts that went well.

use std::collections::BTreeSet;

use eventsmith::state::{Aggregate, Aggregates, ExecuteOptions, HistoryEvent, Saga, SagaStatus, Sagas, Step};
use eventsmith::{Bus, Envelope};
use rules_engine::audit::Audit;
use rules_engine::load::Load;
use rules_engine::run::provision;
use rules_engine::running::Running;
use rules_engine::services::coupons::coupon::Coupon;
use rules_engine::services::loyalty::account::Account;
use rules_engine::services::payments::payment::Payment;
use rules_engine::services::promotions::promotion::Promotion;
use rules_engine::world::World;
use rules_events::aggregates::{CouponEvent, LoyaltyEvent, PaymentEvent, PromotionEvent};
use rules_events::checkout::{CheckoutProgress, CheckoutStart};
use serde_json::{Value, from_value, json, to_value};

use crate::{Outcome, config};

/// What services did, after they have stopped.
struct Scene {
    bus: Bus,
    world: World,
    started: Vec<CheckoutStart>,
    known: BTreeSet<String>,
}

impl Scene {
    async fn new() -> Outcome<Self> {
        let bus = Bus::in_memory();
        provision(&bus).await?;
        let running = Running::start(&bus, &config(), &[])?;
        let world = World::create(&bus, 2).await?;
        let load = Load { checkouts: 60, rate: 60.0, customers: 10, groups: 2, run: "tampered".to_owned() };
        let started = load.run(&bus, &world).await?.started;
        running.stop().await?;
        let mut scene = Self { bus, world, started, known: BTreeSet::new() };
        assert_eq!(scene.found().await?, Vec::<String>::new());
        Ok(scene)
    }

    /// What the audit finds that it had not found before.
    async fn found(&mut self) -> Outcome<Vec<String>> {
        let audit = Audit::of(&self.bus, &self.world, &self.started).await?;
        assert_eq!(audit.is_clean(), audit.findings.is_empty());
        let new = audit.findings.into_iter().filter(|finding| self.known.insert(finding.clone()));
        Ok(new.collect())
    }

    /// The first checkout of which something holds that ended so.
    async fn ended(&self, wanted: SagaStatus, is_it: impl Fn(&CheckoutProgress) -> bool) -> Outcome<CheckoutProgress> {
        let sagas = Sagas::of(&self.bus, rules_events::STREAMS);
        for start in &self.started {
            let history = sagas.history("checkout", &start.transaction_id).await?;
            let state: CheckoutProgress = serde_json::from_str(&history.state)?;
            if history.summary.status == wanted && is_it(&state) {
                return Ok(state);
            }
        }
        Err(format!("no checkout of that kind is {wanted}").into())
    }

    /// An event of an aggregate that is about a transaction.
    async fn event<A: Aggregate>(
        &self,
        id: &str,
        is_it: impl Fn(&A::Event) -> bool,
    ) -> Outcome<HistoryEvent<A::Event>> {
        let history = Aggregates::of(&self.bus).history::<A>(id).await?;
        Ok(history.events.into_iter().find(|event| is_it(event)).ok_or_else(|| format!("{id} has no such event"))?)
    }

    /// Appends to a history what nobody should have, with the cause of an event of before.
    async fn append<A: Aggregate>(&self, id: &str, cause: &Envelope, event: A::Event) -> Outcome
    where
        A::Event: Clone,
    {
        let mut asked = cause.clone();
        asked.id = cause.causation_id.clone().unwrap_or_default();
        let options = ExecuteOptions::caused_by(&asked, "tampered");
        Aggregates::of(&self.bus).execute_with::<A, String>(id, options, |_| Ok(vec![event.clone()])).await?;
        Ok(())
    }
}

/// A message of the catalogue with some members changed, and those left out that become null.
fn but<T: serde::Serialize + serde::de::DeserializeOwned>(event: &T, changes: Value) -> Outcome<T> {
    let mut value = to_value(event)?;
    let members = value.as_object_mut().ok_or("no object")?;
    members.extend(changes.as_object().cloned().unwrap_or_default());
    members.retain(|_, member| !member.is_null());
    Ok(from_value(value)?)
}

fn only(found: &[String], wanted: &str) {
    assert!(found.len() == 1 && found[0].contains(wanted), "{wanted}: {found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_twice_is_doubled() -> Outcome {
    let mut scene = Scene::new().await?;

    let paid = scene.ended(SagaStatus::Completed, |it| it.payment_id.is_some()).await?;
    let id = paid.transaction_id.to_string();
    let event = scene.event::<Payment>(&id, |it| matches!(it, PaymentEvent::Captured(_))).await?;
    scene.append::<Payment>(&id, &event.envelope, (*event).clone()).await?;
    let found = scene.found().await?;
    assert!(found.iter().any(|it| it.starts_with(&id) && it.contains("doubled: the payment was moved")), "{found:#?}");
    assert!(found.iter().any(|it| it.contains("lost: it is completed, costs")), "{found:#?}");

    let with_coupon = scene.ended(SagaStatus::Completed, |it| it.coupon_code.is_some()).await?;
    let (id, code) = (with_coupon.transaction_id.clone(), with_coupon.coupon_code.clone().ok_or("no coupon")?);
    let is_it = |it: &CouponEvent| matches!(it, CouponEvent::Redeemed(it) if it.transaction_id == id);
    let event = scene.event::<Coupon>(&code, is_it).await?;
    scene.append::<Coupon>(&code, &event.envelope, (*event).clone()).await?;
    let found = scene.found().await?;
    assert!(found.iter().any(|it| it.contains("doubled: its coupon was reserved 1 and redeemed 2")), "{found:#?}");

    let earned = scene.ended(SagaStatus::Completed, |it| it.transaction_id != id && it.payment_id.is_some()).await?;
    let (id, customer) = (earned.transaction_id.clone(), earned.customer_id.clone());
    let is_it =
        |it: &LoyaltyEvent| matches!(it, LoyaltyEvent::PointsEarned(it) if it.transaction_id.as_ref() == Some(&id));
    let event = scene.event::<Account>(&customer, is_it).await?;
    let LoyaltyEvent::PointsEarned(points) = &*event else { return Err("other points".into()) };
    let balance = Aggregates::of(&scene.bus).history::<Account>(&customer).await?.events;
    let balance = balance.iter().rev().find_map(|it| match &**it {
        LoyaltyEvent::PointsEarned(it) => Some(it.balance),
        LoyaltyEvent::PointsRedeemed(it) => Some(it.balance),
        LoyaltyEvent::PointsRestored(it) => Some(it.balance),
        LoyaltyEvent::TierChanged(_) => None,
    });
    let again = but(points, json!({"balance": balance.unwrap_or_default() + points.points}))?;
    scene.append::<Account>(&customer, &event.envelope, again.into()).await?;
    let found = scene.found().await?;
    assert!(found.iter().any(|it| it.contains("doubled: points: redeemed") && it.contains("earned 2")), "{found:#?}");

    let promoted =
        scene.ended(SagaStatus::Completed, |it| it.promotion_ids.as_ref().is_some_and(|ids| !ids.is_empty())).await?;
    let id = promoted.transaction_id.clone();
    let promotion = promoted.promotion_ids.iter().flatten().next().ok_or("no promotion")?.to_string();
    let is_it = |it: &PromotionEvent| matches!(it, PromotionEvent::Applied(it) if it.transaction_id == id);
    let event = scene.event::<Promotion>(&promotion, is_it).await?;
    scene.append::<Promotion>(&promotion, &event.envelope, (*event).clone()).await?;
    let found = scene.found().await?;
    assert!(found.iter().any(|it| it.contains("was applied 2 times")), "{found:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_left_behind_is_lost() -> Outcome {
    let mut scene = Scene::new().await?;
    let sagas = Sagas::of(&scene.bus, rules_events::STREAMS);

    // A cause that is no request of the checkout.
    let undone = scene.ended(SagaStatus::Compensated, |it| it.coupon_code.is_none()).await?;
    let paid = scene.ended(SagaStatus::Completed, |it| it.payment_id.is_some()).await?;
    let (id, other) = (undone.transaction_id.to_string(), paid.transaction_id.to_string());
    let foreign = scene.event::<Payment>(&other, |it| matches!(it, PaymentEvent::Authorized(_))).await?;
    let captured = json!({"payment_id": id, "transaction_id": id, "amount": {"amount_minor": 1, "currency": "EUR"},
        "method": undone.method, "captured_at": "2026-03-05T10:16:40Z"});
    scene.append::<Payment>(&id, &foreign.envelope, PaymentEvent::Captured(from_value(captured)?)).await?;
    let found = scene.found().await?;
    assert!(found.iter().any(|it| it.contains("lost: payment.captured was caused by")), "{found:#?}");
    // Money that was taken for what is undone.
    assert!(found.iter().any(|it| it.contains("lost: it is undone, and 1 was captured, 0 refunded")), "{found:#?}");
    assert!(found.iter().all(|it| it.starts_with(&id)), "{found:#?}");

    // A reservation and a discount of what is undone.
    let (code, promotion) = (scene.world.coupons[0].clone(), scene.world.promotions[0].clone());
    let reserved = json!({"coupon_code": code, "transaction_id": id, "customer_id": undone.customer_id,
        "reserved_at": "2026-03-05T10:14:02Z", "expires_at": "2026-03-05T10:19:02Z"});
    scene.append::<Coupon>(&code, &foreign.envelope, CouponEvent::Reserved(from_value(reserved)?)).await?;
    let applied = json!({"promotion_id": promotion, "transaction_id": id, "customer_id": undone.customer_id,
        "discount": {"kind": "percentage", "percentage": "10"}, "subtotal": {"amount_minor": 100, "currency": "EUR"},
        "discount_amount": {"amount_minor": 10, "currency": "EUR"}, "applied_at": "2026-03-05T10:15:00Z"});
    scene.append::<Promotion>(&promotion, &foreign.envelope, PromotionEvent::Applied(from_value(applied)?)).await?;
    let found = scene.found().await?;
    for wanted in ["lost: it is undone, and its coupon is reserved", "still takes 10 off"] {
        assert!(found.iter().any(|it| it.contains(wanted)), "{wanted}: {found:#?}");
    }

    // A balance that does not follow from the one before.
    let customer = paid.customer_id.to_string();
    let event = scene.event::<Account>(&customer, |it| matches!(it, LoyaltyEvent::PointsEarned(_))).await?;
    let LoyaltyEvent::PointsEarned(points) = &*event else { return Err("other points".into()) };
    let odd = but(points, json!({"transaction_id": "none", "points": 1, "balance": 4_000_000}))?;
    scene.append::<Account>(&customer, &event.envelope, odd.into()).await?;
    only(&scene.found().await?, "lost: its balance is 4000000 where");

    // A checkout that nobody took on, one that goes on for ever, and one that says it is done and did nothing.
    let start = |id: &str| but(&scene.started[0], json!({"transaction_id": id, "coupon_code": null, "points": null}));
    let never = start("never")?;
    let hangs = start("hangs")?;
    let idle = start("idle")?;
    let state = |it: &CheckoutStart| -> Outcome<CheckoutProgress> { Ok(from_value(to_value(it)?)?) };
    let waits = Saga::new("checkout", 1).step(Step::waits("evaluate").timeout(std::time::Duration::from_secs(3_600)));
    let nothing = Saga::new("checkout", 1)
        .step(Step::waits("evaluate").timeout(std::time::Duration::from_secs(1)).when(|_: &CheckoutProgress| false));
    let (of_hanging, of_idle) = (state(&hangs)?, state(&idle)?);
    sagas.start(&waits, "hangs", &of_hanging).await?;
    sagas.start(&nothing, "idle", &of_idle).await?;
    scene.started.extend([never, hangs, idle]);
    let found = scene.found().await?;
    for wanted in [
        "never: lost: it was never started",
        "hangs: lost: it is running at evaluate",
        "idle: lost: it is completed, costs",
        "idle: lost: points were earned 0 times, and should be 1 times",
    ] {
        assert!(found.iter().any(|it| it.starts_with(wanted)), "{wanted}: {found:#?}");
    }
    Ok(())
}

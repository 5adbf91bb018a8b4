//! What there is before the first checkout: rules, and what the other services make of them.

use std::time::Duration;

use anyhow::Context;
use eventsmith::state::Aggregates;
use eventsmith::{Bus, RequestError, Uuid};
use rules_events::common::{Discount, RuleId};
use rules_events::rule::{RuleActivate, RuleActivateError, RuleCompiled, RuleCreate, RuleCreateError};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::rule_text::{Effect, Offer, RuleText};
use crate::services::coupons::code_of;
use crate::services::coupons::coupon::Coupon;
use crate::services::promotions::promotion::Promotion;

/// How long services may take to start, and to make promotions and coupons of rules.
const PATIENCE: Duration = Duration::from_secs(60);

/// The rules that are there, and what they lead to.
#[derive(Debug, Clone)]
pub struct World {
    /// The promotions, by id.
    pub promotions: Vec<String>,
    /// The codes of coupons.
    pub coupons: Vec<String>,
}

/// A rule that is to be there.
struct Wanted {
    rule_id: String,
    priority: u16,
    text: RuleText,
}

impl World {
    /// Creates the rules for so many groups of customers, and waits until all of them are in effect. Rules that are there already are left.
    ///
    /// # Errors
    /// What kept them from it.
    pub async fn create(bus: &Bus, groups: u32) -> anyhow::Result<Self> {
        let mut world = Self { promotions: Vec::new(), coupons: Vec::new() };
        let mut applied = Vec::new();
        for rule in wanted(groups)? {
            put(bus, &rule).await.with_context(|| format!("the rule {} cannot be made", rule.rule_id))?;
            match rule.text.then {
                Effect::Promotion(_) => applied.push(rule.rule_id.clone()),
                Effect::Campaign(_) => world.coupons.push(code_of(&rule.rule_id)),
            }
            world.promotions.push(rule.rule_id);
        }
        world.is_in_effect(bus).await?;
        Ok(world)
    }

    /// Waits until rules are compiled, promotions launched and coupons issued.
    async fn is_in_effect(&self, bus: &Bus) -> anyhow::Result<()> {
        let (aggregates, compiled, end) =
            (Aggregates::of(bus), bus.bucket::<RuleCompiled>(), Instant::now() + PATIENCE);
        for id in &self.promotions {
            while aggregates.load::<Promotion>(id).await?.0.is_none() || compiled.get(id).await?.is_none() {
                anyhow::ensure!(Instant::now() < end, "the rule {id} is not in effect after {PATIENCE:?}");
                sleep(Duration::from_millis(20)).await;
            }
        }
        for code in &self.coupons {
            while !aggregates.load::<Coupon>(code).await?.is_issued() {
                anyhow::ensure!(Instant::now() < end, "the coupon {code} is not issued after {PATIENCE:?}");
                sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }
}

/// The rules of each group: two that stack, one that stands alone, and two campaigns, of which one is soon used up.
fn wanted(groups: u32) -> anyhow::Result<Vec<Wanted>> {
    let percent = |percentage: &str| json!({"kind": "percentage", "percentage": percentage});
    let euros = json!({"kind": "amount", "amount": {"amount_minor": 500, "currency": "EUR"}});
    let offer = |name: &str, discount: serde_json::Value| -> anyhow::Result<Offer> {
        let discount: Discount = serde_json::from_value(discount)?;
        Ok(Offer { name: name.to_owned(), discount, exclusive: false, max_applications: None, budget: None })
    };
    let mut wanted = Vec::new();
    for group in 0..groups {
        let mut rule = |kind: &str, priority, when: &str, then| {
            let when = format!("facts.group == {group} && ({when})");
            wanted.push(Wanted { rule_id: format!("{kind}-{group}"), priority, text: RuleText { when, then } });
        };
        rule("spring", 400, "subtotal >= 5000", Effect::Promotion(offer("Ten percent", percent("10"))?));
        rule("bulk", 300, "items >= 5", Effect::Promotion(offer("Five euros", euros.clone())?));
        let gold = Offer { exclusive: true, ..offer("Fifteen percent for gold", percent("15"))? };
        rule("gold", 900, "tier in [\"gold\", \"platinum\"]", Effect::Promotion(gold));
        let few = Offer { max_applications: Some(3), ..offer("Half the price", percent("50"))? };
        rule("campaign-few", 100, "true", Effect::Campaign(few));
        let many = Offer { max_applications: Some(1_000_000), ..offer("A twentieth", percent("5"))? };
        rule("campaign-many", 100, "true", Effect::Campaign(many));
    }
    Ok(wanted)
}

/// Creates and activates a rule, as far as that was not done before.
async fn put(bus: &Bus, rule: &Wanted) -> anyhow::Result<()> {
    let rule_id: RuleId = rule.rule_id.parse()?;
    let create = RuleCreate {
        rule_id: Some(rule_id.clone()),
        name: rule.text.then.offer().name.parse()?,
        description: None,
        definition: serde_json::to_string(&rule.text)?.parse()?,
        priority: rules_events::common::RulePriority(rule.priority),
        tags: None,
        requested_by: "ops_world".parse()?,
    };
    match asked(bus, &create).await {
        Ok(_) | Err(RequestError::Refused(RuleCreateError::WrongState(_))) => {}
        Err(error) => return Err(error.into()),
    }
    let activate =
        RuleActivate { rule_id, expected_version: None, effective_at: None, requested_by: "ops_world".parse()? };
    match asked(bus, &activate).await {
        Ok(_) | Err(RequestError::Refused(RuleActivateError::WrongState(_))) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Asks until somebody answers, under one id.
pub async fn asked<R: eventsmith::Request>(bus: &Bus, request: &R) -> Result<R::Reply, RequestError<R::Error>> {
    let options = eventsmith::RequestOptions { id: Some(Uuid::now_v7()), ..eventsmith::RequestOptions::default() };
    let end = Instant::now() + PATIENCE;
    loop {
        match bus.request_with(request, options.clone()).await {
            Err(error) if is_passing(&error) && Instant::now() < end => sleep(Duration::from_millis(100)).await,
            answer => return answer,
        }
    }
}

/// Whether another attempt may go better.
fn is_passing<E>(error: &RequestError<E>) -> bool {
    use RequestError::{ConnectionLost, Failed, NoResponders, NotConnected, TimedOut};
    matches!(error, NoResponders { .. } | TimedOut { .. } | ConnectionLost { .. } | NotConnected { .. } | Failed { .. })
}

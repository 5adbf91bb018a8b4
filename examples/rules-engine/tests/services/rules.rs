//! From a rule to a promotion, a coupon and an evaluation.

use std::time::Duration;

use eventsmith::state::{Aggregates, SagaStatus, Sagas};
use eventsmith::{Bus, RequestError};
use rules_engine::services::coupons::coupon::Coupon;
use rules_engine::services::promotions::promotion::Promotion;
use rules_events::cache::{CacheInvalidate, CacheWarm};
use rules_events::evaluation::EvaluationEvaluate;
use rules_events::metrics::MetricsSummary;
use rules_events::promotion::{PromotionApply, PromotionApplyError, PromotionCancel};
use rules_events::rule::{RuleActivate, RuleCompiled, RuleCreate, RuleDeactivate};
use serde_json::{Value, json};

use crate::common::{Outcome, bus, of, start};

const SERVICES: [&str; 5] = ["rules-management", "rules-evaluation", "rules-calculation", "promotions", "coupons"];

async fn activate(bus: &Bus, rule_id: &str, when: &str, effect: &str, limit: Option<u32>) -> Outcome {
    let discount = json!({"kind": "percentage", "percentage": "10"});
    let mut offer = json!({"name": rule_id, "discount": discount});
    if let Some(limit) = limit {
        offer["max_applications"] = json!(limit);
    }
    let text = json!({"when": when, "then": {effect: offer}}).to_string();
    let create =
        json!({"rule_id": rule_id, "name": rule_id, "definition": text, "priority": 400, "requested_by": "anna"});
    bus.request(&of::<RuleCreate>(create)?).await?;
    bus.request(&of::<RuleActivate>(json!({"rule_id": rule_id, "requested_by": "anna"}))?).await?;
    bus.settle().await;
    Ok(())
}

async fn evaluate(bus: &Bus, facts: Value) -> Result<Value, Box<dyn std::error::Error>> {
    let asks = json!({"context_id": "ctx_1", "transaction_id": "t_1", "customer_id": "cus_1", "facts": facts});
    Ok(bus.request(&of::<EvaluationEvaluate>(asks)?).await?.final_result)
}

/// Waits until an evaluation comes to this: the rules of an instance follow the bucket.
async fn until(bus: &Bus, facts: &Value, promotions: Value) -> Outcome {
    for _ in 0..200 {
        if evaluate(bus, facts.clone()).await?["promotions"] == promotions {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(format!("{} and not {promotions}", evaluate(bus, facts.clone()).await?).into())
}

#[tokio::test]
async fn a_rule_that_is_active_is_evaluated_until_it_is_not() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &SERVICES)?;
    activate(&bus, "spring", "subtotal > 1000", "promotion", None).await?;

    until(&bus, &json!({"subtotal": 2_000}), json!(["spring"])).await?;
    until(&bus, &json!({"subtotal": 900}), json!([])).await?;
    let warmed = bus.request(&of::<CacheWarm>(json!({"scope": {"kind": "all"}, "requested_by": "anna"}))?).await?;
    assert_eq!(warmed.entries_loaded, 1);
    bus.request(&of::<RuleDeactivate>(json!({"rule_id": "spring", "requested_by": "anna"}))?).await?;
    until(&bus, &json!({"subtotal": 2_000}), json!([])).await?;

    let summary = json!({"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"});
    bus.settle().await;
    let figures = bus.request(&of::<MetricsSummary>(summary)?).await?;
    assert!(figures.rules_applied >= 1 && figures.evaluations >= 3, "{figures:?}");
    Ok(())
}

#[tokio::test]
async fn a_rule_that_takes_effect_later_is_evaluated_from_then_on() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &SERVICES)?;
    let text = json!({"when": "true", "then": {"promotion": {"name": "May", "discount": {"kind": "percentage", "percentage": "10"}}}});
    for (rule_id, days) in [("may", 30), ("june", 60), ("never", 45)] {
        let create = json!({"rule_id": rule_id, "name": rule_id, "definition": text.to_string(), "priority": 400, "requested_by": "anna"});
        bus.request(&of::<RuleCreate>(create)?).await?;
        let effective_at = bus.now() + Duration::from_secs(days * 86_400);
        let activate = json!({"rule_id": rule_id, "effective_at": effective_at, "requested_by": "anna"});
        bus.request(&of::<RuleActivate>(activate)?).await?;
    }
    assert_eq!(evaluate(&bus, json!({})).await?["promotions"], json!([]));
    bus.request(&of::<RuleDeactivate>(json!({"rule_id": "never", "requested_by": "anna"}))?).await?;

    bus.settle().await;

    until(&bus, &json!({}), json!(["june", "may"])).await?;
    let sagas = Sagas::of(&bus, rules_events::STREAMS).list("activation").await?;
    assert!(sagas.len() == 3 && sagas.iter().all(|saga| saga.status == SagaStatus::Completed), "{sagas:?}");
    Ok(())
}

#[tokio::test]
async fn a_cache_that_is_emptied_is_warmed_again() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &SERVICES)?;
    activate(&bus, "spring", "true", "promotion", None).await?;
    until(&bus, &json!({}), json!(["spring"])).await?;

    let scope = json!({"scope": {"kind": "rules", "rule_ids": ["spring"]}, "requested_by": "anna"});
    assert_eq!(bus.request(&of::<CacheInvalidate>(scope.clone())?).await?.entries_removed, 1);
    until(&bus, &json!({}), json!([])).await?;
    assert!(bus.bucket::<RuleCompiled>().get("spring").await?.is_none());
    bus.request(&of::<CacheWarm>(scope)?).await?;

    until(&bus, &json!({}), json!(["spring"])).await
}

#[tokio::test]
async fn a_promotion_is_applied_once_to_each_transaction_within_its_limits() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &SERVICES)?;
    activate(&bus, "spring", "true", "promotion", Some(1)).await?;
    let asks = |transaction: &str| {
        json!({"promotion_id": "spring", "transaction_id": transaction, "customer_id": "cus_1", "reason": "checkout_failed",
            "subtotal": {"amount_minor": 1_005, "currency": "EUR"}})
    };

    for _ in 0..2 {
        let applied = bus.request(&of::<PromotionApply>(asks("t_1"))?).await?;
        assert_eq!((applied.discount_amount.amount_minor, applied.remaining_applications), (101, Some(0)));
    }
    let second = bus.request(&of::<PromotionApply>(asks("t_2"))?).await;
    assert!(matches!(second, Err(RequestError::Refused(PromotionApplyError::LimitReached(_)))));
    for _ in 0..2 {
        bus.request(&of::<PromotionCancel>(asks("t_1"))?).await?;
    }
    let late = bus.request(&of::<PromotionApply>(asks("t_1"))?).await;
    assert!(matches!(late, Err(RequestError::Refused(PromotionApplyError::WrongState(_)))));
    bus.request(&of::<PromotionApply>(asks("t_2"))?).await?;
    Ok(())
}

#[tokio::test]
async fn a_campaign_has_a_coupon_as_long_as_it_runs() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &SERVICES)?;
    activate(&bus, "campaign_1", "true", "campaign", Some(7)).await?;
    let aggregates = Aggregates::of(&bus);

    let coupon = aggregates.load::<Coupon>("CAMPAIGN-1").await?;
    assert_eq!((coupon.is_issued(), coupon.0.remaining_redemptions), (true, 7));
    assert_eq!(evaluate(&bus, json!({})).await?["promotions"], json!([]));
    bus.request(&of::<RuleDeactivate>(json!({"rule_id": "campaign_1", "requested_by": "anna"}))?).await?;
    bus.settle().await;

    assert!(!aggregates.load::<Coupon>("CAMPAIGN-1").await?.is_issued());
    let promotion = aggregates.load::<Promotion>("campaign_1").await?;
    assert!(promotion.0.as_ref().is_some_and(|it| it.ended.is_some()));
    Ok(())
}

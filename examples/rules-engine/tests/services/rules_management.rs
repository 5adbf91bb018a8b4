//! The life of a rule.

use eventsmith::{Bus, DateTime, RequestError, Timestamp};
use rules_events::audit::AuditTrail;
use rules_events::common::RuleStatus;
use rules_events::rule::{
    RuleActivate, RuleActivateError, RuleCreate, RuleCreateError, RuleDeactivate, RuleDelete, RuleDeleteError, RuleGet,
    RuleGetError, RuleList, RuleUpdate, RuleUpdateError,
};
use serde_json::{Value, json};

use crate::common::{Outcome, bus, of, start};

fn text(when: &str) -> String {
    let discount = json!({"kind": "percentage", "percentage": "10"});
    json!({"when": when, "then": {"promotion": {"name": "Ten percent", "discount": discount}}}).to_string()
}

fn create(rule_id: &str) -> Result<RuleCreate, serde_json::Error> {
    of(json!({"rule_id": rule_id, "name": "Spring", "definition": text("subtotal > 100"), "priority": 400,
        "tags": ["spring"], "requested_by": "anna"}))
}

fn asks(rule_id: &str) -> Value {
    json!({"rule_id": rule_id, "requested_by": "anna"})
}

async fn get(bus: &Bus, rule_id: &str) -> Result<rules_events::rule::RuleGetReply, Box<dyn std::error::Error>> {
    Ok(bus.request(&of::<RuleGet>(json!({"rule_id": rule_id}))?).await?)
}

#[tokio::test]
async fn a_rule_lives_and_its_trail_tells() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &["rules-management"])?;

    let created = bus.request(&create("spring")?).await?;
    assert_eq!((created.status, created.version.0), (RuleStatus::Draft, 2));
    let update =
        json!({"rule_id": "spring", "expected_version": 2, "changes": {"priority": 700}, "requested_by": "ben"});
    let updated = bus.request(&of::<RuleUpdate>(update.clone())?).await?;
    assert_eq!(updated.new_version, 3);
    bus.request(&of::<RuleActivate>(asks("spring"))?).await?;
    let rule = get(&bus, "spring").await?;
    assert_eq!((rule.status, rule.priority.0, rule.version.0), (RuleStatus::Active, 700, 3));
    assert_eq!(rule.definition.as_str(), text("subtotal > 100"));

    // Somebody who knows an older version changes nothing, and what is active is not deleted.
    let stale = bus.request(&of::<RuleUpdate>(update)?).await;
    assert!(matches!(stale, Err(RequestError::Refused(RuleUpdateError::VersionConflict(it))) if it.found.0 == 3));
    let active = bus.request(&of::<RuleDelete>(asks("spring"))?).await;
    assert!(
        matches!(active, Err(RequestError::Refused(RuleDeleteError::WrongState(it))) if it.state.as_str() == "active")
    );

    bus.request(&of::<RuleDeactivate>(asks("spring"))?).await?;
    bus.request(&of::<RuleDelete>(asks("spring"))?).await?;
    let gone = bus.request(&of::<RuleGet>(json!({"rule_id": "spring"}))?).await;
    assert!(matches!(gone, Err(RequestError::Refused(RuleGetError::NotFound(_)))));
    let again = bus.request(&create("spring")?).await;
    assert!(matches!(again, Err(RequestError::Refused(RuleCreateError::WrongState(_)))));

    let trail = bus.request(&of::<AuditTrail>(json!({"rule_id": "spring"}))?).await?;
    let told: Vec<_> =
        trail.items.iter().map(|it| (it.action.as_str(), it.actor.as_str(), it.rule_version.0)).collect();
    let expected = [
        ("created", "anna", 1),
        ("updated", "anna", 2),
        ("updated", "ben", 3),
        ("activated", "anna", 3),
        ("deactivated", "anna", 3),
        ("deleted", "anna", 3),
    ];
    assert_eq!(told, expected);
    let page = bus.request(&of::<AuditTrail>(json!({"rule_id": "spring", "actor": "anna", "page_size": 3}))?).await?;
    assert_eq!((page.items.len(), page.next_page_token.as_ref().map(|it| it.as_str())), (3, Some("3")));
    Ok(())
}

#[tokio::test]
async fn a_rule_that_nobody_can_read_is_not_created() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &["rules-management"])?;

    let mut rule = create("odd")?;
    rule.definition = text("subtotl > 100").parse()?;
    let refused = bus.request(&rule).await;

    let Err(RequestError::Refused(RuleCreateError::NotAllowed(why))) = refused else {
        return Err("it was created".into());
    };
    assert!(why.message.is_some_and(|why| why.contains("subtotl")));
    Ok(())
}

#[tokio::test]
async fn a_rule_takes_effect_at_its_time() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &["rules-management", "rules-evaluation"])?;
    bus.request(&create("later")?).await?;

    let mut activate: RuleActivate = of(asks("later"))?;
    activate.effective_at = Some(DateTime::from(Timestamp::now() + std::time::Duration::from_secs(3_600)));
    bus.request(&activate).await?;

    assert_eq!(get(&bus, "later").await?.status, RuleStatus::Inactive);
    let twice = bus.request(&activate).await;
    assert!(matches!(twice, Err(RequestError::Refused(RuleActivateError::WrongState(_)))));
    bus.settle().await;
    assert_eq!(get(&bus, "later").await?.status, RuleStatus::Active);
    Ok(())
}

#[tokio::test]
async fn the_list_has_all_rules_page_by_page() -> Outcome {
    let bus = bus().await?;
    let _running = start(&bus, &["rules-management"])?;
    for rule_id in ["a", "b", "c"] {
        bus.request(&create(rule_id)?).await?;
    }
    bus.request(&of::<RuleActivate>(asks("b"))?).await?;
    bus.settle().await;

    let ids = async |query: Value| -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let list = bus.request(&of::<RuleList>(query)?).await?;
        Ok(list.items.iter().map(|rule| rule.rule_id.to_string()).collect())
    };
    assert_eq!(ids(json!({"page_size": 2})).await?, ["a", "b"]);
    assert_eq!(ids(json!({"page_size": 2, "page_token": "b"})).await?, ["c"]);
    assert_eq!(ids(json!({"status": "active"})).await?, ["b"]);
    assert_eq!(ids(json!({"tag": "winter"})).await?, Vec::<String>::new());
    Ok(())
}

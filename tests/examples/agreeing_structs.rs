//! Structs that agree with their schemas, with every freedom that serde's attributes give. That it builds is the test; an
//! example is built with all tests, and without the tests that the attribute generates.

use std::collections::BTreeMap;

use eventsmith::{Event, NoRefusal, NoReply, Request, domain_event};
use serde::{Deserialize, Serialize};

#[domain_event("rule.created", version = 1, schemas = "../ui/schemas")]
#[derive(Serialize, Deserialize)]
struct RuleCreated {
    rule_id: RuleId,
    name: String,
    priority: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(skip)]
    #[expect(dead_code, reason = "a field that is no property")]
    cached: Option<u64>,
    #[serde(flatten)]
    more: BTreeMap<String, serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct RuleId(String);

#[domain_event("order.placed", version = 1, schemas = "../ui/schemas")]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderPlaced {
    #[serde(rename = "orderId", alias = "id")]
    order: Box<str>,
    total_cents: i64,
}

#[domain_event("rule.activated", version = 1, schemas = "../ui/schemas")]
#[derive(Serialize, Deserialize)]
struct RuleActivated {
    rule_id: String,
    region: String,
    #[serde(flatten)]
    circumstances: Circumstances,
}

#[derive(Serialize, Deserialize)]
struct Circumstances {
    actor: serde_json::Value,
    reason: Option<String>,
}

#[domain_event("rule.get", version = 1, reply = RuleGetReply, error = RuleGetError, schemas = "../ui/schemas")]
#[derive(Serialize, Deserialize)]
struct RuleGet {
    rule_id: String,
}

#[domain_event("rule.get", version = 1, part = "reply", schemas = "../ui/schemas")]
#[derive(Serialize, Deserialize)]
struct RuleGetReply {
    name: String,
    priority: u16,
}

#[domain_event("rule.get", version = 1, part = "error", schemas = "../ui/schemas")]
#[derive(Serialize, Deserialize)]
struct RuleGetError {
    code: String,
}

#[domain_event("rule.archive", version = 1, schemas = "../ui/schemas")]
#[derive(Serialize, Deserialize)]
struct RuleArchive {
    rule_id: String,
}

/// Compiles for what is answered so.
fn is_answered<R: Request<Reply = A, Error = E>, A, E>() -> &'static str {
    R::SUBJECT
}

fn main() {
    assert_eq!(is_answered::<RuleGet, RuleGetReply, RuleGetError>(), "rules.query.rule.get");
    assert_eq!(is_answered::<RuleArchive, NoReply, NoRefusal>(), "rules.command.rule.archive");
    assert_eq!(RuleCreated::SUBJECT, "rules.domain.rule.created");
    assert_eq!(RuleActivated::SUBJECT, "rules.domain.rule.activated.*");
    assert_eq!(OrderPlaced::VERSION, 1);
}

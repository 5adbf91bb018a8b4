//! The attribute does not say which event is meant, or says what it does not know.

use eventsmith::domain_event;

#[domain_event]
struct WithoutArguments {
    rule_id: String,
}

#[domain_event(version = 1, "rule.created")]
struct InAnotherOrder {
    rule_id: String,
}

#[domain_event("rule.created", version = "1")]
struct VersionAsText {
    rule_id: String,
}

#[domain_event("rule.created", version = 5000000000)]
struct VersionOutOfRange {
    rule_id: String,
}

#[domain_event("rule.created", version = 1, crate = "events::runtime")]
struct NoNameOfACrate {
    rule_id: String,
}

#[domain_event("rule.get", version = 1, part = "answer")]
struct NoPart {
    rule_id: String,
}

#[domain_event("zzz", version = 1, schemas = "schemas")]
struct NothingLikeIt {
    rule_id: String,
}

#[domain_event("rule.created", version = 1)]
fn no_item() {}

fn main() {}

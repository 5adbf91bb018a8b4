//! The struct of docs/catalogue.md, which is that of this file. The attribute adds the test that it agrees with its schema.

use eventsmith::domain_event;
use serde::{Deserialize, Serialize};

#[domain_event("rule.deleted", version = 1)]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RuleDeleted {
    #[cfg_attr(test, schemars(length(max = 64), regex(pattern = r"^[A-Za-z0-9_-]{1,64}$")))]
    rule_id: String,
    #[cfg_attr(test, schemars(length(min = 1, max = 200)))]
    name: String,
    #[cfg_attr(test, schemars(length(max = 64), regex(pattern = r"^[A-Za-z0-9_-]{1,64}$")))]
    deleted_by: String,
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    deleted_at: String,
    #[cfg_attr(test, schemars(range(min = 1, max = 2_147_483_647)))]
    final_version: u32,
}

#[test]
fn the_guide_shows_this_struct() {
    let (source, guide) = (include_str!("own_struct.rs"), include_str!("../../docs/catalogue.md"));
    let shown = source.split_once("\n\n").and_then(|(_, rest)| rest.split_once("\n\n#[test]"));

    assert!(shown.is_some_and(|(shown, _)| guide.contains(shown)));
}

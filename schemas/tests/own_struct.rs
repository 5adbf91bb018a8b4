//! The struct of docs/catalogue.md and of the documentation of the attribute, which is that of this file. The attribute adds the
//! test that it agrees with its schema.

use eventsmith::{DateTime, domain_event};
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
    deleted_at: DateTime,
    #[cfg_attr(test, schemars(range(min = 1, max = 2_147_483_647)))]
    final_version: u32,
}

#[test]
fn the_guide_and_the_documentation_show_this_struct() {
    let source = include_str!("own_struct.rs");
    let (guide, documentation) = (include_str!("../../docs/catalogue.md"), include_str!("../../runtime/src/lib.rs"));
    let documentation: Vec<&str> = documentation.lines().map(|line| line.trim_start_matches("///").trim()).collect();

    let (_, rest) = source.split_once("\n\n").unwrap();
    let (shown, _) = rest.split_once("\n\n#[test]").unwrap();

    assert!(guide.contains(shown));
    let lines: Vec<&str> = shown.lines().map(str::trim).collect();
    assert!(documentation.windows(lines.len()).any(|window| window == lines), "{shown}");
}

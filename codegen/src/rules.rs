//! The rules behind all findings: what each is for, with an example of what it finds and of what it wants.

use crate::diagnostic::Severity;

/// One rule. Its id stands in every finding and names its page in the documentation.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The stable id, `bad-json`.
    pub id: &'static str,
    /// How bad its findings are, unless `eventsmith.toml` says otherwise.
    pub severity: Severity,
    /// What it looks for and why, in a sentence or two.
    pub purpose: &'static str,
    /// An example that it finds.
    pub bad: &'static str,
    /// The same example as it should be.
    pub good: &'static str,
}

/// Every rule, sorted by id.
pub const RULES: &[Rule] = &[];

/// The rule of an id.
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

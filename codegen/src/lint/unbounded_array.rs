//! Arrays have a greatest length.

use serde_json::{Map, Value};

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "unbounded-array",
    family: Family::Lint,
    severity: Severity::Advice,
    purpose: "An array without a limit grows until a message no longer fits the server's limit, first in production. Whoever \
              expects more sends pages, or an event for each.",
    bad: r#"{"type": "object", "properties": {"scores": {"type": "array", "items": {"type": "number"}}}}"#,
    good: r#"{"type": "object", "properties": {"scores": {"type": "array", "items": {"type": "number"}, "maxItems": 100}}}"#,
};

/// Keywords that close an array after the items that are listed.
const CLOSING: &[&str] = &["items", "additionalItems", "unevaluatedItems"];

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    if spot.is_partial()
        || !spot.is_typed("array")
        || spot.conjuncts().is_none_or(|all| all.into_iter().any(is_bounded))
    {
        return;
    }
    let help = "add maxItems: the most that consumers must be ready for";
    report.at(spot.file.document, spot.at(), "the array may have any number of items", help);
}

fn is_bounded(schema: &Map<String, Value>) -> bool {
    ["maxItems", "const", "enum"].iter().any(|keyword| schema.contains_key(*keyword))
        || CLOSING.iter().any(|keyword| schema.get(*keyword) == Some(&Value::Bool(false)))
}

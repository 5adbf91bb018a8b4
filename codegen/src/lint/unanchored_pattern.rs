//! Patterns say where they begin or end.

use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::lint::pattern;
use crate::pointer::join;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "unanchored-pattern",
    family: Family::Lint,
    severity: Severity::Advice,
    purpose: "A pattern matches any part of a text unless `^` and `$` say otherwise: `[A-Z]{3}` accepts `not EURO at all`. Most \
              authors mean the whole text.",
    bad: r#"{"type": "object", "properties": {"currency": {"type": "string", "pattern": "[A-Z]{3}", "maxLength": 3}}}"#,
    good: r#"{"type": "object", "properties": {"currency": {"type": "string", "pattern": "^[A-Z]{3}$"}}}"#,
};

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    for (at, pattern) in patterns(spot) {
        if !pattern::is_anchored(pattern) {
            let message = format!("the pattern {pattern:?} matches any part of a text");
            let help = "begin it with ^ and end it with $, or allow it if a part is what you mean";
            report.at(spot.file.document, &at, message, help);
        }
    }
}

/// The patterns of a schema with their pointers: of texts, and of names of properties.
pub(super) fn patterns(spot: Spot<'_>) -> Vec<(String, &str)> {
    let text = spot.get("pattern").and_then(Value::as_str).map(|pattern| (spot.below("pattern"), pattern));
    let names = spot.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(|map| map.keys());
    let below = spot.below("patternProperties");
    text.into_iter().chain(names.map(|name| (join(&below, name), name.as_str()))).collect()
}

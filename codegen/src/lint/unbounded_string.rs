//! Strings have a greatest length.

use serde_json::{Map, Value};

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::lint::pattern;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "unbounded-string",
    family: Family::Lint,
    severity: Severity::Advice,
    purpose: "A string without a limit may fill a message up to the server's own limit, and no column of a database has room for \
              it. `maxLength`, an anchored pattern without `*` and `+`, an enumeration or a format of limited length is one.",
    bad: r#"{"type": "object", "properties": {"name": {"type": "string"}}}"#,
    good: r#"{"type": "object", "properties": {"name": {"type": "string", "maxLength": 200}}}"#,
};

/// Formats whose texts are short whatever they say.
const SHORT: &[&str] = &["date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"];

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    if spot.is_partial()
        || !spot.is_typed("string")
        || spot.conjuncts().is_none_or(|all| all.into_iter().any(is_bounded))
    {
        return;
    }
    let help = "add maxLength: the longest text that consumers must be ready for";
    report.at(spot.file.document, spot.at(), "the string may be of any length", help);
}

fn is_bounded(schema: &Map<String, Value>) -> bool {
    ["maxLength", "const", "enum"].iter().any(|keyword| schema.contains_key(*keyword))
        || schema.get("format").and_then(Value::as_str).is_some_and(|format| SHORT.contains(&format))
        || schema.get("pattern").and_then(Value::as_str).is_some_and(pattern::is_bounded)
}

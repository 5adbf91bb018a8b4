//! Payloads have examples.

use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{File, Report};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "missing-examples",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "Examples are what people read first, and test vectors for every consumer. They are checked against the schema, so \
              that they cannot grow stale.",
    bad: r#"{"type": "object", "properties": {"name": {"type": "string"}}}"#,
    good: r#"{"type": "object", "properties": {"name": {"type": "string"}}, "examples": [{"name": "Free shipping"}]}"#,
};

pub(crate) fn check(file: &File<'_>, report: &mut Report<'_>) {
    let examples = file.document.schema.get("examples").and_then(Value::as_array);
    if file.is_payload && examples.is_none_or(Vec::is_empty) {
        let help = "add \"examples\": a list of valid payloads; `eventsmith example` makes one";
        report.at(file.document, "", "the payload has no examples", help);
    }
}

//! Payloads have titles.

use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{File, Report};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "missing-title",
    family: Family::Lint,
    severity: Severity::Advice,
    purpose: "The title of a payload names its type. Without one the name comes from the path, and changes when the file moves.",
    bad: r#"{"type": "object"}"#,
    good: r#"{"title": "RuleCreated", "type": "object"}"#,
};

pub(crate) fn check(file: &File<'_>, report: &mut Report<'_>) {
    let title = file.document.schema.get("title").and_then(Value::as_str);
    if file.is_payload && title.is_none_or(str::is_empty) {
        let help = "add \"title\": the name of the type in Pascal case, such as RuleCreated";
        report.at(file.document, "", "the payload has no title", help);
    }
}

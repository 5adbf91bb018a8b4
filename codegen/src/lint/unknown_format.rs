//! Formats are those of the standard.

use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::lint::misspelt_keyword::meant_format;
use crate::rule::{Family, Rule};
use crate::schema;

pub(crate) const RULE: Rule = Rule {
    id: "unknown-format",
    family: Family::Lint,
    severity: Severity::Advice,
    purpose: "A format that the file's draft does not know is accepted without a check, whatever the text is. Say what is meant \
              with a pattern or with limits.",
    bad: r#"{"type": "object", "properties": {"phone": {"type": "string", "format": "phone", "maxLength": 16}}}"#,
    good: r#"{"type": "object", "properties": {"phone": {"type": "string", "pattern": "^\\+[0-9]{5,15}$"}}}"#,
};

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    let Some(Value::String(format)) = spot.get("format") else { return };
    let is_told = meant_format(&spot.file.document.schema, format).is_some();
    if !is_told && !schema::is_known_format(&spot.file.document.schema, format) {
        let message = format!("the draft of this file has no format {format:?}; nothing is checked");
        let help = "use a format of the standard, a pattern, or minimum and maximum";
        report.at(spot.file.document, &spot.below("format"), message, help);
    }
}

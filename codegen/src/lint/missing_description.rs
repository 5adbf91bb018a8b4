//! Payloads and definitions are described.

use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "missing-description",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "An event means something: what happened, when, and who says so. The name alone does not tell, and the description \
              becomes the doc comment that every consumer reads.",
    bad: r#"{"type": "object"}"#,
    good: r#"{"description": "A rule was created. Published once for each rule.", "type": "object"}"#,
};

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    let what = match () {
        () if spot.is_root() && spot.file.is_payload => "the payload".to_owned(),
        () if spot.is_definition() => format!("the definition {:?}", spot.name()),
        () => return,
    };
    if !is_described(spot.get("description")) {
        let help = "add \"description\": what it means, in a sentence";
        report.at(spot.file.document, spot.at(), format!("{what} has no description"), help);
    }
}

/// Whether there is a description with something in it.
pub(super) fn is_described(description: Option<&Value>) -> bool {
    description.and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty())
}

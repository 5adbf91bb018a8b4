//! Properties are named in snake case.

use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::lint::name_style::{is_snake, snake_help};
use crate::pointer::join;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "property-naming",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "Whoever writes a payload by hand should not have to look up how each property is spelled. This catalogue's way is \
              snake case, the envelope's own.",
    bad: r#"{"type": "object", "properties": {"ruleId": {"type": "string"}}}"#,
    good: r#"{"type": "object", "properties": {"rule_id": {"type": "string"}}}"#,
};

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    // Conditions repeat the names that are declared elsewhere.
    if spot.is_partial() {
        return;
    }
    let Some(Value::Object(properties)) = spot.get("properties") else { return };
    for name in properties.keys().filter(|name| !is_snake(name)) {
        let at = join(&spot.below("properties"), name);
        report.at(spot.file.document, &at, format!("the property {name:?} is not in snake case"), snake_help(name));
    }
}

//! Properties are described.

use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::lint::missing_description::is_described;
use crate::pointer::join;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "undescribed-property",
    family: Family::Lint,
    severity: Severity::Advice,
    purpose: "The name of a property rarely says its unit, its range, or what it means when it is absent. A reference may carry \
              a description of its own; without one that of its target counts.",
    bad: r#"{"type": "object", "properties": {"timeout": {"type": "number"}}}"#,
    good: r#"{"type": "object", "properties": {"timeout": {"description": "How long to wait, in seconds.", "type": "number"}}}"#,
};

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    if spot.is_partial() {
        return;
    }
    let Some(Value::Object(properties)) = spot.get("properties") else { return };
    for (name, schema) in properties {
        let Value::Object(members) = schema else { continue };
        let at = join(&spot.below("properties"), name);
        let location = spot.location().below(&join("/properties", name));
        let target = spot.file.context.target(&location);
        let is_said_there = target.is_some_and(|(_, target)| is_described(target.get("description")));
        if !is_described(members.get("description")) && !is_said_there {
            let help = "add \"description\": what it means, and its unit";
            report.at(spot.file.document, &at, format!("the property {name:?} has no description"), help);
        }
    }
}

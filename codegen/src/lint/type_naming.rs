//! Titles and definitions are named in Pascal case.

use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::lint::name_style::{is_pascal, pascal_help};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "type-naming",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "The title of a payload and the names of definitions are names of types in every language that code is generated \
              for. In Pascal case they are the same in the schema and in the code.",
    bad: r#"{"title": "Rule created", "type": "object"}"#,
    good: r#"{"title": "RuleCreated", "type": "object"}"#,
};

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    let document = spot.file.document;
    if spot.is_root()
        && spot.file.is_payload
        && let Some(Value::String(title)) = spot.get("title")
        && !is_pascal(title)
    {
        report.at(document, "/title", format!("the title {title:?} is not in Pascal case"), pascal_help(title));
    }
    if spot.is_definition() {
        let name = spot.name();
        if !is_pascal(&name) {
            report.at(
                document,
                spot.at(),
                format!("the definition {name:?} is not in Pascal case"),
                pascal_help(&name),
            );
        }
    }
}

//! Keywords have the companions without which they say nothing.

use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "idle-keyword",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "Some keywords say something only beside another one: `then` needs an `if`, `minContains` needs `contains`. In drafts \
              before 2019-09 nothing counts beside `$ref`. Somebody meant something, and no validator does it.",
    bad: r#"{
  "type": "object",
  "properties": {"ok": {"type": "boolean"}, "why": {"type": "string"}},
  "then": {"required": ["why"]}
}"#,
    good: r#"{
  "type": "object",
  "properties": {"ok": {"type": "boolean"}, "why": {"type": "string"}},
  "if": {"required": ["ok"], "properties": {"ok": {"const": false}}},
  "then": {"required": ["why"]}
}"#,
};

/// Keywords, each with those of which it needs one.
const COMPANIONS: &[(&str, &[&str])] = &[
    ("contentSchema", &["contentMediaType"]),
    ("else", &["if"]),
    ("if", &["then", "else"]),
    ("maxContains", &["contains"]),
    ("minContains", &["contains"]),
    ("then", &["if"]),
];

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    let document = spot.file.document;
    let draft = spot.file.draft;
    for (keyword, companions) in COMPANIONS {
        if spot.has(keyword) && !companions.iter().any(|companion| spot.has(companion)) {
            let companions = companions.join(" or ");
            let help = format!("add {companions}, or leave it out");
            report.at(document, &spot.below(keyword), format!("{keyword:?} says nothing without {companions}"), help);
        }
    }
    if spot.has("additionalItems") && !matches!(spot.get("items"), Some(Value::Array(_))) {
        let message = "\"additionalItems\" says nothing unless items is a list";
        let help = "use items for what all items must be";
        report.at(document, &spot.below("additionalItems"), message, help);
    }
    for keyword in ["exclusiveMinimum", "exclusiveMaximum"] {
        let bound = if keyword == "exclusiveMinimum" { "minimum" } else { "maximum" };
        if matches!(spot.get(keyword), Some(Value::Bool(_))) && !spot.has(bound) {
            let message = format!("{keyword:?} says nothing without {bound}");
            report.at(document, &spot.below(keyword), message, format!("add {bound}, or leave it out"));
        }
    }
    if spot.has("$ref") && !draft.ref_has_siblings() {
        for keyword in spot.schema().keys().filter(|keyword| *keyword != "$ref" && !draft.asserts(keyword).is_empty()) {
            let message = format!("{keyword:?} says nothing beside \"$ref\" in this draft");
            let help = "wrap the reference: \"allOf\": [{\"$ref\": ..}], or name draft 2019-09 or later in $schema";
            report.at(document, &spot.below(keyword), message, help);
        }
    }
}

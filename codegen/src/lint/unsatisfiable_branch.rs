//! Every part of a schema accepts something.

use crate::diagnostic::Severity;
use crate::lint::file::{File, Report};
use crate::lint::unsatisfiable::{empty_root, explanation, innermost};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "unsatisfiable-branch",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "A property, a definition or a branch that provably accepts nothing is never used, though somebody meant it to be. \
              Whoever wants to forbid something writes `false`, which is no finding.",
    bad: r#"{
  "type": "object",
  "properties": {"code": {"anyOf": [
    {"type": "string", "minLength": 8, "maxLength": 4},
    {"type": "string", "format": "uuid"}
  ]}}
}"#,
    good: r#"{
  "type": "object",
  "properties": {"code": {"anyOf": [
    {"type": "string", "minLength": 4, "maxLength": 8},
    {"type": "string", "format": "uuid"}
  ]}}
}"#,
};

pub(crate) fn check(file: &File<'_>, report: &mut Report<'_>) {
    // Where nothing is valid at all, `unsatisfiable` reports that first.
    if empty_root(file).is_some() {
        return;
    }
    for empty in innermost(file) {
        let help =
            "take one of them away or make room for a value, or write `false` where nothing is meant to be allowed";
        report.at(file.document, &empty.pointer, format!("this accepts nothing: {}", explanation(empty)), help);
    }
}

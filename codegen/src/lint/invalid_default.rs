//! Defaults are valid.

use eventsmith_exact::schema::is_rounded;

use crate::diagnostic::Severity;
use crate::lint::file::{File, Report};
use crate::lint::invalid_example::{PartValidators, explanation};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "invalid-default",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "A default that its own schema refuses cannot stand in for a value. Decoding never fills defaults in, but people \
              and other tools do.",
    bad: r#"{
  "type": "object",
  "properties": {"priority": {"type": "integer", "minimum": 1, "maximum": 9, "default": 0}}
}"#,
    good: r#"{
  "type": "object",
  "properties": {"priority": {"type": "integer", "minimum": 1, "maximum": 9, "default": 1}}
}"#,
};

pub(crate) fn check(file: &File<'_>, report: &mut Report<'_>) {
    let mut validators = PartValidators::new(file);
    for spot in file.spots() {
        let Some(default) = spot.get("default").filter(|_| !is_rounded(spot.schema(), "default")) else { continue };
        if let Some(fault) = validators.first_fault(spot.at(), default) {
            let help = "mend the default, or leave it out";
            report.at(
                file.document,
                &spot.below("default"),
                format!("the default is not valid: {}", explanation(&fault)),
                help,
            );
        }
    }
}

//! Patterns cannot make a backtracking engine run for ever.

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::lint::pattern;
use crate::lint::unanchored_pattern::patterns;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "catastrophic-pattern",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "Where a loop can read one text in several ways, as in `^(a+)+$`, an engine that goes back tries them all: the time \
              doubles with every letter. Rust's engine does not go back, but those of Java, JavaScript, Python and .NET do, and \
              one message stops a consumer.",
    bad: r#"{"type": "object", "properties": {"path": {"type": "string", "pattern": "^([a-z]+/?)*$", "maxLength": 80}}}"#,
    good: r#"{"type": "object", "properties": {"path": {"type": "string", "pattern": "^[a-z]+(/[a-z]+)*$", "maxLength": 80}}}"#,
};

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    for (at, pattern) in patterns(spot) {
        if pattern::is_catastrophic(pattern) {
            let message = format!("the pattern {pattern:?} has a loop that reads the same text in several ways");
            let help = "make every turn of a loop begin with something that cannot end the turn before, as in a(,a)*";
            report.at(spot.file.document, &at, message, help);
        }
    }
}

//! Keywords speak of the types that are allowed.

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::rule::{Family, Rule};
use crate::schema;
use crate::shape::Classes;

pub(crate) const RULE: Rule = Rule {
    id: "misplaced-keyword",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "A keyword speaks of one type of JSON and says nothing about others: `minLength` beside `\"type\": \"integer\"` limits \
              nothing. Its author meant another type or another keyword.",
    bad: r#"{"type": "object", "properties": {"year": {"type": "integer", "minimum": 0, "maximum": 9999, "minLength": 4}}}"#,
    good: r#"{"type": "object", "properties": {"year": {"type": "integer", "minimum": 1000, "maximum": 9999}}}"#,
};

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    let Some(types) = spot.types().filter(|types| !types.is_empty()) else { return };
    for (keyword, value) in spot.schema() {
        let speaks_of = spot.file.draft.asserts(keyword);
        // Other languages have formats for numbers; `unknown-format` speaks of those.
        let is_foreign_format = keyword == "format"
            && value.as_str().is_some_and(|format| !schema::is_known_format(&spot.file.document.schema, format));
        if speaks_of.is_empty() || !speaks_of.and(types).is_empty() || is_foreign_format {
            continue;
        }
        let allowed: Vec<&str> = types.each().map(Classes::type_name).collect();
        let message = format!(
            "{keyword:?} speaks of {}s, but only {} is allowed here",
            speaks_of.type_name(),
            allowed.join(" or ")
        );
        let help = "mend `type`, or leave the keyword out: it says nothing";
        report.at(spot.file.document, &spot.below(keyword), message, help);
    }
}

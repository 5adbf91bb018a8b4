//! Keywords are those of the file's draft.

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::lint::vocabulary::{Standing, name, standing};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "other-draft-keyword",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "The draft that `$schema` names decides which keywords there are; without it, 2020-12. Some validators honour those \
              of another draft and some ignore them, so that a payload is valid here and invalid there.",
    bad: r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {"card": {"type": "string"}, "expiry": {"type": "string"}},
  "dependencies": {"card": ["expiry"]}
}"#,
    good: r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {"card": {"type": "string"}, "expiry": {"type": "string"}},
  "dependentRequired": {"card": ["expiry"]}
}"#,
};

/// What took the place of a keyword, or what stood there before.
const INSTEAD: &[(&str, &str)] = &[
    ("$defs", "definitions"),
    ("$dynamicAnchor", "$anchor"),
    ("$dynamicRef", "$ref"),
    ("$id", "id"),
    ("$recursiveRef", "$dynamicRef"),
    ("additionalItems", "items, beside prefixItems"),
    ("const", "enum with one value"),
    ("dependencies", "dependentRequired or dependentSchemas"),
    ("dependentRequired", "dependencies"),
    ("dependentSchemas", "dependencies"),
    ("id", "$id"),
    ("prefixItems", "items with a list"),
];

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    let draft = spot.file.draft;
    for keyword in spot.schema().keys() {
        let Standing::Elsewhere(since, until) = standing(keyword, draft) else { continue };
        let message = format!("{keyword:?} is no keyword of {}", name(draft));
        let help = match INSTEAD.iter().find(|(name, _)| name == keyword) {
            Some((_, instead)) => format!("write {instead}, or name a draft that has it in $schema"),
            None if since == until => format!("only {} has it; name that in $schema, or leave it out", name(since)),
            None if draft < since => format!("it came with {}; name that in $schema, or leave it out", name(since)),
            None => format!("{} was the last to have it; name that in $schema, or leave it out", name(until)),
        };
        report.at(spot.file.document, &spot.below(keyword), message, help);
    }
}

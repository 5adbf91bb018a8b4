//! Keywords of one's own begin with `x-`.

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::lint::misspelt_keyword::meant;
use crate::lint::openapi_keyword::changes_meaning;
use crate::lint::vocabulary::{Standing, standing};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "unknown-keyword",
    family: Family::Lint,
    severity: Severity::Advice,
    purpose: "A keyword that no draft knows says nothing to a validator, such as `externalDocs`, which belongs to OpenAPI. What is meant for other tools begins with `x-`.",
    bad: r#"{"type": "object", "externalDocs": {"url": "https://example.org/rules"}}"#,
    good: r#"{"type": "object", "x-external-docs": {"url": "https://example.org/rules"}}"#,
};

/// Keywords of other formats, and what to write instead.
const BROUGHT: &[(&str, &str)] = &[
    ("nullable", "leave it out; who wants null writes \"type\": [\"string\", \"null\"]"),
    ("xml", "OpenAPI has it, for XML; leave it out"),
    ("externalDocs", "OpenAPI has it; write the link into \"description\" or \"$comment\""),
    ("example", "OpenAPI has it; write \"examples\": [..]"),
    ("discriminator", "give each branch of `oneOf` a property with a `const` of its own"),
    ("optional", "leave the name out of `required`"),
    ("ref", "write \"$ref\""),
    ("schema", "write \"$schema\""),
];

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    let draft = spot.file.draft;
    // A meta-schema of its own may define keywords of its own.
    if spot.file.document.foreign_dialect.is_some() {
        return;
    }
    for keyword in spot.schema().keys().filter(|keyword| !keyword.starts_with("x-")) {
        let is_told = meant(keyword, draft).is_some() || changes_meaning(keyword, spot);
        if standing(keyword, draft) == Standing::Unknown && !is_told {
            let brought = BROUGHT.iter().find(|(name, _)| name == keyword);
            let help = brought.map_or_else(
                || format!("leave it out, or call it \"x-{keyword}\" if another tool reads it"),
                |(_, help)| (*help).to_owned(),
            );
            let message = format!("{keyword:?} is no keyword of JSON Schema and says nothing");
            report.at(spot.file.document, &spot.below(keyword), message, help);
        }
    }
}

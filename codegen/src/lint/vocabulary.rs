//! The keywords of JSON Schema, by the drafts that have them.

use crate::lower::dialect::Draft::{self, D4, D6, D7, D2019, D2020};

/// A keyword with the first and the last draft that has it. What only annotates harms no older draft: it counts as known.
const KEYWORDS: &[(&str, Draft, Draft)] = &[
    ("$anchor", D2019, D2020),
    ("$comment", D4, D2020),
    ("$defs", D2019, D2020),
    ("$dynamicAnchor", D2020, D2020),
    ("$dynamicRef", D2020, D2020),
    ("$id", D6, D2020),
    ("$recursiveAnchor", D2019, D2019),
    ("$recursiveRef", D2019, D2019),
    ("$ref", D4, D2020),
    ("$schema", D4, D2020),
    ("$vocabulary", D2019, D2020),
    ("additionalItems", D4, D2019),
    ("additionalProperties", D4, D2020),
    ("allOf", D4, D2020),
    ("anyOf", D4, D2020),
    ("const", D6, D2020),
    ("contains", D6, D2020),
    ("contentEncoding", D7, D2020),
    ("contentMediaType", D7, D2020),
    ("contentSchema", D2019, D2020),
    ("default", D4, D2020),
    // Renamed in 2019-09, but any pointer may lead there, and the meta-schema still allows it.
    ("definitions", D4, D2020),
    ("dependencies", D4, D7),
    ("dependentRequired", D2019, D2020),
    ("dependentSchemas", D2019, D2020),
    ("deprecated", D4, D2020),
    ("description", D4, D2020),
    ("else", D7, D2020),
    ("enum", D4, D2020),
    ("examples", D4, D2020),
    ("exclusiveMaximum", D4, D2020),
    ("exclusiveMinimum", D4, D2020),
    ("format", D4, D2020),
    ("id", D4, D4),
    ("if", D7, D2020),
    ("items", D4, D2020),
    ("maxContains", D2019, D2020),
    ("maxItems", D4, D2020),
    ("maxLength", D4, D2020),
    ("maxProperties", D4, D2020),
    ("maximum", D4, D2020),
    ("minContains", D2019, D2020),
    ("minItems", D4, D2020),
    ("minLength", D4, D2020),
    ("minProperties", D4, D2020),
    ("minimum", D4, D2020),
    ("multipleOf", D4, D2020),
    ("not", D4, D2020),
    ("oneOf", D4, D2020),
    ("pattern", D4, D2020),
    ("patternProperties", D4, D2020),
    ("prefixItems", D2020, D2020),
    ("properties", D4, D2020),
    ("propertyNames", D6, D2020),
    ("readOnly", D4, D2020),
    ("required", D4, D2020),
    ("then", D7, D2020),
    ("title", D4, D2020),
    ("type", D4, D2020),
    ("unevaluatedItems", D2019, D2020),
    ("unevaluatedProperties", D2019, D2020),
    ("uniqueItems", D4, D2020),
    ("writeOnly", D4, D2020),
];

/// What a draft makes of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has it.
    Known,
    /// Another draft has it.
    Elsewhere(Draft, Draft),
    /// No draft has it.
    Unknown,
}

/// What a draft makes of a keyword.
pub(super) fn standing(keyword: &str, draft: Draft) -> Standing {
    match KEYWORDS.iter().find(|(name, ..)| *name == keyword) {
        None => Standing::Unknown,
        Some((_, since, until)) if (*since..=*until).contains(&draft) => Standing::Known,
        Some((_, since, until)) => Standing::Elsewhere(*since, *until),
    }
}

/// The keywords of a draft.
pub(super) fn keywords(draft: Draft) -> impl Iterator<Item = &'static str> {
    let of_draft = move |(_, since, until): &&(&str, Draft, Draft)| (*since..=*until).contains(&draft);
    KEYWORDS.iter().filter(of_draft).map(|(name, ..)| *name)
}

/// The name of a draft.
pub(super) fn name(draft: Draft) -> &'static str {
    match draft {
        D4 => "draft 4",
        D6 => "draft 6",
        D7 => "draft 7",
        D2019 => "draft 2019-09",
        D2020 => "draft 2020-12",
    }
}

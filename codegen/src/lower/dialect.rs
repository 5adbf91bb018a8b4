//! Which keywords assert something, in which draft, about which types of JSON.

use serde_json::Value;

use crate::schema;
use crate::shape::Classes;

/// The drafts in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Draft {
    D4,
    D6,
    D7,
    D2019,
    D2020,
}

use Draft::{D4, D6, D7, D2019, D2020};

/// Keyword, first and last draft that has it, types of JSON that it speaks of.
///
/// `dependencies` and `additionalItems` live on in later drafts: validators go on honouring them.
const KEYWORDS: &[(&str, Draft, Draft, Classes)] = &[
    ("$dynamicRef", D2020, D2020, Classes::ALL),
    ("$recursiveRef", D2019, D2019, Classes::ALL),
    ("$ref", D4, D2020, Classes::ALL),
    ("additionalItems", D4, D2020, Classes::ARRAY),
    ("additionalProperties", D4, D2020, Classes::OBJECT),
    ("allOf", D4, D2020, Classes::ALL),
    ("anyOf", D4, D2020, Classes::ALL),
    ("const", D6, D2020, Classes::ALL),
    ("contains", D6, D2020, Classes::ARRAY),
    ("contentEncoding", D6, D7, Classes::STRING),
    ("contentMediaType", D6, D7, Classes::STRING),
    ("dependencies", D4, D2020, Classes::OBJECT),
    ("dependentRequired", D2019, D2020, Classes::OBJECT),
    ("dependentSchemas", D2019, D2020, Classes::OBJECT),
    ("enum", D4, D2020, Classes::ALL),
    ("exclusiveMaximum", D4, D2020, Classes::NUMBER),
    ("exclusiveMinimum", D4, D2020, Classes::NUMBER),
    ("format", D4, D2020, Classes::STRING),
    ("if", D7, D2020, Classes::ALL),
    ("items", D4, D2020, Classes::ARRAY),
    ("maxItems", D4, D2020, Classes::ARRAY),
    ("maxLength", D4, D2020, Classes::STRING),
    ("maxProperties", D4, D2020, Classes::OBJECT),
    ("maximum", D4, D2020, Classes::NUMBER),
    ("minItems", D4, D2020, Classes::ARRAY),
    ("minLength", D4, D2020, Classes::STRING),
    ("minProperties", D4, D2020, Classes::OBJECT),
    ("minimum", D4, D2020, Classes::NUMBER),
    ("multipleOf", D4, D2020, Classes::NUMBER),
    ("not", D4, D2020, Classes::ALL),
    ("oneOf", D4, D2020, Classes::ALL),
    ("pattern", D4, D2020, Classes::STRING),
    ("patternProperties", D4, D2020, Classes::OBJECT),
    ("prefixItems", D2020, D2020, Classes::ARRAY),
    ("properties", D4, D2020, Classes::OBJECT),
    ("propertyNames", D6, D2020, Classes::OBJECT),
    ("required", D4, D2020, Classes::OBJECT),
    ("type", D4, D2020, Classes::ALL),
    ("unevaluatedItems", D2019, D2020, Classes::ARRAY),
    ("unevaluatedProperties", D2019, D2020, Classes::OBJECT),
    ("uniqueItems", D4, D2020, Classes::ARRAY),
];

impl Draft {
    /// The draft of a document.
    pub(crate) fn of(document: &Value) -> Self {
        match schema::draft_number(document) {
            4 => D4,
            6 => D6,
            7 => D7,
            2019 => D2019,
            _ => D2020,
        }
    }

    /// Whether siblings of `$ref` count.
    pub(crate) fn ref_has_siblings(self) -> bool {
        self >= D2019
    }

    /// The types of JSON that a keyword asserts something about; none if it asserts nothing in this draft.
    pub(crate) fn asserts(self, keyword: &str) -> Classes {
        let known = KEYWORDS.binary_search_by(|(name, ..)| (*name).cmp(keyword)).ok().map(|at| &KEYWORDS[at]);
        match known {
            Some((_, since, until, classes)) if (*since..=*until).contains(&self) => *classes,
            _ => Classes::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keywords_are_sorted_as_their_search_needs_it() {
        assert!(KEYWORDS.is_sorted_by_key(|(name, ..)| *name));
    }

    #[test]
    fn a_keyword_of_another_draft_asserts_nothing() {
        assert!(D4.asserts("const").is_empty());
        assert_eq!(D6.asserts("const"), Classes::ALL);
        assert!(D2020.asserts("nullable").is_empty());
    }
}

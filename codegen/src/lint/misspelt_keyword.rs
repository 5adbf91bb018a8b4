//! Keywords are spelled as the standard spells them.

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::lint::vocabulary::{Standing, keywords, standing};
use crate::lookup::distance;
use crate::lower::dialect::Draft;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "misspelt-keyword",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "A validator ignores a keyword that it does not know, so that a slip of the keyboard makes a schema accept more than \
              its author meant, without a word.",
    bad: r#"{"type": "object", "requried": ["name"], "properties": {"name": {"type": "string"}}}"#,
    good: r#"{"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}"#,
};

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    for keyword in spot.schema().keys() {
        if let Some(meant) = meant(keyword, spot.file.draft) {
            let message = format!("{keyword:?} is no keyword of JSON Schema and says nothing");
            report.at(spot.file.document, &spot.below(keyword), message, format!("did you mean {meant:?}?"));
        }
    }
}

/// The keyword that was meant by one that no draft has.
pub(super) fn meant(keyword: &str, draft: Draft) -> Option<&'static str> {
    if standing(keyword, draft) != Standing::Unknown || keyword.starts_with("x-") {
        return None;
    }
    let written = keyword.to_lowercase();
    let misses = keywords(draft).filter_map(|known| Some((miss(&written, &known.to_lowercase())?, known)));
    misses.min().map(|(_, known)| known)
}

/// The distance between two words, if it is small enough for a slip.
fn miss(written: &str, known: &str) -> Option<usize> {
    let letters = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    let distance = distance(written, known);
    let most = match written.len().min(known.len()) {
        ..4 => 0,
        4..8 => 1,
        _ => 2,
    };
    let is_swapped = distance <= 2 && letters(written) == letters(known);
    (distance <= most || is_swapped).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_told_from_other_words() {
        let of = |keyword| meant(keyword, Draft::D2020);

        assert_eq!(of("requried"), Some("required"));
        assert_eq!(of("minlength"), Some("minLength"));
        assert_eq!(of("tpye"), Some("type"));
        assert_eq!(of("example"), Some("examples"));
        assert_eq!(of("additionalProprties"), Some("additionalProperties"));
        assert_eq!(of("ref"), None);
        for other in ["nullable", "note", "discriminator", "x-required", "name", "minLength"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}

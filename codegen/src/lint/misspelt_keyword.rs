//! Keywords are spelled as the standard spells them.

use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::lint::vocabulary::{Standing, keywords, standing};
use crate::lookup::distance;
use crate::lower::dialect::Draft;
use crate::rule::{Family, Rule};
use crate::schema;

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
        if let Some(meant) = meant_extension(keyword) {
            let message = format!("{keyword:?} is no keyword of eventsmith and says nothing");
            report.at(spot.file.document, &spot.below(keyword), message, format!("did you mean {meant:?}?"));
        }
    }
    if let Some(Value::String(format)) = spot.get("format")
        && let Some(meant) = meant_format(&spot.file.document.schema, format)
    {
        let message = format!("{format:?} is no format of the standard, so that nothing is checked");
        report.at(spot.file.document, &spot.below("format"), message, format!("did you mean {meant:?}?"));
    }
}

/// The keyword of ours that was meant by one that begins with `x-`.
fn meant_extension(keyword: &str) -> Option<&'static str> {
    const OURS: &[&str] = &["x-event", "x-lint-allow", "x-name", "x-request"];
    let written = keyword.to_lowercase().replace('_', "-");
    let name = written.strip_prefix("x-")?;
    if OURS.contains(&keyword) {
        return None;
    }
    let misses = OURS.iter().filter_map(|known| Some((miss(name, known.strip_prefix("x-")?)?, *known)));
    misses.min().map(|(_, known)| known)
}

/// The format of the standard that was meant by one that the draft of a schema does not know.
pub(super) fn meant_format(schema: &Value, format: &str) -> Option<&'static str> {
    const FORMATS: &[&str] = &[
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "idn-email",
        "idn-hostname",
        "ipv4",
        "ipv6",
        "iri",
        "iri-reference",
        "json-pointer",
        "regex",
        "relative-json-pointer",
        "time",
        "uri",
        "uri-reference",
        "uri-template",
        "uuid",
    ];
    if schema::is_known_format(schema, format) {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let written = plain(format);
    let known = FORMATS.iter().filter(|known| schema::is_known_format(schema, known));
    let misses = known.filter_map(|known| Some((miss(&written, &plain(known))?, *known)));
    misses.min().map(|(_, known)| known)
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
    fn slips_in_formats_and_keywords_of_ours_are_told_from_others() {
        let schema = serde_json::json!({});
        let of = |format| meant_format(&schema, format);

        for format in ["datetime", "dateTime", "date_time", "Date-Time", "date-tiem"] {
            assert_eq!(of(format), Some("date-time"), "{format}");
        }
        assert_eq!(of("UUID"), Some("uuid"));
        for other in ["date-time", "phone", "int32", "double", "byte", "binary", "password", "decimal"] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(meant_extension("x-evnt"), Some("x-event"));
        assert_eq!(meant_extension("x-lint-alow"), Some("x-lint-allow"));
        assert_eq!(meant_extension("x-lint_allow"), Some("x-lint-allow"));
        assert_eq!(meant_extension("x-reqeust"), Some("x-request"));
        for other in [
            "x-event",
            "x-lint-allow",
            "x-request",
            "x-requests-of",
            "x-required",
            "x-events-of",
            "x-internal",
            "xevent",
        ] {
            assert_eq!(meant_extension(other), None, "{other}");
        }
    }

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

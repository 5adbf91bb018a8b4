//! Integers fit 64 bits.

use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "wide-integer",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "An integer of JSON may have any number of digits; a type of 64 bits has not. A range that fits one, signed or \
              unsigned, makes schema and type accept the same, and often allows a smaller type.",
    bad: r#"{"type": "object", "properties": {"count": {"type": "integer", "minimum": 0}}}"#,
    good: r#"{"type": "object", "properties": {"count": {"type": "integer", "minimum": 0, "maximum": 1000000}}}"#,
};

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    if spot.is_partial() || !spot.is_typed("integer") {
        return;
    }
    let Some(schemas) = spot.conjuncts() else { return };
    if schemas.iter().any(|schema| schema.contains_key("const") || schema.contains_key("enum")) {
        return;
    }
    let bounds = |names: [&str; 2]| {
        let values = schemas.iter().flat_map(|schema| names.map(|name| schema.get(name)));
        values.flatten().filter_map(whole).collect::<Vec<i128>>()
    };
    let least = bounds(["minimum", "exclusiveMinimum"]).into_iter().max();
    let most = bounds(["maximum", "exclusiveMaximum"]).into_iter().min();
    let message = match (least, most) {
        (Some(least), Some(most)) if fits(least, most) => return,
        (Some(_), Some(_)) => "the range of the integer fits no type of 64 bits",
        (None, None) => "the integer has no range",
        (None, Some(_)) => "the integer has no minimum",
        (Some(_), None) => "the integer has no maximum",
    };
    let help =
        "add minimum and maximum within -9223372036854775808 to 9223372036854775807, or 0 to 18446744073709551615";
    report.at(spot.file.document, spot.at(), message, help);
}

fn fits(least: i128, most: i128) -> bool {
    least >= i128::from(i64::MIN) && most <= i128::from(i64::MAX) || least >= 0 && most <= i128::from(u64::MAX)
}

/// A limit as a whole number; what is beyond all types of 64 bits stays beyond.
fn whole(limit: &Value) -> Option<i128> {
    let number = limit.as_number()?;
    let exact = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, far beyond 64 bits")]
    exact.or_else(|| number.as_f64().map(|number| number as i128))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_whatever_their_spelling() {
        assert_eq!(whole(&serde_json::json!(1e3)), Some(1000));
        assert_eq!(whole(&serde_json::json!(u64::MAX)), Some(i128::from(u64::MAX)));
        assert!(whole(&serde_json::json!(1e30)).is_some_and(|limit| limit > i128::from(u64::MAX)));
    }

    #[test]
    fn a_range_fits_signed_or_unsigned() {
        assert!(fits(0, i128::from(u64::MAX)));
        assert!(fits(i128::from(i64::MIN), 0));
        assert!(!fits(-1, i128::from(u64::MAX)));
    }
}

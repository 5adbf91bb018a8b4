//! What somebody may have meant.

use crate::lookup::distance;

/// The candidates that differ from a name by a few letters only, the nearest first.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = name.chars().count() / 3 + 1;
    let mut found: Vec<(usize, &str)> = candidates
        .into_iter()
        .map(|candidate| (distance(&fold(name), &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    found.sort();
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

/// A name as people remember it: without case and without what parts its words.
fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_near() {
        assert_eq!(nearest("rule.creatd", ["rule.created", "rule.updated", "coupon.issued"])[0], "rule.created");
    }

    #[test]
    fn another_case_is_the_same_name() {
        assert_eq!(nearest("rule_id", ["ruleId", "rule"]), ["ruleId", "rule"]);
    }

    #[test]
    fn something_else_is_not_near() {
        assert!(nearest("price", ["rule_id", "currency"]).is_empty());
    }
}

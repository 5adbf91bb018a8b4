//! Names as words: which style they are in, and what they would be in another.

use heck::{ToSnakeCase, ToUpperCamelCase};

/// Whether a name is in snake case: `rule_id`.
pub(super) fn is_snake(name: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split('_').all(is_word)
}

/// Whether a name is in Pascal case: `RuleCreated`.
pub(super) fn is_pascal(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What to do about a name that is not in snake case.
pub(super) fn snake_help(name: &str) -> String {
    renamed(name, &name.to_snake_case(), is_snake)
}

/// What to do about a name that is not in Pascal case.
pub(super) fn pascal_help(name: &str) -> String {
    renamed(name, &name.to_upper_camel_case(), is_pascal)
}

fn renamed(name: &str, better: &str, is_good: fn(&str) -> bool) -> String {
    if is_good(better) && better != name {
        format!("call it {better}")
    } else {
        "spell it in letters and digits of ASCII, beginning with a letter".to_owned()
    }
}

/// The words of a name in lower case, in whatever style it is: `cardNumber` and `card_number` have the same.
pub(super) fn words(name: &str) -> Vec<String> {
    name.to_snake_case().split('_').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_told_apart() {
        assert!(is_snake("rule_id") && is_snake("v2") && is_snake("line_1"));
        assert!(!is_snake("ruleId") && !is_snake("rule-id") && !is_snake("_id") && !is_snake("rule__id"));
        assert!(is_pascal("RuleCreated") && is_pascal("V2"));
        assert!(!is_pascal("Rule created") && !is_pascal("ruleCreated") && !is_pascal("Rule_Created"));
    }

    #[test]
    fn a_better_name_is_offered_where_there_is_one() {
        assert_eq!(snake_help("ruleId"), "call it rule_id");
        assert_eq!(pascal_help("Rule created"), "call it RuleCreated");
        assert!(snake_help("größe").starts_with("spell it"));
    }
}

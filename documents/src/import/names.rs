//! Names of others as names of a catalogue.

use std::collections::BTreeSet;

/// The longest name of a token.
const LONGEST: usize = 60;

/// A name as one token of a type: `UserSignedUp` is `user_signed_up`. Empty if nothing of it can stand there.
pub(super) fn token(name: &str) -> String {
    let mut token = String::new();
    let mut before = ' ';
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        let is_word = character.is_ascii_alphanumeric();
        let next_is_lower = characters.peek().is_some_and(char::is_ascii_lowercase);
        let begins = character.is_ascii_uppercase()
            && (before.is_ascii_lowercase() || before.is_ascii_digit() || before.is_ascii_uppercase() && next_is_lower);
        if (begins || !is_word) && !token.is_empty() && !token.ends_with('_') {
            token.push('_');
        }
        if is_word && token.len() < LONGEST {
            token.push(character.to_ascii_lowercase());
        }
        before = character;
    }
    let token = token.trim_matches('_');
    if token.starts_with(|first: char| first.is_ascii_digit()) { format!("n{token}") } else { token.to_owned() }
}

/// A name with dots or slashes as the tokens of a type. Parameters in braces are left out.
pub(super) fn tokens(name: &str) -> Vec<String> {
    let steps = name.split(['.', '/']).filter(|step| !step.contains('{'));
    steps.map(token).filter(|token| !token.is_empty()).collect()
}

/// A name without the version at its end, and the version: `order.placed.v2`, `OrderPlacedV2`.
pub(super) fn version(name: &str) -> (&str, u32) {
    let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (before, digits) = name.split_at(name.len() - digits);
    let number = digits.parse::<u32>().ok().filter(|number| (1..=1_000).contains(number) && !digits.starts_with('0'));
    let stem = before.strip_suffix(['v', 'V']).map(|stem| (stem, stem.trim_end_matches(['.', '_', '-', '/'])));
    match (number, stem) {
        (Some(number), Some((stem, trimmed))) if !trimmed.is_empty() && (stem != trimmed || before.ends_with('V')) => {
            (trimmed, number)
        }
        _ => (name, 1),
    }
}

/// A name for a definition that has none of those that are taken, which it is from now on.
pub(super) fn definition(name: &str, taken: &mut BTreeSet<String>) -> String {
    let kept =
        |character: char| if character.is_ascii_alphanumeric() || ".-_".contains(character) { character } else { '_' };
    let wanted: String = name.chars().take(LONGEST).map(kept).collect();
    let wanted = if wanted.is_empty() { "schema".to_owned() } else { wanted };
    free(&wanted, taken)
}

/// The name, with a number behind it where it is taken.
pub(super) fn free(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{wanted}_{number}"));
    let mut all = std::iter::once(wanted.to_owned()).chain(numbered);
    let name = all.find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(name.clone());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_tokens() {
        for (name, expected) in [
            ("UserSignedUp", "user_signed_up"),
            ("lightMeasured", "light_measured"),
            ("HTTPRequest", "http_request"),
            ("turn-on off", "turn_on_off"),
            ("3d", "n3d"),
            ("ü", ""),
        ] {
            assert_eq!(token(name), expected);
        }
        assert_eq!(tokens("smarty.1.0.event.{id}.measured"), ["smarty", "n1", "n0", "event", "measured"]);
    }

    #[test]
    fn a_version_stands_at_the_end() {
        for (name, expected) in [
            ("order.placed.v2", ("order.placed", 2)),
            ("OrderPlacedV12", ("OrderPlaced", 12)),
            ("recv1", ("recv1", 1)),
            ("level9", ("level9", 1)),
            ("v2", ("v2", 1)),
            ("a_v0", ("a_v0", 1)),
        ] {
            assert_eq!(version(name), expected);
        }
    }
}

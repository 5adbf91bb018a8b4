//! What types of events may be called.

/// The longest name that a type can have: folders and a file of a catalogue.
const LONGEST_TYPE: usize = 1_024;

/// Whether a type of event may be called so in a catalogue.
pub(super) fn is_type_name(name: &str) -> bool {
    let is_token = |token: &str| {
        !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    name.len() <= LONGEST_TYPE && name.split('.').all(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_called_by_tokens_of_subjects() {
        for name in ["rule.activated", "a", "A-1.b_2"] {
            assert!(is_type_name(name), "{name}");
        }
        for name in
            ["", ".", "rule.", "rule..activated", "rule activated", "rule.*", "r\u{e8}gle", "\u{1}", &"x".repeat(1_025)]
        {
            assert!(!is_type_name(name), "{name}");
        }
    }
}

//! What types of events may be called.

use crate::settings::is_legal_name;

/// The longest name that a type can have: folders and a file of a catalogue.
const LONGEST_TYPE: usize = 1_024;

/// Whether a type of event may be called so in a catalogue.
pub(super) fn is_type_name(name: &str) -> bool {
    name.len() <= LONGEST_TYPE && name.split('.').all(is_legal_name)
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

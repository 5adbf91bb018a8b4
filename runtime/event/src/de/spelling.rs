//! How numbers are spelled.

/// Whether some number of a JSON text may be a whole one in the spelling of a fraction: `1.0`, `1e3`.
///
/// Draft 4 takes those for no integers. The answer may be yes for other numbers with an exponent or a zero behind the
/// point; it is no only where it is certain.
pub(crate) fn spells_whole_as_fraction(data: &[u8]) -> bool {
    let mut at = 0;
    while let Some(byte) = data.get(at) {
        match byte {
            b'"' => at = string_end(data, at + 1),
            b'.' if data.get(at + 1) == Some(&b'0') => return true,
            // An exponent stands behind a digit; the letters of `true` and `false` do not.
            b'e' | b'E' if at > 0 && data[at - 1].is_ascii_digit() => return true,
            _ => {}
        }
        at += 1;
    }
    false
}

/// The place of the quote that ends a string.
fn string_end(data: &[u8], mut at: usize) -> usize {
    while let Some(byte) = data.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::spells_whole_as_fraction;

    #[test]
    fn whole_numbers_in_the_spelling_of_fractions_are_found_outside_of_strings() {
        for text in ["1.0", "[1e3]", r#"{"a": 2E+1}"#, r#"["\"", -1.00]"#] {
            assert!(spells_whole_as_fraction(text.as_bytes()), "{text}");
        }
        for text in ["1", "[1.5]", r#"{"a": "1.0", "b": "3e5", "\\": true}"#, r#"["\"1.0"]"#, "\"", "\"\\"] {
            assert!(!spells_whole_as_fraction(text.as_bytes()), "{text}");
        }
    }
}

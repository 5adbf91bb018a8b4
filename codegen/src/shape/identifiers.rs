//! Legal names of Rust from any text.

mod distinct;
mod spelling;
mod style;
mod taken;

pub(crate) use distinct::{distinct, hash};
pub(crate) use spelling::{is_readable, written_otherwise};
pub(crate) use style::Style;
pub(crate) use taken::{Names, unique};

/// A legal type name from any text.
pub(crate) fn type_name(text: &str) -> String {
    Style::Type.name(text)
}

/// What a text gives to a type name that begins with another.
pub(super) fn type_name_part(text: &str) -> String {
    if text.is_empty() { String::new() } else { Style::Type.part(text) }
}

/// A legal field, function or module name from any text.
pub(crate) fn snake(text: &str) -> String {
    Style::Field.name(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_a_legal_name() {
        for (text, expected) in [
            ("rule.created", "RuleCreated"),
            ("3-d secure", "N3DSecure"),
            ("価格", "価格"),
            ("цена", "Цена"),
            ("größe", "Größe"),
            ("हिन्दी", "हिन्दी"),
            ("1.0", "N1_0"),
            ("R2-D2", "R2D2"),
            ("", "Unnamed"),
        ] {
            assert_eq!(type_name(text), expected);
        }
        for (text, expected) in [
            ("orderId", "order_id"),
            ("self", "self_"),
            ("Self", "self_"),
            ("$ref", "ref"),
            ("größe", "größe"),
            ("1st", "n1st"),
            ("$", "dollar"),
            ("", "unnamed"),
        ] {
            assert_eq!(snake(text), expected);
        }
    }

    #[test]
    fn a_value_is_named_after_its_characters() {
        for (text, expected) in [
            ("<", "LessThan"),
            (">=", "GreaterThanOrEqual"),
            ("+1", "Plus1"),
            ("-1", "Minus1"),
            ("1", "N1"),
            ("C++", "CPlusPlus"),
            ("C#", "CHash"),
            ("50%", "N50Percent"),
            ("covid-19", "Covid19"),
            ("2024-01-01", "N2024_01_01"),
            ("€", "Euro"),
            ("🚀", "U1f680"),
            ("", "Empty"),
        ] {
            assert_eq!(Style::Value.name(text), expected);
        }
    }

    #[test]
    fn letters_that_the_compiler_warns_of_are_spelled_by_their_numbers() {
        // Cyrillic, and each of them looks like a letter of ASCII.
        assert_eq!(type_name("ос"), "U43eU441");
        assert!(!is_readable("ос"));
        // Ligatures and other ways to write a letter become the letter.
        assert_eq!(type_name("ﬁle"), "File");
        assert_eq!(snake("e\u{301}te\u{301}"), "été");
    }
}

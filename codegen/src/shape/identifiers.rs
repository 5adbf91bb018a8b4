//! Legal names of Rust from any text.

mod distinct;
mod spelling;

use std::collections::{HashMap, HashSet};

use heck::{ToSnakeCase, ToUpperCamelCase};

pub(crate) use distinct::{distinct, hash};
use spelling::{Symbols, words};

/// The name, or the name with the first number from 2 on that makes it unique.
pub(crate) fn unique(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2_usize..).map(|number| format!("{name}{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default()
}

/// Names that are given out, each once.
#[derive(Default)]
pub(crate) struct Names {
    taken: HashSet<String>,
    /// The number to try next for each name: all before it are taken.
    next: HashMap<String, usize>,
}

impl Names {
    /// Names of which some are taken from the start.
    pub(crate) fn without(taken: &[&str]) -> Self {
        Self { taken: taken.iter().map(|name| (*name).to_owned()).collect(), next: HashMap::new() }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.taken.contains(name)
    }

    /// Takes the name, or the name with the first number from 2 on that is free.
    pub(crate) fn take(&mut self, name: &str) -> String {
        if self.taken.insert(name.to_owned()) {
            return name.to_owned();
        }
        let next = self.next.entry(name.to_owned()).or_insert(2);
        loop {
            let numbered = format!("{name}{next}");
            *next += 1;
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

/// How a kind of names is made of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Types, and alternatives of a union: `RuleCreated`.
    Type,
    /// Values of an enum, whose signs tell them apart: `Plus1`, `CPlusPlus`.
    Value,
    /// Fields, functions and modules: `rule_created`.
    Field,
}

impl Style {
    /// The name of a text.
    pub(crate) fn name(self, text: &str) -> String {
        let symbols = if self == Self::Value { Symbols::Telling } else { Symbols::WhereNothingElseIs };
        self.joined(text, &words(text, symbols))
    }

    /// The name of a text with every character that is none of a name spelled out.
    fn full_name(self, text: &str) -> String {
        self.joined(text, &words(text, Symbols::All))
    }

    fn cased(self, word: &str) -> String {
        // Marks that belong to letters part no words.
        let has_marks = word.chars().any(|c| !c.is_alphanumeric() && !c.is_whitespace());
        match (self, has_marks) {
            (Self::Field, true) => word.to_lowercase(),
            (Self::Field, false) => word.to_snake_case(),
            (_, true) => {
                let mut letters = word.chars();
                letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
            }
            (_, false) => word.to_upper_camel_case(),
        }
    }

    fn joined(self, text: &str, words: &[String]) -> String {
        let mut name = String::new();
        for word in words {
            let word = self.cased(word);
            let between_digits = name.ends_with(char::is_numeric) && word.starts_with(char::is_numeric);
            if !name.is_empty() && !word.is_empty() && (self == Self::Field || between_digits) {
                name.push('_');
            }
            name.push_str(&word);
        }
        match (self, name.chars().next()) {
            (Self::Value, None) if text.is_empty() => "Empty".to_owned(),
            (Self::Field, None) => "unnamed".to_owned(),
            (_, None) => "Unnamed".to_owned(),
            (Self::Field, Some(first)) if !unicode_ident::is_xid_start(first) => format!("n{name}"),
            (_, Some(first)) if !unicode_ident::is_xid_start(first) => format!("N{name}"),
            (Self::Field, _) if ["self", "super", "crate"].contains(&name.as_str()) => format!("{name}_"),
            _ => name,
        }
    }
}

/// Whether a text leaves something readable in a name.
pub(crate) fn is_readable(text: &str) -> bool {
    spelling::is_readable(text)
}

/// A legal type name from any text.
pub(crate) fn type_name(text: &str) -> String {
    Style::Type.name(text)
}

/// What a text gives to a type name that begins with another.
pub(super) fn type_name_part(text: &str) -> String {
    let name = Style::Type.joined(text, &words(text, Symbols::WhereNothingElseIs));
    let is_own = text.chars().next().is_none_or(unicode_ident::is_xid_start);
    match name.strip_prefix('N') {
        _ if text.is_empty() => String::new(),
        Some(rest) if !is_own && !rest.starts_with(unicode_ident::is_xid_start) => rest.to_owned(),
        _ => name,
    }
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

//! Words become a name: of a type, of a value, of a field.

use heck::{ToSnakeCase, ToUpperCamelCase};

use super::spelling::{Symbols, lost, words};

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

    /// The name of a text with every character that is none of a name spelled out, and with the numbers of those that a name has
    /// as others.
    pub(super) fn full_name(self, text: &str) -> String {
        let words: Vec<String> = words(text, Symbols::All).into_iter().chain(lost(text)).collect();
        self.joined(text, &words)
    }

    fn put_together(self, words: &[String]) -> String {
        let mut name = String::new();
        for word in words {
            let word = self.cased(word);
            let between_digits = name.ends_with(char::is_numeric) && word.starts_with(char::is_numeric);
            if !name.is_empty() && !word.is_empty() && (self == Self::Field || between_digits) {
                name.push('_');
            }
            name.push_str(&word);
        }
        name
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

    /// The name of a text that does not stand alone: it may begin with a digit.
    pub(super) fn part(self, text: &str) -> String {
        self.put_together(&words(text, Symbols::WhereNothingElseIs))
    }

    pub(super) fn joined(self, text: &str, words: &[String]) -> String {
        let name = self.put_together(words);
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

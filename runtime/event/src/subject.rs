//! Subjects that are filled from a payload.

use serde::Serialize;
use serde_json::Value;

/// The longest subject that a value makes, in bytes. A server takes no longer lines than its `max_control_line`, 4,096 bytes by default,
/// and closes the connection of whoever sends one; beside the subject such a line has another one, for the answer, and two lengths.
const LONGEST: usize = 2_048;

/// One token of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubjectToken {
    /// Stands for itself.
    Literal(&'static str),
    /// The name of a property, and its value as text.
    Property(&'static str, Option<String>),
}

/// A value that cannot be a token of a subject.
///
/// ```
/// use eventsmith::error::InvalidToken;
///
/// // What the functions of the generated module `subjects` return for an id such as "a.b".
/// fn explain(error: &InvalidToken) -> String {
///     format!("{} is {:?}", error.property, error.value.as_deref().unwrap_or("no scalar"))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the value of {property} is not one legal subject token; a token has no spaces, dots or wildcards, is not empty, and makes its \
     subject no longer than 2,048 bytes"
)]
#[non_exhaustive]
pub struct InvalidToken {
    /// The property.
    pub property: &'static str,
    /// Its value.
    pub value: Option<String>,
}

impl InvalidToken {
    /// What the value should be.
    pub(crate) fn expected(&self) -> &'static str {
        match &self.value {
            Some(value) if is_token(value) => "a value with which the subject has 2,048 bytes at most",
            _ => "one legal subject token",
        }
    }
}

/// Joins tokens to a subject.
///
/// # Errors
/// [`InvalidToken`] when the value of a property is not one legal token, or makes the subject too long.
pub fn fill_subject<const N: usize>(tokens: [SubjectToken; N]) -> Result<String, InvalidToken> {
    let mut subject = String::new();
    for token in tokens {
        if !subject.is_empty() {
            subject.push('.');
        }
        match token {
            SubjectToken::Literal(text) => subject.push_str(text),
            SubjectToken::Property(_, Some(value)) if is_token(&value) && subject.len() + value.len() <= LONGEST => {
                subject.push_str(&value);
            }
            SubjectToken::Property(property, value) => return Err(InvalidToken { property, value }),
        }
    }
    Ok(subject)
}

/// A wildcard with a value in place of its last token. The property names the value in the error.
///
/// # Errors
/// [`InvalidToken`] when the value is not one legal token, or makes the subject too long.
pub fn with_last_token(wildcard: &str, property: &'static str, value: &str) -> Result<String, InvalidToken> {
    let (before, _) = wildcard.rsplit_once('.').unwrap_or_default();
    if is_token(value) && before.len() + 1 + value.len() <= LONGEST {
        Ok(format!("{before}.{value}"))
    } else {
        Err(InvalidToken { property, value: Some(value.to_owned()) })
    }
}

fn is_token(text: &str) -> bool {
    let illegal = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '.' | '*' | '>');
    !text.is_empty() && !text.contains(illegal)
}

/// The text of a string, number or boolean; `None` for anything else.
pub fn scalar_text<T: Serialize + ?Sized>(value: &T) -> Option<String> {
    match serde_json::to_value(value).ok()? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The text of a scalar within a value, by its JSON pointer in what serde writes.
pub fn pointed_text<T: Serialize + ?Sized>(value: &T, pointer: &str) -> Option<String> {
    scalar_text(serde_json::to_value(value).ok()?.pointer(pointer)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(value: &str) -> Result<String, InvalidToken> {
        fill_subject([SubjectToken::Literal("rules"), SubjectToken::Property("id", Some(value.to_owned()))])
    }

    #[test]
    fn a_value_becomes_one_token() {
        assert_eq!(fill("rule-1").as_deref(), Ok("rules.rule-1"));
    }

    #[test]
    fn the_last_token_of_a_wildcard_is_the_value() {
        assert_eq!(with_last_token("a.*.*", "id", "x-1").as_deref(), Ok("a.*.x-1"));
        assert!(with_last_token("a.*.*", "id", "x.1").is_err());
    }

    #[test]
    fn a_value_that_would_become_two_tokens_or_a_wildcard_is_refused() {
        for value in ["", "a.b", "*", ">", "a b", "a\tb"] {
            assert_eq!(fill(value).map_err(|error| error.property), Err("id"), "{value:?}");
        }
    }

    #[test]
    fn a_value_that_would_make_the_subject_too_long_is_refused() {
        let (longest, longer) = ("a".repeat(2_042), "a".repeat(2_043));

        assert_eq!(fill(&longest).unwrap().len(), 2_048);
        assert_eq!(fill(&longer).unwrap_err().expected(), "a value with which the subject has 2,048 bytes at most");
        assert_eq!(with_last_token("rules.*", "id", &longest).unwrap().len(), 2_048);
        assert!(with_last_token("rules.*", "id", &longer).is_err());
        assert_eq!(fill("a b").unwrap_err().expected(), "one legal subject token");
    }
}

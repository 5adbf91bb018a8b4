//! The keywords that compare numbers, judged by decimals. The validator's own round what 64 bits do not hold.

use std::cmp::Ordering;
use std::collections::HashSet;

use jsonschema::json::Json;
use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError, ValidationOptions};
use serde_json::{Map, Value};

use crate::canonical::{canonical, decimal};
use crate::numerals::{EXACT_DOUBLES, is_wide};
use crate::schema::{EXACT, of_text, spelled};
use crate::{Decimal, OnTape, Tape};

/// Whether a schema compares with numbers that the validator's own keywords round: with wide ones, or by a divisor that is no
/// small integer.
pub fn are_needed(schema: &Value) -> bool {
    match schema {
        Value::Number(number) => number.is_f64() && is_wide(&number.to_string()),
        Value::Array(items) => items.iter().any(are_needed),
        Value::Object(members) => members.iter().any(|(name, member)| {
            let is_divisor = name == "multipleOf" && member.is_number();
            let divides_exactly = || member.as_u64().is_some_and(|divisor| (divisor as f64) < EXACT_DOUBLES);
            name == EXACT || is_divisor && !divides_exactly() || are_needed(member)
        }),
        _ => false,
    }
}

/// A validator's options with these keywords in place of its own.
#[must_use]
pub fn with_exact_keywords<'a, R, F: Json>(options: ValidationOptions<'a, R, F>) -> ValidationOptions<'a, R, F> {
    options
        .with_keyword("minimum", |parent, value, _: Location| Ok(bound("minimum", parent, value)))
        .with_keyword("maximum", |parent, value, _: Location| Ok(bound("maximum", parent, value)))
        .with_keyword("exclusiveMinimum", |parent, value, _: Location| Ok(bound("exclusiveMinimum", parent, value)))
        .with_keyword("exclusiveMaximum", |parent, value, _: Location| Ok(bound("exclusiveMaximum", parent, value)))
        .with_keyword("multipleOf", |parent, value, _: Location| {
            let text = spelled(parent, "multipleOf", value);
            Ok(Decimal::parse(&text).map_or_else(anything, |divisor| Box::new(Divisor { divisor, text }) as Boxed<F>))
        })
        .with_keyword("const", |parent, value, _: Location| {
            let text = spelled(parent, "const", value);
            Ok(Box::new(Constants { accepted: of_text(&text).into_iter().collect(), text }))
        })
        .with_keyword("enum", |parent, value, _: Location| {
            let text = spelled(parent, "enum", value);
            let mut tape = Tape::default();
            let node = tape.read(&text);
            let items = node.iter().flat_map(|node| node.children());
            let accepted = items.map(|(_, item)| canonical::<OnTape>(item)).collect();
            let text = format!("one of {text}");
            Ok(Box::new(Constants { accepted, text }))
        })
}

type Boxed<F> = Box<dyn for<'i> Keyword<'i, F>>;

fn anything<F: Json>() -> Boxed<F> {
    Box::new(Anything)
}

/// In draft 4 `exclusiveMinimum` is a flag of `minimum`, and asks for nothing by itself.
fn bound<F: Json>(keyword: &'static str, parent: &Map<String, Value>, value: &Value) -> Boxed<F> {
    let (flag, is_lower) = match keyword {
        "minimum" => ("exclusiveMinimum", true),
        "maximum" => ("exclusiveMaximum", false),
        "exclusiveMinimum" => ("", true),
        _ => ("", false),
    };
    let text = spelled(parent, keyword, value);
    let Some(limit) = Decimal::parse(&text).filter(|_| value.is_number()) else { return anything() };
    let is_exclusive = flag.is_empty() || parent.get(flag) == Some(&Value::Bool(true));
    Box::new(Bound { limit, text, is_lower, is_exclusive })
}

struct Anything;

struct Bound {
    limit: Decimal,
    text: String,
    is_lower: bool,
    is_exclusive: bool,
}

struct Divisor {
    divisor: Decimal,
    text: String,
}

struct Constants {
    accepted: HashSet<String>,
    text: String,
}

/// What each keyword accepts, and what it asks for in words.
trait Ask: Send + Sync {
    fn accepts<F: Json>(&self, node: F::Node<'_>) -> bool;

    fn expected(&self) -> String;
}

impl Ask for Anything {
    fn accepts<F: Json>(&self, _: F::Node<'_>) -> bool {
        true
    }

    fn expected(&self) -> String {
        String::new()
    }
}

impl Ask for Bound {
    fn accepts<F: Json>(&self, node: F::Node<'_>) -> bool {
        decimal::<F>(&node).is_none_or(|value| match value.cmp(&self.limit) {
            Ordering::Equal => !self.is_exclusive,
            Ordering::Greater => self.is_lower,
            Ordering::Less => !self.is_lower,
        })
    }

    fn expected(&self) -> String {
        let relation = match (self.is_lower, self.is_exclusive) {
            (true, false) => "at least",
            (true, true) => "more than",
            (false, false) => "at most",
            (false, true) => "less than",
        };
        format!("{relation} {}", self.text)
    }
}

impl Ask for Divisor {
    fn accepts<F: Json>(&self, node: F::Node<'_>) -> bool {
        decimal::<F>(&node).is_none_or(|value| value.is_multiple_of(&self.divisor))
    }

    fn expected(&self) -> String {
        format!("a multiple of {}", self.text)
    }
}

impl Ask for Constants {
    fn accepts<F: Json>(&self, node: F::Node<'_>) -> bool {
        self.accepted.contains(&canonical::<F>(node))
    }

    fn expected(&self) -> String {
        self.text.clone()
    }
}

macro_rules! keywords {
    ($($name:ident)*) => {$(
        impl<'i, F: Json> Keyword<'i, F> for $name {
            fn validate(&self, instance: F::Node<'i>) -> Result<(), ValidationError<'i>> {
                match self.accepts::<F>(instance) {
                    true => Ok(()),
                    false => Err(ValidationError::custom(self.expected())),
                }
            }

            fn is_valid(&self, instance: F::Node<'i>) -> bool {
                self.accepts::<F>(instance)
            }
        }
    )*};
}

keywords! { Anything Bound Divisor Constants }

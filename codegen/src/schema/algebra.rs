//! The algebra of schemas that `jsonschema` offers, kept to what it is known to bear.
//!
//! It computes with the numbers of a schema in types of its own, and panics where a step leaves them: `multipleOf` 1e300 beside
//! a `minimum`. Its answers are second opinions, so that a question it cannot bear is left open.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jsonschema::canonical::{self, CanonicalSchema, CanonicalizeOptions, Containment, PreparedDocument};
use serde_json::Value;

use super::effort::is_bearable;
use crate::walk::every_schema;

/// The greatest size of a number that is computed with; its reciprocal is the smallest.
const GREATEST: f64 = 1e30;
/// The most alternatives in one schema that is compared. With a hundred conditions, or overlapping alternatives, it was seen at work
/// after twenty seconds.
const MOST_ALTERNATIVES: usize = 48;

/// Whether `reader` provably accepts everything that `writer` accepts. Where that would take long, it is not asked.
pub fn covers(reader: &Value, writer: &Value) -> bool {
    if !is_comparable(reader) || !is_comparable(writer) {
        return false;
    }
    let covers = || Some(matches!(canonical(reader)?.covers(&canonical(writer)?), Ok(Containment::Yes)));
    guarded(&[reader, writer], covers).unwrap_or(false)
}

/// A schema of what `writer` accepts and `reader` does not, where that can be written down in a bearable time.
pub fn difference(reader: &Value, writer: &Value) -> Option<Value> {
    if !is_comparable(reader) || !is_comparable(writer) {
        return None;
    }
    let difference = || Some(canonical(writer)?.subtract(&canonical(reader)?).ok()?.to_json_schema());
    guarded(&[reader, writer], difference)
}

/// Whether a schema has so few cases that it is compared with another in a bearable time: every alternative is split by every other,
/// and what is left of it is split again.
fn is_comparable(schema: &Value) -> bool {
    let mut alternatives = 0;
    every_schema(schema, &mut |_, schema| {
        let length = |keyword: &str| match schema.get(keyword) {
            Some(Value::Array(branches)) => branches.len(),
            Some(Value::Object(branches)) => branches.len(),
            _ => 0,
        };
        alternatives += ["anyOf", "oneOf", "dependentSchemas", "dependencies", "patternProperties"]
            .map(length)
            .iter()
            .sum::<usize>();
        alternatives += if schema.get("if").is_some() { 2 } else { 0 };
    });
    alternatives <= MOST_ALTERNATIVES && is_bearable(schema)
}

/// What a question about a self-contained schema is answered with, where it can be answered.
pub(super) fn about<T>(schema: &Value, ask: impl FnOnce(&PreparedDocument) -> Option<T>) -> Option<T> {
    guarded(&[schema], || ask(&options().prepare(schema).ok()?))
}

fn canonical(schema: &Value) -> Option<CanonicalSchema> {
    options().canonicalize(schema).ok()
}

fn options() -> CanonicalizeOptions<'static> {
    canonical::options().should_validate_formats(true).offline()
}

/// An answer, unless the schemas hold a number that is not computed with, or the algebra panics. What the panic says still goes to
/// stderr: its hook is that of the whole process, and not a library's to replace.
fn guarded<T>(schemas: &[&Value], ask: impl FnOnce() -> Option<T>) -> Option<T> {
    if !schemas.iter().all(|schema| is_moderate(schema)) {
        return None;
    }
    catch_unwind(AssertUnwindSafe(ask)).ok().flatten()
}

/// Whether all numbers are of moderate size.
fn is_moderate(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.as_f64().is_some_and(|number| number == 0.0 || (1.0 / GREATEST..=GREATEST).contains(&number.abs()))
        }
        Value::Array(items) => items.iter().all(is_moderate),
        Value::Object(members) => members.values().all(is_moderate),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_are_compared() {
        let (small, large) = (json!({"type": "integer", "maximum": 5}), json!({"type": "integer", "maximum": 9}));

        assert!(covers(&large, &small));
        assert!(!covers(&small, &large));
        assert!(difference(&small, &large).is_some());
    }

    #[test]
    fn a_number_that_is_not_computed_with_leaves_the_question_open() {
        for number in [1e300, -1e300, 1e-300] {
            let schema = json!({"type": "number", "multipleOf": 1e300, "minimum": number});

            assert!(!covers(&schema, &schema));
            assert_eq!(difference(&schema, &schema), None);
        }
    }

    #[test]
    fn a_schema_of_many_cases_is_not_compared() {
        let conditions = |count: usize| {
            let all: Vec<Value> = (0..count)
                .map(|number| json!({"if": {"required": [format!("p{number}")]}, "then": {"minProperties": 2}}))
                .collect();
            json!({"type": "object", "allOf": all})
        };

        assert!(is_comparable(&conditions(4)) && !is_comparable(&conditions(100)));
        assert!(!covers(&conditions(100), &conditions(100)));
        assert_eq!(difference(&conditions(100), &json!({"type": "object"})), None);
    }

    #[test]
    fn a_panic_leaves_the_question_open() {
        let answer: Option<()> = guarded(&[&Value::Null], || panic!("a test of what happens then"));

        assert_eq!(answer, None);
    }
}

//! An endless stream of instances around a schema's limits.

use std::collections::VecDeque;

use serde_json::Value;

use crate::sample::choices::{Choices, Optional};
use crate::sample::mutate::Mutation;
use crate::sample::sampler::Sampler;
use crate::sample::vocabulary::SchemaVocabulary;

/// Instances that a schema accepts, or rejects for one small reason: plain samples, samples at the boundaries, and
/// mutations of them. The same schema and seed give the same instances.
///
/// A mutation removes, adds or renames a member, crosses a bound or a length by one, puts null in place of a value,
/// breaks a text, repeats an element, writes `1.0` for `1`, or takes a value that the schema speaks of elsewhere.
/// A validator decides whether an instance is valid.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use eventsmith_codegen::sample::{Instances, Sampler};
/// use serde_json::json;
///
/// let schema = json!({"type": "object", "required": ["id"], "properties": {"id": {"maxLength": 3}}});
/// let sampler = Sampler::new(&schema)?;
/// let (valid, invalid): (Vec<_>, Vec<_>) =
///     Instances::new(&schema, 7)?.take(1_000).partition(|instance| sampler.accepts(instance));
/// assert!(valid.len() > 200 && invalid.len() > 200);
/// # Ok(())
/// # }
/// ```
pub struct Instances {
    sampler: Sampler,
    vocabulary: SchemaVocabulary,
    choices: Choices,
    /// Instances that are returned unchanged, before any mutation.
    first: VecDeque<Value>,
    /// What mutations start from.
    pool: Vec<Value>,
}

/// How many instances mutations may start from.
const POOL: usize = 24;

impl Instances {
    /// Instances of a schema that refers to nothing outside of itself.
    ///
    /// # Errors
    /// The schema cannot be compiled.
    pub fn new(schema: &Value, seed: u64) -> Result<Self, String> {
        let sampler = Sampler::new(schema)?;
        let vocabulary = SchemaVocabulary::of(&sampler.root);
        let plain =
            [(Optional::Take, false), (Optional::Leave, true), (Optional::Take, true), (Optional::Leave, false)];
        let plain =
            plain.into_iter().filter_map(|(optional, hints)| sampler.candidate(Choices::first(optional), hints));
        let mut first: VecDeque<Value> = plain.collect();
        first.extend(sampler.root.get("examples").and_then(Value::as_array).into_iter().flatten().cloned());
        let pool = first.iter().take(POOL).cloned().collect();
        Ok(Self { sampler, vocabulary, choices: Choices::seeded(seed), first, pool })
    }

    fn fresh(&mut self) -> Option<Value> {
        let seed = self.choices.pick(1 << 30) as u64;
        let hints = self.choices.pick(4) == 0;
        self.sampler.candidate(Choices::seeded(seed), hints)
    }

    /// Some value of the pool, changed in one place, seldom in more.
    fn mutated(&mut self) -> Value {
        let start = self.pool.get(self.choices.pick(self.pool.len())).cloned();
        let mut value = start.unwrap_or_else(|| self.vocabulary.values.first().cloned().unwrap_or(Value::Null));
        let changes = [1, 1, 1, 1, 1, 2, 2, 3][self.choices.pick(8)];
        let sampler = &self.sampler;
        let candidate = |at: &str, choices| sampler.candidate_at(at, choices);
        for _ in 0..changes {
            Mutation { vocabulary: &self.vocabulary, choices: &mut self.choices, candidate: &candidate }
                .apply(&mut value);
        }
        value
    }

    /// Keeps an instance as a start for mutations.
    fn keep(&mut self, value: &Value) {
        if self.pool.len() < POOL {
            self.pool.push(value.clone());
        } else {
            let place = self.choices.pick(POOL);
            self.pool[place] = value.clone();
        }
    }
}

impl Iterator for Instances {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        if let Some(value) = self.first.pop_front() {
            return Some(value);
        }
        if self.choices.pick(8) == 0
            && let Some(value) = self.fresh()
        {
            self.keep(&value);
            return Some(value);
        }
        let value = self.mutated();
        // What is still valid after a change lies at a limit more often than not.
        if self.choices.pick(8) == 0 && self.sampler.accepts(&value) {
            self.keep(&value);
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Whether one of many instances satisfies a condition.
    fn reaches(schema: &Value, wanted: impl Fn(&Value) -> bool) -> bool {
        Instances::new(schema, 1).unwrap().take(4_000).any(|instance| wanted(&instance))
    }

    #[test]
    fn a_seed_gives_the_same_instances_again() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"format": "date"}}});
        let made = |seed| Instances::new(&schema, seed).unwrap().take(300).collect::<Vec<_>>();

        assert_eq!(made(3), made(3));
        assert_ne!(made(3), made(4));
    }

    #[test]
    fn both_sides_of_every_limit_are_reached() {
        let number = json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 5, "maximum": 90}}});
        // Values compare as they are written: 5 is not 5.0.
        for limit in [json!(4), json!(5), json!(5.0), json!(90), json!(91)] {
            assert!(reaches(&number, |instance| *instance == json!({"n": limit})), "{limit}");
        }
        let text = json!({"type": "string", "minLength": 2, "maxLength": 9});
        for length in [1, 2, 9, 10] {
            assert!(reaches(&text, |instance| instance.as_str().is_some_and(|text| text.chars().count() == length)));
        }
        let list = json!({"type": "array", "minItems": 2, "maxItems": 5, "items": {"type": "null"}});
        for length in [1, 2, 5, 6] {
            assert!(reaches(&list, |instance| *instance == Value::Array(vec![Value::Null; length])), "{length}");
        }
    }

    #[test]
    fn members_are_missing_null_renamed_and_undeclared() {
        let schema = json!({
            "type": "object",
            "required": ["a"],
            "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}, "c": {"const": 7}}
        });
        assert!(reaches(&schema, |instance| *instance == json!({})));
        assert!(reaches(&schema, |instance| instance["a"].is_null() && instance.get("a").is_some()));
        assert!(reaches(&schema, |instance| instance.pointer("/a/b") == Some(&Value::Null)));
        assert!(reaches(&schema, |instance| instance["a"].get("undeclared property").is_some()));
        assert!(reaches(&schema, |instance| instance["c"] == json!(7) && instance.get("a").is_none()));
        assert!(reaches(&schema, |instance| instance.is_array()));
    }

    #[test]
    fn a_schema_that_accepts_nothing_has_instances_all_the_same() {
        assert_eq!(Instances::new(&json!(false), 1).unwrap().take(10).count(), 10);
    }
}

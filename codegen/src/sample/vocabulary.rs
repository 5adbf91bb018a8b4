//! What a schema speaks of: the names, values, bounds and sizes that instances must hit or miss.

use serde_json::{Map, Number, Value};

use crate::pointer::join;
use crate::walk::every_schema;

/// The vocabulary of one schema.
#[derive(Debug, Default)]
pub(super) struct SchemaVocabulary {
    /// Names of properties.
    pub(super) names: Vec<String>,
    /// Constants, and what else the author wrote down as a value.
    pub(super) values: Vec<Value>,
    /// Bounds, with what is just beside them.
    pub(super) numbers: Vec<Value>,
    /// Limits of lengths and counts, with what is just beside them.
    pub(super) sizes: Vec<usize>,
    /// Pointers of all subschemas.
    pub(super) pointers: Vec<String>,
}

impl SchemaVocabulary {
    pub(super) fn of(schema: &Value) -> Self {
        let mut vocabulary = Self::default();
        every_schema(schema, &mut |at, inner| {
            vocabulary.pointers.push(at.to_owned());
            if let Value::Object(members) = inner {
                vocabulary.read(at, members);
            }
        });
        vocabulary.names.sort_unstable();
        vocabulary.names.dedup();
        vocabulary.sizes.sort_unstable();
        vocabulary.sizes.dedup();
        vocabulary
    }

    fn read(&mut self, at: &str, members: &Map<String, Value>) {
        for (keyword, value) in members {
            match (keyword.as_str(), value) {
                ("properties" | "dependentRequired" | "dependentSchemas" | "dependencies", Value::Object(named)) => {
                    self.names.extend(named.keys().cloned());
                    self.names.extend(named.values().filter_map(Value::as_array).flatten().filter_map(text));
                }
                ("required", Value::Array(names)) => self.names.extend(names.iter().filter_map(text)),
                ("propertyNames", Value::Object(_)) => self.pointers.push(join(at, keyword)),
                ("const" | "default", value) => self.values.push(value.clone()),
                ("enum" | "examples", Value::Array(values)) => self.values.extend(values.iter().cloned()),
                (
                    "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf",
                    Value::Number(bound),
                ) => self.numbers.extend(around(bound)),
                (
                    "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
                    | "minContains" | "maxContains",
                    size,
                ) => self.sizes.extend(size.as_u64().into_iter().flat_map(beside)),
                _ => {}
            }
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A bound, its neighbours, and itself in the other spelling.
fn around(bound: &Number) -> Vec<Value> {
    let mut found = vec![Value::Number(bound.clone())];
    if let Some(integer) = bound.as_i64() {
        found.extend([integer.checked_sub(1), integer.checked_add(1)].into_iter().flatten().map(Value::from));
    }
    if let Some(number) = bound.as_f64() {
        let nearby = [number, number + 0.5, number - 0.5, number + 1.0, number - 1.0, number * 2.0];
        found.extend(nearby.into_iter().filter_map(Number::from_f64).map(Value::Number));
    }
    found
}

/// A size and its neighbours; nothing where an instance would be too big to be of use.
fn beside(size: u64) -> Vec<usize> {
    const GREATEST: u64 = 5_000;
    let sizes = [size.saturating_sub(1), size, size.saturating_add(1)];
    sizes.into_iter().filter(|size| *size <= GREATEST).filter_map(|size| usize::try_from(size).ok()).collect()
}

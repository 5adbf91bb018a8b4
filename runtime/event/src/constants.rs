//! Values that a schema lists.

use std::sync::OnceLock;

use serde_json::Value;

use crate::number::Number;

/// The values of an `enum` that are more than strings, parsed when they are needed for the first time.
#[derive(Debug)]
pub struct Constants {
    text: &'static str,
    values: OnceLock<Vec<Value>>,
}

impl Constants {
    /// Constants by their text, a JSON array.
    pub const fn new(text: &'static str) -> Self {
        Self { text, values: OnceLock::new() }
    }

    /// Whether a value is one of them; `1` is `1.0`.
    pub fn contain(&self, value: &Value) -> bool {
        let values = self.values.get_or_init(|| serde_json::from_str(self.text).unwrap_or_default());
        values.iter().any(|constant| equal(constant, value))
    }
}

/// Whether two values are equal as JSON Schema has it: numbers by their value, objects in any order.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => number(one).is_some_and(|one| Some(one) == number(other)),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same = |(name, one)| other.get(name).is_some_and(|other| equal(one, other));
            one.len() == other.len() && one.iter().all(same)
        }
        _ => one == other,
    }
}

fn number(number: &serde_json::Number) -> Option<Number> {
    let unsigned = number.as_u64().map(Number::from);
    unsigned.or_else(|| number.as_i64().map(Number::from)).or_else(|| number.as_f64().map(Number::from))
}

/// The parsed form of constants, one for each place in the source.
#[doc(hidden)]
#[macro_export]
macro_rules! constants {
    ($text:literal) => {{
        static CONSTANTS: $crate::constants::Constants = $crate::constants::Constants::new($text);
        &CONSTANTS
    }};
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn constants_are_compared_as_json_schema_has_it() {
        let constants = crate::constants!(r#"[1, "a", {"x": [2.0], "y": null}]"#);

        for value in [json!(1.0), json!("a"), json!({"y": null, "x": [2]})] {
            assert!(constants.contain(&value), "{value}");
        }
        for value in [json!(true), json!("1"), json!({"x": [2]}), json!([1])] {
            assert!(!constants.contain(&value), "{value}");
        }
    }
}

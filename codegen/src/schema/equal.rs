//! When two values are the same value.

use eventsmith_exact::canonical::canonical;
use jsonschema::json::SerdeJson;
use serde_json::Value;

/// The text that every value has that equals this one as JSON Schema has it: `1` and `1.0` do, and members in any order.
pub fn canonical_text(value: &Value) -> String {
    canonical::<SerdeJson>(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_have_one_text() {
        let same = |one: Value, other: Value| canonical_text(&one) == canonical_text(&other);

        assert!(same(json!(1), json!(1.0)) && same(json!(-0.0), json!(0)) && same(json!(1e18), json!(10_u64.pow(18))));
        assert!(same(json!({"a": [1], "b": 2}), json!({"b": 2.0, "a": [1.0]})));
        assert!(
            !same(json!(u64::MAX), json!(u64::MAX as f64))
                && !same(json!("1"), json!(1))
                && !same(json!(true), json!(1))
        );
    }
}

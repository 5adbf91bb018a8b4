//! Numbers are judged as the validator judges them.

use eventsmith::Number;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Numbers of every size and kind, and the neighbours of the limits of their Rust types.
fn numbers() -> impl Strategy<Value = Value> {
    let near = [0_i128, 1 << 31, 1 << 32, 1 << 53, 1 << 63, 1 << 64].map(|limit| {
        (-3_i128..=3, any::<bool>()).prop_map(move |(step, negative)| {
            let value = if negative { -(limit + step) } else { limit + step };
            serde_json::from_str::<Value>(&value.to_string()).unwrap()
        })
    });
    prop_oneof![
        any::<i64>().prop_map(|value| json!(value)),
        any::<u64>().prop_map(|value| json!(value)),
        (-1_000_000_i64..1_000_000).prop_map(|value| json!(value)),
        prop::num::f64::NORMAL.prop_map(|value| json!(value)),
        (-100_000_i32..100_000, 0_i32..5).prop_map(|(digits, places)| json!(f64::from(digits) / 10_f64.powi(places))),
        prop::strategy::Union::new(near),
    ]
}

fn accepts(schema: &Value, instance: &Value) -> bool {
    // Its own keywords round beyond 2^53.
    eventsmith_exact::keywords::with_exact_keywords(jsonschema::options()).build(schema).unwrap().is_valid(instance)
}

fn multiple_of(divisor: &Value) -> Value {
    json!({"multipleOf": divisor})
}

fn number(value: &Value) -> Number {
    serde_json::from_value(value.clone()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25_000))]

    #[test]
    fn bounds_are_compared_as_the_validator_compares_them(value in numbers(), bound in numbers()) {
        let (ours, limit) = (number(&value), number(&bound));
        prop_assert_eq!(ours >= limit, accepts(&json!({"minimum": bound.clone()}), &value));
        prop_assert_eq!(ours <= limit, accepts(&json!({"maximum": bound.clone()}), &value));
        prop_assert_eq!(ours > limit, accepts(&json!({"exclusiveMinimum": bound.clone()}), &value));
        prop_assert_eq!(ours < limit, accepts(&json!({"exclusiveMaximum": bound}), &value));
    }

    #[test]
    fn what_is_taken_for_a_multiple_is_one_for_the_validator(
        value in numbers(),
        (digits, places) in (1_u32..5_000, 0_i32..4),
    ) {
        let divisor = json!(f64::from(digits) / 10_f64.powi(places));
        let is_multiple = number(&value).is_multiple_of(number(&divisor));
        prop_assert_eq!(is_multiple, accepts(&multiple_of(&divisor), &value), "{} {}", value, divisor);
        let product = json!(f64::from(digits) * 7.0 / 10_f64.powi(places));
        prop_assert_eq!(number(&product).is_multiple_of(number(&divisor)), accepts(&multiple_of(&divisor), &product));
    }
}

//! Date-times are judged as the validator judges them, and written as they were read.

use std::sync::LazyLock;

use eventsmith::DateTime;
use proptest::prelude::*;
use serde_json::{Value, json};

static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    jsonschema::options().should_validate_formats(true).build(&json!({ "format": "date-time" })).unwrap()
});

/// Texts that are date-times, or nearly so.
fn texts() -> impl Strategy<Value = String> {
    let time = "([01][0-9]|2[0-4]):[0-6][0-9]:([0-5][0-9]|60)(\\.[0-9]{0,12})?";
    let zone = "([Zz]|[+-]([01][0-9]|2[0-4]):[0-6][0-9])";
    let common = format!("[0-9]{{4}}-(0[0-9]|1[0-3])-[0-3][0-9][Tt ]{time}{zone}");
    let leap_second = "(1970|2016|9999)-12-31T(23:59:60(\\.5)?Z|(00|22|23):(29|59):60[+-]0[01]:[03]0)";
    let edge = "(0000|9999)-(01-01|12-31)T(00:00:00|23:59:59)(Z|[+-](00:00|23:59))";
    let strategy = |pattern: &str| proptest::string::string_regex(pattern).unwrap();
    prop_oneof![6 => strategy(&common), 1 => strategy(leap_second), 1 => strategy(edge)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30_000))]

    #[test]
    fn the_type_takes_what_the_format_takes_and_writes_it_back(text in texts()) {
        let is_valid = VALIDATOR.is_valid(&Value::String(text.clone()));
        let read = serde_json::from_value::<DateTime>(Value::String(text.clone()));

        prop_assert_eq!(read.is_ok(), is_valid);
        if let Ok(time) = read {
            prop_assert_eq!(time.to_string(), text.clone());
            prop_assert_eq!(serde_json::to_value(time).ok(), Some(Value::String(text)));
        }
    }
}

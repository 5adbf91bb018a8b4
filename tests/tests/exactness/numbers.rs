//! Numbers of any size: what the schema's digits say about the payload's digits is what `decode` and `validate` say, and what
//! is accepted is written back without loss.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;

use eventsmith_codegen::payload::{CheckResult, Checker, Input, Options};
use eventsmith_exact::Decimal;

use crate::harness::{Catalogue, Outcome, Program};

/// The schema of a property, what is accepted there, and what is not.
const PROBES: &[(&str, &[&str], &[&str])] = &[
    // Constants and lists.
    (
        r#"{"const": 18446744073709551616}"#,
        &["18446744073709551616", "18446744073709551616.0", "1844674407370955161.6e1"],
        &[
            "18446744073709551617",
            "18446744073709551615",
            "18446744073709552000",
            "1.8446744073709552e19",
            "\"18446744073709551616\"",
        ],
    ),
    (
        r#"{"const": 18446744073709551617}"#,
        &["18446744073709551617"],
        &["18446744073709551616", "18446744073709551618"],
    ),
    (r#"{"const": 9007199254740993.0}"#, &["9007199254740993"], &["9007199254740992", "9007199254740992.0"]),
    (
        r#"{"const": 9007199254740993}"#,
        &["9007199254740993", "9007199254740993.0"],
        &["9007199254740992", "9007199254740992.0"],
    ),
    (r#"{"const": 0.1}"#, &["0.1", "0.10", "1e-1"], &["0.1000000000000000055511151231257827", "0.10000000000000001"]),
    (r#"{"type": "number", "const": 1e300}"#, &["1e300", "10e299"], &["1.0000000000000000001e300", "1e299"]),
    (r#"{"enum": [18446744073709551616, 5]}"#, &["18446744073709551616", "5", "5.0"], &["18446744073709551617", "6"]),
    (
        r#"{"enum": [-9223372036854775809, 1e-400]}"#,
        &["-9223372036854775809", "1e-400"],
        &["-9223372036854775808", "0", "1e-401"],
    ),
    (
        r#"{"type": "integer", "enum": [9223372036854775808, -1]}"#,
        &["9223372036854775808", "-1"],
        &["9223372036854775807", "9223372036854775809"],
    ),
    // Bounds at the edges.
    (
        r#"{"type": "integer", "maximum": 18446744073709551615, "minimum": 0}"#,
        &["18446744073709551615", "0", "1e19"],
        &["18446744073709551616", "-1", "1e20"],
    ),
    (
        r#"{"type": "integer", "minimum": 0}"#,
        &["18446744073709551615", "9223372036854775808"],
        &["18446744073709551616", "-1"],
    ),
    (
        r#"{"type": "integer", "minimum": -9223372036854775808, "maximum": 9223372036854775807}"#,
        &["-9223372036854775808", "9223372036854775807"],
        &["-9223372036854775809", "9223372036854775808"],
    ),
    (
        r#"{"type": "integer", "minimum": 18446744073709551615, "maximum": 18446744073709551617}"#,
        &["18446744073709551615", "18446744073709551616", "18446744073709551617", "18446744073709551617.0"],
        &["18446744073709551614", "18446744073709551618", "18446744073709551616.5"],
    ),
    (
        r#"{"type": "integer", "minimum": -1, "maximum": 9223372036854775808}"#,
        &["-1", "9223372036854775808"],
        &["-2", "9223372036854775809"],
    ),
    (
        r#"{"type": "integer", "exclusiveMaximum": 18446744073709551616, "minimum": 0}"#,
        &["18446744073709551615"],
        &["18446744073709551616"],
    ),
    (
        r#"{"type": "integer", "maximum": 1e40, "minimum": -1e40}"#,
        &["9999999999999999999999999999999999999999", "10000000000000000000000000000000000000000"],
        &["10000000000000000000000000000000000000001"],
    ),
    (r#"{"type": "integer", "exclusiveMinimum": 9007199254740992.0}"#, &["9007199254740993"], &["9007199254740992"]),
    (
        r#"{"type": "number", "maximum": 18446744073709551616}"#,
        &["18446744073709551616", "18446744073709551615.9"],
        &["18446744073709551617", "18446744073709551616.000001"],
    ),
    (
        r#"{"type": "number", "maximum": 18446744073709551615}"#,
        &["18446744073709551615", "-1e300"],
        &["18446744073709551616", "18446744073709551615.5"],
    ),
    (r#"{"type": "number", "exclusiveMinimum": 0}"#, &["1e-400", "5e-324", "1e-7"], &["0", "-0", "0.0", "-1e-400"]),
    (
        r#"{"type": "number", "exclusiveMaximum": 972783798187987123879878123.18878137}"#,
        &["972783798187987123879878123.18878136"],
        &["972783798187987123879878123.188781371", "972783798187987123879878123.18878137"],
    ),
    (
        r#"{"type": "number", "minimum": 0.1, "maximum": 0.3}"#,
        &["0.1", "0.3", "0.30"],
        &["0.30000000000000001", "0.30000000000000004", "0.09999999999999999999"],
    ),
    // Multiples.
    (
        r#"{"type": "number", "multipleOf": 0.01}"#,
        &["0.1", "4.35", "1e15", "18446744073709551617", "-0.07", "0", "1e300"],
        &["0.015", "1e-7", "18446744073709551617.001"],
    ),
    (
        r#"{"type": "integer", "multipleOf": 3}"#,
        &["9223372036854775806", "-9223372036854775806"],
        &["9223372036854775807"],
    ),
    (r#"{"type": "number", "multipleOf": 1e-320}"#, &["0.1", "3e-320", "18446744073709551617"], &["1e-321"]),
    (
        r#"{"type": "number", "multipleOf": 18446744073709551617}"#,
        &["36893488147419103234", "0"],
        &["36893488147419103232", "1"],
    ),
    (
        r#"{"type": "integer", "minimum": 0, "maximum": 18446744073709551615, "multipleOf": 10000000000000000001}"#,
        &["10000000000000000001"],
        &["10000000000000000000"],
    ),
    // Types.
    (
        r#"{"type": "integer"}"#,
        &[
            "1",
            "1.0",
            "1e2",
            "-0",
            "-0.0",
            "9223372036854775807",
            "9223372036854775807.0",
            "-9223372036854775808",
            "9007199254740993.0",
        ],
        &[
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "0.99999999999999999999",
            "1.0000000000000000000001",
            "1e400",
            "1e19",
            "1e-7",
            "1e-400",
            "1e999999999",
        ],
    ),
    (
        r#"{"type": "number"}"#,
        &[
            "12345678910111213141516171819202122232425262728293031",
            "98249283749234923498293171823948729348710298301928331",
            "0.1000000000000000055511151231257827",
            "1e-400",
            "1.0",
            "-0.0",
            "1e308",
        ],
        &["1E400", "1e999999999", "-1E400", "\"1\""],
    ),
    (r#"{"type": ["number", "null"]}"#, &["18446744073709551617", "null"], &["1e400", "true"]),
    (
        r#"{"type": "array", "items": {"type": "number"}, "uniqueItems": true}"#,
        &["[18446744073709551616, 18446744073709551617]", "[0.1, 0.10000000000000001]"],
        &["[18446744073709551617, 18446744073709551617.0]", "[1e16, 10000000000000000]"],
    ),
    (
        r#"{"type": "object", "additionalProperties": {"type": "number"}}"#,
        &[r#"{"a": 18446744073709551617}"#],
        &[r#"{"a": "b"}"#],
    ),
    // Unions read their values before they know the type.
    (r#"{"anyOf": [{"type": "number"}, {"type": "string"}]}"#, &["18446744073709551617", "\"a\""], &["true"]),
    (
        r#"{"oneOf": [{"type": "integer", "maximum": 5}, {"type": "number", "minimum": 18446744073709551617}]}"#,
        &["5", "18446744073709551617"],
        &["18446744073709551616", "6"],
    ),
    (
        r#"{"oneOf": [
            {"type": "object", "required": ["k", "n"], "properties": {"k": {"const": "a"}, "n": {"type": "number"}}},
            {"type": "object", "required": ["k", "n"], "properties": {"k": {"const": "b"}, "n": {"type": "integer"}}}
        ]}"#,
        &[
            r#"{"n": 18446744073709551617, "k": "a"}"#,
            r#"{"k": "a", "n": 18446744073709551617}"#,
            r#"{"n": 9007199254740993.0, "k": "b"}"#,
        ],
        &[r#"{"n": 18446744073709551617, "k": "b"}"#, r#"{"k": "b", "n": 9223372036854775808}"#],
    ),
    (
        r#"{"oneOf": [
            {"type": "object", "required": ["k"], "properties": {"k": {"const": "a"}}},
            {"type": "object", "required": ["k"], "properties": {"k": {"const": "b"}, "n": {"type": "number"}, "m": true},
                "anyOf": [{"required": ["n"]}, {"required": ["m"]}]}
        ]}"#,
        &[r#"{"k": "b", "n": 18446744073709551617}"#, r#"{"m": {"\"": [1]}, "k": "b", "n": 1e300}"#],
        &[r#"{"k": "b", "i": 18446744073709551617}"#],
    ),
    // An alternative that has no room for a number matches all the same.
    (
        r#"{"oneOf": [{"type": "integer"}, {"type": "number", "exclusiveMinimum": 0}]}"#,
        &["0.5", "-1"],
        &["9223372036854775808", "5", "-0.5"],
    ),
    (
        r#"{"oneOf": [{"type": "integer"}, {"type": "array", "items": {"type": "string"}}]}"#,
        &["5", "[\"a\"]"],
        &["9223372036854775808", "[9223372036854775808]"],
    ),
    (
        r#"{"oneOf": [{"type": "integer", "minimum": 10}, {"type": "string"}]}"#,
        &["18446744073709551615", "10", "\"a\""],
        &["9", "18446744073709551616"],
    ),
    // A value of any type holds what serde_json does; the rest is refused, never rounded.
    (
        "true",
        &["1", "1.5", "18446744073709551615", "1e300", "0.1"],
        &["18446744073709551617", "[0.1000000000000000055511151231257827]", "9007199254740993.5", "1e400"],
    ),
    // Whole and bounded in separate schemas.
    (
        r#"{"allOf": [{"type": "integer"}, {"minimum": 0}, {"maximum": 18446744073709551616}]}"#,
        &["18446744073709551616", "0"],
        &["18446744073709551617", "-1"],
    ),
    (
        r#"{"not": {"const": 18446744073709551617}, "type": "number"}"#,
        &["18446744073709551616"],
        &["18446744073709551617"],
    ),
    (
        r#"{"if": {"const": 18446744073709551617}, "then": false, "type": "number"}"#,
        &["18446744073709551616"],
        &["18446744073709551617"],
    ),
    (r#"{"type": "number", "default": 18446744073709551617}"#, &["18446744073709551617"], &[]),
];

fn payload(value: &str) -> String {
    format!(r#"{{"v":{value}}}"#)
}

fn schema(property: &str) -> String {
    format!(r#"{{"type": "object", "required": ["v"], "properties": {{"v": {property}}}}}"#)
}

/// Whether `eventsmith validate` accepts a payload.
fn validates(schema: &str, payload: &str) -> bool {
    let files = [("eventsmith.toml", "root = \"rules\"\n"), ("domain/group/happened.v1.json", schema)];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let loaded = eventsmith_codegen::from_files("probe", BTreeMap::from(files));
    let event = &loaded.catalogue.events[0];
    let checker = Checker::new(&loaded, Options { file: Some(&event.versions[0].file), mask: false });
    let bytes = payload.as_bytes().to_vec();
    let input = Input { name: "payload.json".into(), open: Box::new(move || Ok(Box::new(Cursor::new(bytes)))) };
    let (mut valid, mut findings) = (0, 0);
    checker
        .check([input].into_iter(), |result| {
            if let CheckResult::Checked(part) = result {
                valid += part.valid;
                findings += part.findings.len();
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(valid == 1, findings == 0, "{schema} {payload}");
    valid == 1
}

#[test]
fn numbers_of_any_size_are_judged_by_their_digits_and_kept() {
    // No double is near to an integer of 1,000 digits: it is refused as 1e400 is.
    let long = ["7".repeat(300), format!("0.{}", "3".repeat(1_000)), format!("1{}e-990", "0".repeat(1_000))];
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let (odd, beyond) = (format!("{}1", "3".repeat(299)), "7".repeat(1_000));
    let mut probes = PROBES.to_vec();
    let refused = [odd.as_str(), beyond.as_str()];
    probes.push((r#"{"type": "number", "minimum": 0}"#, &long, &["-1"]));
    probes.push((r#"{"type": "number", "multipleOf": 2}"#, &[], &refused));

    let schemas: Vec<String> = probes.iter().map(|(property, ..)| schema(property)).collect();
    let catalogues: Vec<Catalogue> = schemas
        .iter()
        .enumerate()
        .map(|(index, schema)| {
            let files = BTreeMap::from([("domain/group/happened.v1.json".to_owned(), schema.clone())]);
            Catalogue { name: format!("probe{index}"), files }
        })
        .collect();
    let program = Program::build("exact-numbers", &catalogues);
    let mut wrong: Vec<String> = program.problems.iter().map(|(name, problem)| format!("{name}: {problem}")).collect();
    let mut cases = Vec::new();
    for (index, (property, accepted, refused)) in probes.iter().enumerate() {
        for (value, expected) in
            accepted.iter().map(|value| (value, true)).chain(refused.iter().map(|value| (value, false)))
        {
            cases.push((((index, 0), payload(value)), expected, *property, *value));
        }
    }
    let inputs: Vec<_> = cases.iter().map(|(input, ..)| input.clone()).collect();
    for ((((index, _), text), expected, property, value), outcome) in cases.iter().zip(program.run(&inputs)) {
        let decoded = match outcome {
            Outcome::Accepted { encoded, trouble } => {
                wrong.extend(trouble.map(|trouble| format!("{property} {value}: {trouble}")));
                if !same(&encoded, text) {
                    wrong.push(format!("{property} {value}: written as {encoded}"));
                }
                true
            }
            Outcome::Rejected(reason) => {
                if *expected {
                    wrong.push(format!("{property} {value}: {reason}"));
                }
                false
            }
            Outcome::Crashed(how) => {
                wrong.push(format!("{property} {value}: {how}"));
                continue;
            }
        };
        let validated = validates(&schemas[*index], text);
        if (decoded, validated) != (*expected, *expected) {
            wrong.push(format!("{property} {value}: decode {decoded}, validate {validated}, right is {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Whether two texts are the same with their numbers read as decimals.
fn same(one: &str, other: &str) -> bool {
    let tokens = |text: &str| -> Vec<String> {
        let text = text.replace(' ', "");
        let mut parts: Vec<String> = text
            .split_inclusive([',', ':', '[', ']', '{', '}'])
            .flat_map(|part| {
                let end = part.len() - usize::from(part.ends_with([',', ':', '[', ']', '{', '}']));
                [part[..end].to_owned()]
            })
            .filter(|part| !part.is_empty())
            .map(|part| Decimal::parse(&part).map_or(part, |decimal| decimal.to_string()))
            .collect();
        // Members may be written in another order.
        parts.sort();
        parts
    };
    tokens(one) == tokens(other)
}

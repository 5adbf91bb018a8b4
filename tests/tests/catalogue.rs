//! The generated catalogue and a standard validator accept the same payloads.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use eventsmith::Invalid;
use rules_events::CATALOGUE;
use serde_json::{Value, json};

/// The generated check of a payload.
type Decode = fn(&[u8]) -> Result<(), Invalid>;

/// Every payload of the catalogue: a name, the schema, and the generated check.
fn payloads() -> Vec<(String, Value, Decode)> {
    let mut payloads = Vec::new();
    for event in CATALOGUE {
        let name = format!("{}@{}", event.event_type, event.version);
        payloads.push((name.clone(), serde_json::from_str(event.schema).unwrap(), event.decode));
        if let Some(reply) = event.reply {
            payloads.push((format!("{name} reply"), serde_json::from_str(reply.schema).unwrap(), reply.decode));
        }
    }
    payloads
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::options().should_validate_formats(true).offline().build(schema).unwrap()
}

fn examples(schema: &Value) -> Vec<Value> {
    schema["examples"].as_array().cloned().unwrap_or_default()
}

#[test]
fn every_payload_has_a_full_and_a_minimal_example_that_decodes() {
    for (name, schema, decode) in payloads() {
        let examples = examples(&schema);
        assert!(examples.len() >= 2, "{name} has {} examples", examples.len());
        for example in examples {
            let decoded = decode(example.to_string().as_bytes());
            assert_eq!(decoded, Ok(()), "{name}: {example}");
        }
    }
}

/// The places of a value, as JSON pointers.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    found.push(at.clone());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                places(member, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// What may stand in the place of a value: near misses, boundaries, other spellings, other types.
fn replacements(value: &Value) -> Vec<Value> {
    let mut all = vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.0),
        json!(1.5),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("x"),
        json!("ä".repeat(70)),
        json!([]),
        json!({}),
        json!([value]),
        json!({"kind": "card"}),
    ];
    match value {
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            all.extend([json!(number + 1.0), json!(number - 1.0), json!(number), json!(-number), json!(number * 1e6)]);
        }
        Value::String(text) => {
            let long = text.repeat(40);
            all.extend([
                json!(format!("{text}x")),
                json!(format!("{text}\n")),
                json!(text.to_uppercase()),
                json!(text.to_lowercase()),
                json!(long),
            ]);
            all.push(json!(text.replace('-', "")));
            all.push(json!(text.replace('T', " ")));
            all.push(json!(text.replace('Z', "+00:00")));
        }
        Value::Array(items) => {
            let mut doubled = items.clone();
            doubled.extend(items.iter().cloned());
            all.push(Value::Array(doubled));
            all.push(Value::Array(items.iter().cycle().take(items.len() * 60).cloned().collect()));
        }
        Value::Object(members) => {
            let mut more = members.clone();
            more.insert("undeclared property".to_owned(), json!({"a": [1]}));
            all.push(Value::Object(more));
            all.push(Value::Array(members.values().cloned().collect()));
            all.extend(members.keys().map(|name| {
                let mut fewer = members.clone();
                fewer.remove(name);
                Value::Object(fewer)
            }));
        }
        Value::Bool(value) => all.push(json!(!value)),
        Value::Null => {}
    }
    all
}

#[test]
fn generated_checks_and_a_standard_validator_agree_on_every_mutation_of_every_example() {
    let mut counts: BTreeMap<(bool, bool), usize> = BTreeMap::new();
    let mut disagreements = Vec::new();
    for (name, schema, decode) in payloads() {
        let validator = validator(&schema);
        for example in examples(&schema) {
            let mut at = Vec::new();
            places(&example, String::new(), &mut at);
            for place in at {
                for replacement in replacements(example.pointer(&place).unwrap()) {
                    let mut instance = example.clone();
                    *instance.pointer_mut(&place).unwrap() = replacement;
                    let (ours, theirs) = (decode(instance.to_string().as_bytes()), validator.is_valid(&instance));
                    *counts.entry((ours.is_ok(), theirs)).or_default() += 1;
                    if ours.is_ok() != theirs {
                        disagreements.push(format!("{name} at {place}: {ours:?} but valid is {theirs}: {instance}"));
                    }
                }
            }
        }
    }
    let count = |ours, theirs| counts.get(&(ours, theirs)).copied().unwrap_or_default();
    println!(
        "both accept {}, both reject {}, only ours accepts {}, only ours rejects {}",
        count(true, true),
        count(false, false),
        count(true, false),
        count(false, true)
    );
    assert_eq!(disagreements, Vec::<String>::new());
    assert!(count(true, true) > 1_000 && count(false, false) > 10_000, "the mutations test too little: {counts:?}");
}

#[test]
fn subjects_mirror_the_hierarchy() {
    use rules_events::subjects;

    assert_eq!(subjects::domain::rule::CREATED, "rules.domain.rule.created");
    assert_eq!(subjects::domain::rule::ALL, "rules.domain.rule.>");
    assert_eq!(subjects::ALL, "rules.>");
}

#[test]
fn no_event_lacks_a_publisher_and_only_deletions_and_failures_may_lack_a_consumer() {
    use eventsmith::Kind;
    use rules_events::SERVICES;

    for event in CATALOGUE {
        let named = |list: fn(&eventsmith::ServiceDescriptor) -> &'static [&'static str]| {
            SERVICES.iter().filter(|service| list(service).contains(&event.event_type)).count()
        };
        if matches!(event.kind, Kind::Command | Kind::Query) {
            assert_eq!(named(|service| service.handles), 1, "{} is answered by one service", event.event_type);
            continue;
        }
        assert!(named(|service| service.publishes) >= 1, "{} has no publisher", event.event_type);
        let may_be_ignored = event.event_type.ends_with("deleted") || event.event_type.ends_with("failed");
        assert!(may_be_ignored || named(|service| service.consumes) >= 1, "{} has no consumer", event.event_type);
    }
}

//! The generated catalogue and a standard validator accept the same payloads.

use std::collections::BTreeMap;

use eventsmith::Invalid;
use eventsmith_codegen::sample::Instances;
use rules_events::CATALOGUE;
use serde_json::Value;

/// The generated check of a payload.
type Decode = fn(&[u8]) -> Result<(), Invalid>;

/// Every payload of the catalogue: a name, the schema, and the generated check.
fn payloads() -> Vec<(String, Value, Decode)> {
    let mut payloads = Vec::new();
    for event in CATALOGUE {
        let name = format!("{}@{}", event.event_type, event.version);
        payloads.push((name.clone(), serde_json::from_str(event.schema).unwrap(), event.decode));
        for (part, answer) in event.answers() {
            payloads.push((format!("{name} {part}"), serde_json::from_str(answer.schema).unwrap(), answer.decode));
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

#[test]
fn generated_checks_agree_with_a_standard_validator_around_every_limit() {
    const INSTANCES: usize = 500;
    let mut counts: BTreeMap<(bool, bool), usize> = BTreeMap::new();
    let mut disagreements = Vec::new();
    for (name, schema, decode) in payloads() {
        let validator = validator(&schema);
        for instance in Instances::new(&schema, 1).unwrap().take(INSTANCES) {
            let (ours, theirs) = (decode(instance.to_string().as_bytes()), validator.is_valid(&instance));
            *counts.entry((ours.is_ok(), theirs)).or_default() += 1;
            if ours.is_ok() != theirs {
                disagreements.push(format!("{name}: {ours:?} but valid is {theirs}: {instance}"));
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
    assert!(count(true, true) > 8_000 && count(false, false) > 10_000, "the instances test too little: {counts:?}");
}

#[test]
fn subjects_mirror_the_hierarchy() {
    use rules_events::subjects;

    assert_eq!(subjects::domain::rule::CREATED, "rules.domain.rule.created.*");
    assert_eq!(subjects::domain::evaluation::STARTED, "rules.domain.evaluation.started");
    assert_eq!(subjects::domain::rule::ALL, "rules.domain.rule.>");
    assert_eq!(subjects::ALL, "rules.>");
}

#[test]
fn every_event_has_a_publisher_and_but_for_deletions_and_failures_a_consumer() {
    use eventsmith::Kind;
    use rules_events::SERVICES;

    for event in CATALOGUE {
        // Documents are put and read; no service lists them.
        if event.kind == Kind::State {
            continue;
        }
        let named = |list: fn(&eventsmith::catalogue::ServiceDescriptor) -> &'static [&'static str]| {
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

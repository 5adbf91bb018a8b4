//! Contracts between services, from the catalogue: whoever is told or asked something understands every example that its schema has.

use std::collections::BTreeMap;

use eventsmith::Event;
use eventsmith::catalogue::EventDescriptor;
use rules_engine::services::SERVICES;
use rules_events::{evaluation, rule};
use serde_json::Value;

use crate::common::Outcome;

/// The examples of a schema.
fn examples(schema: &str) -> Result<Vec<Vec<u8>>, serde_json::Error> {
    let schema: Value = serde_json::from_str(schema)?;
    schema["examples"].as_array().into_iter().flatten().map(serde_json::to_vec).collect()
}

/// All versions of a type.
fn versions(of: &str) -> Vec<&'static EventDescriptor> {
    rules_events::CATALOGUE.iter().filter(|it| it.event_type == of).collect()
}

#[test]
fn every_service_of_the_catalogue_runs_and_no_other() {
    let mut declared: Vec<_> = rules_events::SERVICES.iter().map(|service| service.name).collect();
    let mut made = SERVICES.map(|(name, _)| name).to_vec();
    declared.sort_unstable();
    made.sort_unstable();

    assert_eq!(made, declared);
}

#[test]
fn consumers_understand_every_example_of_every_publisher() -> Outcome {
    let mut understood = BTreeMap::new();
    for service in rules_events::SERVICES {
        for of in service.consumes.iter().chain(service.handles) {
            let versions = versions(of);
            assert!(!versions.is_empty(), "{} is told {of}, which nobody describes", service.name);
            for version in versions {
                let all = examples(version.schema)?;
                assert!(all.len() >= 2, "{of} v{} has {} examples", version.version, all.len());
                for example in all {
                    (version.decode)(&example)?;
                    *understood.entry(service.name).or_insert(0) += 1;
                }
            }
        }
    }
    assert_eq!(understood.len(), 9, "{understood:?}");
    Ok(())
}

#[test]
fn whoever_asks_understands_every_reply_and_refusal() -> Outcome {
    for service in rules_events::SERVICES {
        for of in service.asks {
            assert!(
                rules_events::SERVICES.iter().any(|it| it.handles.contains(of)),
                "{} asks {of}, which nobody answers",
                service.name
            );
            for request in versions(of) {
                for answer in [request.reply.as_ref(), request.error.as_ref()].into_iter().flatten() {
                    for example in examples(answer.schema)? {
                        (answer.decode)(&example)?;
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn handlers_of_the_newest_version_understand_older_ones() -> Outcome {
    for example in examples(rule::v1::RuleCreated::SCHEMA)? {
        let created = rule::RuleCreated::decode(1, &example)?;
        assert!([100, 400, 700, 1_000].contains(&created.priority.0));
    }
    for example in examples(evaluation::v1::EvaluationCompleted::SCHEMA)? {
        evaluation::EvaluationCompleted::decode(1, &example)?;
    }
    Ok(())
}

//! Random schemas, and instances around their limits.
//!
//! `EVENTSMITH_RANDOM_SCHEMAS`, `EVENTSMITH_RANDOM_INSTANCES` (of each schema) and `EVENTSMITH_SEED` ask for more or others.

use std::env;
use std::time::Instant;

use eventsmith_codegen::sample::Instances;
use eventsmith_exact::keywords;
use serde_json::Value;

use crate::harness::{At, Catalogue, Program};
use crate::round_trip::Declared;
use crate::tally::Tally;
use eventsmith_tests::random_schema::random_schema;

#[test]
fn random_schemas_are_judged_as_the_validator_judges_them() {
    let start = Instant::now();
    let schemas = number("EVENTSMITH_RANDOM_SCHEMAS", 400);
    let instances = number("EVENTSMITH_RANDOM_INSTANCES", 300);
    let seed = number("EVENTSMITH_SEED", 1);

    let schemas: Vec<(String, Value)> =
        (seed..seed + schemas).map(|seed| (format!("seed{seed}"), random_schema(seed))).collect();
    let catalogues: Vec<Catalogue> = schemas.iter().map(|(name, schema)| Catalogue::of(name, schema)).collect();
    let program = Program::build("random-schemas", &catalogues);
    let shown = |(name, problem): (&String, &String)| {
        let schema = schemas.iter().find(|(known, _)| known == name).map(|(_, schema)| schema);
        format!("{name}: {problem}\n  schema {}", schema.unwrap_or(&Value::Null))
    };
    let mut tally = Tally::default();
    tally.findings.extend(program.problems.iter().map(shown));
    let compiled = start.elapsed();
    let mut inputs: Vec<(At, String)> = Vec::new();
    let mut made = Vec::new();
    for (index, (name, schema)) in schemas.iter().enumerate() {
        if program.problems.contains_key(name) {
            continue;
        }
        let count = usize::try_from(instances).unwrap();
        let instances: Vec<Value> = Instances::new(schema, seed).unwrap().take(count).collect();
        inputs.extend(instances.iter().map(|instance| ((index, 0), instance.to_string())));
        made.push((index, name, schema, instances));
    }
    let made_in = start.elapsed();
    let outcomes = program.run(&inputs);
    let ran = start.elapsed();
    let mut outcomes = outcomes.iter();
    for (index, name, schema, instances) in &made {
        let options = jsonschema::options().should_validate_formats(true).offline();
        // The validator divides doubles: 9223372036854775803 is no multiple of 1.5 to it. Those that divide decimals are held
        // against digits in `numbers`.
        let options = if keywords::are_needed(schema) { keywords::with_exact_keywords(options) } else { options };
        let validator = options.build(schema).unwrap();
        let mut declared = Declared::new(schema, &[]);
        for instance in instances {
            tally.add(name, (*index, 0), &validator, &mut declared, instance, outcomes.next().unwrap());
        }
    }

    tally.settle(&program);
    println!("{} random schemas, {} instances: {tally}", schemas.len(), tally.total());
    println!(
        "  compiled after {compiled:?}, instances made after {made_in:?}, run after {ran:?}, judged after {:?}",
        start.elapsed()
    );
    tally.assert_no_findings();
    let (valid, invalid) = (tally.count(true, true), tally.count(false, false));
    assert!(valid > tally.total() / 10 && invalid > tally.total() / 10, "the instances test one side only: {tally}");
}

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

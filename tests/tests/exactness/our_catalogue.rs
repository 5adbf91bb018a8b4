//! Our own catalogue, every version an event of its own: what is read is written as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use eventsmith::Kind;
use eventsmith_codegen::sample::Instances;
use serde_json::Value;

use crate::harness::{At, Catalogue, Program};
use crate::round_trip::Declared;
use crate::tally::Tally;

/// How many instances of each payload.
const INSTANCES: usize = 300;

#[test]
fn every_payload_of_the_catalogue_survives_the_way_through_its_type() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("schemas");
    let loaded = eventsmith_codegen::load(&schemas);
    // Upcasting is not at stake here, and would ask for code of the user's.
    let apart = |path: &str| {
        ["1", "2", "3", "4"]
            .iter()
            .fold(path.to_owned(), |path, version| path.replace(&format!(".v{version}."), &format!("-{version}.v1.")))
    };
    // Documents need a bucket each, which these files apart do not declare; their types are made as those of events are.
    let is_schema = |path: &str| !path.starts_with("golden") && !path.starts_with("state/");
    let paths = loaded.files.iter().filter(|path| is_schema(path));
    let files: BTreeMap<String, String> =
        paths.map(|path| (apart(path), fs::read_to_string(schemas.join(path)).unwrap())).collect();
    let catalogue = Catalogue { name: "ours".to_owned(), files };
    let catalogues = [catalogue];
    let program = Program::build("our-catalogue", &catalogues);
    assert_eq!(program.problems, BTreeMap::new());

    let mut payloads: Vec<(String, Value)> = Vec::new();
    for event in rules_events::CATALOGUE.iter().filter(|event| event.kind != Kind::State) {
        let name = format!("{}@{}", event.event_type, event.version);
        payloads.push((name.clone(), serde_json::from_str(event.schema).unwrap()));
        let answers = event.answers();
        payloads.extend(
            answers.map(|(part, answer)| (format!("{name} {part}"), serde_json::from_str(answer.schema).unwrap())),
        );
    }
    assert_eq!(program.payloads[0].len(), payloads.len(), "{:?}", program.payloads);
    let mut inputs: Vec<(At, String)> = Vec::new();
    let mut made: Vec<Vec<Value>> = Vec::new();
    for (index, (_, schema)) in payloads.iter().enumerate() {
        made.push(Instances::new(schema, 1).unwrap().take(INSTANCES).collect());
        inputs.extend(made[index].iter().map(|instance| ((0, index), instance.to_string())));
    }
    let outcomes = program.run(&inputs);
    let mut outcomes = outcomes.iter();
    let mut tally = Tally::default();
    for (index, ((name, schema), instances)) in payloads.iter().zip(&made).enumerate() {
        let validator = jsonschema::options().should_validate_formats(true).offline().build(schema).unwrap();
        let mut declared = Declared::new(schema, &[]);
        for instance in instances {
            tally.add(name, (0, index), &validator, &mut declared, instance, outcomes.next().unwrap());
        }
    }
    tally.settle(&program);
    println!("{} payloads, {} instances: {tally}", payloads.len(), tally.total());
    tally.assert_no_findings();
}

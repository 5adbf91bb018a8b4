//! Every case below `breaking/` is decided as its `expected.json` says, in both directions, and described.
//!
//! A case is two catalogues, `previous` and `current`, with one event. `expected.json` names for either direction the
//! status, or several that are as good, and for a breaking one the keyword that rejects the witness, if only one can.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use eventsmith_codegen::breaking::{Comparison, Comparisons, Direction, compare};
use eventsmith_codegen::bundle::bundle;
use eventsmith_codegen::diagnostic::has_errors;
use eventsmith_codegen::manifest::Policy;
use eventsmith_codegen::schema::Validator;
use eventsmith_codegen::{Loaded, load};
use serde_json::Value;

const FILE: &str = "domain/thing/changed.v1.json";

struct Case {
    name: String,
    previous: Loaded,
    current: Loaded,
    expected: Value,
    result: Comparisons,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/breaking");
    let mut folders: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() > 100, "the cases are gone");
    folders.iter().map(|folder| Case::read(folder)).collect()
}

impl Case {
    fn read(folder: &Path) -> Self {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let (previous, current) = (load(&folder.join("previous")), load(&folder.join("current")));
        for side in [&previous, &current] {
            assert!(!has_errors(&side.diagnostics), "{name}: {:#?}", side.diagnostics);
        }
        let expected = serde_json::from_str(&fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap();
        let result = compare(&previous, &current, Policy::Full);
        Self { name, previous, current, expected, result }
    }

    fn comparison(&self, direction: Direction) -> &Comparison {
        self.result.comparisons.iter().find(|comparison| comparison.direction == direction).unwrap()
    }

    /// The schemas of writer and reader.
    fn sides(&self, direction: Direction) -> (Value, Value) {
        let (previous, current) = (bundle(&self.previous, FILE), bundle(&self.current, FILE));
        match direction {
            Direction::Backward => (previous, current),
            Direction::Forward => (current, previous),
        }
    }

    /// How a direction was decided otherwise than expected.
    fn mismatch(&self, direction: Direction) -> Option<String> {
        let comparison = self.comparison(direction);
        let expected = &self.expected[direction.as_str()];
        let status = comparison.status.as_str();
        let is_right = match &expected["status"] {
            Value::Array(statuses) => statuses.iter().any(|one| one == status),
            one => one == status,
        };
        let keyword = expected["keyword"].as_str();
        let is_right_there = keyword.is_none() || keyword == comparison.schema_pointer.as_deref();
        (!is_right || !is_right_there).then(|| {
            let Comparison { schema_pointer, reason, witness, .. } = comparison;
            let (direction, name) = (direction.as_str(), &self.name);
            format!("{name} {direction}: {status} {schema_pointer:?} {witness:?} {reason:?}, expected {expected}")
        })
    }
}

const DIRECTIONS: [Direction; 2] = [Direction::Backward, Direction::Forward];

#[test]
fn every_change_is_described_in_words() {
    let mut wrong = Vec::new();
    for case in cases() {
        let described: Vec<String> =
            case.comparison(Direction::Backward).changes.iter().map(ToString::to_string).collect();
        let expected: Vec<&str> = case.expected["changes"].as_array().unwrap().iter().flat_map(Value::as_str).collect();
        if described != expected {
            wrong.push(format!("{}: {described:#?}, expected {expected:#?}", case.name));
        }
    }

    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_witness_is_accepted_by_its_writer_and_rejected_by_the_reader() {
    let mut wrong = Vec::new();
    for case in cases() {
        for direction in DIRECTIONS {
            let Some(witness) = &case.comparison(direction).witness else { continue };
            let (writer, reader) = case.sides(direction);
            let is_accepted = |schema: &Value| Validator::new(schema).unwrap().faults(witness).is_empty();
            if !is_accepted(&writer) || is_accepted(&reader) {
                wrong.push(format!("{} {}: {witness}", case.name, direction.as_str()));
            }
        }
    }

    assert!(wrong.is_empty(), "{} witnesses:\n{}", wrong.len(), wrong.join("\n"));
}

/// Nobody can mend what has no place: every finding leads to a line of a file that exists.
#[test]
fn every_finding_has_a_place_in_the_new_files() {
    for case in cases() {
        for finding in &case.result.findings {
            let document = case.current.catalogue.documents.get(&finding.file);
            let document = document.unwrap_or_else(|| panic!("{}: {finding}", case.name));
            assert!(document.schema.pointer(&finding.pointer).is_some(), "{}: {finding}", case.name);
            assert!(finding.position.is_some(), "{}: {finding}", case.name);
        }
    }
}

#[test]
fn every_case_is_decided_as_expected() {
    let cases = cases();
    let wrong: Vec<String> =
        cases.iter().flat_map(|case| DIRECTIONS.into_iter().filter_map(|direction| case.mismatch(direction))).collect();

    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), 2 * cases.len(), wrong.join("\n"));
}

//! Generated code compiles wherever it is put, without a warning: a catalogue of nasty names, shapes, numbers and descriptions, taken
//! in by a crate of other people's habits, which has renamed its dependency and denies whatever can be denied.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use eventsmith_codegen::{Loaded, Runtime, from_files};
use eventsmith_tests::random_schema::random_schema;
use eventsmith_tests::small_crate;

/// A catalogue whose events stand in a private module, where nobody uses them.
const PRIVATE: &[(&str, &str)] = &[
    ("eventsmith.toml", "root = \"rules\""),
    ("domain/rule/created.v1.json", PAID),
    ("domain/rule/created.v2.json", PAID),
    ("domain/ended.v1.json", PAID_ALONE),
    ("domain/ended.v2.json", PAID_ALONE),
    ("command/rule/create.v1.json", "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\"}}}"),
];

const PAID: &str = r#"{"type": "object", "required": ["id"], "properties": {
    "id": {"type": "string", "maxLength": 9}, "by": {"enum": ["card_payment", "cash_payment", "bank_payment"]}},
    "x-event": {"key": "/id", "aggregate": "rule"}}"#;

/// How many random schemas are looked at, unless `EVENTSMITH_RANDOM_SCHEMAS` asks for more.
const RANDOM_SCHEMAS: u64 = 40;

/// A catalogue of random schemas, from the seed that `EVENTSMITH_SEED` says.
fn random() -> BTreeMap<String, Vec<u8>> {
    let number = |variable: &str, default: u64| {
        let said = env::var(variable).ok();
        said.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
    };
    let (first, count) = (number("EVENTSMITH_SEED", 1), number("EVENTSMITH_RANDOM_SCHEMAS", RANDOM_SCHEMAS));
    let event = |seed: u64| {
        let path = format!("domain/random/seed_{seed}.v1.json");
        (path, random_schema(seed).to_string().into_bytes())
    };
    let manifest = ("eventsmith.toml".to_owned(), b"root = \"rules\"".to_vec());
    std::iter::once(manifest).chain((first..first + count).map(event)).collect()
}

/// The same without an aggregate, for an event without a group.
const PAID_ALONE: &str = r#"{"type": "object", "required": ["id"], "properties": {
    "id": {"type": "string"}, "by": {"enum": ["card_payment", "cash_payment", "bank_payment"]}}}"#;

fn generated(loaded: &Loaded) -> String {
    let text = eventsmith_codegen::generate_for(loaded, &Runtime::named("events_runtime").unwrap());
    let text = text.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    text.unwrap()
}

/// The crate, with the events of the catalogue that lies beside this file.
fn written() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/habits");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("habits");
    fs::create_dir_all(folder.join("src")).unwrap();
    small_crate::write_manifest(&folder, "habits", false).unwrap();
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let renamed = manifest.replace("eventsmith = {", "events_runtime = { package = \"eventsmith\",");
    fs::write(folder.join("Cargo.toml"), renamed).unwrap();
    fs::write(folder.join("src/events.rs"), generated(&eventsmith_codegen::load(&here.join("catalogue")))).unwrap();
    let private = PRIVATE.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    fs::write(folder.join("src/private.rs"), generated(&from_files("private", private))).unwrap();
    fs::write(folder.join("src/random.rs"), generated(&from_files("random", random()))).unwrap();
    fs::copy(here.join("lib.rs.txt"), folder.join("src/lib.rs")).unwrap();
    folder
}

/// Runs a command of Cargo, which must say nothing.
fn quiet(folder: &Path, command: &str, arguments: &[&str]) {
    let mut cargo = small_crate::cargo(command, folder, &small_crate::target(env!("CARGO_TARGET_TMPDIR")));
    let output = cargo.args(arguments).env("RUSTDOCFLAGS", "-D warnings").output().unwrap();

    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !words.contains("warning"), "cargo {command}: {words}");
}

/// One test, as all of it is about one crate, which Cargo builds once at a time.
#[test]
fn generated_code_of_a_nasty_catalogue_compiles_among_other_names_without_a_warning() {
    let folder = written();

    quiet(&folder, "clippy", &["--", "-D", "warnings"]);
    quiet(&folder, "doc", &["--no-deps"]);
    // No description is a doctest, and every example of the catalogue is read.
    quiet(&folder, "test", &[]);
}

//! How long it takes from one edited line of a schema to the error of the compiler: `cargo bench -p eventsmith-tests --bench edit`.
//!
//! A program is checked by Cargo as its author does it, in the profile `dev`, and then a property gets another name: the build
//! script generates the catalogue anew, and the compiler shows the line of the program that names the property. The goals are 3 s
//! with 50 events and 10 s with 1,000.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use eventsmith_tests::realistic::{self, SEED};
use eventsmith_tests::small_crate;

/// Events of the catalogue, and how long it may take.
const GOALS: [(usize, Duration); 2] = [(50, Duration::from_secs(3)), (1_000, Duration::from_secs(10))];
const ROUNDS: usize = 5;

const SCHEMA: &str = r#"{
  "title": "LineEdited",
  "type": "object",
  "required": ["before"],
  "properties": {"before": {"type": "string"}}
}"#;
const EVENT: &str = "domain/line/edited.v1.json";
const MAIN: &str = "eventsmith::include_events!();\n\nfn main() {\n    let event = line::LineEdited { before: String::new() };\n    \
                    println!(\"{}\", event.before);\n}\n";

fn main() {
    println!("{:>7}  {:>9}  {:>9}  {:>9}", "events", "fastest", "median", "goal");
    for (events, goal) in GOALS {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path(), events);
        let mut times: Vec<Duration> = (0..ROUNDS).map(|_| edit(folder.path())).collect();
        times.sort_unstable();
        println!("{events:>7}  {:>7.2?}  {:>7.2?}  {goal:>9.0?}", times[0], times[ROUNDS / 2]);
    }
}

fn prepare(folder: &Path, events: usize) {
    realistic::write(folder, events - 1, SEED).unwrap();
    small_crate::write_manifest(folder, &format!("edited-{events}"), true).unwrap();
    for (path, text) in [
        ("build.rs", "fn main() {\n    eventsmith_codegen::Builder::new().build();\n}\n"),
        ("src/main.rs", MAIN),
        (EVENT, SCHEMA),
    ] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// From a build that succeeded to one that does not.
fn edit(folder: &Path) -> Duration {
    fs::write(folder.join(EVENT), SCHEMA).unwrap();
    let built = check(folder);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let start = Instant::now();
    fs::write(folder.join(EVENT), SCHEMA.replace("before", "after")).unwrap();
    let failed = check(folder);
    let took = start.elapsed();
    let error = String::from_utf8_lossy(&failed.stderr);
    assert!(error.contains("has no field named `before`"), "{error}");
    took
}

fn check(folder: &Path) -> Output {
    let mut cargo = small_crate::cargo("check", folder, &small_crate::target(env!("CARGO_TARGET_TMPDIR")));
    // As it is unless a test asks for less.
    cargo.env("CARGO_PROFILE_DEV_INCREMENTAL", "true").output().unwrap()
}

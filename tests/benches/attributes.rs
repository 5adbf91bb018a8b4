//! What 50 structs with `#[domain_event]` cost a build, in a catalogue of 50 events and of 1,000:
//! `cargo bench -p eventsmith-tests --bench attributes`.
//!
//! An attribute loads its event, and not the whole catalogue, so that both take the same time. A program is checked by Cargo as its
//! author does it, in the profile `dev`, after an edit of its text; beside that, how long the same program takes without attributes.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use eventsmith_tests::realistic::{self, SEED};
use eventsmith_tests::small_crate;

const STRUCTS: usize = 50;
const EVENTS: [usize; 2] = [50, 1_000];
const ROUNDS: usize = 5;

fn main() {
    println!("{:>7}  {:>10}  {:>9}  {:>9}", "events", "attributes", "fastest", "median");
    for events in EVENTS {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path(), events);
        for attributes in [0, STRUCTS] {
            let mut times: Vec<Duration> = (0..=ROUNDS).map(|round| edit(folder.path(), attributes, round)).collect();
            // The first round builds what the program depends on.
            times.remove(0);
            times.sort_unstable();
            println!("{events:>7}  {attributes:>10}  {:>7.2?}  {:>7.2?}", times[0], times[ROUNDS / 2]);
        }
    }
}

/// A catalogue of the events that have structs, and of others.
fn prepare(folder: &Path, events: usize) {
    realistic::write(folder, events - STRUCTS, SEED).unwrap();
    small_crate::write_manifest(folder, &format!("attributes-{events}"), false).unwrap();
    fs::create_dir_all(folder.join("domain/line")).unwrap();
    fs::create_dir_all(folder.join("src")).unwrap();
    if !folder.join("eventsmith.toml").exists() {
        fs::write(folder.join("eventsmith.toml"), "root = \"rules\"\n").unwrap();
    }
    for number in 0..STRUCTS {
        let schema = "{\"type\": \"object\", \"required\": [\"line_id\"], \"properties\": {\"line_id\": {\"type\": \"string\"}, \
                      \"count\": {\"type\": \"integer\"}}}";
        fs::write(folder.join(format!("domain/line/edited_{number}.v1.json")), schema).unwrap();
    }
}

/// From an edit of the program to the end of the check, which finds nothing.
fn edit(folder: &Path, attributes: usize, round: usize) -> Duration {
    let of = |number: usize| {
        let attribute = match number < attributes {
            true => format!("#[eventsmith::domain_event(\"line.edited_{number}\", version = 1)]\n"),
            false => String::new(),
        };
        format!(
            "{attribute}#[derive(serde::Serialize, serde::Deserialize)]\npub struct Edited{number} {{\n    pub line_id: String,\n    \
             #[serde(skip_serializing_if = \"Option::is_none\")]\n    pub count: Option<i64>,\n}}\n"
        )
    };
    let structs: String = (0..STRUCTS).map(of).collect();
    fs::write(folder.join("src/lib.rs"), format!("//! Round {round}.\n{structs}")).unwrap();
    let start = Instant::now();
    let mut cargo = small_crate::cargo("check", folder, &small_crate::target(env!("CARGO_TARGET_TMPDIR")));
    let checked = cargo.env("CARGO_PROFILE_DEV_INCREMENTAL", "true").output().unwrap();
    let took = start.elapsed();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    took
}

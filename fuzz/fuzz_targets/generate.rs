//! Any JSON as the schema of an event: generating never panics, and what is generated is Rust.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use eventsmith_codegen::sample::Choices;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

#[path = "../../tests/src/random_schema.rs"]
mod random_schema;

/// A catalogue of one event, whose schema is written anew each time.
fn catalogue() -> &'static PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary folder").keep();
        fs::create_dir_all(dir.join("domain/rule")).expect("a folder");
        fs::write(dir.join("eventsmith.toml"), "root = \"rules\"\n").expect("a file");
        dir
    })
}

fuzz_target!(|data: &[u8]| {
    let dir = catalogue();
    fs::write(dir.join("domain/rule/created.v1.json"), data).expect("a file");
    if let Err(problems) = eventsmith_codegen::generate(&eventsmith_codegen::load(dir)) {
        // A schema may be refused, but not because of a mistake of ours.
        assert!(problems.iter().all(|problem| problem.rule != "internal"), "{problems:?}");
    }
});

// Every third mutation begins with a random schema.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut choices = Choices::seeded(u64::from(seed));
    let schema = random_schema::random_schema(u64::from(seed)).to_string();
    if choices.pick(3) > 0 || schema.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..schema.len()].copy_from_slice(schema.as_bytes());
    if choices.pick(2) == 0 { schema.len() } else { fuzzer_mutate(data, schema.len(), max_size) }
});

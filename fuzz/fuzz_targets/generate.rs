//! Any JSON as the schema of an event: generating never panics, what is generated is Rust and in proportion to the schema, and
//! neither generating nor lint takes long.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

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

/// What code may have for each byte of its schema, and what it may have anyway.
const CODE_PER_BYTE: usize = 64;
const CODE: usize = 512 << 10;

/// How long one input may take, on a machine that does other things as well and without optimisation.
const LONGEST: Duration = Duration::from_secs(20);

fuzz_target!(|data: &[u8]| {
    let dir = catalogue();
    fs::write(dir.join("domain/rule/created.v1.json"), data).expect("a file");
    let start = Instant::now();
    let loaded = eventsmith_codegen::load(dir);
    match eventsmith_codegen::generate(&loaded) {
        Ok(code) => {
            let most = CODE + CODE_PER_BYTE * data.len();
            assert!(code.len() <= most, "{} bytes of code for {} of schema", code.len(), data.len());
        }
        // A schema may be refused, but not because of a mistake of ours.
        Err(problems) => assert!(problems.iter().all(|problem| problem.rule != "internal"), "{problems:?}"),
    }
    eventsmith_codegen::lint::lint(&loaded);
    assert!(start.elapsed() < LONGEST, "{:?} for {} bytes of schema", start.elapsed(), data.len());
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

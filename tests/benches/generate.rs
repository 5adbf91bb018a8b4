//! How long it takes to generate a catalogue: `cargo bench -p eventsmith-tests --bench generate`.
//!
//! The time for each event must not grow with their number.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use divan::Bencher;
use divan::counter::ItemsCount;
use eventsmith_codegen::domain_event::{Site, domain_event};
use eventsmith_codegen::{generate, load};
use eventsmith_tests::realistic::{self, SEED};
use quote::quote;
use tempfile::TempDir;

const EVENTS: &[usize] = &[100, 1_000];

fn main() {
    divan::main();
}

fn catalogue(events: usize) -> TempDir {
    let dir = TempDir::new().unwrap();
    realistic::write(dir.path(), events, SEED).unwrap();
    dir
}

/// Reading the files, resolving the references and checking everything.
#[divan::bench(args = EVENTS, sample_count = 5)]
fn read(bencher: Bencher<'_, '_>, events: usize) {
    let dir = catalogue(events);
    bencher.counter(ItemsCount::new(events)).bench(|| load(dir.path()));
}

/// From what was loaded to text.
#[divan::bench(args = EVENTS, sample_count = 5)]
fn write(bencher: Bencher<'_, '_>, events: usize) {
    let dir = catalogue(events);
    let loaded = load(dir.path());
    bencher.counter(ItemsCount::new(events)).bench(|| generate(&loaded).unwrap());
}

/// What a build script does.
#[divan::bench(args = EVENTS, sample_count = 5)]
fn total(bencher: Bencher<'_, '_>, events: usize) {
    let dir = catalogue(events);
    bencher.counter(ItemsCount::new(events)).bench(|| generate(&load(dir.path())).unwrap());
}

/// What 50 structs with `#[domain_event]` cost a build: each attribute reads its own event, however many there are.
#[divan::bench(args = EVENTS, sample_count = 5)]
fn attributes(bencher: Bencher<'_, '_>, events: usize) {
    const STRUCTS: usize = 50;
    let dir = catalogue(events);
    let site = Site { crate_dir: dir.path(), source_file: None };
    let types: Vec<String> =
        load(dir.path()).catalogue.events.iter().map(|event| event.event_type.clone()).take(STRUCTS).collect();
    bencher.counter(ItemsCount::new(STRUCTS)).bench(|| {
        let expand = |event_type: &String| {
            domain_event(
                quote!(#event_type, version = 1),
                quote!(
                    struct Empty {}
                ),
                site,
            )
        };
        types.iter().map(expand).map(|tokens| tokens.to_string().len()).sum::<usize>()
    });
}

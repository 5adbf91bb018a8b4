//! Events as CloudEvents 1.0 over NATS: written by us and read by the SDK for Python, the reverse, and what becomes of messages of
//! the wrong wire. The types of the catalogue in `schemas` are committed in `golden`. When they change, write them anew:
//!
//! ```text
//! cargo run --bin eventsmith -- generate --schemas tests/tests/cloud_events/schemas --out tests/tests/cloud_events/golden/events.rs
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod foreign;
mod scene;
mod written;
mod wrong_wire;

include!("golden/events.rs");

#[test]
fn the_committed_text_is_what_the_generator_says() {
    let schemas = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cloud_events/schemas");
    let generated = eventsmith_codegen::generate(&eventsmith_codegen::load(&schemas)).unwrap();

    assert!(generated == include_str!("golden/events.rs"), "the golden is stale; see the top of this file");
}

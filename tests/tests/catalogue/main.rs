//! The catalogue of this repository: its payloads, its envelope, what the README says of it, and its generated text as it is
//! committed, which is what the generator says today, and compiles.
//!
//! When a change of a schema or of the generator changes the text, write it anew and look at the difference:
//!
//! ```text
//! cargo run --bin eventsmith -- generate --schemas schemas --out schemas/golden/events.rs
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

mod agreement;
mod editors;
mod envelope;
pub mod habits;
mod histories;
mod lists;
mod readme;
#[path = "../../../schemas/src/upcast.rs"]
mod upcast;

include!("../../../schemas/golden/events.rs");

#[test]
fn the_committed_text_is_what_the_generator_says() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("schemas");
    let generated = eventsmith_codegen::generate(&eventsmith_codegen::load(&schemas)).unwrap();

    assert!(
        generated == include_str!("../../../schemas/golden/events.rs"),
        "the golden is stale; see the top of this file"
    );
}

#[test]
fn the_committed_text_describes_the_events_that_the_build_generates() {
    let describe = |events: &[eventsmith::catalogue::EventDescriptor]| {
        let describe = |event: &eventsmith::catalogue::EventDescriptor| {
            (
                event.event_type,
                event.version,
                event.subject,
                event.schema,
                event.key,
                event.answers().map(|(part, answer)| (part, answer.schema)).collect::<Vec<_>>(),
            )
        };
        events.iter().map(describe).collect::<Vec<_>>()
    };

    assert_eq!(describe(CATALOGUE), describe(rules_events::CATALOGUE));
    assert_eq!(STREAMS, rules_events::STREAMS);
    assert_eq!(BUCKETS, rules_events::BUCKETS);
    assert_eq!(SERVICES, rules_events::SERVICES);
}

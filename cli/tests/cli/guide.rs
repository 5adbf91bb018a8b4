//! The documentation is true: what its pages show is done, each page in a folder of its own, and prints what the page says.
//!
//! Rust in a page is a documentation test of `tests/src/lib.rs`, `schemas/src/lib.rs`, `tests/telemetry/src/lib.rs`,
//! `examples/rules-engine/src/lib.rs` or `examples/rules-engine/edge/src/lib.rs`. What any other block is for stands in the comment before it, and a block without one fails a test:
//!
//! - `<!-- file: PATH -->`: the block is the text of a file; `append` adds it to one.
//! - `<!-- files -->`: each line is the path of a file and its text. `<!-- there -->`: each line begins with the path of a file
//!   of this repository.
//! - `<!-- sh: STATUS .. -->`: the block is commands. Each ends with the status at its place, or all with the one that there is,
//!   or with 0; `124` is that of a command which goes on until it is stopped. What is done before a test begins is left out:
//!   `git clone`, `cargo install`, `nats-server`, and the programs of others, `nats`.
//! - `<!-- prints -->`: the block is what the last of those commands wrote to stdout.
//! - `<!-- prints: COMMAND ; status N -->`: the block is what a command writes to stdout. `within`: it is JSON within that.
//! - `<!-- run: COMMAND ; status N -->`: the block is a command, and then all that it prints.
//! - `<!-- do: COMMAND -->`: a command that the page does not show, without a block. It must succeed.
//! - `<!-- server -->`: a server is started, without a block; `nats://127.0.0.1:4222` is where it is. `server: in the environment`
//!   also tells the commands that follow.
//! - `<!-- quote: PATH -->`: the block stands in a file of this repository, line by line, however far it is indented; a line
//!   `...` stands for what is left out.
//! - `<!-- read: PATH -->`: the block is read by the test in that file, which names the page.
//! - `<!-- shown: WHY -->`: the block cannot be run, and says why. No commands and no settings are like that.
//!
//! `UPDATE_GUIDE=1 cargo test -p eventsmith-cli --test cli guide` writes the outputs anew, and the code that is generated from the
//! catalogue of docs/evolution.md. Look at the difference.

mod coverage;
mod page;
mod replay;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use page::{Part, parts};
use replay::Replay;

/// The pages that are replayed, each by a test of its name.
macro_rules! pages {
    ($($test:ident $page:literal)*) => {
        const PAGES: &[&str] = &[$($page),*];

        $(
            #[test]
            fn $test() {
                replay($page);
            }
        )*
    };
}

/// Replayed by a test that also looks at the code which is generated.
const EVOLUTION: &str = "docs/evolution.md";

pages! {
    readme "README.md"
    buckets "docs/buckets.md"
    catalogue "docs/catalogue.md"
    ci "docs/ci.md"
    cloud_events "docs/cloud-events.md"
    dead_letters "docs/dead-letters.md"
    delivery "docs/delivery.md"
    documents "docs/documents.md"
    exporter "docs/exporter.md"
    first_service "docs/first-service.md"
    flow "docs/flow.md"
    formats "docs/formats.md"
    operations_permissions "docs/operations/permissions.md"
    operations_runbooks "docs/operations/runbooks.md"
    operations_server "docs/operations/server.md"
    operations_upgrade "docs/operations/upgrade.md"
    projections "docs/projections.md"
    provisioning "docs/provisioning.md"
    requests "docs/requests.md"
    rules_engine "docs/rules-engine.md"
    sagas "docs/sagas.md"
    simulation "docs/simulation.md"
    state "docs/state.md"
    testing "docs/testing.md"
    trace "docs/trace.md"
    unit_tests "docs/unit-tests.md"
    operations_backups "docs/operations/backups.md"
    operations_disaster_recovery "docs/operations/disaster-recovery.md"
    operations_kubernetes "docs/operations/kubernetes.md"
    operations_supply_chain "docs/operations/supply-chain.md"
    validate "docs/validate.md"
}

/// What the compiler is shown in `tests/ui/missing_upcast.rs`, and with an upcast in `tests/tests/evolution/guide.rs`.
const GENERATED: &str = "tests/ui/missing_upcast/golden/events.rs";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn is_update() -> bool {
    env::var_os("UPDATE_GUIDE").is_some()
}

/// Does what a page says, from top to bottom.
fn replay(path: &'static str) -> Replay {
    let page = fs::read_to_string(repository().join(path)).unwrap();
    let mut replay = Replay::new(path);
    let mut written = String::new();
    for part in parts(&page) {
        match part {
            Part::Text(line) => written.push_str(&format!("{line}\n")),
            Part::Block(block) => written.push_str(&block.written()),
            Part::Step(step) => {
                let wanted = replay.step(&step);
                if let (Some(block), false) = (&step.block, is_update()) {
                    let place = format!("{path}:{}, <!-- {}: {} -->", block.line, step.kind, step.argument);
                    assert_eq!(block.text, wanted, "{place}; UPDATE_GUIDE=1 writes it anew");
                }
                written.push_str(&step.written(&wanted));
            }
        }
    }
    if is_update() {
        fs::write(repository().join(path), &written).unwrap();
    } else {
        assert_eq!(written, page, "the page is not what was read of it");
    }
    replay
}

#[test]
fn evolution() {
    let mut replay = replay(EVOLUTION);

    // Without the summary, which goes to stderr.
    let generated = replay.output("eventsmith generate");
    let golden = repository().join(GENERATED);
    if is_update() {
        fs::write(golden, generated).unwrap();
    } else {
        let is_fresh = fs::read_to_string(golden).unwrap_or_default() == generated;
        assert!(is_fresh, "{GENERATED} is stale; UPDATE_GUIDE=1 writes it anew");
    }
}

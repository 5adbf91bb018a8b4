//! The invariants of the house, checked by machine: who may name what, depend on whom, and be how long.
//!
//! The tables here and in `files` say what holds, `checks`, `circles` and `floors` decide whether it does, and `checks_can_fail`
//! and `files_can_fail` prove on counterexamples that they can say no.

mod checks;
mod checks_can_fail;
mod circles;
mod files;
mod files_can_fail;
mod floors;
mod modules;
mod repository;
mod tokens;

use checks::{Confined, Dependents, Layer};
use repository::{Outcome, Repository};

/// Words that only some sources may hold. Test code is free.
const CONFINED: &[Confined] = &[
    Confined {
        words: &["async_nats", "async-nats"],
        everywhere_below: "",
        except: &["runtime/bus/src/jetstream*", "runtime/admin/src/jetstream*", "tests/simulation/*"],
        why: "the JetStream transport alone knows its client, so that a new client is a change in one place",
    },
    Confined {
        words: &["jsonschema"],
        everywhere_below: "",
        except: &[
            "runtime/event/src/schema.rs",
            "runtime/event/src/schema/*",
            "runtime/testing/src/agreement.rs",
            "runtime/testing/src/agreement/*",
            "codegen/src/schema.rs",
            "codegen/src/schema/*",
            // What both of them do with numbers that serde_json rounds, and say of a union's errors.
            "exact/*",
            "unions/src/lib.rs",
            // The fuzz targets hold ours against the validator.
            "fuzz/*",
        ],
        why: "one module of events and one of codegen speak for the validator, so that both judge alike",
    },
    Confined {
        words: &["fs::", ".exists()", ".is_file()", ".is_dir()", ".read_dir()", ".canonicalize()"],
        everywhere_below: "codegen/src/",
        // The builder is the one place that writes.
        except: &["codegen/src/load*", "codegen/src/builder*"],
        why: "loading is the only phase that touches the disk; everything after it is a pure function of the model",
    },
];

/// Packages that only some of our crates may depend on.
const DEPENDENTS: &[Dependents] = &[
    // The tests of the command line act as a consumer that is not ours.
    Dependents {
        of: "async-nats",
        only: &["eventsmith-bus", "eventsmith-admin", "eventsmith-cli", "eventsmith-tests", "eventsmith-simulation"],
    },
    // The simulation names its features alone, so that it is compiled once.
    Dependents {
        of: "jsonschema",
        only: &[
            "eventsmith-exact",
            "eventsmith-unions",
            "eventsmith-event",
            "eventsmith-testing",
            "eventsmith-codegen",
            "eventsmith-tests",
            "eventsmith-simulation",
        ],
    },
    Dependents {
        of: "eventsmith-exact",
        only: &["eventsmith-event", "eventsmith-codegen", "eventsmith-documents", "eventsmith-tests"],
    },
    Dependents { of: "eventsmith-unions", only: &["eventsmith-event", "eventsmith-codegen"] },
    Dependents { of: "eventsmith-operations", only: &["eventsmith-documents", "eventsmith-cli"] },
    Dependents { of: "eventsmith-documents", only: &["eventsmith-cli"] },
    // What runs reads no schema file.
    Dependents {
        of: "eventsmith-codegen",
        only: &["eventsmith-macros", "rules-events", "eventsmith-documents", "eventsmith-cli", "eventsmith-tests"],
    },
    // Users, and so all that is ours above the face, name the face alone.
    Dependents {
        of: "eventsmith-event",
        only: &["eventsmith-bus", "eventsmith-state", "eventsmith-admin", "eventsmith-testing", "eventsmith"],
    },
    Dependents {
        of: "eventsmith-bus",
        only: &["eventsmith-state", "eventsmith-admin", "eventsmith-telemetry", "eventsmith-testing", "eventsmith"],
    },
    Dependents { of: "eventsmith-state", only: &["eventsmith"] },
    Dependents { of: "eventsmith-admin", only: &["eventsmith"] },
    Dependents { of: "eventsmith-telemetry", only: &["eventsmith"] },
    Dependents { of: "eventsmith-testing", only: &["eventsmith"] },
];

/// The workspace from the ground up: a crate may depend on crates of lower layers only.
const LAYERS: &[Layer] = &[
    Layer(&["eventsmith-exact", "eventsmith-unions", "eventsmith-operations"]),
    Layer(&["eventsmith-codegen", "eventsmith-event"]),
    Layer(&["eventsmith-macros", "eventsmith-bus", "eventsmith-documents"]),
    Layer(&["eventsmith-state", "eventsmith-admin", "eventsmith-telemetry", "eventsmith-testing"]),
    Layer(&[FACE]),
    Layer(&["rules-events"]),
    Layer(&["eventsmith-cli", "quickstart", "rules-engine-edge"]),
    Layer(&["rules-engine"]),
    Layer(&["eventsmith-tests", "eventsmith-ui-tests", "eventsmith-simulation", "eventsmith-telemetry-tests"]),
];

/// What users name.
const FACE: &str = "eventsmith";

/// What a crate of generated events does without.
const TOO_HEAVY_FOR_EVENTS: &[&str] = &["async-nats", "tokio", "tower"];

/// What would make build scripts slow, or let them reach the network.
const TOO_HEAVY_FOR_BUILD_SCRIPTS: &[&str] = &["async-nats", "clap", "hyper", "reqwest", "rustls", "tokio"];

/// The longest that a source file may be, in lines.
const LONGEST: usize = 500;
/// How many names the root of the face has at most.
const MOST_NAMES: usize = 44;

#[test]
fn only_the_chosen_modules_name_what_is_confined_to_them() -> Outcome {
    let sources = Repository::open()?.sources()?;

    for rule in CONFINED {
        none(checks::confined(rule, &sources));
    }
    Ok(())
}

/// A rule about a file that was renamed would hold for ever, and so would a walk that found no sources.
#[test]
fn every_module_that_may_name_the_validator_or_read_disk_exists() -> Outcome {
    let sources = Repository::open()?.sources()?;

    for module in
        ["runtime/event/src/schema", "runtime/testing/src/agreement", "codegen/src/schema", "codegen/src/load"]
    {
        assert!(sources.iter().any(|source| source.path.starts_with(module)), "{module} is gone: mend the table");
    }
    Ok(())
}

#[test]
fn only_the_chosen_crates_depend_on_client_and_validator() -> Outcome {
    let crates = Repository::open()?.crates()?;

    for rule in DEPENDENTS {
        none(checks::dependents(rule, &crates));
    }
    Ok(())
}

#[test]
fn dependencies_point_one_way() -> Outcome {
    none(checks::one_way(LAYERS, FACE, &Repository::open()?.crates()?));
    Ok(())
}

#[test]
fn codegen_is_light_enough_for_build_scripts() -> Outcome {
    let all = Repository::open()?.dependencies_of("eventsmith-codegen", "normal,build")?;

    none(checks::without("eventsmith-codegen", TOO_HEAVY_FOR_BUILD_SCRIPTS, &all));
    Ok(())
}

#[test]
fn generated_events_build_without_client_and_runtime() -> Outcome {
    let all = Repository::open()?.dependencies_of("rules-events", "normal")?;

    none(checks::without("rules-events", TOO_HEAVY_FOR_EVENTS, &all));
    Ok(())
}

#[test]
fn the_face_only_re_exports() -> Outcome {
    let sources = Repository::open()?.sources()?;
    let face: Vec<_> = sources.iter().filter(|source| source.path.starts_with("runtime/src/")).collect();

    assert!(!face.is_empty(), "runtime/src is gone: mend this test");
    none(face.into_iter().flat_map(checks::reexports_only).collect());
    Ok(())
}

#[test]
fn the_root_of_the_face_has_few_names() -> Outcome {
    let sources = Repository::open()?.sources()?;
    let root = sources.iter().find(|source| source.path == "runtime/src/lib.rs");

    none(checks::few_names(MOST_NAMES, root.ok_or("runtime/src/lib.rs is gone: mend this test")?));
    Ok(())
}

#[test]
fn every_crate_inherits_the_lints_that_forbid_unsafe_code() -> Outcome {
    let (workspace, members) = Repository::open()?.manifests()?;

    none(checks::lints(&workspace, &members));
    Ok(())
}

#[test]
fn no_source_file_is_too_long() -> Outcome {
    none(checks::too_long(LONGEST, &Repository::open()?.sources()?));
    Ok(())
}

#[track_caller]
fn none(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

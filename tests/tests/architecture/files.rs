//! The files within each crate: no circles, and floors that arrows only go down.

use std::collections::BTreeMap;

use crate::circles::{Arrows, arrows, circle_findings};
use crate::floors::{Floors, floor_findings};
use crate::modules::Modules;
use crate::none;
use crate::repository::{Outcome, Repository};

/// Circles that still stand, each by all of its files. A circle that is cut or becomes smaller must leave the list or become
/// smaller in it, and none may come.
const KNOWN_CIRCLES: &[&[&str]] = &[];

/// The floors of every crate that has some, from the ground up.
const FLOORS: &[Floors] = &[
    Floors {
        of: "codegen/src",
        floors: &[
            &["diagnostic", "editor", "excerpt", "manifest", "parallel"],
            &["filter", "lookup", "model", "pages", "pointer", "references", "rule", "schema", "walk"],
            &["load", "language"],
            &["sample", "shape", "lower/dialect"],
            &["check"],
            &["lower", "bundle", "containment"],
            &["evolution"],
            &["emit"],
            &["generate"],
            &["builder", "domain_event", "lint", "paths", "payload", "breaking"],
        ],
        known: &[],
    },
    Floors {
        of: "operations/src",
        floors: &[
            &["file", "metrics", "subject", "yaml"],
            &["landscape", "prometheus"],
            &["promql"],
            &["alerts", "dashboards", "flow", "kubernetes", "permissions"],
            &["server"],
        ],
        known: &[],
    },
    Floors {
        of: "documents/src",
        floors: &[&["fields", "keywords", "markdown"], &["asyncapi", "changes", "explain", "import", "site"]],
        known: &[],
    },
    Floors {
        of: "runtime/event/src",
        floors: &[
            &["clip", "filter", "habits", "maybe", "stream", "subject", "text", "token", "wire"],
            &["builder", "bytes", "date", "date_time", "de", "invalid"],
            &["number"],
            &["json_schema"],
            &["constants"],
            &["checks", "envelope", "schema"],
            &["event"],
            &["descriptor", "examples", "payload", "reply"],
            &["aggregate"],
            &["generated"],
        ],
        known: &[],
    },
    Floors {
        of: "runtime/bus/src",
        floors: &[
            &["cause", "config", "environment", "settings", "signal"],
            // The contract of a transport, which names none of those above.
            &["transport"],
            &["observe"],
            &["jetstream", "memory", "outgoing"],
            &["publish", "dead_letters", "request"],
            &["bus"],
            &["handler"],
            &["consumer"],
            &["bucket", "service", "subscriber"],
        ],
        known: &[],
    },
    Floors {
        of: "runtime/state/src",
        floors: &[
            &["confine", "delay", "error", "pauses"],
            &["record", "command"],
            &["linear"],
            &["chain", "check", "history"],
            &["discard"],
            &["append", "snapshot"],
            &["aggregate"],
            &["loaded"],
            &["aggregates"],
            // Beside aggregates, whose records it can tell from what is none.
            &["projection"],
            &["saga"],
        ],
        known: &[],
    },
    Floors {
        of: "runtime/admin/src",
        floors: &[
            &["buckets", "jetstream", "requests", "topology"],
            &["server", "tail", "trace"],
            &["backup", "provision", "survey"],
            &["dead_letters"],
            &["bus_admin"],
        ],
        known: &[],
    },
    Floors {
        of: "runtime/telemetry/src",
        floors: &[
            &["bounded", "names", "sampling"],
            &["components", "metrics", "traces"],
            &["figures"],
            &["telemetry", "otlp"],
            &["health"],
        ],
        known: &[],
    },
    Floors {
        of: "runtime/testing/src",
        floors: &[&["error", "http", "port"], &["install", "probe"], &["server"], &["cluster", "agreement"]],
        known: &[],
    },
    Floors {
        of: "examples/rules-engine/edge/src",
        floors: &[
            &["derived", "secret", "serve"],
            &["external"],
            &["api", "gateway", "tax", "webhooks"],
            // Servers that play the systems of others, in their own models.
            &["played"],
        ],
        known: &[],
    },
    Floors {
        of: "cli/src",
        floors: &[
            &["exit", "git", "outside", "output"],
            &["format"],
            &["catalogue", "connect", "fresh", "landscape", "payload", "progress", "topology"],
            &["commands"],
        ],
        known: &[],
    },
];

/// The arrows of every crate.
fn all_arrows() -> Outcome<Vec<Arrows>> {
    let repository = Repository::open()?;
    let sources = repository.sources()?;
    let texts: BTreeMap<&str, &str> =
        sources.iter().map(|source| (source.path.as_str(), source.text.as_str())).collect();
    let roots = repository.crates()?.into_iter().flat_map(|found| found.roots);
    roots.map(|root| Ok(arrows(&Modules::read(&root, &|path| texts.get(path).copied())?))).collect()
}

#[test]
fn no_files_of_a_crate_use_each_other_in_a_circle() -> Outcome {
    none(circle_findings(&all_arrows()?, KNOWN_CIRCLES));
    Ok(())
}

#[test]
fn what_stands_on_a_floor_uses_nothing_above() -> Outcome {
    let all = all_arrows()?;
    for table in FLOORS {
        let found = all.iter().find(|arrows| arrows.keys().any(|file| file.starts_with(table.of)));
        none(found.map_or_else(
            || vec![format!("{} is gone: mend the table FLOORS", table.of)],
            |arrows| floor_findings(table, arrows),
        ));
    }
    Ok(())
}

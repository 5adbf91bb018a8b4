//! Rules of Prometheus with thresholds from what the catalogue says of each consumer and stream, each with a test that fires and one
//! that stays silent.

mod consumers;
mod page;
mod rule;
mod server;
mod services;
mod table;
mod write;

use crate::file::File;
use crate::landscape::Landscape;
use rule::Rule;

pub use page::page;
pub use rule::{Alert, Severity, WRITTEN};
pub use table::ALERTS;

/// Where the runbooks are, if nobody says otherwise: a section for each alert.
pub const RUNBOOKS: &str = "docs/operations/alerts.md";

/// The rules for a catalogue, and their tests: `NAME.rules.yml` for each service, `streams.rules.yml`, `eventsmith.rules.yml`, and
/// `tests/NAME.test.yml` for each of them. `runbooks` is the address of the page with a section for each alert.
pub fn files(landscape: &Landscape, runbooks: &str) -> Vec<File> {
    write::files(&rules(landscape), runbooks)
}

pub(crate) fn rules(landscape: &Landscape) -> Vec<Rule> {
    let mut rules = Vec::new();
    for service in &landscape.services {
        rules.extend(consumers::rules(landscape, service));
        rules.extend(services::rules(landscape, service));
    }
    rules.extend(server::rules(landscape));
    rules
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metrics;
    use crate::promql::names;

    #[test]
    fn every_alert_of_the_table_has_a_rule_somewhere() {
        let rules = rules(&crate::landscape::tests::shop());

        let made: BTreeSet<&str> = rules.iter().map(|rule| rule.alert.name).collect();
        let listed: BTreeSet<&str> = ALERTS.iter().map(|alert| alert.name).collect();
        assert_eq!(made, listed);
    }

    #[test]
    fn every_metric_of_a_rule_is_exported() {
        let exported: BTreeSet<String> =
            metrics::EXPORTER.iter().chain(metrics::SERVICES).flat_map(metrics::Metric::series).collect();

        for rule in rules(&crate::landscape::tests::shop()) {
            let asked = names(&rule.expression);
            assert!(!asked.is_empty(), "{}", rule.expression);
            for name in asked {
                assert!(exported.contains(&name), "{}: {name}", rule.alert.name);
            }
        }
    }
}

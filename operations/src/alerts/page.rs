//! The page that alerts link to: one section for each.

use std::fmt::Write;

use super::rule::Severity;
use super::table::ALERTS;

const HEAD: &str = "# Alerts

`eventsmith alerts --out DIR` writes rules for Prometheus from the catalogue, with thresholds from what `eventsmith.toml` says of each
consumer and stream, and beside them tests for `promtool`: one that fires and one that stays silent for each rule. `--check` says
in CI when they are stale, and `--runbooks URL` where this page is published.

The figures are those of [`eventsmith exporter`](../exporter.md), and of the services themselves. Each alert has the label `severity`: *critical*
means that something is lost or stands still and somebody has to act now, *warning* that somebody has to look today.

This page is written from the table in `operations/src/alerts/table.rs`:
`UPDATE_PAGES=1 cargo test -p eventsmith-operations --test pages`.
";

/// The text of `docs/operations/alerts.md`.
pub fn page() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n| alert | severity |\n|---|---|\n");
    for alert in ALERTS {
        // Writing to a text does not fail.
        let _ = writeln!(text, "| [{}](#{}) | {} |", alert.name, alert.name.to_lowercase(), alert.severity.as_str());
    }
    for alert in ALERTS {
        let severity = match alert.severity {
            Severity::Critical => "critical",
            Severity::Warning => "a warning",
        };
        let _ = write!(
            text,
            "\n## {}\n\nIt is {severity}. {}\n\n**Look.** {}\n\n**Act.** {}\n",
            alert.name, alert.meaning, alert.look, alert.act
        );
    }
    text
}

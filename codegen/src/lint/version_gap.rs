//! Versions have no gaps.

use crate::diagnostic::Severity;
use crate::lint::file::Report;
use crate::load::Loaded;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "version-gap",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "Versions count from 1 without gaps. Where one is missing it was deleted, though streams may still hold its events, \
              or the number was mistyped.",
    bad: "--- domain/rule/created.v1.json\n{\"type\": \"object\"}\n--- domain/rule/created.v3.json\n{\"type\": \"object\"}",
    good: "--- domain/rule/created.v1.json\n{\"type\": \"object\"}\n--- domain/rule/created.v2.json\n{\"type\": \"object\"}",
};

pub(crate) fn check(loaded: &Loaded, report: &mut Report<'_>) {
    for event in &loaded.catalogue.events {
        let mut next = 1;
        for version in &event.versions {
            if version.number > next {
                let missing = match version.number - next {
                    1 => format!("version {next}"),
                    _ => format!("versions {next} to {}", version.number - 1),
                };
                let message = format!("{} has no {missing} before version {}", event.event_type, version.number);
                let help = "restore the file, or give this one the next number if it was never published";
                report.on(&version.file, message, help);
            }
            next = version.number.saturating_add(1);
        }
    }
}

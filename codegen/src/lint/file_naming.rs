//! Files and folders of events are named in snake case.

use crate::diagnostic::Severity;
use crate::lint::file::Report;
use crate::lint::name_style::{is_snake, snake_help};
use crate::load::Loaded;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "file-naming",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "Folders and files become tokens of subjects, which are compared letter by letter, and modules of Rust. In snake \
              case nobody has to remember how one was written.",
    bad: "--- domain/rule/statusChanged.v1.json\n{\"type\": \"object\"}",
    good: "--- domain/rule/status_changed.v1.json\n{\"type\": \"object\"}",
};

pub(crate) fn check(loaded: &Loaded, report: &mut Report<'_>) {
    for event in &loaded.catalogue.events {
        for token in event.event_type.split('.').filter(|token| !is_snake(token)) {
            let message = format!("{token:?} is not in snake case");
            report.on(&event.versions[0].file, message, snake_help(token));
        }
    }
}

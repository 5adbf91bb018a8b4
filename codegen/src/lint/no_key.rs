//! Events that are to be ordered by key have one.

use crate::diagnostic::Severity;
use crate::lint::file::Report;
use crate::load::Loaded;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "no-key",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "An `ordered` consumer keeps the order of events with the same key. An event whose schema names no key is in no \
              order, and a service with `order = \"key\"` refuses to handle it unless it says that this one need not be.",
    bad: "--- eventsmith.toml
root = \"rules\"
[services.management]
publishes = [\"rule.created\"]
[services.search]
consumes = [\"rule.created\"]
consumer = { ordered = true }
--- domain/rule/created.v1.json
{\"type\": \"object\", \"required\": [\"rule_id\"], \"properties\": {\"rule_id\": {\"type\": \"string\"}}}",
    good: "--- eventsmith.toml
root = \"rules\"
[services.management]
publishes = [\"rule.created\"]
[services.search]
consumes = [\"rule.created\"]
consumer = { ordered = true }
--- domain/rule/created.v1.json
{\"type\": \"object\", \"required\": [\"rule_id\"], \"properties\": {\"rule_id\": {\"type\": \"string\"}}, \"x-event\": {\"key\": \"/rule_id\"}}",
};

pub(crate) fn check(loaded: &Loaded, report: &mut Report<'_>) {
    let catalogue = &loaded.catalogue;
    for (name, service) in catalogue.manifest.services.iter().filter(|(_, service)| service.consumer.ordered) {
        for consumed in &service.consumes {
            let event = catalogue.event(consumed.get_ref());
            // The newest version is the one that handlers see.
            let Some(newest) = event.and_then(|event| event.versions.last()).filter(|newest| newest.key.is_none())
            else {
                continue;
            };
            let message =
                format!("service {} is ordered, but {} has no key to order it by", name.get_ref(), consumed.get_ref());
            let help = format!("name the key in {}: \"x-event\": {{\"key\": \"/id\"}}", newest.file);
            report.in_manifest(catalogue, consumed, message, help);
        }
    }
}

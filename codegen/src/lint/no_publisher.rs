//! Every event is published by a service.

use crate::diagnostic::Severity;
use crate::lint::file::Report;
use crate::load::Loaded;
use crate::manifest::Service;
use crate::model::Usage;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "no-publisher",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "Where `eventsmith.toml` declares services, a domain or integration event that none of them publishes is dead, or \
              the list is out of date. The rule rests while no service is declared.",
    bad: "--- eventsmith.toml
root = \"rules\"
[services.search]
consumes = [\"rule.created\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}",
    good: "--- eventsmith.toml
root = \"rules\"
[services.management]
publishes = [\"rule.created\"]
[services.search]
consumes = [\"rule.created\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}",
};

pub(crate) fn check(loaded: &Loaded, report: &mut Report<'_>) {
    unnamed(loaded, Usage::Event, |service| &service.publishes, "no service publishes", "publishes", report);
}

/// Reports every event, or every request, that no service names in a role.
pub(super) fn unnamed(
    loaded: &Loaded,
    usage: Usage,
    role: fn(&Service) -> &Vec<toml::Spanned<String>>,
    message: &str,
    member: &str,
    report: &mut Report<'_>,
) {
    let services = &loaded.catalogue.manifest.services;
    if services.is_empty() {
        return;
    }
    for event in loaded.catalogue.events.iter().filter(|event| event.kind.usage() == usage) {
        let is_named =
            services.values().any(|service| role(service).iter().any(|name| *name.get_ref() == event.event_type));
        if !is_named {
            let help = format!("add {:?} to `{member}` of a service in eventsmith.toml", event.event_type);
            report.on(&event.versions[0].file, format!("{message} {}", event.event_type), help);
        }
    }
}

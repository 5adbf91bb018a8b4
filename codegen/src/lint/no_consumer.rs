//! Every event is consumed by a service.

use crate::diagnostic::Severity;
use crate::lint::file::Report;
use crate::lint::no_publisher::unnamed;
use crate::load::Loaded;
use crate::model::Usage;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "no-consumer",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "Where `eventsmith.toml` declares services, a domain or integration event that none of them consumes is stored for \
              nobody, or its consumer is not declared. The rule rests while no service is declared.",
    bad: "--- eventsmith.toml
root = \"rules\"
[services.management]
publishes = [\"rule.created\"]
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
    unnamed(loaded, Usage::Event, |service| &service.consumes, "no service consumes", "consumes", report);
}

//! Every command and query is handled by a service.

use crate::diagnostic::Severity;
use crate::lint::file::Report;
use crate::lint::no_publisher::unnamed;
use crate::load::Loaded;
use crate::model::Usage;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "no-handler",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "Where `eventsmith.toml` declares services, a command or query that none of them handles is never answered. The \
              rule rests while no service is declared.",
    bad: "--- eventsmith.toml
root = \"rules\"
[services.management]
description = \"Owns the rules.\"
--- command/rule/create.v1.json
{\"type\": \"object\"}",
    good: "--- eventsmith.toml
root = \"rules\"
[services.management]
description = \"Owns the rules.\"
handles = [\"rule.create\"]
--- command/rule/create.v1.json
{\"type\": \"object\"}",
};

pub(crate) fn check(loaded: &Loaded, report: &mut Report<'_>) {
    unnamed(loaded, Usage::Request, |service| &service.handles, "no service handles", "handles", report);
}

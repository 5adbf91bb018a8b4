//! Where services consume, a stream captures their dead letters.

use crate::diagnostic::Severity;
use crate::filter::matches;
use crate::lint::file::Report;
use crate::load::Loaded;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "no-dead-letters",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "What a service cannot handle goes to the subjects `ROOT.dlq.SERVICE.>`, and a service that consumes does not start \
              where no stream captures them. The rule rests while no stream is declared.",
    bad: "--- eventsmith.toml
root = \"rules\"
[streams.RULES]
subjects = [\"rules.domain.>\"]
[services.search]
publishes = [\"rule.created\"]
consumes = [\"rule.created\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}",
    good: "--- eventsmith.toml
root = \"rules\"
[streams.RULES]
subjects = [\"rules.domain.>\"]
[streams.RULES_DEAD_LETTERS]
subjects = [\"rules.dlq.>\"]
[services.search]
publishes = [\"rule.created\"]
consumes = [\"rule.created\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}",
};

pub(crate) fn check(loaded: &Loaded, report: &mut Report<'_>) {
    let manifest = &loaded.catalogue.manifest;
    if manifest.streams.is_empty() {
        return;
    }
    let root = manifest.root.get_ref();
    let is_captured = |subject: &str| {
        let filters = manifest.streams.values().flat_map(|stream| &stream.subjects);
        filters.into_iter().any(|filter| matches(filter.get_ref(), subject))
    };
    for (name, _) in manifest.services.iter().filter(|(_, service)| !service.consumes.is_empty()) {
        let letters = format!("{root}.dlq.{}.>", name.get_ref());
        // Those about the events of one stream may be captured apart.
        let mut of_streams = manifest.streams.keys().map(|stream| stream.get_ref());
        if !of_streams.any(|stream| is_captured(&letters.replace('>', &format!("{stream}.1.domain.rule.created")))) {
            let message = format!("no stream captures {letters}, so that service {} cannot start", name.get_ref());
            let help = format!("add a stream for dead letters, with subjects = [\"{root}.dlq.>\"]");
            report.in_manifest(&loaded.catalogue, name, message, help);
        }
    }
}

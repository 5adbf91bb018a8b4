//! Every command and query says what it is answered with.

use crate::diagnostic::Severity;
use crate::lint::file::Report;
use crate::load::Loaded;
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "missing-reply",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "A command or query is answered with what its `NAME.vN.reply.json` describes. Without that file callers learn no \
              more than that it was done, and a reply that comes later takes a new version of the request.",
    bad: "--- query/rule/get.v1.json\n{\"type\": \"object\"}",
    good: "--- query/rule/get.v1.json\n{\"type\": \"object\"}\n--- query/rule/get.v1.reply.json\n{\"type\": \"object\"}",
};

pub(crate) fn check(loaded: &Loaded, report: &mut Report<'_>) {
    let requests = loaded.catalogue.versions().filter(|(event, _)| event.kind.is_request());
    for (event, version) in requests.filter(|(_, version)| version.reply.is_none()) {
        let Some(document) = loaded.catalogue.documents.get(&version.file) else { continue };
        let message = format!("{} v{} has no reply", event.event_type, version.number);
        let stem = version.file.strip_suffix(".json").unwrap_or(&version.file);
        let help = format!(
            "add {stem}.reply.json; if there is nothing to say, allow it: \"x-lint-allow\": {{\"missing-reply\": \"why\"}}"
        );
        report.at(document, "", message, help);
    }
}

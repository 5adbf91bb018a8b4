//! Streams that hold aggregates forget nothing.

use crate::diagnostic::Severity;
use crate::lint::file::Report;
use crate::load::Loaded;
use crate::manifest::{Discard, Retention, Storage};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "forgetful-aggregate",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "An aggregate is what its events make of it. A stream that drops them, at its limits of age, bytes or count or once they \
              are acknowledged, leaves histories with gaps, and an aggregate with a gap is not loaded any more. Where a stream must \
              not grow without end, `discard = \"new\"` refuses new events instead.",
    bad: "--- eventsmith.toml
root = \"rules\"
[streams.RULES]
subjects = [\"rules.domain.>\"]
max_age = \"30d\"
--- domain/rule/created.v1.json
{\"type\": \"object\", \"required\": [\"rule_id\"], \"properties\": {\"rule_id\": {\"type\": \"string\"}},
 \"x-event\": {\"key\": \"/rule_id\", \"aggregate\": \"rule\"}}",
    good: "--- eventsmith.toml
root = \"rules\"
[streams.RULES]
subjects = [\"rules.domain.>\"]
max_bytes = \"10GiB\"
discard = \"new\"
--- domain/rule/created.v1.json
{\"type\": \"object\", \"required\": [\"rule_id\"], \"properties\": {\"rule_id\": {\"type\": \"string\"}},
 \"x-event\": {\"key\": \"/rule_id\", \"aggregate\": \"rule\"}}",
};

pub(crate) fn check(loaded: &Loaded, report: &mut Report<'_>) {
    let catalogue = &loaded.catalogue;
    for (name, stream) in catalogue.manifest.streams.iter().filter(|(_, stream)| catalogue.holds_aggregates(stream)) {
        let is_limited = stream.max_bytes.is_some() || stream.max_messages.is_some();
        let (why, help) = if stream.retention != Retention::Limits {
            ("drops events once they are acknowledged", "remove `retention`: a history is read again and again")
        } else if stream.max_age.is_some() {
            ("drops those older than max_age", "remove `max_age`, or move the aggregates to a stream of their own")
        } else if stream.storage == Storage::Memory {
            ("is kept in memory, so that a server which is started again has none", "remove `storage`")
        } else if is_limited && stream.discard == Discard::Old {
            ("drops the oldest when it is full", "write `discard = \"new\"`, or remove the limit")
        } else {
            continue;
        };
        let message = format!("stream {} holds histories of aggregates, and {why}", name.get_ref());
        report.in_manifest(catalogue, name, message, help);
    }
}

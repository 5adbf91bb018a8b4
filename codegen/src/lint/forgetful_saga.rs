//! Streams that hold sagas forget nothing.

use crate::diagnostic::Severity;
use crate::lint::file::Report;
use crate::load::Loaded;
use crate::manifest::{Retention, Storage};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "forgetful-saga",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "A saga is what its events say, and its time-outs are messages that wait in its stream. A stream that drops them, at its \
              limits of age, bytes or count or once they are acknowledged, leaves sagas that never end, and no compensation is run. So that \
              the stream does not grow without end, those that ended are purged: `eventsmith sagas purge`.",
    bad: "--- eventsmith.toml
root = \"rules\"
[streams.RULES_SAGAS]
subjects = [\"rules.saga.>\"]
sagas = { checkout = \"checkout.progress\" }
max_age = \"30d\"
--- state/checkout/progress.v1.json
{\"type\": \"object\"}",
    good: "--- eventsmith.toml
root = \"rules\"
[streams.RULES_SAGAS]
subjects = [\"rules.saga.>\"]
sagas = { checkout = \"checkout.progress\" }
--- state/checkout/progress.v1.json
{\"type\": \"object\"}",
};

pub(crate) fn check(loaded: &Loaded, report: &mut Report<'_>) {
    let catalogue = &loaded.catalogue;
    for (name, stream) in catalogue.manifest.streams.iter().filter(|(_, stream)| !stream.sagas.is_empty()) {
        let is_limited = stream.max_bytes.is_some() || stream.max_messages.is_some();
        let (why, help) = if stream.retention == Retention::Interest {
            ("drops time-outs before they are due, as no consumer waits for them", "remove `retention`")
        } else if stream.retention != Retention::Limits {
            ("drops what is acknowledged", "remove `retention`: a saga is read again at each step")
        } else if stream.max_age.is_some() {
            ("drops what is older than max_age, time-outs among it", "remove `max_age`")
        } else if stream.storage == Storage::Memory {
            ("is kept in memory, so that a server which is started again has none", "remove `storage`")
        } else if is_limited {
            (
                "drops the oldest when it is full",
                "remove the limit, and purge sagas that ended: `eventsmith sagas purge`",
            )
        } else {
            continue;
        };
        let message = format!("stream {} holds sagas, and {why}", name.get_ref());
        report.in_manifest(catalogue, name, message, help);
    }
}

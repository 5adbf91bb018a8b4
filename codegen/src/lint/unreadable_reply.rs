//! What the newest version of a request is answered with is understood by callers of the older ones.

use crate::bundle::files_from;
use crate::containment::Compatibility;
use crate::diagnostic::Severity;
use crate::evolution::callers_read;
use crate::excerpt::cut;
use crate::lint::file::Report;
use crate::load::Loaded;
use crate::manifest::Policy;
use crate::model::{Event, Version, VersionPart};
use crate::rule::{Family, Rule};

pub(crate) const RULE: Rule = Rule {
    id: "unreadable-reply",
    family: Family::Lint,
    severity: Severity::Error,
    purpose: "Servers upcast requests of older versions, and answer them as they answer the newest one. Callers of an older \
              version read the reply, or the refusal, by the schema of their own version: so it may gain optional properties, \
              and lose nothing that they need. The rule rests with the policy `forward`, where callers change first; \
              `eventsmith breaking` asks it of versions that are new.",
    bad: "--- query/rule/get.v1.json
{\"type\": \"object\"}
--- query/rule/get.v1.reply.json
{\"type\": \"object\", \"properties\": {\"name\": {\"type\": \"string\"}}, \"required\": [\"name\"]}
--- query/rule/get.v2.json
{\"type\": \"object\"}
--- query/rule/get.v2.reply.json
{\"type\": \"object\", \"properties\": {\"name\": {\"type\": \"string\"}}}",
    good: "--- query/rule/get.v1.json
{\"type\": \"object\"}
--- query/rule/get.v1.reply.json
{\"type\": \"object\", \"properties\": {\"name\": {\"type\": \"string\"}}, \"required\": [\"name\"]}
--- query/rule/get.v2.json
{\"type\": \"object\"}
--- query/rule/get.v2.reply.json
{
  \"type\": \"object\",
  \"properties\": {\"name\": {\"type\": \"string\"}, \"active\": {\"type\": \"boolean\"}},
  \"required\": [\"name\"]
}",
};

/// The longest payload, or text about one, that is quoted, in characters.
const LONGEST: usize = 200;

pub(crate) fn check(loaded: &Loaded, report: &mut Report<'_>) {
    check_policy(loaded, loaded.catalogue.manifest.compatibility.policy, report);
}

/// Checks under a policy that need not be that of the catalogue.
pub(crate) fn check_policy(loaded: &Loaded, policy: Policy, report: &mut Report<'_>) {
    if policy == Policy::Forward {
        return;
    }
    for event in loaded.catalogue.events.iter().filter(|event| event.kind.is_request()) {
        let Some((newest, older)) = event.versions.split_last() else { continue };
        for older in older {
            for part in VersionPart::ANSWERS {
                compare(loaded, event, older, newest, part, report);
            }
        }
    }
}

fn compare(
    loaded: &Loaded,
    event: &Event,
    older: &Version,
    newest: &Version,
    part: VersionPart,
    report: &mut Report<'_>,
) {
    let files = [older, newest].into_iter().filter_map(|version| version.part(part));
    if files.into_iter().any(|file| is_broken(loaded, file)) {
        return;
    }
    let (callers, servers) = (older.number, newest.number);
    let why = match callers_read(loaded, older, newest, part) {
        None | Some(Compatibility::Identical | Compatibility::Compatible) => return,
        Some(Compatibility::Breaking(witness)) => {
            let (payload, fault) = (witness.payload, witness.fault);
            let at = if fault.pointer.is_empty() { String::new() } else { format!("at {}, ", fault.pointer) };
            format!(
                "callers of v{callers} reject what servers of v{servers} answer, {}: {at}{}",
                cut(&payload.to_string(), LONGEST),
                cut(&fault.message, LONGEST)
            )
        }
        Some(Compatibility::Undecided(obstacle)) => format!(
            "whether callers of v{callers} understand what servers of v{servers} answer could not be decided: {}",
            cut(&obstacle.reason, LONGEST)
        ),
    };
    let file = newest.part(part).unwrap_or(&newest.file);
    let Some(document) = loaded.catalogue.documents.get(file) else { return };
    let message = format!("{}: {why}", part.of(&event.event_type, servers));
    let help = format!(
        "keep what {} needs; once nobody asks in v{callers} any more, allow it: \"x-lint-allow\": {{\"unreadable-reply\": \
         \"why\"}}",
        older.part(part).map_or("v1", String::as_str)
    );
    report.at(document, "", message, help);
}

/// Whether a file, or one that it refers to, has errors, so that nothing can be said about what it accepts.
fn is_broken(loaded: &Loaded, file: &str) -> bool {
    let files = files_from(loaded, file);
    loaded.diagnostics.iter().any(|finding| finding.severity == Severity::Error && files.contains(&finding.file))
}

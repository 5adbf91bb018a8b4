//! The rules of `eventsmith breaking`: a catalogue compared with an earlier state of it.

use crate::diagnostic::Severity::{Error, Warning};
use crate::rule::{Family, Rule};

const fn rule(id: &'static str, purpose: &'static str, bad: &'static str, good: &'static str) -> Rule {
    Rule { id, family: Family::Evolution, severity: Error, purpose, bad, good }
}

pub(crate) const BREAKING_CHANGE: Rule = rule(
    "breaking-change",
    "A version that has been published may change only so that what its writers write, its readers understand: old events by \
     new readers (backward), new events by old readers (forward). The finding shows a payload that one side would refuse.",
    "--- domain/rule/created.v1.json, before
{\"type\": \"object\", \"properties\": {\"name\": {\"type\": \"string\", \"maxLength\": 200}}}
--- domain/rule/created.v1.json, now
{\"type\": \"object\", \"properties\": {\"name\": {\"type\": \"string\", \"maxLength\": 100}}}",
    "--- domain/rule/created.v1.json, as before
{\"type\": \"object\", \"properties\": {\"name\": {\"type\": \"string\", \"maxLength\": 200}}}
--- domain/rule/created.v2.json, new
{\"type\": \"object\", \"properties\": {\"name\": {\"type\": \"string\", \"maxLength\": 100}}}",
);

pub(crate) const CHANGED_BUCKET: Rule = rule(
    "changed-bucket",
    "Documents that move to another bucket leave what was put before behind, and services of before go on to read and write there. \
     Where a bucket keeps its documents, and that values may have times of their own, no server changes.",
    "--- eventsmith.toml, before
[buckets.RULES_COMPILED]
state = \"rule.compiled\"
--- eventsmith.toml, now
[buckets.COMPILED]
state = \"rule.compiled\"",
    "--- eventsmith.toml, before and now
[buckets.RULES_COMPILED]
state = \"rule.compiled\"",
);

pub(crate) const CHANGED_IDEMPOTENCE: Rule = rule(
    "changed-idempotence",
    "Whoever sends an idempotent command asks again under the same id, for as long as its answer was said to be kept. Where it is \
     kept for less, or no longer, such a command is done twice. So it is in a new version, whose servers answer callers of old ones, \
     too. And a service that was never to begin a lost command again is not prepared for it.",
    "--- command/payment/capture.v1.json, before
{\"x-request\": {\"idempotent\": \"10m\"}, \"type\": \"object\"}
--- command/payment/capture.v1.json, now
{\"x-request\": {\"idempotent\": \"1m\"}, \"type\": \"object\"}",
    "--- command/payment/capture.v1.json, before and now
{\"x-request\": {\"idempotent\": \"10m\"}, \"type\": \"object\"}",
);

pub(crate) const CHANGED_KEY: Rule = rule(
    "changed-key",
    "Events of one aggregate stay in order because they share a key. With another key, events of before and after the change \
     are ordered and grouped differently.",
    "--- domain/rule/created.v1.json, before
{\"x-event\": {\"key\": \"/rule_id\"}, \"type\": \"object\"}
--- domain/rule/created.v1.json, now
{\"x-event\": {\"key\": \"/tenant_id\"}, \"type\": \"object\"}",
    "--- domain/rule/created.v1.json, before and now
{\"x-event\": {\"key\": \"/rule_id\"}, \"type\": \"object\"}",
);

pub(crate) const CHANGED_REPLY: Rule = rule(
    "changed-reply",
    "Whoever sends a command or a query reads the reply by the schema that was published with it. A reply that is removed, or \
     that appears where there was none, changes the protocol.",
    "--- query/rule/get.v1.reply.json, before
{\"type\": \"object\"}
--- query/rule/get.v1.reply.json, now
(deleted)",
    "--- query/rule/get.v1.reply.json, before and now
{\"type\": \"object\"}",
);

pub(crate) const CHANGED_STREAM: Rule = rule(
    "changed-stream",
    "An event that moves to another stream leaves its past behind: consumers of the new stream do not see what the old one \
     stored, and those of the old one see nothing new.",
    "--- eventsmith.toml, before
[streams.RULES]
subjects = [\"rules.domain.>\"]
--- eventsmith.toml, now
[streams.EVENTS]
subjects = [\"rules.domain.>\"]",
    "--- eventsmith.toml, before and now
[streams.RULES]
subjects = [\"rules.domain.>\"]",
);

pub(crate) const CHANGED_AGGREGATE: Rule = rule(
    "changed-aggregate",
    "What is stored of an aggregate is its history. An event that is none of it any more, or of another one, leaves gaps where it was. One \
     whose kind or group is another than that of all before makes the subjects of the aggregate more: programs that run look for the \
     end of a history under those that they know, and append beside what lies on the others.",
    "--- domain/rule/created.v1.json, before
{\"x-event\": {\"key\": \"/rule_id\", \"aggregate\": \"rule\"}, \"type\": \"object\"}
--- domain/rule/created.v1.json, now
{\"x-event\": {\"key\": \"/rule_id\", \"aggregate\": \"ruleset\"}, \"type\": \"object\"}",
    "--- domain/rule/created.v1.json, before and now
{\"x-event\": {\"key\": \"/rule_id\", \"aggregate\": \"rule\"}, \"type\": \"object\"}",
);

pub(crate) const CHANGED_SUBJECT: Rule = rule(
    "changed-subject",
    "Consumers subscribe to subjects. An event that is published on another one does not reach those that run already.",
    "--- domain/rule/created.v1.json, before
{\"type\": \"object\"}
--- domain/rule/created.v1.json, now
{\"x-event\": {\"subject\": \"rules.domain.created\"}, \"type\": \"object\"}",
    "--- domain/rule/created.v1.json, before and now
{\"type\": \"object\"}",
);

pub(crate) const REMOVED_ERROR: Rule = rule(
    "removed-error",
    "Servers that still run refuse as the schema said that was published. Callers without it see a request that failed, and not \
     why. A refusal that comes where there was none is no finding: callers have to expect that requests fail.",
    "--- command/rule/activate.v1.error.json, before
{\"type\": \"object\"}
--- command/rule/activate.v1.error.json, now
(deleted)",
    "--- command/rule/activate.v1.error.json, before and now
{\"type\": \"object\"}",
);

pub(crate) const REMOVED_EVENT: Rule = rule(
    "removed-event",
    "Streams still hold an event that was published, and services still publish it; buckets still hold a document. Without its \
     schema nobody can read it.",
    "--- domain/rule/created.v1.json, before
{\"type\": \"object\"}
--- domain/rule/created.v1.json, now
(deleted)",
    "--- domain/rule/created.v1.json, before and now
{\"type\": \"object\", \"deprecated\": true}",
);

pub(crate) const REMOVED_VERSION: Rule = rule(
    "removed-version",
    "Events of an old version stay in the streams; their schema must stay in the catalogue so that they can be upcast.",
    "--- domain/rule/created.v1.json, once there was a v2
(deleted)",
    "--- domain/rule/created.v1.json, beside the v2
{\"type\": \"object\"}",
);

pub(crate) const RENAMED_IN_RUST: Rule = Rule {
    severity: Warning,
    ..rule(
        "renamed-in-rust",
        "The names of types, fields and variants follow from titles, constants and what stands beside them. A schema may stay the same \
         and its names change: then the code that names them is to be changed, too, or `x-name` keeps the name of before.",
        "--- domain/rule/created.v1.json, before
{\"title\": \"RuleCreated\", \"type\": \"object\"}
--- domain/rule/created.v1.json, now
{\"title\": \"RuleMade\", \"type\": \"object\"}",
        "--- domain/rule/created.v1.json, before
{\"title\": \"RuleCreated\", \"type\": \"object\"}
--- domain/rule/created.v1.json, now
{\"title\": \"RuleMade\", \"x-name\": \"RuleCreated\", \"type\": \"object\"}",
    )
};

pub(crate) const UNDECIDED_CHANGE: Rule = rule(
    "undecided-change",
    "Neither a proof was found that a change is compatible, nor a payload that shows the contrary. It counts as breaking \
     unless a flag says otherwise.",
    "--- domain/rule/created.v1.json, now
{\"type\": \"object\", \"properties\": {\"code\": {\"pattern\": \"^(?!.*--)[a-z-]+$\"}}}",
    "--- domain/rule/created.v1.json, now
{\"type\": \"object\", \"properties\": {\"code\": {\"pattern\": \"^[a-z]+(-[a-z]+)*$\"}}}",
);

pub(crate) const UNSOUND_PREVIOUS: Rule = Rule {
    severity: Warning,
    ..rule(
        "unsound-previous",
        "The earlier state of the catalogue has errors of its own, so that not everything in it could be compared.",
        "--- domain/rule/created.v1.json, before\n{\"type\": \"object\",}",
        "--- domain/rule/created.v1.json, before\n{\"type\": \"object\"}",
    )
};

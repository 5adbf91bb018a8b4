//! The rules of loading and lowering, which build scripts report too. Most of them prevent the generation of code.

use crate::diagnostic::Severity::{Error, Warning};
use crate::rule::{Family, Rule};

const fn rule(id: &'static str, purpose: &'static str, bad: &'static str, good: &'static str) -> Rule {
    Rule { id, family: Family::Loading, severity: Error, purpose, bad, good }
}

pub(crate) const BAD_JSON: Rule = rule(
    "bad-json",
    "A file that is not JSON says nothing to anybody. Comments and trailing commas are not JSON.",
    r#"{"type": "object",}"#,
    r#"{"type": "object"}"#,
);

pub(crate) const BAD_LINK: Rule = rule(
    "bad-link",
    "A symbolic link may lead to another schema file of the catalogue. What lies outside is not read, and shown to nobody, whatever \
     a link says; folders that are links are not looked at, as git's revisions hold nothing of them.",
    "A link `domain/rule/created.v1.json` to a file outside of the catalogue.",
    "A copy of that file.",
);

pub(crate) const BAD_MANIFEST: Rule = rule(
    "bad-manifest",
    "`eventsmith.toml` names the root of all subjects and whatever else it says in the words of its format; what it says in \
     others would be lost without a word.",
    "--- eventsmith.toml\nroots = \"rules\"\n",
    "--- eventsmith.toml\nroot = \"rules\"\n",
);

pub(crate) const BAD_PATTERN: Rule = rule(
    "bad-pattern",
    "A pattern that the validator's engine cannot run, or reads differently from ECMA-262, would refuse valid payloads at run time.",
    r#"{"type": "object", "properties": {"name": {"type": "string", "pattern": "^[\\w-.]+$", "maxLength": 64}}}"#,
    r#"{"type": "object", "properties": {"name": {"type": "string", "pattern": "^[\\w.-]+$", "maxLength": 64}}}"#,
);

pub(crate) const BAD_REFERENCE: Rule = rule(
    "bad-reference",
    "A `$ref` must lead to a schema of the catalogue: nothing is ever fetched from the network.",
    r##"{"type": "object", "properties": {"rule_id": {"$ref": "#/$defs/RuleId", "description": "The rule."}}}"##,
    r##"{
  "type": "object",
  "properties": {"rule_id": {"$ref": "#/$defs/RuleId", "description": "The rule."}},
  "$defs": {"RuleId": {"description": "Identifies a rule.", "type": "string", "maxLength": 64}}
}"##,
);

pub(crate) const BAD_SCHEMA: Rule = rule(
    "bad-schema",
    "A schema file is valid by the meta-schema of its draft. Validators treat what is not each in their own way.",
    r#"{"type": "objekt"}"#,
    r#"{"type": "object"}"#,
);

pub(crate) const BAD_TOKEN: Rule = rule(
    "bad-token",
    "Folders and file names become tokens of a NATS subject: `A-Z a-z 0-9 _ -`.",
    "--- domain/rule/cre ated.v1.json\n{\"type\": \"object\"}",
    "--- domain/rule/created.v1.json\n{\"type\": \"object\"}",
);

pub(crate) const BAD_AGGREGATE: Rule = rule(
    "bad-aggregate",
    "`x-event.aggregate` makes events the history of one thing. Each of their subjects ends in its id; one wildcard stands for all of them, \
     and for no other event; all versions of an event are of one aggregate, and one stream holds all of it.",
    r#"--- domain/rule/created.v1.json
{"type": "object", "required": ["rule_id"], "properties": {"rule_id": {"type": "string"}},
 "x-event": {"key": "/rule_id", "aggregate": "rule"}}
--- domain/rule/created/twice.v1.json
{"type": "object"}"#,
    r#"--- domain/rule/created.v1.json
{"type": "object", "required": ["rule_id"], "properties": {"rule_id": {"type": "string"}},
 "x-event": {"key": "/rule_id", "aggregate": "rule"}}
--- domain/rule/created_twice.v1.json
{"type": "object"}"#,
);

pub(crate) const BAD_SAGA: Rule = rule(
    "bad-saga",
    "`sagas` of a stream names the workflows that lie in it, and for each the document below `state/` that is its state. Such a stream captures \
     `ROOT.saga.NAME.>` of each, and nothing else: whoever may publish there can schedule messages and roll the stream up, so only the \
     runners of its sagas may. A name is one token, and a saga lies in one stream.",
    r#"--- eventsmith.toml
root = "rules"
[streams.RULES]
subjects = ["rules.>"]
sagas = { checkout = "checkout.progress" }
--- domain/rule/created.v1.json
{"type": "object"}
--- state/checkout/progress.v1.json
{"type": "object"}"#,
    r#"--- eventsmith.toml
root = "rules"
[streams.RULES]
subjects = ["rules.domain.>"]
[streams.SAGAS]
subjects = ["rules.saga.>"]
sagas = { checkout = "checkout.progress" }
--- domain/rule/created.v1.json
{"type": "object"}
--- state/checkout/progress.v1.json
{"type": "object"}"#,
);

pub(crate) const BAD_X_EVENT: Rule = rule(
    "bad-x-event",
    "`x-event` names the ordering key, which every payload must have, the subject template, and the aggregate that the event is of. A \
     key that may be absent orders nothing, and the subject of an aggregate's event ends in its key, the aggregate's id. A document below `state/` has neither: it lies in its bucket, under the key that it is put under.",
    r#"{"type": "object", "x-event": {"key": "/rule_id"}, "properties": {"rule_id": {"type": "string"}}}"#,
    r#"{
  "type": "object",
  "x-event": {"key": "/rule_id"},
  "required": ["rule_id"],
  "properties": {"rule_id": {"type": "string"}}
}"#,
);

pub(crate) const BAD_X_REQUEST: Rule = rule(
    "bad-x-request",
    "`x-request` says of a command that its answer is kept by the id of the request, for how long, from `1s` to `7d`, and whether it \
     is begun again (`rerun`) or answered as `unknown` when a service was lost while it ran. A query is asked again anyway, nothing \
     else is asked at all, and a reply or an error says nothing of it.",
    r#"--- command/payment/capture.v1.json
{"type": "object", "x-request": {"idempotent": "10"}}"#,
    r#"--- command/payment/capture.v1.json
{"type": "object", "x-request": {"idempotent": "10m", "when_lost": "unknown"}}"#,
);

pub(crate) const COSTLY_SCHEMA: Rule = Rule {
    severity: Warning,
    ..rule(
        "costly-schema",
        "Definitions that refer to each other several times multiply: ten steps of ten references each hold one value against \
         ten thousand million schemas, which keeps every consumer busy for minutes. `validate` and `example` refuse to begin.",
        "Definitions `d0` to `d9`, each `{\"allOf\": [..]}` with ten references to the next.",
        "One reference to the next in each of them.",
    )
};

pub(crate) const DUPLICATE_VERSION: Rule = rule(
    "duplicate-version",
    "A type and a version say which schema a message follows, so that two files cannot describe the same.",
    "--- domain/rule/created.v1.json\n{\"type\": \"object\"}\n--- integration/rule/created.v1.json\n{\"type\": \"object\"}",
    "--- domain/rule/created.v1.json\n{\"type\": \"object\"}\n--- integration/rule/exported.v1.json\n{\"type\": \"object\"}",
);

pub(crate) const ENDLESS_REFERENCE: Rule = Rule {
    severity: Warning,
    ..rule(
        "endless-reference",
        "A reference that leads back to where it stands, without a property or an item on its way, says nothing about the value. \
         JSON Schema leaves open what it means: some validators accept everything, others do not end.",
        r##"{"type": "object", "allOf": [{"$ref": "#"}]}"##,
        r##"{"type": "object", "properties": {"parent": {"$ref": "#", "description": "The rule above."}}}"##,
    )
};

pub(crate) const FOREIGN_DIALECT: Rule = Rule {
    severity: Warning,
    ..rule(
        "foreign-dialect",
        "`$schema` names a draft of JSON Schema. What a meta-schema of somebody's own means, nobody else knows; the file is \
         read as draft 2020-12.",
        r#"{"$schema": "https://example.org/our-own", "type": "object"}"#,
        r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}"#,
    )
};

pub(crate) const FOREIGN_PATTERN: Rule = Rule {
    severity: Warning,
    ..rule(
        "foreign-pattern",
        "Patterns of JSON Schema are regular expressions of ECMA-262. What only some engines know, as `(?i)` or `a++`, other \
         validators refuse or read differently.",
        r#"{"type": "object", "properties": {"code": {"type": "string", "pattern": "^(?i)ab$", "maxLength": 2}}}"#,
        r#"{"type": "object", "properties": {"code": {"type": "string", "pattern": "^[Aa][Bb]$", "maxLength": 2}}}"#,
    )
};

pub(crate) const INTERNAL: Rule = rule(
    "internal",
    "The generated text is not Rust. This is a mistake of eventsmith, whatever the catalogue says; please report it with the \
     schema.",
    "There is no example: it would have been mended.",
    "Every catalogue that has no other error.",
);

pub(crate) const NO_BUCKET: Rule = rule(
    "no-bucket",
    "A schema below `state/` describes the documents of a bucket. Without `[buckets.NAME]` in `eventsmith.toml` its type has no place \
     to be put into.",
    "--- eventsmith.toml
root = \"rules\"
--- state/rule/compiled.v1.json
{\"type\": \"object\"}",
    "--- eventsmith.toml
root = \"rules\"
[buckets.RULES_COMPILED]
state = \"rule.compiled\"
--- state/rule/compiled.v1.json
{\"type\": \"object\"}",
);

pub(crate) const NO_MANIFEST: Rule = rule(
    "no-manifest",
    "`eventsmith.toml` marks the folder of a catalogue and names the root of its subjects.",
    "A folder of schema files without `eventsmith.toml`.",
    "--- eventsmith.toml\nroot = \"rules\"\n",
);

pub(crate) const NO_STREAM: Rule = rule(
    "no-stream",
    "A domain or integration event that no stream captures is lost as soon as it is published. The rule rests while \
     `eventsmith.toml` declares no streams at all.",
    "--- eventsmith.toml
root = \"rules\"
[streams.RULES]
subjects = [\"rules.domain.rule.>\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}
--- domain/coupon/issued.v1.json
{\"type\": \"object\"}",
    "--- eventsmith.toml
root = \"rules\"
[streams.RULES]
subjects = [\"rules.domain.rule.>\", \"rules.domain.coupon.>\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}
--- domain/coupon/issued.v1.json
{\"type\": \"object\"}",
);

pub(crate) const NO_VERSION: Rule = rule(
    "no-version",
    "The version of a schema stands in the name of its file, `created.v1.json`; only files that hold nothing but definitions \
     have none.",
    "--- domain/rule/created.json\n{\"type\": \"object\"}",
    "--- domain/rule/created.v1.json\n{\"type\": \"object\"}",
);

pub(crate) const REPEATED_KEY: Rule = rule(
    "repeated-key",
    "Of two members of an object with one name JSON readers keep the first or the last, so that a part of the schema holds for \
     some and not for others.",
    r#"{"type": "object", "minProperties": 1, "minProperties": 2}"#,
    r#"{"type": "object", "minProperties": 2}"#,
);

pub(crate) const RESERVED_NAME: Rule = rule(
    "reserved-name",
    "`subjects` and `schemas` are modules at the top of the generated code.",
    "--- domain/subjects/created.v1.json\n{\"type\": \"object\"}",
    "--- domain/subject/created.v1.json\n{\"type\": \"object\"}",
);

pub(crate) const SAME_NAME: Rule = rule(
    "same-name",
    "Folders and files become names of Rust, where case and hyphens say nothing: `madeUp` and `made_up` are the same.",
    "--- eventsmith.toml\nroot = \"rules\"\n[lint]\nfile-naming = { level = \"off\", reason = \"our partner named them\" }\n\
     --- domain/rule/madeUp.v1.json\n{\"type\": \"object\"}\n--- domain/rule/made_up.v1.json\n{\"type\": \"object\"}",
    "--- domain/rule/made_up.v1.json\n{\"type\": \"object\"}\n--- domain/rule/made_up_again.v1.json\n{\"type\": \"object\"}",
);

pub(crate) const STORED_REQUEST: Rule = rule(
    "stored-request",
    "Commands and queries are answered and gone. A stream that captures them stores them, and answers the sender in place of \
     the service.",
    "--- eventsmith.toml
root = \"rules\"
[streams.RULES]
subjects = [\"rules.>\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}
--- command/rule/create.v1.json
{\"type\": \"object\"}",
    "--- eventsmith.toml
root = \"rules\"
[streams.RULES]
subjects = [\"rules.domain.>\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}
--- command/rule/create.v1.json
{\"type\": \"object\"}",
);

pub(crate) const STRAY_ERROR: Rule = rule(
    "stray-error",
    "A refusal belongs to a command or query of the same name and version; events and documents are not refused.",
    "--- command/rule/activate.v1.error.json\n{\"type\": \"object\"}",
    "--- command/rule/activate.v1.json\n{\"type\": \"object\"}\n--- command/rule/activate.v1.error.json\n{\"type\": \"object\"}",
);

pub(crate) const STRAY_FILE: Rule = Rule {
    severity: Warning,
    ..rule(
        "stray-file",
        "A file that is named like a version of an event, and is not JSON or in a folder that is no kind, describes no event. \
         Its types would be missing, and nothing would say why.",
        "--- domain/rule/created.v1.json\n{\"type\": \"object\"}\n--- domian/rule/updated.v1.json\n{\"type\": \"object\"}",
        "--- domain/rule/created.v1.json\n{\"type\": \"object\"}\n--- domain/rule/updated.v1.json\n{\"type\": \"object\"}",
    )
};

pub(crate) const STRAY_REPLY: Rule = rule(
    "stray-reply",
    "A reply belongs to a command or query of the same name and version; events and documents have none.",
    "--- query/rule/get.v1.reply.json\n{\"type\": \"object\"}",
    "--- query/rule/get.v1.json\n{\"type\": \"object\"}\n--- query/rule/get.v1.reply.json\n{\"type\": \"object\"}",
);

pub(crate) const STREAM_OVER_BUCKET: Rule = rule(
    "stream-over-bucket",
    "A bucket is a stream of its own, `KV_` and its name, over the subjects `$KV.NAME.>`. A server takes no second stream of that \
     name, nor one that captures some of these subjects. A service that handles an idempotent command keeps its answers in a bucket \
     `REPLIES_` and its name, which no `[buckets.NAME]` declares.",
    "--- eventsmith.toml
root = \"rules\"
[streams.EVERYTHING]
subjects = [\"$KV.RULES_COMPILED.>\"]
[buckets.RULES_COMPILED]
state = \"rule.compiled\"
--- state/rule/compiled.v1.json
{\"type\": \"object\"}",
    "--- eventsmith.toml
root = \"rules\"
[buckets.RULES_COMPILED]
state = \"rule.compiled\"
--- state/rule/compiled.v1.json
{\"type\": \"object\"}",
);

pub(crate) const TEMPLATE_OVER_OPTIONAL: Rule = rule(
    "template-over-optional",
    "A property that fills a token of the subject must be there in every payload, and be one value: required, and a string, \
     an integer or a boolean. Without it there is no subject to publish on.",
    r#"{
  "type": "object",
  "x-event": {"subject": "rules.domain.rule.created.{rule_id}"},
  "properties": {"rule_id": {"type": "string"}}
}"#,
    r#"{
  "type": "object",
  "x-event": {"subject": "rules.domain.rule.created.{rule_id}"},
  "required": ["rule_id"],
  "properties": {"rule_id": {"type": "string"}}
}"#,
);

pub(crate) const TWO_BUCKETS: Rule = rule(
    "two-buckets",
    "The type of a document says which bucket it lies in. With two buckets nobody could tell where to look for it.",
    "--- eventsmith.toml
root = \"rules\"
[buckets.RULES]
state = \"rule.compiled\"
[buckets.RULES_COMPILED]
state = \"rule.compiled\"
--- state/rule/compiled.v1.json
{\"type\": \"object\"}",
    "--- eventsmith.toml
root = \"rules\"
[buckets.RULES_COMPILED]
state = \"rule.compiled\"
--- state/rule/compiled.v1.json
{\"type\": \"object\"}",
);

pub(crate) const TWO_STREAMS: Rule = rule(
    "two-streams",
    "An event that two streams capture is stored twice, and consumed twice by whoever reads both.",
    "--- eventsmith.toml
root = \"rules\"
[streams.ALL]
subjects = [\"rules.domain.>\"]
[streams.RULES]
subjects = [\"rules.domain.rule.*\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}",
    "--- eventsmith.toml
root = \"rules\"
[streams.ALL]
subjects = [\"rules.domain.>\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}",
);

pub(crate) const UNKNOWN_EVENT: Rule = rule(
    "unknown-event",
    "A service publishes, consumes and handles events that exist, and an envelope names one that exists. A name that has been \
     mistyped would wait for ever.",
    "--- eventsmith.toml
root = \"rules\"
[services.management]
publishes = [\"rule.created\", \"rule.creatd\"]
[services.search]
consumes = [\"rule.created\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}",
    "--- eventsmith.toml
root = \"rules\"
[services.management]
publishes = [\"rule.created\"]
[services.search]
consumes = [\"rule.created\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}",
);

pub(crate) const UNKNOWN_STATE: Rule = rule(
    "unknown-state",
    "A bucket holds documents of one type, which a schema file below `state/` describes. What no file describes could be neither \
     written nor read.",
    "--- eventsmith.toml
root = \"rules\"
[buckets.RULES_COMPILED]
state = \"rule.compield\"
--- state/rule/compiled.v1.json
{\"type\": \"object\"}",
    "--- eventsmith.toml
root = \"rules\"
[buckets.RULES_COMPILED]
state = \"rule.compiled\"
--- state/rule/compiled.v1.json
{\"type\": \"object\"}",
);

pub(crate) const UNKNOWN_SUBJECT: Rule = rule(
    "unknown-subject",
    "A stream that captures a subject of no event waits for messages that never come; most often the subject was mistyped.",
    "--- eventsmith.toml
root = \"rules\"
[streams.RULES]
subjects = [\"rules.domain.>\", \"rules.domian.>\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}",
    "--- eventsmith.toml
root = \"rules\"
[streams.RULES]
subjects = [\"rules.domain.>\"]
--- domain/rule/created.v1.json
{\"type\": \"object\"}",
);

pub(crate) const UNREADABLE: Rule = rule(
    "unreadable",
    "A file or folder of the catalogue cannot be read: it is missing, protected, or not UTF-8.",
    "A schema file in Latin-1.",
    "The same file in UTF-8.",
);

pub(crate) const WRONG_ROLE: Rule = rule(
    "wrong-role",
    "Domain and integration events are published and consumed; commands and queries are handled and asked; documents of buckets \
     are what services write, read and project.",
    "--- eventsmith.toml
root = \"rules\"
[services.management]
publishes = [\"rule.create\"]
handles = [\"rule.create\"]
--- command/rule/create.v1.json
{\"type\": \"object\"}",
    "--- eventsmith.toml
root = \"rules\"
[services.management]
handles = [\"rule.create\"]
--- command/rule/create.v1.json
{\"type\": \"object\"}",
);

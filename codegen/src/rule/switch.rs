//! The rules about switches of rules: `[lint]` in `eventsmith.toml`, `x-lint-allow` in a schema.

use crate::diagnostic::Severity;
use crate::rule::{Family, Rule};

pub(crate) const BAD_SWITCH: Rule = Rule {
    id: "bad-switch",
    family: Family::Lint,
    severity: Severity::Error,
    purpose: "A rule is switched off by its id, with a reason that the next reader can judge. What makes a catalogue unusable \
              cannot be switched off, and `files` that match none switch nothing.",
    bad: r#"{"type": "object", "x-lint-allow": {"unbounded-string": ""}, "properties": {"note": {"type": "string"}}}"#,
    good: r#"{
  "type": "object",
  "properties": {
    "note": {"type": "string", "x-lint-allow": {"unbounded-string": "people write as much as they like"}}
  }
}"#,
};

pub(crate) const UNUSED_ALLOW: Rule = Rule {
    id: "unused-allow",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "An allow outlives the finding that it was written for and hides the next one. When it silences nothing, it can go.",
    bad: r#"{
  "type": "object",
  "properties": {
    "note": {"type": "string", "maxLength": 200, "x-lint-allow": {"unbounded-string": "people write as much as they like"}}
  }
}"#,
    good: r#"{"type": "object", "properties": {"note": {"type": "string", "maxLength": 200}}}"#,
};

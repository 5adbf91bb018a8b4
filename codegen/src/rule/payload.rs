//! The rules of `eventsmith validate`, about payload files.

use crate::diagnostic::Severity;
use crate::rule::{Family, Rule};

pub(crate) const BAD_ENVELOPE: Rule = Rule {
    id: "bad-envelope",
    family: Family::Payload,
    severity: Severity::Error,
    purpose: "A message on the wire is an envelope: whatever stands in it, its id, type, source, subject, time and version say \
              who reads it and how.",
    bad: "--- payload.json\n{\"type\": \"rule.created\", \"data\": {}}",
    good: "--- payload.json
{
  \"id\": \"019cc0a0-5b3e-7c41-9d1e-6b1f0a8c2d33\",
  \"type\": \"rule.created\",
  \"source\": \"rules-management\",
  \"subject\": \"rules.domain.rule.created\",
  \"time\": \"2026-03-01T14:05:09Z\",
  \"version\": \"1\",
  \"data\": {}
}",
};

pub(crate) const BAD_PAYLOAD: Rule = Rule {
    id: "bad-payload",
    family: Family::Payload,
    severity: Severity::Error,
    purpose: "A payload must be valid by the schema of its event and version; consumers refuse what is not.",
    bad: "--- domain/rule/created.v1.json
{\"type\": \"object\", \"required\": [\"rule_id\"], \"properties\": {\"rule_id\": {\"type\": \"string\"}}}
--- payload.json
{\"rule_id\": 7}",
    good: "--- domain/rule/created.v1.json
{\"type\": \"object\", \"required\": [\"rule_id\"], \"properties\": {\"rule_id\": {\"type\": \"string\"}}}
--- payload.json
{\"rule_id\": \"R-7\"}",
};

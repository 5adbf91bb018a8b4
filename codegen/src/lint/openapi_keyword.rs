//! Keywords of OpenAPI change nothing here.

use serde_json::{Map, Value};

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::rule::{Family, Rule};
use crate::shape::Classes;

pub(crate) const RULE: Rule = Rule {
    id: "openapi-keyword",
    family: Family::Lint,
    severity: Severity::Error,
    purpose: "OpenAPI 3.0 has keywords of its own that change what a schema accepts: `nullable` adds null, `discriminator` chooses an \
              alternative. JSON Schema does not know them, so that a validator refuses payloads that the author meant to be valid.",
    bad: r#"{"type": "object", "properties": {"name": {"type": "string", "nullable": true}}}"#,
    good: r#"{"type": "object", "properties": {"name": {"type": ["string", "null"]}}}"#,
};

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    for keyword in ["nullable", "discriminator"] {
        if !changes_meaning(keyword, spot) {
            continue;
        }
        let message = match keyword {
            "nullable" => "\"nullable\" is OpenAPI's and says nothing here: null is refused".to_owned(),
            _ => "\"discriminator\" is OpenAPI's and says nothing here: the alternatives are not told apart by it"
                .to_owned(),
        };
        let help = if keyword == "nullable" { nullable(spot.schema()) } else { discriminated(spot.schema()) };
        report.at(spot.file.document, &spot.below(keyword), message, help);
    }
}

/// Whether a keyword of OpenAPI stands where it would change what the schema accepts.
pub(super) fn changes_meaning(keyword: &str, spot: Spot<'_>) -> bool {
    if spot.file.document.foreign_dialect.is_some() {
        return false;
    }
    match keyword {
        "nullable" => {
            let takes_null = spot.types().is_none_or(|types| types.has(Classes::NULL));
            let refers = ["$ref", "allOf", "anyOf", "oneOf"].iter().any(|keyword| spot.has(keyword));
            spot.get(keyword) == Some(&Value::Bool(true)) && (!takes_null || spot.types().is_none() && refers)
        }
        "discriminator" => spot.has(keyword) && (spot.has("oneOf") || spot.has("anyOf")),
        _ => false,
    }
}

/// How to write a schema that takes null as well.
fn nullable(schema: &Map<String, Value>) -> String {
    match schema.get("type") {
        Some(Value::String(name)) if schema.contains_key("enum") || schema.contains_key("const") => {
            format!("write \"type\": [\"{name}\", \"null\"], and list null among the values")
        }
        Some(Value::String(name)) => format!("write \"type\": [\"{name}\", \"null\"]"),
        Some(Value::Array(_)) => "add \"null\" to the list of types".to_owned(),
        _ => "write \"anyOf\": [{..}, {\"type\": \"null\"}] around the schema".to_owned(),
    }
}

/// How to write alternatives that a property tells apart.
fn discriminated(schema: &Map<String, Value>) -> String {
    let name = schema.get("discriminator").and_then(|said| said.get("propertyName")).and_then(Value::as_str);
    let name = name.unwrap_or("kind");
    format!(
        "require {name:?} in each alternative, with a `const` of its own: \"properties\": {{{name:?}: {{\"const\": \"..\"}}}}"
    )
}

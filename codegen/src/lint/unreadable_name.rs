//! Every name of the schema leaves one that can be read in Rust.

use serde_json::Value;

use crate::diagnostic::Severity;
use crate::lint::file::{Report, Spot};
use crate::pointer::join;
use crate::rule::{Family, Rule};
use crate::shape::identifiers::is_readable;

pub(crate) const RULE: Rule = Rule {
    id: "unreadable-name",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "Fields, variants and types are named after properties, constants and definitions. Emoji cannot stand in a name of \
              Rust, and the compiler warns of letters that look like those of ASCII: the code has their numbers in place of them. \
              `x-name` beside the schema, or `title` beside a constant, says what they are called there.",
    bad: r#"{"type": "object", "properties": {"mood": {"oneOf": [{"const": "\ud83d\ude80"}, {"const": "idle"}]}}}"#,
    good: r#"{
  "type": "object",
  "properties": {"mood": {"oneOf": [{"const": "\ud83d\ude80", "title": "Launch"}, {"const": "idle"}]}}
}"#,
};

pub(crate) fn check(spot: Spot<'_>, report: &mut Report<'_>) {
    // Conditions repeat the names that are declared elsewhere.
    if spot.is_partial() {
        return;
    }
    let document = spot.file.document;
    let help = "say what it is called in Rust: \"x-name\": \"launch\"";
    if let Some(Value::Object(properties)) = spot.get("properties") {
        for (name, _) in properties.iter().filter(|(name, schema)| !is_readable(name) && !is_named(schema)) {
            let at = join(&spot.below("properties"), name);
            report.at(document, &at, format!("nothing of the property {name:?} can be read in a field's name"), help);
        }
    }
    if spot.is_definition() && !is_readable(&spot.name()) && !spot.schema().keys().any(|key| names(key)) {
        let message = format!("nothing of the definition {:?} can be read in a type's name", spot.name());
        report.at(document, spot.at(), message, help);
    }
    if let Some(Value::String(value)) = spot.get("const")
        && !is_readable(value)
        && !spot.schema().keys().any(|key| names(key))
    {
        let message = format!("nothing of the constant {value:?} can be read in a variant's name");
        report.at(document, &spot.below("const"), message, help);
    }
    if let Some(Value::Array(values)) = spot.get("enum") {
        for (index, value) in values.iter().enumerate() {
            let Some(value) = value.as_str().filter(|value| !is_readable(value)) else { continue };
            let message = format!("nothing of the value {value:?} can be read in a variant's name");
            let help = "list the values as alternatives, which can have names: \
                        {\"oneOf\": [{\"const\": \"\u{1f680}\", \"title\": \"Launch\"}]}";
            report.at(document, &join(&spot.below("enum"), &index.to_string()), message, help);
        }
    }
}

fn is_named(schema: &Value) -> bool {
    schema.as_object().is_some_and(|members| members.keys().any(|key| names(key)))
}

fn names(keyword: &str) -> bool {
    matches!(keyword, "x-name" | "title")
}

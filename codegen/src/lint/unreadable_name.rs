//! Every name of the schema leaves one that can be read in Rust.

use serde_json::Value;

use crate::diagnostic::{Severity, has_errors};
use crate::generate;
use crate::lint::file::{Report, Spot};
use crate::load::Loaded;
use crate::pointer::join;
use crate::references::Location;
use crate::rule::{Family, Rule};
use crate::shape::identifiers::{is_readable, written_otherwise};
use crate::shape::{Alternative, Body, Type};

pub(crate) const RULE: Rule = Rule {
    id: "unreadable-name",
    family: Family::Lint,
    severity: Severity::Warning,
    purpose: "Fields, variants and types are named after properties, constants and definitions. Emoji cannot stand in a name of \
              Rust, and the compiler warns of letters that look like those of ASCII: the code has their numbers in place of them, \
              as it has for alternatives of a union that differ in nothing that has a name. \
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
        let names: Vec<&str> = properties.keys().map(String::as_str).collect();
        for (name, other) in fallen_together(&names).filter(|(name, _)| !is_named(&properties[*name])) {
            let message =
                format!("the property {name:?} falls together with {other:?} in Rust, where its name has a number");
            report.at(document, &join(&spot.below("properties"), name), message, help);
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
    for keyword in ["oneOf", "anyOf"] {
        let Some(Value::Array(branches)) = spot.get(keyword) else { continue };
        let constant = |branch: &'_ Value| branch.get("const").and_then(Value::as_str).map(str::to_owned);
        let constants: Vec<String> = branches.iter().filter_map(constant).collect();
        let constants: Vec<&str> = constants.iter().map(String::as_str).collect();
        for (value, other) in fallen_together(&constants) {
            let is_value = |branch: &&Value| branch.get("const").and_then(Value::as_str) == Some(value);
            if branches.iter().find(is_value).is_some_and(is_named) {
                continue;
            }
            let message =
                format!("the constant {value:?} falls together with {other:?} in Rust, where its name has a number");
            report.at(
                document,
                &spot.below(keyword),
                message,
                "say what it is called in Rust: \"title\": \"Hilbert space\"",
            );
        }
    }
    if let Some(Value::Array(values)) = spot.get("enum") {
        let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        for (value, other) in fallen_together(&texts) {
            let message =
                format!("the value {value:?} falls together with {other:?} in Rust, where its name has a number");
            let help = "list the values as alternatives, which can have names: \
                        {\"oneOf\": [{\"const\": \"\u{210c}\", \"title\": \"Hilbert space\"}]}";
            report.at(document, &spot.below("enum"), message, help);
        }
        for (index, value) in values.iter().enumerate() {
            let Some(value) = value.as_str().filter(|value| !is_readable(value)) else { continue };
            let message = format!("nothing of the value {value:?} can be read in a variant's name");
            let help = "list the values as alternatives, which can have names: \
                        {\"oneOf\": [{\"const\": \"\u{1f680}\", \"title\": \"Launch\"}]}";
            report.at(document, &join(&spot.below("enum"), &index.to_string()), message, help);
        }
    }
}

/// The names that are written as another one of them is, or as others are, once they are names of Rust; with that other one.
fn fallen_together<'a>(names: &'a [&'a str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let written = |name: &str| written_otherwise(name).unwrap_or_else(|| name.to_owned());
    names.iter().filter_map(move |name| {
        let otherwise = written_otherwise(name)?;
        let other = names.iter().find(|other| *other != name && written(other) == otherwise)?;
        Some((*name, *other))
    })
}

/// Alternatives that nothing tells apart: their types are called by a number that is made of their schemas.
pub(crate) fn check_alternatives(loaded: &Loaded, report: &mut Report<'_>) {
    if has_errors(&loaded.diagnostics) {
        return;
    }
    for definition in generate::types(loaded).definitions {
        let Location { file, pointer } = &definition.location;
        let Some(document) = loaded.catalogue.documents.get(file) else { continue };
        let is_alternative = pointer.rsplit_once('/').is_some_and(|(around, _)| around.ends_with("Of"));
        if is_alternative && ends_in_number(&definition.name) {
            let message = format!(
                "nothing tells this alternative from the others, so that its type is called {}",
                definition.name
            );
            report.at(document, pointer, message, "say what it is: \"title\": \"Card payment\"");
        }
        let Body::Union(union) = &definition.body else { continue };
        let is_plain = |variant: &&Alternative| !matches!(variant.shape.ty, Type::Named(_) | Type::Boxed(_));
        for variant in union.variants.iter().filter(is_plain).filter(|variant| ends_in_number(&variant.name)) {
            let message = format!(
                "nothing tells an alternative from the others, so that it is called {}::{}",
                definition.name, variant.name
            );
            report.at(document, pointer, message, "say what it is: \"title\": \"Card payment\" in the alternative");
        }
    }
}

/// Whether a name ends as lowering has it where it found none.
fn ends_in_number(name: &str) -> bool {
    let Some((_, number)) = name.len().checked_sub(NUMBER).and_then(|at| name.split_at_checked(at)) else {
        return false;
    };
    number.starts_with('X') && number[1..].bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The length of `X` with the eight digits that stand in place of a name.
const NUMBER: usize = 9;

fn is_named(schema: &Value) -> bool {
    schema.as_object().is_some_and(|members| members.keys().any(|key| names(key)))
}

fn names(keyword: &str) -> bool {
    matches!(keyword, "x-name" | "title")
}

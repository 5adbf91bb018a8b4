//! A JSON value as YAML. Keys and texts stand in the quotes of JSON wherever YAML could take them for something else, so that every
//! reader finds the same value, whichever version of YAML it reads.

use eventsmith_exact::schema::{EXACT, wide_text};
use serde_json::Value;

/// The text of a value, as a document of YAML.
pub(super) fn text(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members.iter().filter(|(name, _)| *name != EXACT) {
                out.push_str(&indent);
                out.push_str(&plain_or_quoted(name));
                out.push(':');
                match wide_text(members, name) {
                    // JSON is YAML.
                    Some(text) => out.push_str(&format!(" {text}\n")),
                    None => below(member, depth, out),
                }
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&indent);
                out.push('-');
                below(item, depth, out);
            }
        }
        scalar => out.push_str(&format!("{indent}{scalar}\n")),
    }
}

fn below(value: &Value, depth: usize, out: &mut String) {
    let is_block = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        out.push('\n');
        block(value, depth + 1, out);
    } else {
        out.push_str(&format!(" {value}\n"));
    }
}

/// A key without quotes where nothing can be misread: a word that no version of YAML has a meaning for.
fn plain_or_quoted(name: &str) -> String {
    let is_word = name.len() > 3 && name.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_plain = is_word && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let has_meaning = ["true", "false", "null"].contains(&name.to_ascii_lowercase().as_str());
    if is_plain && !has_meaning { name.to_owned() } else { Value::from(name).to_string() }
}

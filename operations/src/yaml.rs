//! Texts as YAML has them.

use serde_json::Value;

/// A text in quotes: those of JSON are those of YAML, too.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

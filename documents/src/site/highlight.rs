//! JSON with its parts marked, for pages.

use serde_json::Value;

/// A value on several lines, as HTML.
pub(super) fn html(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out
}

fn write(value: &Value, depth: usize, out: &mut String) {
    let indent = |depth: usize| "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push_str("{\n");
            for (at, (name, member)) in members.iter().enumerate() {
                out.push_str(&indent(depth + 1));
                mark("j-key", &Value::from(name.as_str()).to_string(), out);
                out.push_str(": ");
                write(member, depth + 1, out);
                out.push_str(if at + 1 < members.len() { ",\n" } else { "\n" });
            }
            out.push_str(&indent(depth));
            out.push('}');
        }
        Value::Array(items) if !items.is_empty() => {
            out.push_str("[\n");
            for (at, item) in items.iter().enumerate() {
                out.push_str(&indent(depth + 1));
                write(item, depth + 1, out);
                out.push_str(if at + 1 < items.len() { ",\n" } else { "\n" });
            }
            out.push_str(&indent(depth));
            out.push(']');
        }
        Value::String(_) => mark("j-string", &value.to_string(), out),
        Value::Number(_) => mark("j-number", &value.to_string(), out),
        other => out.push_str(&other.to_string()),
    }
}

fn mark(class: &str, text: &str, out: &mut String) {
    out.push_str(&format!("<span class=\"{class}\">{}</span>", handlebars::html_escape(text)));
}

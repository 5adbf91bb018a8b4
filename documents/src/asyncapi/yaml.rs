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
                // A longer key cannot stand before its colon.
                const LONGEST: usize = 500;
                let key = plain_or_quoted(name);
                match key.chars().count() > LONGEST {
                    true => out.push_str(&format!("? {key}\n{indent}:")),
                    false => out.push_str(&format!("{key}:")),
                }
                match wide_text(members, name) {
                    // JSON is YAML.
                    Some(text) => out.push_str(&format!(" {}\n", flow(text))),
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
        scalar => out.push_str(&format!("{indent}{}\n", flow(&scalar.to_string()))),
    }
}

/// JSON as every version of YAML reads it: numbers with an exponent have a point and a sign there, and what may not stand in a file, or
/// is taken for the end of a line, is escaped.
fn flow(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut is_text = false;
    let mut is_escaped = false;
    let mut number = String::new();
    for c in json.chars() {
        if !is_text
            && (c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E') && !number.is_empty() || c == '-')
        {
            number.push(c);
            continue;
        }
        out.push_str(&exponent(&std::mem::take(&mut number)));
        match c {
            '"' if !is_escaped => is_text = !is_text,
            _ => {}
        }
        is_escaped = is_text && c == '\\' && !is_escaped;
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push_str(&exponent(&number));
    out
}

fn exponent(number: &str) -> String {
    let Some(at) = number.find(['e', 'E']) else { return number.to_owned() };
    let (mantissa, power) = (&number[..at], &number[at + 1..]);
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if power.starts_with(['+', '-']) { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{power}")
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
        out.push_str(&format!(" {}\n", flow(&value.to_string())));
    }
}

/// A key without quotes where nothing can be misread: a word that no version of YAML has a meaning for.
fn plain_or_quoted(name: &str) -> String {
    let is_word = name.len() > 3 && name.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_plain = is_word && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let has_meaning = ["true", "false", "null"].contains(&name.to_ascii_lowercase().as_str());
    if is_plain && !has_meaning { name.to_owned() } else { flow(&Value::from(name).to_string()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn what_versions_of_yaml_read_differently_is_written_so_that_they_do_not() {
        let value =
            json!({"no": 1e-7, "text": "1e-7 \"-5e3\" \u{85}\u{2028}", "list": [1e300, -0.5, "on"], "deep": {}});

        let text = super::text(&value);

        assert_eq!(
            text,
            "\"no\": 1.0e-7\ntext: \"1e-7 \\\"-5e3\\\" \\u0085\\u2028\"\nlist:\n  - 1.0e+300\n  - -0.5\n  - \"on\"\ndeep: {}\n"
        );
    }
}

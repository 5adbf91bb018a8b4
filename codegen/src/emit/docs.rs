//! Doc comments from schemas.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::emit::literal::turns_text;
use crate::shape::Definition;

/// The most lines of a doc comment: each costs the compiler more than it tells a reader.
const MOST_LINES: usize = 1_000;

/// Doc comment lines from a schema's description.
pub(super) fn doc(text: &str, fallback: impl FnOnce() -> String) -> TokenStream {
    let text = if text.trim().is_empty() { fallback() } else { text.trim().to_owned() };
    let omitted = text.lines().count().saturating_sub(MOST_LINES);
    let rest = (omitted > 0).then(|| format!("({omitted} more lines stand in the schema.)"));
    let lines = text.lines().take(MOST_LINES).chain(rest.as_deref()).map(|line| {
        let line = if line.is_empty() { String::new() } else { format!(" {}", escape_doc(line)) };
        let line = Literal::string(&line);
        quote!(#[doc = #line])
    });
    quote!(#(#lines)*)
}

/// Keeps rustdoc from reading links and HTML into a description, and the compiler from refusing what turns text around.
fn escape_doc(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    let mut in_code = false;
    for c in line.chars() {
        if c.is_control() || turns_text(c) {
            escaped.extend(c.escape_default());
            continue;
        }
        in_code ^= c == '`';
        if !in_code && matches!(c, '[' | ']' | '<' | '>') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The documentation of a definition, with the schema that it comes from.
pub(super) fn with_source(definition: &Definition) -> String {
    let (file, pointer) = (&definition.location.file, &definition.location.pointer);
    let hash = if pointer.is_empty() { "" } else { "#" };
    let source = format!("The schema `{file}{hash}{pointer}`.");
    if definition.doc.trim().is_empty() { source } else { format!("{}\n\n{source}", definition.doc.trim()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let doc = doc(text, String::new).to_string();
        doc.split("# [doc = ").skip(1).map(|line| line.trim_end().trim_end_matches(']').to_owned()).collect()
    }

    #[test]
    fn what_turns_text_around_is_spelled_out() {
        assert_eq!(lines("a\u{202e}b"), [r#"" a\\u{202e}b""#]);
    }

    #[test]
    fn a_description_of_very_many_lines_is_cut() {
        let lines = lines(&"x\n".repeat(100_000));

        assert_eq!(lines.len(), MOST_LINES + 1);
        assert_eq!(lines[MOST_LINES], r#"" (99000 more lines stand in the schema.)""#);
    }
}

//! Doc comments from schemas.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::shape::Definition;

/// Doc comment lines from a schema's description.
pub(super) fn doc(text: &str, fallback: impl FnOnce() -> String) -> TokenStream {
    let text = if text.trim().is_empty() { fallback() } else { text.trim().to_owned() };
    let lines = text.lines().map(|line| {
        let line = if line.is_empty() { String::new() } else { format!(" {}", escape_doc(line)) };
        let line = Literal::string(&line);
        quote!(#[doc = #line])
    });
    quote!(#(#lines)*)
}

/// Keeps rustdoc from reading links and HTML into a description.
fn escape_doc(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    let mut in_code = false;
    for c in line.chars() {
        if c.is_control() {
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

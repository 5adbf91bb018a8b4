//! Literals that people can read.

use proc_macro2::Literal;

/// A literal that shows a text as it is, without escapes where possible.
pub(crate) fn raw_string(text: &str) -> Literal {
    raw_text(text).parse().unwrap_or_else(|_| Literal::string(text))
}

/// The text of [`raw_string`].
pub(super) fn raw_text(text: &str) -> String {
    let can_be_raw = !text.contains(['\r', '\0']);
    if !can_be_raw || !text.contains(['"', '\\']) {
        return Literal::string(text).to_string();
    }
    let mut hashes = String::new();
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    format!("r{hashes}\"{text}\"{hashes}")
}

//! Literals that people can read.

use std::time::Duration;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::docs::is_invisible;

/// A literal that shows a text as it is, without escapes where possible.
pub(crate) fn raw_string(text: &str) -> Literal {
    raw_text(text).parse().unwrap_or_else(|_| Literal::string(text))
}

/// The text of [`raw_string`].
pub(super) fn raw_text(text: &str) -> String {
    let can_be_raw = !text.contains(is_invisible);
    if !can_be_raw || !text.contains(['"', '\\']) {
        return Literal::string(text).to_string();
    }
    let mut hashes = String::new();
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    format!("r{hashes}\"{text}\"{hashes}")
}

/// An expression for a duration.
pub(super) fn duration(duration: Duration) -> TokenStream {
    if duration.subsec_millis() == 0 {
        let seconds = Literal::u64_unsuffixed(duration.as_secs());
        quote!(::std::time::Duration::from_secs(#seconds))
    } else {
        let milliseconds = Literal::u128_unsuffixed(duration.as_millis());
        quote!(::std::time::Duration::from_millis(#milliseconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_quotes_is_raw() {
        assert_eq!(raw_text(r#"{"a": "\\"}"#), r##"r#"{"a": "\\"}"#"##);
    }

    #[test]
    fn what_turns_text_around_is_escaped() {
        for c in ['\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}'] {
            let text = raw_text(&format!("\"{c}"));

            assert_eq!(text, format!(r#""\"\u{{{:x}}}""#, u32::from(c)));
        }
    }
}

//! Doc comments from schemas.

mod invisible;
mod markdown;
mod text;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::shape::Definition;

pub(super) use invisible::{is_invisible, visible};
pub(super) use text::code;

/// The most lines of a doc comment: each costs the compiler more than it tells a reader.
const MOST_LINES: usize = 1_000;

/// Doc comment lines: the description of a schema, which is Markdown of somebody else, with a paragraph of ours after it.
pub(super) fn doc(description: &str, ours: impl FnOnce() -> String) -> TokenStream {
    let description = described(description);
    lines(&if description.is_empty() { ours() } else { description })
}

/// The same with a paragraph of ours after the description.
pub(super) fn doc_and(description: &str, ours: &str) -> TokenStream {
    let description = described(description);
    lines(&if description.is_empty() { ours.to_owned() } else { format!("{description}\n\n{ours}") })
}

/// The first paragraph of a description on one line; empty where it begins with something else.
pub(super) fn summary(description: &str) -> String {
    const BLOCKS: &[char] = &['#', '>', '|', '-', '*', '+', '`', '~', '<', ' ', '\t'];
    let described = described(description);
    let paragraph: Vec<&str> = described.lines().take_while(|line| !line.trim().is_empty()).collect();
    if paragraph.iter().any(|line| line.starts_with(BLOCKS)) {
        return String::new();
    }
    paragraph.iter().map(|line| line.trim().trim_end_matches('\\')).collect::<Vec<_>>().join(" ")
}

/// Doc comment lines that are ours altogether.
pub(super) fn lines(text: &str) -> TokenStream {
    let lines = text.lines().map(|line| {
        let line = if line.is_empty() { String::new() } else { format!(" {line}") };
        let line = Literal::string(&line);
        quote!(#[doc = #line])
    });
    quote!(#(#lines)*)
}

/// A description as Markdown that means the same to rustdoc, and holds nothing that it runs or warns of.
fn described(description: &str) -> String {
    let description = description.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = description.trim_matches('\n').trim_end().lines().collect();
    let omitted = lines.len().saturating_sub(MOST_LINES);
    let mut text = markdown::rendered(&lines[..lines.len() - omitted].join("\n"));
    // `&nbsp;` is a description that says nothing.
    if text.trim().is_empty() {
        text.clear();
    }
    if omitted > 0 {
        text.push_str(&format!("\n\n({omitted} more lines stand in the schema.)"));
    }
    text
}

/// The documentation of a definition, with the schema that it comes from and its page in the site of the catalogue.
pub(super) fn with_source(definition: &Definition, page: Option<&str>) -> TokenStream {
    let (file, pointer) = (&definition.location.file, &definition.location.pointer);
    let hash = if pointer.is_empty() { "" } else { "#" };
    let schema = code(&format!("{file}{hash}{pointer}"));
    let ours = match page {
        Some(page) => format!("The schema {schema}, and [its page in the catalogue]({page})."),
        None => format!("The schema {schema}."),
    };
    doc_and(&definition.doc, &ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        described(text).lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_address_has_no_character_that_nobody_sees() {
        for text in ["[x](https://a.b/&#x202e;c)", "![i](https://x.y/&#x2066;z)", "[a]: https://x.y/&rlm;z\n\nsee [a]"]
        {
            let rendered = described(text);
            assert!(!rendered.chars().any(|c| c != '\n' && invisible::is_invisible(c)), "{rendered:?}");
        }
        assert!(described("[x](https://a.b/&#x202e;c)").contains("https://a.b/%E2%80%AEc"));
    }

    #[test]
    fn what_is_nothing_but_space_is_no_description() {
        assert_eq!((described("&nbsp;"), described("&emsp; &#160;")), (String::new(), String::new()));
    }

    #[test]
    fn a_summary_is_the_first_paragraph_on_one_line() {
        assert_eq!(summary("A rule\nwas [made](x).\n\nMore."), "A rule was made (`x`).");
        for other in ["", "- a\n- b", "    code", "# Head", "```\nx\n```", "| a |\n|---|"] {
            assert_eq!(summary(other), "", "{other}");
        }
    }

    #[test]
    fn what_turns_text_around_is_spelled_out() {
        assert_eq!(lines("a\u{202e}b"), ["a\\u{202e}b"]);
    }

    #[test]
    fn a_description_of_very_many_lines_is_cut() {
        let lines = lines(&"x\n".repeat(100_000));

        assert_eq!(lines.len(), MOST_LINES + 2);
        assert_eq!(lines[MOST_LINES + 1], "(99000 more lines stand in the schema.)");
    }

    #[test]
    fn what_is_ours_does_not_fall_into_a_fence_that_nobody_closed() {
        assert_eq!(doc_and("```\nx", "Ours.").to_string().matches("# [doc").count(), 5);
        assert_eq!(lines("```\nx"), ["```text", "x", "```"]);
    }
}

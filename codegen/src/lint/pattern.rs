//! What follows from a pattern alone, without a text.

mod automaton;

use regex_syntax::hir::{Hir, Look};

use crate::schema;

use automaton::Automaton;

/// Whether a pattern says where the text begins or where it ends.
pub(super) fn is_anchored(pattern: &str) -> bool {
    match parsed(pattern) {
        Some(hir) => {
            let looks = hir.properties().look_set();
            looks.contains(Look::Start) || looks.contains(Look::End) || looks.contains_anchor()
        }
        // Engines disagree about such a pattern; its text says enough.
        None => pattern.contains('^') || pattern.contains('$'),
    }
}

/// Whether a pattern bounds the length of what it matches: from start to end, without a loop.
pub(super) fn is_bounded(pattern: &str) -> bool {
    parsed(pattern).is_some_and(|hir| {
        let properties = hir.properties();
        properties.look_set_prefix().contains(Look::Start)
            && properties.look_set_suffix().contains(Look::End)
            && properties.maximum_len().is_some()
    })
}

/// Whether a loop of the pattern reads some text in more than one way, so that an engine which goes back tries a number
/// of ways that grows exponentially with the text. Patterns that are not regular, and very long ones, are not analysed.
pub(super) fn is_catastrophic(pattern: &str) -> bool {
    let translated = schema::rust_regex(pattern);
    translated.and_then(|pattern| Automaton::of(&pattern)).is_some_and(|automaton| automaton.is_ambiguous())
}

fn parsed(pattern: &str) -> Option<Hir> {
    let translated = schema::rust_regex(pattern)?;
    regex_syntax::Parser::new().parse(&translated).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_in_loops_over_the_same_text_are_catastrophic() {
        for pattern in [
            r"^(a+)+$",
            r"^(a|a)*$",
            r"(.*)*x",
            r"^(\w+\s?)*$",
            r"^([a-z]+/?)*$",
            r"^(a|ab|b)*$",
            r"^([a-zA-Z0-9]+[-_]?)+@x$",
            r"^(([a-z])+.)+[A-Z]([a-z])+$",
            r"^(a*)*$",
            r"^(.|\s)*$",
            r"^([a-z]{1,20}){1,40}$",
        ] {
            assert!(is_catastrophic(pattern), "{pattern}");
        }
    }

    #[test]
    fn loops_with_one_way_to_go_are_not() {
        for pattern in [
            r"^a+$",
            r"^[a-z]+(/[a-z]+)*$",
            r"^(ab|cd)*$",
            r"^([0-9]{1,3}\.){3}[0-9]{1,3}$",
            r"^(100|[1-9]?[0-9](\.[0-9]{1,4})?)$",
            r"^[A-Za-z0-9_-]{1,64}$",
            r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$",
            r"^(\w+\s)*\w+$",
            r"^([0-9]{4})+$",
            r"^\s*\S.*$",
            r"^(a?b)*$",
            r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*$",
            r"",
        ] {
            assert!(!is_catastrophic(pattern), "{pattern}");
        }
    }

    #[test]
    fn what_engines_disagree_about_is_not_judged() {
        assert!(!is_catastrophic(r"^(?=a+)b$"));
    }

    #[test]
    fn one_anchor_is_enough_to_show_that_its_author_knows_of_them() {
        assert!(is_anchored("^a") && is_anchored("a$") && is_anchored("^(?!x)a"));
        assert!(!is_anchored("[A-Z]{3}"));
    }

    #[test]
    fn a_pattern_bounds_a_text_from_start_to_end_only() {
        assert!(is_bounded("^[A-Z]{3}$") && is_bounded("^(a|bc)$"));
        assert!(!is_bounded("^[A-Z]+$") && !is_bounded("[A-Z]{3}") && !is_bounded("^[A-Z]{3}"));
    }
}

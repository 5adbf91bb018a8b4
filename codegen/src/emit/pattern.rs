//! Patterns as straight-line code that reads a text once, from its start.
//!
//! Code is written only for a pattern that is anchored at the start and whose every decision the next character makes:
//! what may be repeated or left out begins with nothing that may also follow it, and alternatives begin differently.
//! Then reading as much as there is, and never going back, finds a match exactly if there is one.

mod class;
mod parts;

use proc_macro2::{Delimiter, Literal, TokenStream, TokenTree};
use quote::quote;

use crate::shape::Check;

use super::runtime::Runtime;

use class::First;
use parts::Part;

/// An expression of type `bool`: whether a text matches a pattern. `None` when only a regular expression can decide it.
pub(super) fn matcher(runtime: &Runtime, pattern: &str, text: &TokenStream) -> Option<TokenStream> {
    let parts = parts::of(pattern)?;
    let conditions = sequence(runtime, &parts, First::ANYTHING)?;
    Some(match conditions.as_slice() {
        [] => return None,
        [conditions @ .., last] if !conditions.is_empty() && last.to_string() == at_end().to_string() => {
            let (scan, body) = (runtime.internal("checks::scan_all"), all(conditions));
            quote!(#scan(#text, |s| #body))
        }
        conditions => {
            let (scan, body) = (runtime.internal("checks::scan"), all(conditions));
            quote!(#scan(#text, |s| #body))
        }
    })
}

/// The least and the greatest number of characters in a text that matches a pattern, as far as that is known.
pub(super) fn lengths(pattern: &str) -> Option<(u64, Option<u64>)> {
    parts::of(pattern).map(|parts| parts::lengths(&parts))
}

/// Whether a check of a text says nothing that a pattern beside it does not say.
pub(super) fn implies(checks: &[Check], check: &Check) -> bool {
    let Check::Length { min, max } = check else { return false };
    checks.iter().any(|other| {
        let Check::Pattern(pattern) = other else { return false };
        lengths(pattern).is_some_and(|(least, most)| {
            min.is_none_or(|min| min <= least) && max.is_none_or(|max| most.is_some_and(|most| most <= max))
        })
    })
}

/// Several conditions as one, which a closure can have as its body.
fn all(conditions: &[TokenStream]) -> TokenStream {
    let [only] = conditions else { return quote!(#(#conditions)&&*) };
    match only.clone().into_iter().collect::<Vec<_>>().as_slice() {
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::Parenthesis => group.stream(),
        _ => only.clone(),
    }
}

/// What must hold, one after the other, for a text to begin with some parts; `follow` is what may come next.
fn sequence(runtime: &Runtime, parts: &[Part], mut follow: First) -> Option<Vec<TokenStream>> {
    let (mut conditions, mut rest) = (Vec::new(), parts);
    if let [before @ .., last, Part::End] = parts
        && let Some(texts) = literals(last)
    {
        conditions.push(match texts.as_slice() {
            [text] => quote!(s.rest() == #text),
            texts => quote!(::std::matches!(s.rest(), #(#texts)|*)),
        });
        follow = last.first(First::END);
        rest = before;
    }
    for part in rest.iter().rev() {
        conditions.push(condition(runtime, part, follow)?);
        follow = part.first(follow);
    }
    conditions.reverse();
    Some(conditions)
}

fn condition(runtime: &Runtime, part: &Part, follow: First) -> Option<TokenStream> {
    match part {
        Part::End => Some(at_end()),
        Part::Literal(text) => Some(quote!(s.literal(#text))),
        Part::Run { class, min, max } => {
            if *max != Some(*min) && !class.first().is_disjoint(follow) {
                return None;
            }
            if let (0, Some(1), Some(only)) = (min, max, class.only()) {
                let text = only.to_string();
                return Some(quote!(s.optional(|s| s.literal(#text))));
            }
            let bytes = if *min <= 1 && max.is_none() { class.as_any_bytes(runtime) } else { class.as_bytes(runtime) };
            let count = range(*min, *max);
            Some(match bytes {
                Some(class) if *max == Some(*min) => {
                    let count = Literal::u32_unsuffixed(*min);
                    quote!(s.exactly(#count, #class))
                }
                Some(class) => quote!(s.run(#count, #class)),
                None => {
                    let class = class.as_chars();
                    quote!(s.chars(#count, #class))
                }
            })
        }
        Part::Repeat { parts, min, max } => {
            let first = parts::first(parts, First::NOTHING);
            if *max != Some(*min) && !first.is_disjoint(follow) {
                return None;
            }
            let again = if *max == Some(1) { First::NOTHING } else { first };
            let body = all(&sequence(runtime, parts, follow.or(again))?);
            if (*min, *max) == (0, Some(1)) {
                return Some(quote!(s.optional(|s| #body)));
            }
            let count = range(*min, *max);
            Some(quote!(s.repeat(#count, |s| #body)))
        }
        Part::Choice(alternatives) => choice(runtime, alternatives, follow),
    }
}

fn choice(runtime: &Runtime, alternatives: &[Vec<Part>], follow: First) -> Option<TokenStream> {
    let mut alternatives: Vec<&[Part]> = alternatives.iter().map(Vec::as_slice).collect();
    for (index, one) in alternatives.iter().enumerate() {
        if !alternatives[index + 1..].iter().all(|other| is_decided(one, other, follow)) {
            return None;
        }
    }
    // Of two texts the longer is tried first, and last of all what may be nothing.
    alternatives.sort_by_key(|parts| match parts {
        [] => usize::MAX,
        [Part::Literal(text)] => usize::MAX / 2 - text.len(),
        parts if parts::lengths(parts).0 == 0 => usize::MAX - 1,
        _ => 0,
    });
    let may_be_nothing = alternatives.last().is_some_and(|parts| parts.is_empty());
    let branches = alternatives.iter().filter(|parts| !parts.is_empty()).map(|parts| {
        let conditions = sequence(runtime, parts, follow)?;
        Some(if conditions.len() == 1 { quote!(#(#conditions)*) } else { quote!(s.group(|s| #(#conditions)&&*)) })
    });
    let branches = branches.collect::<Option<Vec<_>>>()?;
    if branches.is_empty() {
        return Some(quote!(true));
    }
    Some(if may_be_nothing { quote!(s.optional(|s| #(#branches)||*)) } else { quote!((#(#branches)||*)) })
}

/// Whether the next characters distinguish two alternatives.
fn is_decided(one: &[Part], other: &[Part], follow: First) -> bool {
    if let ([Part::Literal(one)], [Part::Literal(other)]) = (one, other) {
        let longer = one.strip_prefix(other.as_str()).or_else(|| other.strip_prefix(one.as_str()));
        return longer.is_none_or(|rest| First::of_text(rest).is_disjoint(follow));
    }
    parts::first(one, follow).is_disjoint(parts::first(other, follow))
}

/// The texts that a part stands for when it stands for nothing else.
fn literals(part: &Part) -> Option<Vec<&str>> {
    match part {
        Part::Literal(text) => Some(vec![text]),
        Part::Choice(alternatives) => alternatives
            .iter()
            .map(|parts| match parts.as_slice() {
                [] => Some(""),
                [Part::Literal(text)] => Some(text.as_str()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

fn at_end() -> TokenStream {
    quote!(s.is_at_end())
}

fn range(min: u32, max: Option<u32>) -> TokenStream {
    let min = Literal::u32_unsuffixed(min);
    match max.map(Literal::u32_unsuffixed) {
        Some(max) => quote!(#min..=#max),
        None => quote!(#min..),
    }
}

#[cfg(test)]
mod tests;

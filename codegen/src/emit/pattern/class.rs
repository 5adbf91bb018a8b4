//! Classes of characters, and what a part of a pattern may begin with.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use regex_syntax::hir;

/// Ranges of characters, in order, apart from each other, at least one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Class(Vec<(char, char)>);

/// The first character beyond ASCII.
const WIDE: char = '\u{80}';

impl Class {
    /// A class as it was parsed; `None` for one without characters.
    pub(super) fn of(class: &hir::Class) -> Option<Self> {
        let ranges: Vec<(char, char)> = match class {
            hir::Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
            hir::Class::Bytes(class) if class.is_ascii() => {
                class.iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect()
            }
            hir::Class::Bytes(_) => return None,
        };
        (!ranges.is_empty()).then_some(Self(ranges))
    }

    /// The class of one character, if a text is one.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let mut chars = text.chars();
        let only = chars.next().filter(|_| chars.as_str().is_empty())?;
        Some(Self(vec![(only, only)]))
    }

    /// The only character.
    pub(super) fn only(&self) -> Option<char> {
        match self.0.as_slice() {
            [(start, end)] if start == end => Some(*start),
            _ => None,
        }
    }

    pub(super) fn first(&self) -> First {
        self.0.iter().fold(First::NOTHING, |first, (start, end)| {
            let ascii = (*start..=(*end).min('\u{7f}')).fold(0, |ascii, char| ascii | First::bit(char));
            first.or(First { ascii, wide: *end >= WIDE, end: false })
        })
    }

    /// A predicate on bytes; `None` when the class holds more than ASCII.
    pub(super) fn as_bytes(&self) -> Option<TokenStream> {
        let named = match self.0.as_slice() {
            [('0', '9')] => Some(quote!(u8::is_ascii_digit)),
            [('A', 'Z')] => Some(quote!(u8::is_ascii_uppercase)),
            [('a', 'z')] => Some(quote!(u8::is_ascii_lowercase)),
            [('A', 'Z'), ('a', 'z')] => Some(quote!(u8::is_ascii_alphabetic)),
            [('0', '9'), ('A', 'Z'), ('a', 'z')] => Some(quote!(u8::is_ascii_alphanumeric)),
            [('0', '9'), ('A', 'F'), ('a', 'f')] => Some(quote!(u8::is_ascii_hexdigit)),
            _ => None,
        };
        let is_ascii = self.0.iter().all(|(_, end)| *end < WIDE);
        is_ascii.then(|| named.unwrap_or_else(|| predicate(&self.0, true, byte)))
    }

    /// A predicate on bytes for a run whose characters nobody counts: then it does not matter where a character beyond
    /// ASCII ends, if all of them are in the class.
    pub(super) fn as_any_bytes(&self) -> Option<TokenStream> {
        match self.0.last() {
            Some((start, char::MAX)) if *start <= WIDE => Some(predicate(&self.others(), false, byte)),
            _ => self.as_bytes(),
        }
    }

    /// A predicate on characters.
    pub(super) fn as_chars(&self) -> TokenStream {
        let others = self.others();
        if others.len() < self.0.len() {
            predicate(&others, false, Literal::character)
        } else {
            predicate(&self.0, true, Literal::character)
        }
    }

    /// The characters that are not in the class.
    fn others(&self) -> Vec<(char, char)> {
        let ranges = self.0.iter().map(|(start, end)| hir::ClassUnicodeRange::new(*start, *end));
        let mut class = hir::ClassUnicode::new(ranges);
        class.negate();
        class.iter().map(|range| (range.start(), range.end())).collect()
    }
}

fn byte(char: char) -> Literal {
    Literal::byte_character(u8::try_from(char).unwrap_or(u8::MAX))
}

/// Whether a reference is to one of the characters, or to none of them.
fn predicate(ranges: &[(char, char)], is_in: bool, literal: fn(char) -> Literal) -> TokenStream {
    let not = (!is_in).then(|| quote!(!));
    match ranges {
        [] if !is_in => quote!(|_| true),
        [(start, end)] if start == end => {
            let (operator, only) = (if is_in { quote!(==) } else { quote!(!=) }, literal(*start));
            quote!(|c| *c #operator #only)
        }
        _ => {
            let ranges = ranges.iter().map(|(start, end)| {
                let (first, last) = (literal(*start), literal(*end));
                if start == end { quote!(#first) } else { quote!(#first..=#last) }
            });
            quote!(|c| #not matches!(c, #(#ranges)|*))
        }
    }
}

/// What a text may go on with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct First {
    /// One bit for each character of ASCII.
    ascii: u128,
    /// Characters beyond ASCII; one is like another.
    wide: bool,
    /// The end of the text.
    end: bool,
}

impl First {
    pub(super) const NOTHING: Self = Self { ascii: 0, wide: false, end: false };
    pub(super) const END: Self = Self { ascii: 0, wide: false, end: true };
    pub(super) const ANYTHING: Self = Self { ascii: u128::MAX, wide: true, end: true };

    pub(super) fn of_text(text: &str) -> Self {
        match text.chars().next() {
            Some(first) => Self { ascii: Self::bit(first), wide: !first.is_ascii(), end: false },
            None => Self::NOTHING,
        }
    }

    fn bit(char: char) -> u128 {
        if char.is_ascii() { 1 << u32::from(char) } else { 0 }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self { ascii: self.ascii | other.ascii, wide: self.wide || other.wide, end: self.end || other.end }
    }

    pub(super) fn is_disjoint(self, other: Self) -> bool {
        self.ascii & other.ascii == 0 && !(self.wide && other.wide) && !(self.end && other.end)
    }
}

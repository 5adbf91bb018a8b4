//! Classes of characters, and what a part of a pattern may begin with.

use proc_macro2::TokenStream;
use quote::quote;
use regex_syntax::hir;

use crate::emit::Runtime;

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
    pub(super) fn as_bytes(&self, runtime: &Runtime) -> Option<TokenStream> {
        let is_ascii = self.0.iter().all(|(_, end)| *end < WIDE);
        is_ascii.then(|| class(runtime, &notation(&self.0)))
    }

    /// A predicate on bytes for a run whose characters nobody counts: then it does not matter where a character beyond
    /// ASCII ends, if all of them are in the class.
    pub(super) fn as_any_bytes(&self, runtime: &Runtime) -> Option<TokenStream> {
        match self.0.last() {
            Some((start, char::MAX)) if *start <= WIDE => {
                Some(class(runtime, &format!("^{}", notation(&self.others()))))
            }
            _ => self.as_bytes(runtime),
        }
    }

    /// A predicate on characters.
    pub(super) fn as_chars(&self) -> TokenStream {
        let others = self.others();
        let is_shorter = others.len() < self.0.len();
        let ranges = if is_shorter { &others } else { &self.0 };
        if let ([(start, end)], true) = (ranges.as_slice(), is_shorter) {
            return if start == end { quote!(|c| *c != #start) } else { negated(&chars_between(*start, *end)) };
        }
        let ranges: Vec<TokenStream> = ranges.iter().map(|(start, end)| chars_between(*start, *end)).collect();
        match (is_shorter, ranges.is_empty()) {
            (_, true) => quote!(|_| #is_shorter),
            (true, _) => negated(&quote!((#(#ranges)||*))),
            (false, _) => quote!(|c| #(#ranges)||*),
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

fn class(runtime: &Runtime, notation: &str) -> TokenStream {
    let class = runtime.internal("class");
    let notation = crate::emit::literal::raw_string(notation);
    quote!(#class!(#notation))
}

/// Whether a character `c` is in a range.
fn chars_between(start: char, end: char) -> TokenStream {
    match (start, end) {
        ('0', '9') => quote!(c.is_ascii_digit()),
        ('A', 'Z') => quote!(c.is_ascii_uppercase()),
        ('a', 'z') => quote!(c.is_ascii_lowercase()),
        _ if start == end => quote!(*c == #start),
        _ => quote!((#start..=#end).contains(c)),
    }
}

fn negated(condition: &TokenStream) -> TokenStream {
    quote!(|c| !#condition)
}

/// Ranges of ASCII as `eventsmith::checks::Class` reads them.
fn notation(ranges: &[(char, char)]) -> String {
    // A hyphen at the end stands for itself.
    let (hyphen, ranges) = match ranges {
        [('-', '-'), others @ ..] if !others.is_empty() => ("-", others),
        ranges => ("", ranges),
    };
    let mut notation = String::new();
    for (start, end) in ranges {
        notation.extend(escaped(*start));
        if end > start {
            // Of two neighbours, each speaks for itself.
            let dash = u32::from(*end) - u32::from(*start) > 1;
            notation.extend(dash.then_some('-'));
            notation.extend(escaped(*end));
        }
    }
    notation + hyphen
}

fn escaped(char: char) -> impl Iterator<Item = char> {
    matches!(char, '\\' | '-' | '^').then_some('\\').into_iter().chain([char])
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

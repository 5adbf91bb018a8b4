//! Reading a text from its start, for generated checks of patterns.
//!
//! The generator turns a pattern into calls of these methods only where reading without ever going back finds a match
//! whenever there is one; every other pattern is left to [`Pattern`](crate::schema::Pattern).

use std::ops::{Bound, RangeBounds};

/// Whether a text begins with what `matches` reads.
#[inline]
pub fn scan(text: impl AsRef<str>, matches: impl FnOnce(&mut Scan<'_>) -> bool) -> bool {
    matches(&mut Scan { text: text.as_ref(), at: 0 })
}

/// Whether a text is what `matches` reads, and nothing more.
///
/// ```
/// use eventsmith_event::checks::scan_all;
/// use eventsmith_event::class;
///
/// // ^[A-Z]{2}(-[A-Z0-9]{1,3})?$
/// let is_locale = |text: &str| {
///     scan_all(text, |s| {
///         s.exactly(2, class!("A-Z")) && s.optional(|s| s.literal("-") && s.run(1..=3, class!("0-9A-Z")))
///     })
/// };
/// assert!(is_locale("DE") && is_locale("ES-419"));
/// assert!(!is_locale("DE-") && !is_locale("DE-1234"));
/// ```
#[inline]
pub fn scan_all(text: impl AsRef<str>, matches: impl FnOnce(&mut Scan<'_>) -> bool) -> bool {
    scan(text, |s| matches(s) && s.is_at_end())
}

/// A place in a text. What a method does not find, it leaves unread.
#[derive(Debug)]
pub struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// Reads a text.
    #[inline]
    pub fn literal(&mut self, text: &str) -> bool {
        let found = self.bytes().starts_with(text.as_bytes());
        self.take(text.len(), found)
    }

    /// Reads a number of bytes of a class.
    #[inline]
    pub fn exactly(&mut self, count: usize, class: impl Fn(&u8) -> bool) -> bool {
        let found = self.bytes().get(..count).is_some_and(|bytes| bytes.iter().all(class));
        self.take(count, found)
    }

    /// Reads bytes of a class, as many as there are and as may be.
    #[inline]
    pub fn run(&mut self, count: impl RangeBounds<usize>, class: impl Fn(&u8) -> bool) -> bool {
        let length = self.bytes().iter().take(most(&count)).take_while(|byte| class(byte)).count();
        self.take(length, count.contains(&length))
    }

    /// Reads characters of a class, as many as there are and as may be.
    #[inline]
    pub fn chars(&mut self, count: impl RangeBounds<usize>, class: impl Fn(&char) -> bool) -> bool {
        let (mut found, mut length) = (0, 0);
        for char in self.rest().chars().take(most(&count)).take_while(class) {
            found += 1;
            length += char.len_utf8();
        }
        self.take(length, count.contains(&found))
    }

    /// Reads something of several parts.
    #[inline]
    pub fn group(&mut self, part: impl FnOnce(&mut Self) -> bool) -> bool {
        let start = self.at;
        let found = part(self);
        if !found {
            self.at = start;
        }
        found
    }

    /// Reads something that need not be there.
    #[inline]
    pub fn optional(&mut self, part: impl FnOnce(&mut Self) -> bool) -> bool {
        self.group(part);
        true
    }

    /// Reads something as often as it is there and may be.
    #[inline]
    pub fn repeat(&mut self, count: impl RangeBounds<usize>, part: impl Fn(&mut Self) -> bool) -> bool {
        let (most, mut found) = (most(&count), 0);
        while found < most && self.group(&part) {
            found += 1;
        }
        count.contains(&found)
    }

    /// Whether all has been read.
    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// What has not been read.
    #[inline]
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn bytes(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    #[inline]
    fn take(&mut self, length: usize, found: bool) -> bool {
        if found {
            self.at += length;
        }
        found
    }
}

/// A class of bytes.
#[derive(Debug)]
pub struct Class([bool; 256]);

impl Class {
    /// The class that a notation like `0-9A-Za-z_` names; after `^`, everything but that, bytes beyond ASCII included.
    /// A backslash takes the next character for itself.
    pub const fn new(notation: &str) -> Self {
        let notation = notation.as_bytes();
        let negated = matches!(notation, [b'^', ..]);
        let (mut bytes, mut at) = ([negated; 256], negated as usize);
        while at < notation.len() {
            if notation[at] == b'\\' {
                at += 1;
            }
            let (first, mut last) = (notation[at], notation[at]);
            at += 1;
            if at + 1 < notation.len() && notation[at] == b'-' {
                at += if notation[at + 1] == b'\\' { 2 } else { 1 };
                last = notation[at];
                at += 1;
            }
            let mut byte = first;
            while byte <= last {
                bytes[byte as usize] = !negated;
                byte += 1;
            }
        }
        Self(bytes)
    }

    /// Whether a byte is in the class.
    #[inline]
    pub const fn has(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }
}

/// A class of bytes as a predicate, made when the code is compiled.
#[doc(hidden)]
#[macro_export]
macro_rules! class {
    ($notation:literal) => {{
        static CLASS: $crate::checks::Class = $crate::checks::Class::new($notation);
        |byte: &u8| CLASS.has(*byte)
    }};
}

/// The greatest number in a range.
#[inline]
fn most(count: &impl RangeBounds<usize>) -> usize {
    match count.end_bound() {
        Bound::Included(most) => *most,
        Bound::Excluded(end) => end.saturating_sub(1),
        Bound::Unbounded => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_found_is_left_unread() {
        let left = |read: fn(&mut Scan<'_>) -> bool| {
            let mut scan = Scan { text: "ab1", at: 0 };
            assert!(!read(&mut scan));
            scan.rest()
        };

        assert_eq!(left(|s| s.literal("abc")), "ab1");
        assert_eq!(left(|s| s.exactly(3, u8::is_ascii_lowercase)), "ab1");
        assert_eq!(left(|s| s.run(3.., u8::is_ascii_lowercase)), "ab1");
        assert_eq!(left(|s| s.chars(3.., |c| c.is_lowercase())), "ab1");
        assert_eq!(left(|s| s.group(|s| s.literal("a") && s.literal("c"))), "ab1");
    }

    #[test]
    fn a_class_is_what_its_notation_names() {
        let members = |class: &Class| (0..=127).filter(|byte| class.has(*byte)).map(char::from).collect::<String>();

        assert_eq!(members(&Class::new("a-cX_0-2")), "012X_abc");
        assert_eq!(members(&Class::new("+\\--.")), "+-.");
        assert_eq!(members(&Class::new("a-")), "-a");
        assert_eq!(members(&Class::new("\\^\\\\-\\]")), "\\]^");
        assert!(Class::new("^a").has(b'b') && !Class::new("^a").has(b'a') && Class::new("^a").has(0xc3));
        assert!(!Class::new("a").has(0xc3));
    }

    #[test]
    fn characters_are_counted_and_not_their_bytes() {
        assert!(scan("äöü", |s| s.chars(3..=3, |c| !c.is_ascii()) && s.is_at_end()));
        assert!(scan("äöü", |s| s.chars(..2, |c| !c.is_ascii()) && s.rest() == "öü"));
    }

    #[test]
    fn a_part_is_repeated_as_often_as_it_may_be() {
        let pair = |s: &mut Scan<'_>| s.literal("-") && s.exactly(1, u8::is_ascii_digit);

        assert!(scan("-1-2-", |s| s.repeat(.., pair) && s.rest() == "-"));
        assert!(scan("-1-2", |s| s.repeat(..=1, pair) && s.rest() == "-2"));
        assert!(!scan("-1-2", |s| s.repeat(3.., pair)));
    }
}

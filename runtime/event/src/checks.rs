//! What generated code checks beyond types.

mod scan;

use std::collections::BTreeMap;
use std::ops::RangeBounds;

use crate::date::Date;
use crate::date_time::DateTime;

pub use scan::{Class, Scan, scan, scan_all};

/// Whether a text has a number of code points within a range.
pub fn length(text: impl AsRef<str>, range: impl RangeBounds<usize>) -> bool {
    let text = text.as_ref();
    // In ASCII, which most texts are, bytes are code points.
    let count = if text.is_ascii() { text.len() } else { text.chars().count() };
    range.contains(&count)
}

/// Whether JSON can write a date-time: the format has no years before 0.
pub fn date_time(value: &DateTime) -> bool {
    value.is_writable()
}

/// Whether JSON can write a date: the format has no years before 0.
pub fn date(value: &Date) -> bool {
    value.year() >= 0
}

/// Whether no two elements are equal.
pub fn unique<T: Ord>(items: &[T]) -> bool {
    const FEW: usize = 8;
    if items.len() <= FEW {
        return items.iter().enumerate().all(|(index, item)| !items[..index].contains(item));
    }
    let mut sorted: Vec<&T> = items.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).all(|pair| pair[0] != pair[1])
}

/// Whether no two elements are equal, of a type without an order. A no is not final for very long arrays.
pub fn distinct<T: PartialEq>(items: &[T]) -> bool {
    const MANY: usize = 500;
    items.len() <= MANY && items.iter().enumerate().all(|(index, item)| !items[..index].contains(item))
}

/// Whether the properties that a value keeps beside its declared ones have none of the declared names. A payload cannot
/// bring that about; a value that was made by hand would be written with one name twice.
pub fn undeclared<T>(kept: &BTreeMap<String, T>, declared: &[&str]) -> bool {
    declared.iter().all(|name| !kept.contains_key(*name))
}

/// The compiled form of a pattern, one for each place in the source.
#[doc(hidden)]
#[macro_export]
macro_rules! pattern {
    ($pattern:literal) => {{
        static PATTERN: $crate::schema::Pattern = $crate::schema::Pattern::new($pattern);
        &PATTERN
    }};
}

/// Whether a text has a format of JSON Schema, in the meaning of draft 2020-12 or of drafts 4 and 6. Each place in the
/// source has the compiled form to itself.
#[doc(hidden)]
#[macro_export]
macro_rules! has_format {
    ($format:literal, $text:expr) => {{
        static FORMAT: $crate::schema::Format = $crate::schema::Format::new($format);
        FORMAT.is_match($text)
    }};
    ($format:literal in draft 6, $text:expr) => {{
        static FORMAT: $crate::schema::Format = $crate::schema::Format::draft_6($format);
        FORMAT.is_match($text)
    }};
}

/// How many of some conditions hold.
#[must_use]
pub fn count(holds: &[bool]) -> usize {
    holds.iter().filter(|holds| **holds).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_code_points() {
        assert!(length("äöü", 3..=3));
        assert!(!length("äöü", 6..));
    }

    #[test]
    fn equal_elements_are_found_in_short_and_long_arrays() {
        let long: Vec<usize> = (0..100).collect();

        assert!(unique(&long));
        assert!(!unique(&[long.as_slice(), &[7]].concat()));
        assert!(!unique(&["a", "b", "a"]));
    }

    #[test]
    fn a_pattern_speaks_the_dialect_of_json_schema() {
        assert!(pattern!(r"^\d{2}$").is_match("12"));
        assert!(!pattern!(r"^\d{2}$").is_match("١٢"), "\\d is ASCII in ECMA-262");
    }

    #[test]
    fn a_format_means_what_its_draft_says() {
        assert!(has_format!("uri", "https://example.com") && !has_format!("uri", "example"));
        assert!(has_format!("ipv4", "127.0.0.1") && !has_format!("ipv4", "127.0.0.01"));
        assert!(has_format!("of our own", "anything"));

        let ill_formed_punycode = "xn--X";
        assert!(has_format!("hostname" in draft 6, ill_formed_punycode));
        assert!(!has_format!("hostname", ill_formed_punycode));
    }
}

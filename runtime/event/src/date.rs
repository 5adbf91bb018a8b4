//! Calendar dates, spelled as JSON Schema has them.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use jiff::civil;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::text::InvalidText;

/// A date of the calendar: a [`jiff::civil::Date`] that is read in the one spelling of the format `date`, `YYYY-MM-DD`.
///
/// ```
/// use eventsmith::Date;
///
/// let date: Date = "2026-11-30".parse()?;
/// assert_eq!((date.year(), date.to_string().as_str()), (2026, "2026-11-30"));
/// assert!("20261130".parse::<Date>().is_err());
/// # Ok::<(), eventsmith::error::InvalidText>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(civil::Date);

impl From<civil::Date> for Date {
    fn from(date: civil::Date) -> Self {
        Self(date)
    }
}

impl From<Date> for civil::Date {
    fn from(date: Date) -> Self {
        date.0
    }
}

impl Deref for Date {
    type Target = civil::Date;

    fn deref(&self) -> &civil::Date {
        &self.0
    }
}

impl FromStr for Date {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.as_bytes();
        let is_spelled = bytes.len() == 10
            && bytes
                .iter()
                .enumerate()
                .all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() });
        let date = if is_spelled { text.parse().ok() } else { None };
        date.map(Self).ok_or(InvalidText { type_name: "Date", expected: "a date YYYY-MM-DD" })
    }
}

impl TryFrom<&str> for Date {
    type Error = InvalidText;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<String> for Date {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Date;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date YYYY-MM-DD")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Date, E> {
                text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_spelling_of_the_format_is_a_date() {
        assert_eq!(serde_json::to_string(&"0000-02-29".parse::<Date>().unwrap()).unwrap(), r#""0000-02-29""#);
        for text in ["20261130", "2026-11-31", "+002026-11-30", "2026-11-30T00:00:00", "26-11-30", "２026-11-30", ""] {
            assert!(text.parse::<Date>().is_err(), "{text}");
            assert!(serde_json::from_value::<Date>(text.into()).is_err(), "{text}");
        }
    }
}

//! RFC 3339 date-times that keep the offset, and the spelling, they were written with.

mod civil;
mod convert;
mod read;
mod write;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, de};

/// An instant with the offset from UTC that its writer lived at.
///
/// Accepts what the format `date-time` of JSON Schema accepts, RFC 3339 with leap seconds and any number of fractional
/// digits, and writes it back as it was. The instant has the precision of nanoseconds; a leap second is the second
/// before it. Date-times are equal when they are spelled alike, and ordered by their instants first. As a spelling may be of any
/// length, a date-time is not `Copy`; its [`timestamp`](Self::timestamp) is.
///
/// ```
/// use eventsmith::DateTime;
///
/// let time: DateTime = "2026-11-23T10:00:00+01:00".parse()?;
/// assert_eq!(time.timestamp(), "2026-11-23T09:00:00Z".parse::<DateTime>()?.timestamp());
/// assert_eq!(time.to_string(), "2026-11-23T10:00:00+01:00");
/// # Ok::<(), eventsmith::error::InvalidText>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// Since 1970, in UTC. Not a `Timestamp`: that one ends two days before the year 9999 does, and the last second of
    /// that year is what many systems write for "never".
    seconds: i64,
    nanoseconds: u32,
    offset_minutes: i16,
    spelling: Spelling,
    /// The whole text, where it has more fractional digits than nanoseconds have.
    text: Option<Box<str>>,
}

/// What two texts for one instant and offset may differ in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Spelling {
    fraction_digits: u8,
    is_leap_second: bool,
    has_small_t: bool,
    zone: Zone,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Zone {
    Z,
    SmallZ,
    Plus,
    Minus,
}

impl DateTime {
    /// The present instant, in UTC.
    pub fn now() -> Self {
        Timestamp::now().into()
    }

    /// The instant; of the last two days of the year 9999, which [`Timestamp`] does not reach, its latest one.
    pub fn timestamp(&self) -> Timestamp {
        // Less than 10^9, so that nothing is lost.
        Timestamp::new(self.seconds, self.nanoseconds.cast_signed()).unwrap_or(Timestamp::MAX)
    }

    /// The offset from UTC.
    pub fn offset(&self) -> Offset {
        Offset::from_seconds(i32::from(self.offset_minutes) * 60).unwrap_or(Offset::UTC)
    }

    /// Whether RFC 3339 can write the date-time: it has no years before 0.
    pub(crate) fn is_writable(&self) -> bool {
        self.local_seconds() >= civil::YEAR_0
    }

    fn local_seconds(&self) -> i64 {
        self.seconds + i64::from(self.offset_minutes) * 60
    }
}

impl FromStr for DateTime {
    type Err = crate::text::InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = crate::text::InvalidText { type_name: "DateTime", expected: "an RFC 3339 date-time" };
        Self::read(text).ok_or(error)
    }
}

impl TryFrom<&str> for DateTime {
    type Error = crate::text::InvalidText;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<String> for DateTime {
    type Error = crate::text::InvalidText;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = DateTime;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 date-time")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<DateTime, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_time_is_written_as_it_was_read() {
        let texts = [
            "2026-11-23T10:00:00Z",
            "2026-11-23T10:00:00.5+01:00",
            "2026-11-23T10:00:00.500-05:30",
            "2026-11-23t10:00:00z",
            "2016-12-31T23:59:60Z",
            "2017-01-01T00:59:60+01:00",
            "2026-11-23T10:00:00.1234567890123Z",
            "2026-11-23T10:00:00-00:00",
            "2026-11-23T10:00:00.000000001+00:00",
            "2000-02-29T10:00:00-23:59",
            "0000-01-01T00:00:00Z",
            "0000-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59.999999999Z",
            "9999-12-31T23:59:59-23:59",
        ];
        for text in texts {
            assert_eq!(text.parse::<DateTime>().map(|time| time.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_the_format_forbids_is_refused() {
        let texts = [
            "2026-11-23 10:00:00Z",
            "2026-11-23T10:00:00",
            "2026-11-23T10:00Z",
            "2026-11-23T24:00:00Z",
            "2026-02-30T10:00:00Z",
            "2026-11-23T10:00:60Z",
            "2026-11-23T10:00:00.Z",
            "2026-11-23T10:00:00+24:00",
            "2026-11-23T10:00:00+0100",
            "2026-11-23T10:00:00Zx",
            "２026-11-23T10:00:00Z",
            "",
        ];
        for text in texts {
            assert!(text.parse::<DateTime>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_instant_is_that_of_jiff() {
        for text in ["2026-11-23T10:00:00.5+01:00", "1969-12-31T23:59:59.999Z", "0000-02-29T00:00:00-05:30"] {
            let (time, expected): (DateTime, Timestamp) = (text.parse().unwrap(), text.parse().unwrap());

            assert_eq!(time.timestamp(), expected, "{text}");
            assert_eq!(DateTime::from(expected).timestamp(), expected, "{text}");
            assert_eq!(DateTime::from(expected).to_string(), expected.to_string(), "{text}");
        }
        let never: DateTime = "9999-12-31T23:59:59Z".parse().unwrap();
        assert_eq!(never.timestamp(), Timestamp::MAX);
    }

    #[test]
    fn date_times_are_ordered_by_their_instants_and_equal_when_spelled_alike() {
        let parse = |text: &str| text.parse::<DateTime>().unwrap();

        assert!(parse("2026-11-23T10:00:00+02:00") < parse("2026-11-23T09:00:00Z"));
        assert!(parse("2026-11-23T10:00:00.9Z") < parse("2026-11-23T10:00:01+00:00"));
        assert_ne!(parse("2026-11-23T10:00:00Z"), parse("2026-11-23T10:00:00+00:00"));
        assert_ne!(parse("2026-11-23T10:00:00.1Z"), parse("2026-11-23T10:00:00.10Z"));
        assert_eq!(parse("2026-11-23T10:00:00.25Z"), parse("2026-11-23T10:00:00.25Z").timestamp().into());
    }

    #[test]
    fn years_before_0_are_not_for_json() {
        assert!(!DateTime::from(Timestamp::MIN).is_writable());
        assert_eq!(DateTime::from(Timestamp::MIN).to_string(), Timestamp::MIN.to_string());
    }
}

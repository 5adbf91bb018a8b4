//! RFC 3339 date-times that keep the offset, and the spelling, they were written with.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant with the offset from UTC that its writer lived at.
///
/// Accepts what the format `date-time` of JSON Schema accepts, RFC 3339 with leap seconds and any number of fractional
/// digits, and writes it back as it was. The instant has the precision of nanoseconds; a leap second is the second
/// before it.
///
/// ```
/// use eventsmith::DateTime;
///
/// let time: DateTime = "2026-11-23T10:00:00+01:00".parse()?;
/// assert_eq!(time.timestamp(), "2026-11-23T09:00:00Z".parse::<DateTime>()?.timestamp());
/// assert_eq!(time.to_string(), "2026-11-23T10:00:00+01:00");
/// # Ok::<(), eventsmith::InvalidText>(())
/// ```
#[derive(Clone)]
pub struct DateTime {
    instant: Timestamp,
    offset: Offset,
    /// The spelling, where it is not the one that we would choose.
    text: Option<Box<str>>,
}

impl DateTime {
    /// The present instant, in UTC.
    pub fn now() -> Self {
        Timestamp::now().into()
    }

    /// The instant.
    pub fn timestamp(&self) -> Timestamp {
        self.instant
    }

    /// The offset from UTC.
    pub fn offset(&self) -> Offset {
        self.offset
    }
}

impl From<Timestamp> for DateTime {
    fn from(instant: Timestamp) -> Self {
        Self { instant, offset: Offset::UTC, text: None }
    }
}

impl FromStr for DateTime {
    type Err = crate::InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = crate::InvalidText { type_name: "DateTime", expected: "an RFC 3339 date-time" };
        let (instant, offset) = parse(text).ok_or(error)?;
        let plain = Self { instant, offset, text: None };
        let canonical = plain.to_string() == text;
        Ok(Self { text: (!canonical).then(|| text.into()), ..plain })
    }
}

/// Reads `YYYY-MM-DDThh:mm:ss[.f+](Z|±hh:mm)` as the format `date-time` does.
fn parse(text: &str) -> Option<(Timestamp, Offset)> {
    let bytes = text.as_bytes();
    let number = |from: usize, length: usize| {
        let digits = bytes.get(from..from + length)?;
        digits
            .iter()
            .try_fold(0_i16, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i16::from(digit - b'0')))
    };
    let literal = |at: usize, expected: u8| (bytes.get(at)?.to_ascii_uppercase() == expected).then_some(());
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    for (at, expected) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        literal(at, expected)?;
    }
    let rest = &bytes[19..];
    let digits = match rest.first() {
        Some(b'.') => rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    let fraction_end = if rest.first() == Some(&b'.') { digits + 1 } else { 0 };
    if fraction_end == 1 {
        return None;
    }
    let nanoseconds = (0..9).fold(0_i32, |value, place| {
        let digit = if place < digits { i32::from(rest[1 + place] - b'0') } else { 0 };
        value * 10 + digit
    });
    let seconds_east = match &rest[fraction_end..] {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let at = 19 + fraction_end + 1;
            let (hours, minutes) = (number(at, 2)?, number(at + 3, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let is_leap = second == 60;
    let small = |value: i16| i8::try_from(value).ok();
    let date = jiff::civil::Date::new(year, small(month)?, small(day)?).ok()?;
    let time = jiff::civil::Time::new(small(hour)?, small(minute)?, small(second.min(59))?, nanoseconds).ok()?;
    let offset = Offset::from_seconds(seconds_east).ok()?;
    let instant = offset.to_timestamp(date.to_datetime(time)).ok()?;
    if is_leap {
        // A leap second is the last second of a day in UTC.
        let utc = Offset::UTC.to_datetime(instant);
        if (utc.hour(), utc.minute()) != (23, 59) {
            return None;
        }
    }
    Some((instant, offset))
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.text {
            return f.write_str(text);
        }
        if self.offset == Offset::UTC {
            return write!(f, "{}", self.instant);
        }
        let local = self.offset.to_datetime(self.instant);
        let minutes = self.offset.seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        write!(f, "{local}{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl DateTime {
    fn order(&self) -> (Timestamp, i32, Option<&str>) {
        (self.instant, self.offset.seconds(), self.text.as_deref())
    }
}

impl PartialEq for DateTime {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for DateTime {}

impl PartialOrd for DateTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DateTime {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl std::hash::Hash for DateTime {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.order().hash(state);
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.text {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_str(self),
        }
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
            "0000-01-01T00:00:00Z",
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
}

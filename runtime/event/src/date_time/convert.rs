//! Date-times from those of jiff and std, and back.

use std::time::SystemTime;

use jiff::{Error, Timestamp, ZonedDateTime};

use super::{DateTime, Spelling, Zone};

impl From<Timestamp> for DateTime {
    fn from(instant: Timestamp) -> Self {
        let total = instant.as_nanosecond();
        let nanoseconds = u32::try_from(total.rem_euclid(1_000_000_000)).unwrap_or_default();
        let mut fraction_digits = if nanoseconds == 0 { 0 } else { 9 };
        let mut significant = nanoseconds;
        while significant != 0 && significant % 10 == 0 {
            significant /= 10;
            fraction_digits -= 1;
        }
        Self {
            seconds: i64::try_from(total.div_euclid(1_000_000_000)).unwrap_or_default(),
            nanoseconds,
            offset_minutes: 0,
            spelling: Spelling { fraction_digits, is_leap_second: false, has_small_t: false, zone: Zone::Z },
            text: None,
        }
    }
}

/// The instant with the offset of its zone, in whole minutes: RFC 3339 has no seconds for it.
impl From<&ZonedDateTime> for DateTime {
    fn from(time: &ZonedDateTime) -> Self {
        let minutes = time.offset().seconds() / 60;
        let zone = if minutes < 0 { Zone::Minus } else { Zone::Plus };
        let mut converted = Self::from(time.timestamp());
        converted.offset_minutes = i16::try_from(minutes).unwrap_or_default();
        converted.spelling.zone = zone;
        converted
    }
}

impl From<ZonedDateTime> for DateTime {
    fn from(time: ZonedDateTime) -> Self {
        Self::from(&time)
    }
}

/// See [`DateTime::timestamp`].
impl From<&DateTime> for Timestamp {
    fn from(time: &DateTime) -> Self {
        time.timestamp()
    }
}

impl From<DateTime> for Timestamp {
    fn from(time: DateTime) -> Self {
        time.timestamp()
    }
}

/// The instant in the zone of its offset.
impl From<&DateTime> for ZonedDateTime {
    fn from(time: &DateTime) -> Self {
        Self::new(time.timestamp(), time.offset().to_time_zone())
    }
}

impl From<DateTime> for ZonedDateTime {
    fn from(time: DateTime) -> Self {
        Self::from(&time)
    }
}

/// Fails where the clock of the system does not reach.
impl TryFrom<&DateTime> for SystemTime {
    type Error = Error;

    fn try_from(time: &DateTime) -> Result<Self, Error> {
        time.timestamp().try_into()
    }
}

impl TryFrom<DateTime> for SystemTime {
    type Error = Error;

    fn try_from(time: DateTime) -> Result<Self, Error> {
        Self::try_from(&time)
    }
}

/// Fails before the year -9999 and after the year 9999.
impl TryFrom<SystemTime> for DateTime {
    type Error = Error;

    fn try_from(time: SystemTime) -> Result<Self, Error> {
        Timestamp::try_from(time).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_with_a_zone_keeps_instant_and_offset() {
        for text in ["2026-11-23T10:00:00.5+01:00", "2026-11-23T10:00:00-05:30", "2026-11-23T10:00:00+00:00"] {
            let time: DateTime = text.parse().unwrap();
            let zoned = ZonedDateTime::from(&time);

            assert_eq!(zoned.timestamp(), time.timestamp());
            assert_eq!(DateTime::from(zoned), time, "{text}");
        }
    }

    #[test]
    fn the_time_of_the_system_comes_back_as_it_went_in() {
        let time: DateTime = "2026-11-23T10:00:00.123456789Z".parse().unwrap();

        assert_eq!(DateTime::try_from(SystemTime::try_from(&time).unwrap()).unwrap(), time);
    }
}

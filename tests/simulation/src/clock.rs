//! Time in a simulation: milliseconds from its beginning.

use jiff::Timestamp;

/// Milliseconds from the beginning of a schedule.
pub type Time = u64;

/// When every schedule begins, in seconds of the Unix era.
const BEGIN: i64 = 1_790_000_000;
/// The same as a day, and the second of it.
const DAY: &str = "2026-09-21";
const SECOND_OF_DAY: Time = 51_200;

/// The time of day at which every schedule begins.
pub fn begin() -> Timestamp {
    Timestamp::from_second(BEGIN).unwrap_or_default()
}

/// A time as nanoseconds of the Unix era.
pub fn nanoseconds(time: Time) -> i128 {
    i128::from(BEGIN) * 1_000_000_000 + i128::from(time) * 1_000_000
}

/// A time as the server writes it. That is asked for so often that it is not left to a calendar.
pub fn text(time: Time) -> String {
    let (seconds, thousandths) = (SECOND_OF_DAY + time / 1_000, time % 1_000);
    format!("{DAY}T{:02}:{:02}:{:02}.{thousandths:03}Z", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// What a text says of a time: the first millisecond that is not before it.
pub fn parse(text: &str) -> Option<Time> {
    let after = text.parse::<Timestamp>().ok()?.as_nanosecond() - nanoseconds(0);
    Time::try_from(after.max(0) as u128).ok().map(|nanoseconds| nanoseconds.div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_time_that_it_stands_for() {
        for time in [0, 7, 999, 61_001, 600_000] {
            let expected = Timestamp::from_nanosecond(nanoseconds(time)).unwrap();
            assert_eq!(text(time).parse::<Timestamp>().unwrap(), expected);
        }
    }
}

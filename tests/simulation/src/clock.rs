//! Time in a simulation: milliseconds from its beginning.

use jiff::Timestamp;

/// Milliseconds from the beginning of a schedule.
pub type Time = u64;

/// When every schedule begins, in seconds of the Unix era.
const BEGIN: i64 = 1_790_000_000;

/// The time of day at which every schedule begins.
pub fn begin() -> Timestamp {
    Timestamp::from_second(BEGIN).unwrap_or_default()
}

/// A time as nanoseconds of the Unix era.
pub fn nanoseconds(time: Time) -> i128 {
    i128::from(BEGIN) * 1_000_000_000 + i128::from(time) * 1_000_000
}

/// A time as the server writes it.
pub fn text(time: Time) -> String {
    Timestamp::from_nanosecond(nanoseconds(time)).unwrap_or_default().to_string()
}

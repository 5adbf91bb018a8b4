//! Durations as `eventsmith.toml`, schemas and the command line write them.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The units, the greatest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
/// The longest time that servers count, in whole days: they count nanoseconds in 63 bits.
const LONGEST_IN_DAYS: u64 = i64::MAX as u64 / 1_000_000 / UNITS[0].1;

/// Reads a duration, `2m` or `1h 10m`.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn duration(text: &str) -> Result<Duration, String> {
    read(text).map(Duration::from_millis).ok_or_else(|| {
        format!("{text:?} is not a duration; write a whole number and ms, s, m, h or d: \"2m\", or \"1h 10m\"")
    })
}

/// The milliseconds of all parts, each of a smaller unit than the one before.
fn read(text: &str) -> Option<u64> {
    let (mut rest, mut units, mut sum) = (text.trim_end(), UNITS.as_slice(), 0_u64);
    loop {
        let (amount, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let behind = behind.trim_start();
        let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let place = units.iter().position(|(unit, _)| *unit == &behind[..end])?;
        sum = sum.checked_add(amount.parse::<u64>().ok()?.checked_mul(units[place].1)?)?;
        (rest, units) = (behind[end..].trim_start(), &units[place + 1..]);
        if rest.is_empty() {
            return Some(sum);
        }
    }
}

/// Writes a duration as [`duration`] reads it; what is less than a millisecond is left out.
pub fn text(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut parts = Vec::new();
    for (unit, size) in UNITS {
        let size = u128::from(size);
        if rest >= size {
            parts.push(format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// For keys that a server takes: some time, and no more than it counts.
pub(super) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let read = duration(&text).map_err(Error::custom)?;
    if read.is_zero() {
        return Err(Error::custom("no time at all; write 1ms or more, or leave the key out"));
    }
    if read > Duration::from_millis(LONGEST_IN_DAYS * UNITS[0].1) {
        return Err(Error::custom(format!(
            "{text:?} is longer than a server counts; write {LONGEST_IN_DAYS}d or less, or leave the key out"
        )));
    }
    Ok(Some(read))
}

/// Servers count the time of a marker in seconds.
pub(super) fn of_marker<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let read = optional(deserializer)?;
    match read.filter(|ttl| *ttl < Duration::from_secs(1) || ttl.subsec_nanos() > 0) {
        Some(_) => Err(Error::custom("a marker stands for whole seconds, and for 1 s at least; write 1s or more")),
        None => Ok(read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (text, milliseconds) in [
            ("250ms", 250),
            ("2m", 120_000),
            ("1h 10m", 4_200_000),
            ("1d 2h 3m 4s 5ms", 93_784_005),
            ("106751d", 9_223_286_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
            assert_eq!(super::text(Duration::from_millis(milliseconds)), text);
        }
        assert_eq!(duration("1h10m"), duration("1h 10m"));
        assert_eq!(duration("2 m"), duration("2m"));
        assert_eq!(super::text(Duration::ZERO), "0s");
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in
            ["", " ", "30", "m", "-1m", "1.5h", "1h 10", "10m 1h", "1m 1m", "1 w", "1h, 10m", "99999999999999999999d"]
        {
            assert!(duration(text).is_err_and(|error| error.contains("is not a duration")), "{text:?}");
        }
    }
}

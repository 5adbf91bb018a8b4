//! Values of settings as text, with all their digits: values whose texts are equal are equal.

use std::time::Duration;

/// `7d`, `1m 30s`, `250ms`.
pub fn duration(duration: Duration) -> String {
    const UNITS: [(&str, u128); 7] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let mut rest = duration.as_nanos();
    let mut parts = Vec::new();
    for (unit, size) in UNITS {
        if rest >= size {
            parts.push(format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// `10GiB`, in the greatest unit that leaves no rest.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = UNITS.into_iter().find(|(_, bits)| bytes > 0 && bytes.trailing_zeros() >= *bits);
    whole.map_or_else(|| format!("{bytes}B"), |(unit, bits)| format!("{}{unit}", bytes >> bits))
}

/// The value of a setting that says nothing about what has it.
pub const NOT_APPLICABLE: &str = "-";

/// What a limit is, or `unlimited`.
pub fn limit<T>(limit: Option<T>, text: impl FnOnce(T) -> String) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), text)
}

/// Subjects in their order, which means nothing to a server.
pub fn subjects(subjects: &[String]) -> String {
    let mut sorted: Vec<&str> = subjects.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_written_with_all_their_digits() {
        assert_eq!(duration(Duration::from_secs(7 * 86_400)), "7d");
        assert_eq!(duration(Duration::from_millis(90_250)), "1m 30s 250ms");
        assert_eq!(duration(Duration::from_nanos(1)), "1ns");
        assert_eq!(duration(Duration::ZERO), "0s");
        assert_eq!(bytes(10 << 30), "10GiB");
        assert_eq!(bytes((10 << 30) + 1), "10737418241B");
        assert_eq!(bytes(0), "0B");
    }
}

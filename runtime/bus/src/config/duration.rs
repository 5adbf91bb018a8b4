//! Durations in configuration are texts such as `5s`.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serializer, de};

/// Longer than any wait makes sense, and short enough for every clock that has to add it.
pub const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// For `#[serde(with = "duration")]`.
///
/// # Errors
/// It is no text, or the text is no duration with a unit.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| de::Error::custom("not a duration; write it as \"5s\", \"250ms\" or \"1m 30s\""))
}

/// For `#[serde(deserialize_with = "duration::optional")]`.
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    deserialize(deserializer).map(Some)
}

/// For `#[serde(with = "duration")]`: a text that is read as the same.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let duration = SignedDuration::try_from(*duration).unwrap_or(SignedDuration::MAX);
    serializer.serialize_str(&format!("{duration:#}"))
}

fn parse(text: &str) -> Option<Duration> {
    Duration::try_from(text.parse::<SignedDuration>().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_no_sign() {
        assert_eq!(parse("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse("1m 30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse("5"), None);
        assert_eq!(parse("-5s"), None);
    }

    #[test]
    fn what_is_written_is_read() {
        for millis in [1, 999, 1_000, 90_000, 86_400_000, 31_536_000_123] {
            let duration = Duration::from_millis(millis);
            let text = serialize(&duration, serde_json::value::Serializer).unwrap();
            assert_eq!(parse(text.as_str().unwrap()), Some(duration), "{text}");
        }
    }
}

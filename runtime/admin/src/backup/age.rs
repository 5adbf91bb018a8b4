//! How much of a backup is too old for its own limits.

use eventsmith_bus::jetstream::Settings;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::manifest::BackedUpStream;

/// How much of a stream is older than its `max_age`: the server deletes that as soon as it is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expired {
    /// Nothing.
    None,
    /// Its oldest messages.
    Some,
    /// All of it.
    All,
}

/// How much of a stream is too old at a time, by the `max_age` that it is to have.
pub(super) fn expired(stream: &BackedUpStream, config: &Settings, now: Timestamp) -> Expired {
    let age = config.get("max_age").and_then(Value::as_i64).unwrap_or_default();
    if age <= 0 || stream.messages == 0 {
        return Expired::None;
    }
    let is_past = |key: &str| {
        let stored = stream.state.get(key).and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
        stored.and_then(|stored| stored.checked_add(SignedDuration::from_nanos(age)).ok()).is_some_and(|end| end <= now)
    };
    match (is_past("first_ts"), is_past("last_ts")) {
        (_, true) => Expired::All,
        (true, false) => Expired::Some,
        (false, false) => Expired::None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_older_than_its_limit_is_expired() {
        let stream: BackedUpStream = serde_json::from_value(json!({
            "name": "ORDERS", "kind": "events", "messages": 2, "bytes": 9, "first_sequence": 1, "last_sequence": 2, "size": 1, "sha256": "",
            "config": {}, "consumers": [],
            "state": { "first_ts": "2026-01-01T00:00:00Z", "last_ts": "2026-01-02T00:00:00.5Z" }
        }))
        .unwrap();
        let with = |age: i64| json!({ "max_age": age }).as_object().unwrap().clone();
        let now = "2026-01-02T12:00:00Z".parse().unwrap();
        let hours = |hours: i64| hours * 3_600_000_000_000;

        assert_eq!(expired(&stream, &with(0), now), Expired::None);
        assert_eq!(expired(&stream, &with(hours(48)), now), Expired::None);
        assert_eq!(expired(&stream, &with(hours(24)), now), Expired::Some);
        assert_eq!(expired(&stream, &with(hours(6)), now), Expired::All);
        assert_eq!(expired(&stream, &with(i64::MAX), now), Expired::None);
    }
}

//! What replies say: our headers beside those of NATS services, and the codes of errors. (ADR-32.)

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

pub(crate) use crate::transport::milliseconds;

/// After how many milliseconds it makes sense to ask again.
pub(crate) const RETRY_AFTER: &str = "Eventsmith-Retry-After";
/// That the answer is that of an earlier request with the same id.
pub(crate) const REPEATED: &str = "Eventsmith-Repeated";

/// The payload violates the schema of the request.
pub(crate) const INVALID: u16 = 400;
/// There is no such request, or not in this version.
pub(crate) const UNKNOWN: u16 = 404;
/// Nobody waited any more before the request was begun, or was done with.
pub(crate) const TIMED_OUT: u16 = 408;
/// The request is refused: the reply says why.
pub(crate) const REFUSED: u16 = 409;
/// As many requests are under way and wait as may.
pub(crate) const BUSY: u16 = 429;
/// The handler failed.
pub(crate) const FAILED: u16 = 500;
/// What the handler needs is not there at the moment: its circuit breaker is open, or the service stops.
pub(crate) const UNAVAILABLE: u16 = 503;

/// Whether a service of ours answers by this code before it begins a request.
pub(crate) fn says_that_nothing_was_begun(code: u16) -> bool {
    matches!(code, INVALID | UNKNOWN | BUSY | UNAVAILABLE)
}

/// What a stream answers to whatever is published to one of its subjects, whether it is stored or not. (nats-server,
/// server/stream.go: `JSPubAckResponse`.)
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what may stand there is what tells it from a reply")]
struct StreamAnswer {
    stream: String,
    seq: Option<u64>,
    error: Option<IgnoredAny>,
    domain: Option<String>,
    duplicate: Option<bool>,
    val: Option<String>,
    batch: Option<String>,
    count: Option<u64>,
}

/// The stream that answers by this payload, if it is a stream's.
pub(crate) fn stored_in(payload: &[u8]) -> Option<String> {
    let answer: StreamAnswer = serde_json::from_slice(payload).ok()?;
    (answer.seq.is_some() || answer.error.is_some()).then_some(answer.stream)
}

/// Reads a time in milliseconds; nothing if it is none.
pub(crate) fn parse_milliseconds(text: &str) -> Option<Duration> {
    // More than a year is no deadline.
    text.parse().ok().map(|milliseconds: u64| Duration::from_millis(milliseconds.min(366 * 24 * 3_600_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_known_by_its_answer_and_a_reply_is_none() {
        let stored = [
            r#"{"stream":"AUDIT","seq":1}"#,
            r#"{"stream":"AUDIT","domain":"hub","seq":7,"duplicate":true}"#,
            r#"{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"stream":"AUDIT","seq":0}"#,
        ];
        assert!(stored.iter().all(|text| stored_in(text.as_bytes()).as_deref() == Some("AUDIT")));
        for reply in ["", "{}", "null", r#"{"stream":"AUDIT"}"#, r#"{"stream":"a","seq":1,"name":"b"}"#, r#"{"seq":1}"#]
        {
            assert_eq!(stored_in(reply.as_bytes()), None, "{reply}");
        }
    }

    #[test]
    fn a_time_survives_the_way_there_and_back() {
        for time in [Duration::ZERO, Duration::from_millis(1_500), Duration::from_micros(1)] {
            let back = parse_milliseconds(&milliseconds(time));

            assert!(back.is_some_and(|back| back >= time && back - time < Duration::from_millis(1)), "{back:?}");
        }
        assert!(parse_milliseconds("soon").is_none() && parse_milliseconds("-1").is_none());
        assert!(parse_milliseconds("18446744073709551615").is_some());
    }
}

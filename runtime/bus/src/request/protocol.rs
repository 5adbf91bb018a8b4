//! What replies say: our headers beside those of NATS services, and the codes of errors. (ADR-32.)

use std::time::Duration;

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

/// Reads a time in milliseconds; nothing if it is none.
pub(crate) fn parse_milliseconds(text: &str) -> Option<Duration> {
    // More than a year is no deadline.
    text.parse().ok().map(|milliseconds: u64| Duration::from_millis(milliseconds.min(366 * 24 * 3_600_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

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

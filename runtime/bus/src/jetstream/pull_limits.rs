//! What a consumer lets one pull request ask for. An operator may change it at any time, and the server's configuration may say it
//! for all (`jetstream.limits.max_request_batch`).

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::Message;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::nanos;

/// How long the server keeps a pull request that it cannot fulfil, unless the consumer allows less.
const EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that it still has our pull requests while there are no messages.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The limits of a consumer as the server reports them; zero or nothing for none.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RequestLimits {
    #[serde(default)]
    max_batch: Option<usize>,
    /// In nanoseconds.
    #[serde(default)]
    max_expires: Option<u64>,
}

/// How many pull requests are sent at a time, where the consumer limits what each may ask for.
pub(super) const REQUESTS: usize = 16;

/// The limits that are kept.
#[derive(Debug)]
pub(super) struct PullLimits {
    most: usize,
    expires: Duration,
    /// How many the latest pull requests under these limits asked for each.
    sent: VecDeque<usize>,
    /// Of requests under earlier limits, how many refusals are still to come.
    late: usize,
    /// A request was refused, and the limits were not read since.
    is_outdated: bool,
}

impl PullLimits {
    /// None, until the consumer refuses a request.
    pub(super) fn new() -> Self {
        Self { most: usize::MAX, expires: EXPIRES, sent: VecDeque::new(), late: 0, is_outdated: false }
    }

    /// Takes note of a refusal. Whoever asks next reads the limits before.
    pub(super) fn note_refusal(&mut self) {
        match self.late.checked_sub(1) {
            Some(late) => self.late = late,
            None => self.is_outdated = true,
        }
    }

    /// Whether the limits are to be read again.
    pub(super) fn is_outdated(&self) -> bool {
        self.is_outdated
    }

    /// Takes limits over. Returns how many messages were asked for by requests that they refuse.
    pub(super) fn learn(&mut self, limits: &RequestLimits) -> usize {
        let before = self.expires;
        self.most = limits.max_batch.filter(|most| *most > 0).unwrap_or(usize::MAX);
        let longest = limits.max_expires.filter(|most| *most > 0).map_or(EXPIRES, Duration::from_nanos);
        self.expires = EXPIRES.min(longest);
        self.is_outdated = false;
        let last = self.sent.back().copied().unwrap_or_default();
        let (most, is_shorter) = (self.most, self.expires < before);
        let refused: Vec<usize> = self.sent.drain(..).filter(|batch| is_shorter || *batch > most).collect();
        self.late = refused.len().saturating_sub(1);
        if refused.is_empty() { last } else { refused.into_iter().sum() }
    }

    /// A request for so many messages, or for as many as one may ask for, and how many these are.
    pub(super) fn request(&mut self, wanted: usize) -> (usize, Value) {
        let batch = wanted.clamp(1, self.most);
        if self.sent.len() == REQUESTS {
            self.sent.pop_front();
        }
        self.sent.push_back(batch);
        // The server refuses heartbeats that are longer than half of the request.
        let (expires, heartbeat) = (nanos(self.expires), nanos(HEARTBEAT.min(self.expires / 2)));
        (batch, json!({ "batch": batch, "expires": expires, "idle_heartbeat": heartbeat }))
    }
}

/// Whether the server refused a pull request that asked for too much at once, or for too long.
pub(super) fn is_refusal(message: &Message) -> bool {
    let description = message.description.as_deref().unwrap_or_default();
    ["Exceeded MaxRequestBatch", "Exceeded MaxRequestExpires"].iter().any(|limit| description.starts_with(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_asks_for_more_than_it_may() {
        let mut limits = PullLimits::new();
        assert_eq!(limits.request(264).0, 264);

        let refused = limits.learn(&RequestLimits { max_batch: Some(10), max_expires: Some(1_000_000_000) });
        let (batch, request) = limits.request(264);
        limits.learn(&RequestLimits { max_batch: Some(0), max_expires: None });

        assert_eq!((refused, batch), (264, 10));
        assert_eq!(request, json!({ "batch": 10, "expires": 1_000_000_000, "idle_heartbeat": 500_000_000 }));
        assert_eq!(limits.request(264).1["expires"], json!(30_000_000_000_u64));
        assert_eq!(limits.request(0).0, 1);
    }

    #[test]
    fn of_several_requests_all_that_new_limits_refuse_are_given_up_at_once() {
        let mut limits = PullLimits::new();
        limits.learn(&RequestLimits { max_batch: Some(10), max_expires: None });
        let asked: usize = [30, 20, 10, 4].into_iter().map(|wanted| limits.request(wanted).0).sum();

        limits.note_refusal();
        let refused = limits.learn(&RequestLimits { max_batch: Some(4), max_expires: None });
        for _ in 0..2 {
            limits.note_refusal();
        }

        assert_eq!((asked, refused), (34, 30), "what four may still be asked for remains");
        assert!(!limits.is_outdated(), "these were of the requests before");
        limits.note_refusal();
        assert!(limits.is_outdated());
    }
}

//! What a consumer lets one pull request ask for. An operator may change it at any time, and the server's configuration may say it
//! for all (`jetstream.limits.max_request_batch`).

use std::time::Duration;

use async_nats::Message;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::nanos;

/// How long the server keeps a pull request that it cannot fulfil, unless the consumer allows less.
const EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that it still has our pull requests while there are no messages.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The limits of a consumer as the server tells them; zero or nothing for none.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RequestLimits {
    #[serde(default)]
    max_batch: Option<usize>,
    /// In nanoseconds.
    #[serde(default)]
    max_expires: Option<u64>,
}

/// The limits that are kept.
#[derive(Debug)]
pub(super) struct PullLimits {
    most: usize,
    expires: Duration,
    /// How many the last pull request asked for.
    last_batch: usize,
}

impl PullLimits {
    /// None, until the consumer refuses a request.
    pub(super) fn new() -> Self {
        Self { most: usize::MAX, expires: EXPIRES, last_batch: 0 }
    }

    /// Takes limits over after a request was refused. Returns how many that asked for.
    pub(super) fn learn(&mut self, limits: &RequestLimits) -> usize {
        self.most = limits.max_batch.filter(|most| *most > 0).unwrap_or(usize::MAX);
        let longest = limits.max_expires.filter(|most| *most > 0).map_or(EXPIRES, Duration::from_nanos);
        self.expires = EXPIRES.min(longest);
        self.last_batch
    }

    /// A request for so many messages, or for as many as one may ask for, and how many these are.
    pub(super) fn request(&mut self, wanted: usize) -> (usize, Value) {
        self.last_batch = wanted.clamp(1, self.most);
        // The server refuses heartbeats that are longer than half of the request.
        let (expires, heartbeat) = (nanos(self.expires), nanos(HEARTBEAT.min(self.expires / 2)));
        let request = json!({ "batch": self.last_batch, "expires": expires, "idle_heartbeat": heartbeat });
        (self.last_batch, request)
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
}

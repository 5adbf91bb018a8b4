//! Which streams are read by asking for one message after the other, as this user may make no consumers.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Streams from which the server let this user make no consumer, each with the losses of the connection by then: over the next one there may
/// be other permissions. So a server is tried, and writes into its log that it denied something, once for each stream and connection.
#[derive(Debug, Default)]
pub(super) struct Polled(Mutex<BTreeMap<String, u64>>);

impl Polled {
    /// Notes that the server let no consumer be made, over the connection with so many losses before it.
    pub(super) fn note(&self, stream: &str, losses: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.to_owned(), losses);
    }

    /// Whether that was so over this connection.
    pub(super) fn is_known(&self, stream: &str, losses: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(stream) == Some(&losses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_another_connection_it_is_tried_again() {
        let polled = Polled::default();

        polled.note("KV_RULES", 1);

        assert!(polled.is_known("KV_RULES", 1) && !polled.is_known("KV_RULES", 2) && !polled.is_known("KV_OTHER", 1));
    }
}

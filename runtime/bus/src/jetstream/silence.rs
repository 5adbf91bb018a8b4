//! Why no ack comes: a stream that somebody configured to acknowledge nothing never sends one.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// For how long an ack may be missing before the stream is looked at.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// For how long what was found is taken to hold.
const HOLDS: Duration = Duration::from_secs(10);
/// Of how many subjects it is kept.
const MOST: usize = 1_024;

/// What was found, by subject: the stream that acknowledges nothing, if it is one.
#[derive(Debug, Default)]
pub(super) struct Silences(Mutex<BTreeMap<String, (Instant, Option<String>)>>);

impl Silences {
    /// The stream that captures a subject, if it acknowledges nothing. One asks at a time, as many may wait for acks.
    pub(super) async fn find(&self, subject: &str, ask: impl Future<Output = Option<String>>) -> Option<String> {
        let mut known = self.0.lock().await;
        if let Some((found_at, stream)) = known.get(subject)
            && found_at.elapsed() < HOLDS
        {
            return stream.clone();
        }
        let found = ask.await;
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(subject.to_owned(), (Instant::now(), found.clone()));
        found
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn what_was_found_is_not_asked_for_again() {
        let silences = Silences::default();

        let first = silences.find("a", ready(Some("STREAM".to_owned()))).await;
        let again = silences.find("a", pending()).await;
        let other = silences.find("b", ready(None)).await;

        assert_eq!((first.as_deref(), again.as_deref(), other), (Some("STREAM"), Some("STREAM"), None));
    }
}

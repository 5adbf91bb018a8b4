//! What a consumer finds out from time to time, beside its work.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use super::run::Worker;
use crate::transport::MessageSelector;

/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a look at the server came to.
#[derive(Debug)]
pub(super) struct Looked {
    /// The events whose redelivery is overdue.
    pub(super) overdue: Vec<u64>,
    /// Those that the stream does not have any more.
    pub(super) dropped: Vec<u64>,
    /// How many events the server counts as delivered and not acknowledged, and up to which number all are done, if it told.
    pub(super) unacked: Option<(u64, u64)>,
    /// What was in hand for sure before it was asked for that.
    pub(super) leased: Vec<u64>,
}

impl Worker {
    /// Looks at the server for what became of events whose redelivery is overdue, and says again what could not be said.
    pub(super) async fn look(self: Arc<Self>, overdue: Vec<u64>) -> Looked {
        let transport = self.bus.transport();
        let leased = match overdue.is_empty() {
            true => Vec::new(),
            false => self.in_hand().leased(Instant::now()).collect(),
        };
        let losses = self.attempts.asks_what_was_lost();
        let found = timeout(PATIENCE, transport.consumer(&self.stream, &self.service)).await;
        let progress = found.ok().and_then(Result::ok).flatten().map(|found| found.progress);
        if let Some((losses, progress)) = losses.zip(progress.as_ref()) {
            self.attempts.lost_up_to(progress.delivered, losses);
        }
        let is_dropped = async |sequence: &u64| {
            let found = transport.message(&self.stream, MessageSelector::Sequence(*sequence));
            matches!(timeout(PATIENCE, found).await, Ok(Ok(None)))
        };
        let dropped = join_all(overdue.iter().map(is_dropped)).await;
        self.attempts.say_again().await;
        let dropped =
            overdue.iter().zip(dropped).filter(|(_, is_dropped)| *is_dropped).map(|(gone, _)| *gone).collect();
        let unacked = progress.map(|progress| (progress.ack_pending, progress.ack_floor));
        Looked { dropped, overdue, unacked, leased }
    }
}

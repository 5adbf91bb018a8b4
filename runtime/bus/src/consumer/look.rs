//! What a consumer finds out from time to time, beside its work.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use super::run::Worker;
use crate::transport::MessageSelector;

/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many events in hand are asked for. If there are more, nothing is concluded from their number.
const MOST_ASKED_FOR: usize = 64;

/// What a look at the server came to.
#[derive(Debug)]
pub(super) struct Looked {
    /// The events whose redelivery is overdue.
    pub(super) overdue: Vec<u64>,
    /// Those that the stream does not have any more.
    pub(super) dropped: Vec<u64>,
    /// How many events the server counts as delivered and not acknowledged, and up to which number all are done, if it told.
    pub(super) unacked: Option<(u64, u64)>,
    /// What was in hand for sure before it was asked for that, and is in the stream.
    pub(super) leased: Vec<u64>,
}

impl Looked {
    /// Which of the overdue are gone and which are left, if these are in hand still.
    pub(super) fn gone_and_left(self, still: &HashSet<u64>) -> (Vec<u64>, Vec<u64>) {
        let Self { overdue, dropped, unacked, leased } = self;
        // What was in hand all the time the server counted when it was asked. If it counted nothing else, it has none that is overdue.
        let others = leased.iter().filter(|sequence| still.contains(sequence)).count() as u64;
        let is_gone = |sequence: &u64| {
            dropped.contains(sequence)
                || unacked.is_some_and(|(pending, floor)| *sequence <= floor || pending <= others)
        };
        overdue.into_iter().partition(is_gone)
    }
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
        // Whether the stream has a message, if it told.
        let ask = async |sequence: u64| {
            let found = transport.message(&self.stream, MessageSelector::Sequence(sequence));
            timeout(PATIENCE, found).await.ok()?.ok().map(|found| found.is_some())
        };
        let is_there = join_all(overdue.iter().map(|sequence| ask(*sequence))).await;
        // What the stream has dropped meanwhile the server does not count, though its lease is held. Asked for after the count, what is there
        // was there when it was made.
        let leased = match leased.len() > MOST_ASKED_FOR {
            true => Vec::new(),
            false => {
                let is_there = join_all(leased.iter().map(|sequence| ask(*sequence))).await;
                leased.into_iter().zip(is_there).filter(|(_, there)| *there == Some(true)).map(|(it, _)| it).collect()
            }
        };
        self.attempts.say_again().await;
        let dropped =
            overdue.iter().zip(is_there).filter(|(_, there)| *there == Some(false)).map(|(it, _)| *it).collect();
        let unacked = progress.map(|progress| (progress.ack_pending, progress.ack_floor));
        Looked { dropped, overdue, unacked, leased }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(unacked: Option<(u64, u64)>, leased: &[u64], still: &[u64]) -> (Vec<u64>, Vec<u64>) {
        let looked = Looked { overdue: vec![5, 9], dropped: vec![9], unacked, leased: leased.to_vec() };
        looked.gone_and_left(&still.iter().copied().collect())
    }

    #[test]
    fn what_came_after_the_server_counted_is_not_among_what_it_counted() {
        let (all, one) = ((vec![5, 9], vec![]), (vec![9], vec![5]));

        assert_eq!(split(Some((2, 0)), &[10, 11], &[10, 11]), all, "it counts what is in hand, and nothing else");
        assert_eq!(split(Some((2, 0)), &[10], &[10, 11]), one, "11 came later, so the second is another");
        assert_eq!(split(Some((2, 0)), &[10, 11], &[10]), one, "11 may have been acked before it counted");
        assert_eq!(split(Some((3, 0)), &[10, 11], &[10, 11]), one);
        assert_eq!(split(Some((3, 5)), &[10, 11], &[10, 11]), all, "all up to 5 is acked");
        assert_eq!(split(None, &[10, 11], &[10, 11]), one, "it did not tell");
    }
}

//! Whether a replica that is read is behind the leader.
//!
//! Where a stream has several replicas, the server places a consumer at any of them, and what that counts as there is what this one holds. It
//! may have been started a moment ago. So the leader is asked what was last when reading began.

use super::Following;
use super::goal::Goal;
use crate::transport::{FollowStart, MessageSelector, StreamMessage, Unavailable};

impl Following {
    /// Whether all has come that was there at the beginning, where all has come that the consumer counted.
    pub(super) async fn has_reached(&mut self) -> bool {
        if self.goal.is_to_ask {
            match self.leaders_last().await {
                Ok(last) => self.goal.told(last),
                // Who may not ask believes the replica.
                Err(error) => {
                    tracing::debug!(stream = self.wanted.stream, %error, "what the leader has last is not known");
                    self.goal = Goal::of(None);
                }
            }
        }
        self.goal.is_reached(self.last)
    }

    pub(super) async fn leaders_last(&self) -> Result<u64, Unavailable> {
        let last = MessageSelector::LastOf(&self.wanted.subject);
        let found = self.jetstream.stored_message(&self.wanted.stream, last).await?;
        let is_wanted = |found: &StreamMessage| match self.wanted.start {
            FollowStart::All | FollowStart::LastOfEach => true,
            FollowStart::Sequence(first) => found.sequence >= first,
            FollowStart::Time(first) => found.stored >= first,
        };
        Ok(found.filter(is_wanted).map_or(0, |found| found.sequence))
    }
}

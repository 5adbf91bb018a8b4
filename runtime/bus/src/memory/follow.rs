//! Reading a stream in memory in its order.

use std::collections::VecDeque;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::state::Memory;
use crate::transport::{Follow, FollowStart, Followed, Follower, MessageSelector, ServerFailure, StreamMessage};

/// Reads a stream.
#[derive(Debug)]
pub(super) struct MemoryFollower {
    memory: Memory,
    wanted: Follow,
    changed: watch::Receiver<()>,
    /// The numbers of the messages that come before all others.
    first: VecDeque<u64>,
    /// The number of the next message otherwise.
    next: u64,
    /// The number of the last message that was there at the beginning; nothing once all of them have come.
    until: Option<u64>,
}

impl MemoryFollower {
    pub(super) fn begin(memory: Memory, wanted: Follow) -> Result<Self, ServerFailure> {
        // From before the stream is looked at, so that nothing passes unnoticed.
        let changed = memory.shared.changed.subscribe();
        let (first, next, last) = memory.with_log(&wanted.stream, |log| {
            let (first, next) = match wanted.start {
                FollowStart::All => (VecDeque::new(), 1),
                FollowStart::LastOfEach => (log.last_of_each(&wanted.subject).into_iter().collect(), log.last() + 1),
                FollowStart::Sequence(sequence) => (VecDeque::new(), sequence),
                FollowStart::Time(time) => (VecDeque::new(), log.first_at(time).unwrap_or(log.last() + 1)),
            };
            (first, next, log.last())
        })?;
        Ok(Self { memory, wanted, changed, first, next, until: Some(last) })
    }

    /// The next message, if there is one already.
    fn stored(&mut self) -> Result<Option<StreamMessage>, ServerFailure> {
        let (first, next, wanted) = (&mut self.first, &mut self.next, &self.wanted);
        self.memory.with_log(&wanted.stream, |log| {
            let mut found = None;
            // What is not there any more was followed by another of its subject.
            while found.is_none()
                && let Some(sequence) = first.pop_front()
            {
                found = log.find(MessageSelector::Sequence(sequence));
            }
            if found.is_none() {
                found = log.find(MessageSelector::NextOf { subject: &wanted.subject, from: *next });
                *next = found.as_ref().map_or_else(|| (*next).max(log.last() + 1), |found| found.sequence + 1);
            }
            found
        })
    }

    /// Whether a message follows that was there at the beginning.
    fn is_behind(&self) -> Result<bool, ServerFailure> {
        let Some(until) = self.until else { return Ok(false) };
        let (first, next) = (&self.first, MessageSelector::NextOf { subject: &self.wanted.subject, from: self.next });
        self.memory.with_log(&self.wanted.stream, |log| {
            let is_there = |sequence: &u64| log.find(MessageSelector::Sequence(*sequence)).is_some();
            first.iter().any(is_there) || log.find(next).is_some_and(|found| found.sequence <= until)
        })
    }

    async fn next_message(&mut self) -> Result<Followed, ServerFailure> {
        loop {
            self.changed.mark_unchanged();
            self.memory.check_open()?;
            if self.until.is_some() && !self.is_behind()? {
                self.until = None;
                return Ok(Followed::Current);
            }
            if let Some(mut found) = self.stored()? {
                if self.wanted.headers_only {
                    found.message.payload = Default::default();
                }
                return Ok(Followed::Message(found));
            }
            let expiry = self.memory.with_log(&self.wanted.stream, |log| log.next_expiry())?;
            let clock = &self.memory.shared.clock;
            tokio::select! {
                // It fails only without a bus, which this one holds.
                _ = self.changed.changed() => {}
                () = clock.until(expiry.unwrap_or_else(|| clock.now())), if expiry.is_some() => {}
            }
        }
    }
}

impl Follower for MemoryFollower {
    fn next(&mut self) -> BoxFuture<'_, Result<Followed, ServerFailure>> {
        self.next_message().boxed()
    }
}

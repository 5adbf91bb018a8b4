//! Reading one message after the other, without a consumer: on account of messages that no client can read, or of permissions.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::sleep;

use super::Following;
use crate::jetstream::client::PAUSE;
use crate::transport::{Follow, FollowStart, MessageSelector, ServerFailure, StreamMessage, Unavailable};

impl Following {
    /// Reads the next message without a consumer: it may be one that the client cannot read. Nothing if there is none, or it cannot
    /// be read so either.
    pub(super) async fn read_singly(&mut self) -> Result<Option<StreamMessage>, ServerFailure> {
        self.connected().await?;
        let read = self.next_singly().await;
        self.singly = if let Ok(Some(_)) = read { self.singly - 1 } else { 0 };
        self.is_sifting |= matches!(read, Ok(Some(_)));
        Ok(read.ok().flatten())
    }

    pub(super) async fn next_singly(&mut self) -> Result<Option<StreamMessage>, Unavailable> {
        let (jetstream, wants_all) = (Arc::clone(&self.jetstream), !self.wants_last());
        let mut from = match self.rest() {
            FollowStart::All | FollowStart::LastOfEach => self.last + 1,
            FollowStart::Sequence(sequence) => sequence.max(1),
            FollowStart::Time(time) => self.first_since(time).await?,
        };
        loop {
            let next = MessageSelector::NextOf { subject: &self.wanted.subject, from };
            let Some(mut found) = jetstream.stored_message(&self.wanted.stream, next).await? else { return Ok(None) };
            let is_wanted = wants_all || !self.is_replaced(&found).await?;
            self.last = found.sequence;
            if is_wanted {
                if self.wanted.headers_only {
                    found.message.payload = Bytes::new();
                }
                return Ok(Some(found));
            }
            from = found.sequence + 1;
        }
    }

    /// The number from which on messages were stored at a time or later. It is searched for: servers before 2.11 do not look it up.
    async fn first_since(&self, time: Timestamp) -> Result<u64, Unavailable> {
        let Follow { stream, subject, .. } = &self.wanted;
        let Some(extent) = self.jetstream.find_extent(stream).await? else { return Ok(1) };
        let (mut from, mut until) = (extent.first.max(1), extent.last + 1);
        while from < until {
            let middle = from + (until - from) / 2;
            let next = MessageSelector::NextOf { subject, from: middle };
            match self.jetstream.stored_message(stream, next).await? {
                Some(found) if found.stored < time => from = found.sequence + 1,
                _ => until = middle,
            }
        }
        Ok(from)
    }

    /// Whether only the last message on each subject is wanted, so far.
    pub(super) fn wants_last(&self) -> bool {
        self.wanted.start == FollowStart::LastOfEach && !self.is_current
    }

    /// What was kept to be sifted, unless a later message has taken its place.
    pub(super) async fn sifted(&mut self) -> Result<Option<StreamMessage>, ServerFailure> {
        while self.unsifted.is_some() {
            self.connected().await?;
            let Some(unsifted) = &self.unsifted else { break };
            match self.is_replaced(unsifted).await {
                Ok(true) => self.unsifted = None,
                Ok(false) => return Ok(self.unsifted.take()),
                Err(error) => {
                    tracing::debug!(%error, "asking again whether a message is superseded");
                    sleep(PAUSE).await;
                }
            }
        }
        Ok(None)
    }

    /// Whether a later message on its subject has taken the place of one.
    async fn is_replaced(&self, found: &StreamMessage) -> Result<bool, Unavailable> {
        let subject = &found.message.subject;
        let last = self.jetstream.stored_message(&self.wanted.stream, MessageSelector::LastOf(subject)).await?;
        // What a publisher took for a wildcard stands for others here.
        Ok(last.is_some_and(|last| last.sequence > found.sequence && last.message.subject == *subject))
    }
}

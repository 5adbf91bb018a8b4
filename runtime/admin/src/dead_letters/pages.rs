//! The messages of a stream one after the other, fetched many at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use eventsmith_bus::jetstream::JetStream;
use eventsmith_bus::jetstream::batch::BatchFailure;
use eventsmith_bus::transport::{MessageSelector, StreamMessage, Unavailable};
use eventsmith_event::stream::Retention;

use crate::server::Server;

/// How many are fetched one by one where a batch did not come: more than are in a batch.
const ONE_BY_ONE: u64 = 512;

/// What was fetched of a stream and is not looked at yet: one batch at most.
#[derive(Debug, Default)]
pub(super) struct Pages {
    fetched: VecDeque<StreamMessage>,
    /// How many to fetch one by one before a batch is tried again.
    one_by_one: u64,
    /// What batches come over, once there was one.
    connection: Option<Arc<JetStream>>,
}

impl Pages {
    /// Pages of a stream with this retention. What is delivered to a consumer may count as done in any but `limits`.
    pub(super) fn of(retention: Retention) -> Self {
        Self { one_by_one: if retention == Retention::Limits { 0 } else { u64::MAX }, ..Self::default() }
    }

    /// The first message on a subject with this number or a later one. The numbers must not fall from call to call.
    pub(super) async fn next(
        &mut self,
        server: &Server,
        stream: &str,
        subject: &str,
        from: u64,
    ) -> Result<Option<StreamMessage>, Unavailable> {
        if self.fetched.is_empty() && self.one_by_one == 0 {
            match server.batch(&mut self.connection, stream, subject, from).await {
                Ok(batch) if batch.is_empty() => return Ok(None),
                Ok(batch) => self.fetched = batch.into(),
                Err(failure) => {
                    tracing::debug!(stream, subject, from, %failure, "messages are fetched one by one");
                    let is_final = matches!(failure, BatchFailure::Refused(_));
                    self.one_by_one = if is_final { u64::MAX } else { ONE_BY_ONE };
                }
            }
        }
        if let Some(message) = self.fetched.pop_front() {
            return Ok(Some(message));
        }
        let next = server.transport().message(stream, MessageSelector::NextOf { subject, from }).await?;
        self.one_by_one = if self.one_by_one == u64::MAX { u64::MAX } else { self.one_by_one.saturating_sub(1) };
        Ok(next)
    }
}

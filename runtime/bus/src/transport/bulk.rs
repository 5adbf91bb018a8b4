//! Many messages for one stream, of which only few are acked.

use std::fmt::Debug;

use futures_util::future::BoxFuture;

use super::Message;
use crate::cause::Cause;

/// Messages on their way into one stream, one after the other. The stream stores them in this order and without a gap: where
/// one is lost or refused, the batch ends, and nothing behind it is stored. What is dropped before its end was reported counts
/// as not acked.
pub trait BulkBatch: Debug + Send {
    /// Sends the next message as soon as the window has room; the last one ends the batch.
    fn send<'a>(&'a mut self, message: &'a Message, is_last: bool) -> BoxFuture<'a, Result<(), BulkEnd>>;

    /// How many messages are known to be stored, from the first on. Those that the stream held already are among them.
    fn stored(&self) -> u64;

    /// Waits until the batch is stored to its last message.
    fn finish(&mut self) -> BoxFuture<'_, Result<BulkAck, BulkEnd>>;
}

/// Where a batch is stored to its last message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkAck {
    /// The name of the stream.
    pub stream: String,
    /// The number of the last message that the stream did not hold already, if there is one.
    pub sequence: Option<u64>,
}

/// Why a batch ended before its last message. [`BulkBatch::stored`] says where.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct BulkEnd {
    /// Why.
    #[source]
    pub reason: Cause,
    /// How many messages behind those that are stored may be stored as well, in their order. What is behind them is not.
    pub uncertain: u64,
    /// Whether another batch has a chance: the transport, the server and the stream take batches, as far as is known.
    pub is_supported: bool,
}

impl BulkEnd {
    /// The transport, the server or the stream takes no batches. Nothing was sent.
    pub fn unsupported(reason: impl Into<Cause>) -> Self {
        Self { reason: reason.into(), uncertain: 0, is_supported: false }
    }
}

//! The event that a dead letter is about.

use jiff::Timestamp;

use crate::transport::Message;

/// An event that is dead-lettered.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Its stream.
    pub stream: &'a str,
    /// The consumer.
    pub consumer: &'a str,
    /// Its number in the stream.
    pub sequence: u64,
    /// When it was stored.
    pub stored: Timestamp,
    /// How often it was delivered.
    pub attempts: u64,
    /// The message.
    pub message: &'a Message,
}

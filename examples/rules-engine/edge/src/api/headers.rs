//! The headers that a caller may send.

/// How long a caller waits, in milliseconds; the same header as on NATS.
pub(super) const TIMEOUT: &str = "eventsmith-timeout";
/// Under which key a command is done once.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// What all messages of one business process have in common.
pub(super) const CORRELATION: &str = "eventsmith-correlation";

//! Promises that are not kept yet. Whoever closes a gap turns its constant over.

/// Whether a consumer notices that its durable consumer was deleted and made anew while it had no connection, or within the time
/// between two questions while it had asked for no messages. Until it does, its acks end messages of a new stream that have the numbers
/// of those that it has in hand.
pub const NOTICES_RECREATION: bool = false;

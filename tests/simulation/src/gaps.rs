//! Promises that are not kept yet. Whoever closes a gap turns its constant over.

/// Whether a consumer notices that its durable consumer was deleted and made anew although it was connected all the time, if it had
/// asked for no messages just then. Until it does, its acks end messages of a new stream that have the numbers of those that it has in
/// hand.
pub const NOTICES_BRIEF_RECREATION: bool = false;

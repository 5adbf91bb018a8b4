//! Promises that are not kept yet. Whoever closes a gap turns its constant over.

/// Whether a consumer knows when its leases end, so that nothing begins without one. Until it does, an instance that is cut off
/// while the server serves another goes on with what it has: seeds 4988, 20905 and 33975.
pub const HAS_LEASES: bool = true;

/// Whether a consumer notices that its durable consumer was deleted and made anew while it had no connection. Until it does, its acks
/// end messages of a new stream that have the numbers of those that it has in hand: seeds 8810, 15716 and 16143.
pub const NOTICES_RECREATION: bool = false;

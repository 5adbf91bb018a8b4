//! Promises that are not kept yet. Whoever closes a gap turns its constant over.

/// Whether a consumer notices that its durable consumer was deleted and made anew although it was connected all the time, if it had
/// asked for no messages just then. Until it does, its acks end messages of a new stream that have the numbers of those that it has in
/// hand.
pub const NOTICES_BRIEF_RECREATION: bool = false;

/// Whether an event is told from one that ran, whose last attempt was noted and never begun as the note was acknowledged too late: its
/// lease had ended by then. Whoever has it next reads the note and nothing else. Found by one of 100,000 schedules (SEED=75243).
pub const TELLS_A_LATE_NOTE_FROM_A_RUN: bool = false;

//! The result of a comparison of two schemas.

use serde_json::Value;

use crate::schema::Fault;

/// Whether readers of one schema accept what writers of another write.
#[derive(Debug, Clone, PartialEq)]
pub enum Compatibility {
    /// Both schemas are equal, apart from annotations.
    Identical,
    /// Proved: whatever writers write, readers accept.
    Compatible,
    /// Refuted.
    Breaking(Box<Witness>),
    /// Neither proved nor refuted.
    Undecided(Obstacle),
}

/// A payload that writers may write and readers reject, as the validators of both schemas say.
#[derive(Debug, Clone, PartialEq)]
pub struct Witness {
    /// The payload, as small as could be made.
    pub payload: Value,
    /// How the reader's schema rejects it. The pointer leads into the payload, the keyword into the reader's schema.
    pub fault: Fault,
}

/// What stopped a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// JSON pointer of the keyword of the reader's schema that could not be decided.
    pub pointer: String,
    /// Why, for people.
    pub reason: String,
}

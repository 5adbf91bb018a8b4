//! Whether everything that writers of one schema write is accepted by another schema: proved, or refuted by a payload.

use serde_json::Value;

use crate::schema::Fault;

/// What is known about the writers of one schema and the readers of another.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Both schemas say the same, apart from what is for people only.
    Identical,
    /// Proved: whatever writers write, readers accept.
    Compatible,
    /// Refuted.
    Breaking(Box<Witness>),
    /// Neither proved nor refuted.
    Undecided(Obstacle),
}

/// A payload that writers may write and readers reject; both validators have been asked.
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
    /// Why, in words.
    pub reason: String,
}

/// Decides whether what writers of one self-contained schema write is accepted by another.
///
/// Writers write declared properties only.
pub fn decide(writer: &Value, reader: &Value) -> Verdict {
    if writer == reader {
        return Verdict::Identical;
    }
    if crate::schema::covers(reader, writer) {
        return Verdict::Compatible;
    }
    Verdict::Undecided(Obstacle { pointer: String::new(), reason: "nothing is known yet".to_owned() })
}

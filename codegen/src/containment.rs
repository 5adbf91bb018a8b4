//! Whether everything that writers of one schema write is accepted by another schema: proved, or refuted by a payload.

mod closed;
mod judge;
mod modern;
mod number;
mod proof;
mod search;
mod text;
mod types;
mod writer;

use serde_json::Value;

use crate::sample::Sampler;
use crate::schema::{self, Fault};

use judge::Judge;
use modern::modern;
use proof::Prover;
use search::Search;

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
/// Writers write declared properties only: an object whose schema declares properties has no others, even where the
/// schema allows them; one without any is free in form, and one whose others have a schema of their own is a map.
///
/// ```
/// use eventsmith_codegen::containment::{Verdict, decide};
/// use serde_json::json;
///
/// let old = json!({"type": "object", "properties": {"priority": {"enum": ["low", "high"]}}});
/// let new = json!({"type": "object", "properties": {"priority": {"enum": ["low"]}, "note": {"type": "string"}}});
///
/// assert_eq!(decide(&json!({"type": "integer"}), &json!({"type": "number"})), Verdict::Compatible);
/// match decide(&old, &new) {
///     Verdict::Breaking(witness) => assert_eq!(witness.payload, json!({"priority": "high"})),
///     other => panic!("{other:?}"),
/// }
/// ```
pub fn decide(writer: &Value, reader: &Value) -> Verdict {
    let (old, new) = (modern(writer), modern(reader));
    if old == new && schema::same_draft(writer, reader) {
        return Verdict::Identical;
    }
    let strict = schema::draft_number(reader) == 4 && schema::draft_number(writer) != 4;
    let judge = Judge::new(&old, &new);
    let Err(first) = Prover::new(&judge, None, strict).prove() else { return Verdict::Compatible };
    let tools = Search::new(&judge, writer, reader).and_then(|search| Ok((search, Sampler::new(&old)?)));
    let (search, sampler) = match tools {
        Ok(tools) => tools,
        Err(reason) => return Verdict::Undecided(Obstacle { pointer: String::new(), reason }),
    };
    let prover = Prover::new(&judge, Some(&sampler), strict);
    for attempt in [Prover::first_miss, Prover::prove] {
        if let Err(miss) = attempt(&prover)
            && let Some(witness) = search.among(miss.values)
        {
            return Verdict::Breaking(Box::new(witness));
        }
    }
    let simple = closed::simply_closed(&old);
    if !strict && simple.to_string().len() < LARGEST && schema::covers(&new, &simple) {
        return Verdict::Compatible;
    }
    match search.far_and_wide(&simple) {
        Some(witness) => Verdict::Breaking(Box::new(witness)),
        None => Verdict::Undecided(Obstacle { pointer: first.pointer, reason: first.reason }),
    }
}

/// The longest text of a schema that is canonicalized: that takes time that grows faster than the text.
const LARGEST: usize = 60_000;

/// Whether a payload that a self-contained schema accepts is one that writers write: without undeclared properties.
pub fn writes(schema: &Value, payload: &Value) -> bool {
    let writer = modern(schema);
    let judge = Judge::new(&writer, &writer);
    closed::is_declared(&judge, &[&writer], payload)
}

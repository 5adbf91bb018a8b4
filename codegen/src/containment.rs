//! Whether a reader's schema accepts everything that writers of another schema write: proved, or refuted by a payload.

mod carried;
mod closed;
mod compatibility;
mod embedded;
mod modern;
mod negative;
mod number;
mod pair;
mod proof;
mod search;
mod text;
mod types;
mod writer;

use std::cell::OnceCell;

use serde_json::Value;

use crate::sample::Sampler;
use crate::schema::{self, Validator};

use carried::marked;
pub use compatibility::{Compatibility, Obstacle, Witness};
use embedded::with_meta_schemas;
use modern::{drafts, modern, says_more};
use pair::{SchemaPair, Side};
use proof::Prover;
use search::{LARGEST, Search, lacks_room};

/// A self-contained schema, ready to be compared with others.
pub struct Prepared<'a> {
    given: &'a Value,
    /// The same in the vocabulary of draft 2020-12.
    modern: Value,
    /// The drafts of it and of its parts, with their places.
    drafts: Vec<(String, u16)>,
    validator: OnceCell<Result<Validator, String>>,
    sampler: OnceCell<Result<Sampler, String>>,
}

impl<'a> Prepared<'a> {
    /// Prepares a schema that refers to nothing outside of itself.
    pub fn new(schema: &'a Value) -> Self {
        let marked = marked(schema);
        let whole = with_meta_schemas(&marked);
        Self {
            given: schema,
            modern: modern(&whole),
            drafts: drafts(&whole),
            validator: OnceCell::new(),
            sampler: OnceCell::new(),
        }
    }

    /// Whether two schemas that are equal with the bounds of their integers' types are so without them.
    fn says_as_much_as(&self, other: &Self) -> bool {
        let said = |schema: &Value| modern(&with_meta_schemas(schema));
        self.given == other.given || said(self.given) == said(other.given)
    }

    fn draft_numbers(&self) -> Vec<u16> {
        self.drafts.iter().map(|(_, draft)| *draft).collect()
    }

    fn validator(&self) -> Result<&Validator, String> {
        self.validator.get_or_init(|| Validator::new(self.given)).as_ref().map_err(Clone::clone)
    }

    /// Whether a payload that the schema accepts is one that writers write: without undeclared properties, and with integers that
    /// their types hold.
    pub fn writes(&self, payload: &Value) -> bool {
        let pair = SchemaPair::new((&self.modern, &[]), (&self.modern, &[]));
        self.has_room(payload) && closed::is_declared(&pair, &[&self.modern], payload)
    }

    /// Whether the generated types hold the integers of a payload that the schema accepts.
    pub fn has_room(&self, payload: &Value) -> bool {
        let pair = SchemaPair::new((&self.modern, &[]), (&self.modern, &[]));
        !lacks_room(&pair, Side::Writer, payload)
    }

    fn sampler(&self) -> Result<&Sampler, String> {
        self.sampler.get_or_init(|| Sampler::new(&self.modern)).as_ref().map_err(Clone::clone)
    }
}

/// Decides whether what writers of one schema write is accepted by another.
///
/// Writers write what generated types carry. An object whose schema declares properties and says nothing of others has no
/// others. Where the schema speaks of others, if only to allow them, or where a rule is left to the validator, the type
/// carries them. An object without any declared property is free-form.
///
/// ```
/// use eventsmith_codegen::containment::{Prepared, Compatibility, decide};
/// use serde_json::json;
///
/// let old = json!({"type": "object", "properties": {"priority": {"enum": ["low", "high"]}}});
/// let new = json!({"type": "object", "properties": {"priority": {"enum": ["low"]}, "note": {"type": "string"}}});
/// let (old, new) = (Prepared::new(&old), Prepared::new(&new));
///
/// match decide(&old, &new) {
///     Compatibility::Breaking(witness) => assert_eq!(witness.payload, json!({"priority": "high"})),
///     other => panic!("{other:?}"),
/// }
/// assert!(matches!(decide(&old, &old), Compatibility::Identical));
/// ```
pub fn decide(writer: &Prepared<'_>, reader: &Prepared<'_>) -> Compatibility {
    let (old, new) = (&writer.modern, &reader.modern);
    if old == new && writer.drafts == reader.drafts {
        let is_identical = writer.says_as_much_as(reader);
        return if is_identical { Compatibility::Identical } else { Compatibility::Compatible };
    }
    let (of_old, of_new) = (writer.draft_numbers(), reader.draft_numbers());
    let (of_old, of_new) = ((old, of_old.as_slice()), (new, of_new.as_slice()));
    let (pair, reversed) = (SchemaPair::new(of_old, of_new), SchemaPair::reversed(of_old, of_new));
    let reverse = Prover::new(&reversed, None, None);
    let Err(first) = Prover::new(&pair, Some(&reverse), None).prove() else { return Compatibility::Compatible };
    let undecided = |pointer, reason| Compatibility::Undecided(Obstacle { pointer, reason });
    let (of_writer, of_reader, sampler) = match (writer.validator(), reader.validator(), writer.sampler()) {
        (Ok(of_writer), Ok(of_reader), Ok(sampler)) => (of_writer, of_reader, sampler),
        (Err(reason), ..) | (_, Err(reason), _) | (.., Err(reason)) => return undecided(String::new(), reason),
    };
    // Each phase has a share of the work of its own, so that a long proof leaves some for the search.
    let per_value = schema::schemas_per_value(old) + schema::schemas_per_value(new);
    let search = Search::new(&pair, of_writer, of_reader, per_value);
    let prover = Prover::new(&pair, Some(&reverse), Some(sampler));
    for attempt in [Prover::first_miss, Prover::prove] {
        pair.refuel();
        if let Err(miss) = attempt(&prover)
            && let Some(witness) = search.among(miss.values)
        {
            return Compatibility::Breaking(Box::new(witness));
        }
    }
    let simple = closed::simply_closed(old);
    // What says more than the validator's own keywords do is not in their algebra.
    let is_exact = eventsmith_exact::keywords::are_needed(reader.given);
    let is_plain = !pair.is_draft_4 && !pair.is_looser && !is_exact && !says_more(new);
    if is_plain && simple.to_string().len() < LARGEST && schema::covers(new, &simple) {
        return Compatibility::Compatible;
    }
    pair.refuel();
    match search.far_and_wide(&simple) {
        Some(witness) => Compatibility::Breaking(Box::new(witness)),
        None if search.is_spent() => {
            undecided(first.pointer, format!("{}; to look for a witness takes too long", first.reason))
        }
        None => undecided(first.pointer, first.reason),
    }
}

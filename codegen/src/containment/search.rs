//! The search for a witness. Validators of the schemas as they were given decide whether a payload is one.

use std::cell::Cell;

use serde_json::{Number, Value};

use crate::pointer::{join, steps};
use crate::sample::{Instances, Sampler};
use crate::schema::{self, Fault, Validator};

use super::closed::is_declared;
use super::compatibility::Witness;
use super::pair::{SchemaPair, Side};

/// Looks for a payload that writers write and readers reject.
pub(super) struct Search<'a> {
    pair: &'a SchemaPair<'a>,
    /// The schemas as they were given.
    writer: &'a Validator,
    reader: &'a Validator,
    /// How many schemas both hold one value against, with all references followed.
    per_value: f64,
    /// How much may still be validated, in schemas that values are held against.
    work: Cell<f64>,
}

/// The work of one search: less than a second.
const WORK: f64 = 60_000_000.0;

/// The longest text of a schema that is canonicalized: that takes time that grows faster than the text.
pub(super) const LARGEST: usize = 60_000;

/// How many payloads are tried where the misses of the proof held no witness.
const MOST: usize = 1_500;
/// The size of schemas for which none is tried: one payload of them takes a tenth of a second, and seldom shows anything.
const HUGE: usize = 200_000;
/// The size of schemas for which so many are tried; with larger ones, fewer are.
const TEXT: usize = 8_000;

impl<'a> Search<'a> {
    pub(super) fn new(pair: &'a SchemaPair<'a>, writer: &'a Validator, reader: &'a Validator, per_value: f64) -> Self {
        Self { pair, writer, reader, per_value, work: Cell::new(WORK) }
    }

    /// Whether nothing more is validated: validators cannot be interrupted, so that the work is known before.
    pub(super) fn is_spent(&self) -> bool {
        self.work.get() <= 0.0
    }

    /// Counts the work for a payload. Most of its parts meet few of the schemas.
    fn spend(&self, payload: &Value) -> bool {
        let parts = parts(payload) as f64;
        self.work.set(self.work.get() - self.per_value * (1.0 + parts / 8.0) - 20.0 * parts);
        !self.is_spent()
    }

    fn is_witness(&self, payload: &Value) -> bool {
        self.spend(payload)
            && (!self.reader.is_valid(payload) || lacks_room(self.pair, Side::Reader, payload))
            && self.writer.is_valid(payload)
            && !lacks_room(self.pair, Side::Writer, payload)
            && self.is_declared(payload)
    }

    /// What is not decided for lack of work is no witness.
    fn is_declared(&self, payload: &Value) -> bool {
        is_declared(self.pair, &[self.pair.root(Side::Writer)], payload) && !self.pair.is_spent()
    }

    /// The first witness among some payloads, made small.
    pub(super) fn among(&self, payloads: impl IntoIterator<Item = Value>) -> Option<Witness> {
        let tells_apart = self.pair.is_looser || self.pair.is_stricter;
        let payloads = payloads.into_iter().flat_map(|payload| {
            let other = if tells_apart { with_fractions(&payload) } else { None };
            std::iter::once(payload).chain(other)
        });
        let mut payloads = payloads.take_while(|_| !self.is_spent());
        // What the reader's schema refuses shows more than what its types alone have no room for.
        let mut without_room = None;
        let found = payloads.find(|payload| {
            if !self.is_witness(payload) {
                return false;
            }
            let is_refused = !self.reader.is_valid(payload);
            if !is_refused && without_room.is_none() {
                without_room = Some(payload.clone());
            }
            is_refused
        });
        let found = found.or(without_room)?;
        let payload = self.smallest(found);
        let fault = self.reader.fault(&payload).or_else(|| no_room(&payload))?;
        Some(Witness { payload, fault })
    }

    /// Tries samples of the difference of both schemas, and payloads around their limits.
    pub(super) fn far_and_wide(&self, simple: &Value) -> Option<Witness> {
        let (writer, reader) = (self.pair.root(Side::Writer), self.pair.root(Side::Reader));
        let size = writer.to_string().len().max(reader.to_string().len());
        if size < LARGEST {
            let difference = schema::difference(reader, simple).and_then(|difference| Sampler::new(&difference).ok());
            let sample = difference.and_then(|sampler| sampler.sample().ok());
            if let Some(witness) = self.among(sample) {
                return Some(witness);
            }
        }
        if size > HUGE || self.is_spent() {
            return None;
        }
        let count = (MOST * TEXT / size.max(1)).clamp(50, MOST);
        let around = |schema: &Value| Instances::new(schema, 1).into_iter().flat_map(move |all| all.take(count));
        // What is no integer in draft 4 is one to the sampler, which finds no more than newer drafts accept.
        let relaxed = self.pair.is_looser.then(|| relaxed(simple));
        self.among(around(simple).chain(around(reader)).chain(relaxed.iter().flat_map(around)))
    }

    /// A witness without what it need not have.
    fn smallest(&self, mut payload: Value) -> Value {
        const TRIES: usize = 120;
        let mut places = Vec::new();
        removable(&payload, String::new(), &mut places);
        for place in places.iter().take(TRIES) {
            let Some(taken) = take(&mut payload, place) else { continue };
            if !self.is_witness(&payload) {
                put_back(&mut payload, taken);
            }
        }
        payload
    }
}

/// Whether a payload has an integer that the types of a side do not hold: their schemas have the bounds of those.
pub(super) fn lacks_room(pair: &SchemaPair<'_>, side: Side, payload: &Value) -> bool {
    beyond_64_bits(payload).is_some() && pair.accepts(pair.root(side), side, payload, 0) == Some(false)
}

/// An integer that an `i64` does not hold, and where it stands.
fn beyond_64_bits(value: &Value) -> Option<(String, &Number)> {
    let within = |name: &str, inner| beyond_64_bits(inner).map(|(at, number)| (join("", name) + &at, number));
    match value {
        Value::Number(number) => {
            /// The first integer that is one too many.
            const BEYOND: f64 = 9_223_372_036_854_775_808.0;
            let is_large = number.as_f64().is_some_and(|number| number.fract() == 0.0 && number.abs() >= BEYOND);
            (is_large && number.as_i64().is_none()).then(|| (String::new(), number))
        }
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| within(&index.to_string(), item)),
        Value::Object(members) => members.iter().find_map(|(name, member)| within(name, member)),
        _ => None,
    }
}

/// That the types of the reader do not hold an integer which its schema accepts.
fn no_room(payload: &Value) -> Option<Fault> {
    let (pointer, number) = beyond_64_bits(payload)?;
    let message =
        format!("{number} is beyond the integers that the Rust type holds; bounds make it a wider one, or a narrower");
    Some(Fault { pointer, message, ..Fault::default() })
}

/// A payload whose whole numbers are written with fractions, which are no integers in draft 4; nothing where it has none.
fn with_fractions(payload: &Value) -> Option<Value> {
    /// What lies beyond is another number as a double.
    const LARGEST: u64 = 1 << 53;
    match payload {
        Value::Number(number) => {
            let number = number.as_i64().filter(|number| number.unsigned_abs() <= LARGEST)?;
            Some(Value::from(number as f64))
        }
        Value::Array(items) => {
            let others: Vec<Option<Value>> = items.iter().map(with_fractions).collect();
            let is_same = others.iter().all(Option::is_none);
            let all = others.into_iter().zip(items).map(|(other, item)| other.unwrap_or_else(|| item.clone()));
            (!is_same).then(|| all.collect())
        }
        Value::Object(members) => {
            let mut copy = members.clone();
            let mut is_same = true;
            for member in copy.values_mut() {
                if let Some(other) = with_fractions(member) {
                    *member = other;
                    is_same = false;
                }
            }
            (!is_same).then_some(Value::Object(copy))
        }
        _ => None,
    }
}

/// A schema without what it excludes, whose alternatives may hold together.
fn relaxed(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let kept = members.iter().filter(|(keyword, _)| *keyword != "not");
            let renamed = kept.map(|(keyword, value)| {
                let is_alone = keyword == "oneOf" && !members.contains_key("anyOf");
                (if is_alone { "anyOf".to_owned() } else { keyword.clone() }, relaxed(value))
            });
            Value::Object(renamed.collect())
        }
        Value::Array(items) => items.iter().map(relaxed).collect(),
        scalar => scalar.clone(),
    }
}

/// How many values a value consists of.
fn parts(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(parts).sum::<usize>(),
        Value::Array(items) => 1 + items.iter().map(parts).sum::<usize>(),
        Value::String(text) => 1 + text.len() / 64,
        _ => 1,
    }
}

/// The places of members and of elements, the last first; what lies around comes before what lies within.
fn removable(value: &Value, at: String, found: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, member)| (join(&at, name), member)).collect(),
        // One of many elements is as good as another.
        Value::Array(items) => {
            items.iter().enumerate().take(16).rev().map(|(index, item)| (join(&at, &index.to_string()), item)).collect()
        }
        _ => return,
    };
    for (place, inner) in below {
        found.push(place.clone());
        removable(inner, place, found);
    }
}

/// A member or an element with the place that it was taken from.
struct Taken {
    outer: String,
    name: String,
    index: usize,
    value: Value,
}

fn take(payload: &mut Value, place: &str) -> Option<Taken> {
    let mut steps = steps(place)?;
    let name = steps.pop()?;
    let outer = steps.iter().fold(String::new(), |at, step| join(&at, step));
    let (index, value) = match payload.pointer_mut(&outer)? {
        Value::Object(members) => {
            let index = members.keys().position(|known| *known == name)?;
            (index, members.shift_remove(&name)?)
        }
        Value::Array(items) => {
            let index: usize = name.parse().ok().filter(|index| *index < items.len())?;
            (index, items.remove(index))
        }
        _ => return None,
    };
    Some(Taken { outer, name, index, value })
}

fn put_back(payload: &mut Value, taken: Taken) {
    match payload.pointer_mut(&taken.outer) {
        Some(Value::Object(members)) => {
            members.shift_insert(taken.index, taken.name, taken.value);
        }
        Some(Value::Array(items)) => items.insert(taken.index, taken.value),
        _ => {}
    }
}

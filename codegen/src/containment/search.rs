//! The search for a witness, and its judges: real validators of the schemas as they were given.

use serde_json::Value;

use crate::pointer::{join, steps};
use crate::sample::{Instances, Sampler};
use crate::schema::{self, Validator};

use super::closed::is_declared;
use super::judge::Judge;
use super::writer::Side;
use super::{LARGEST, Witness};

/// Looks for a payload that writers write and readers reject.
pub(super) struct Search<'a> {
    judge: &'a Judge<'a>,
    /// The schemas as they were given.
    writer: &'a Validator,
    reader: &'a Validator,
}

/// How many payloads are tried once thinking has not helped.
const MOST: usize = 1_500;
/// How much text of schemas is worth so many; with larger ones, fewer are tried.
const TEXT: usize = 8_000;

impl<'a> Search<'a> {
    pub(super) fn new(judge: &'a Judge<'a>, writer: &'a Validator, reader: &'a Validator) -> Self {
        Self { judge, writer, reader }
    }

    fn is_witness(&self, payload: &Value) -> bool {
        !self.reader.is_valid(payload) && self.writer.is_valid(payload) && self.is_declared(payload)
    }

    fn is_declared(&self, payload: &Value) -> bool {
        is_declared(self.judge, &[self.judge.root(Side::Writer)], payload)
    }

    /// The first witness among some payloads, made small.
    pub(super) fn among(&self, payloads: impl IntoIterator<Item = Value>) -> Option<Witness> {
        let found = payloads.into_iter().find(|payload| self.is_witness(payload))?;
        let payload = self.smallest(found);
        let fault = self.reader.faults(&payload).into_iter().next()?;
        Some(Witness { payload, fault })
    }

    /// Looks where no thought leads: in the difference of both schemas, and around their limits.
    pub(super) fn far_and_wide(&self, simple: &Value) -> Option<Witness> {
        let (writer, reader) = (self.judge.root(Side::Writer), self.judge.root(Side::Reader));
        let size = writer.to_string().len().max(reader.to_string().len());
        if size < LARGEST {
            let difference = schema::difference(reader, simple).and_then(|difference| Sampler::new(&difference).ok());
            let sample = difference.and_then(|sampler| sampler.sample().ok());
            if let Some(witness) = self.among(sample) {
                return Some(witness);
            }
        }
        let count = (MOST * TEXT / size.max(1)).clamp(50, MOST);
        let around = |schema: &Value| Instances::new(schema, 1).into_iter().flat_map(move |all| all.take(count));
        self.among(around(simple).chain(around(reader)))
    }

    /// A witness without what it need not have.
    fn smallest(&self, mut payload: Value) -> Value {
        const TRIES: usize = 150;
        let mut places = Vec::new();
        removable(&payload, String::new(), &mut places);
        for place in places.iter().take(TRIES) {
            let mut smaller = payload.clone();
            if remove(&mut smaller, place).is_some() && self.is_witness(&smaller) {
                payload = smaller;
            }
        }
        payload
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

fn remove(value: &mut Value, place: &str) -> Option<()> {
    let mut steps = steps(place)?;
    let last = steps.pop()?;
    let outer = steps.iter().fold(String::new(), |at, step| join(&at, step));
    match value.pointer_mut(&outer)? {
        Value::Object(members) => members.shift_remove(&last).map(|_| ()),
        Value::Array(items) => {
            let index: usize = last.parse().ok()?;
            (index < items.len()).then(|| items.remove(index)).map(|_| ())
        }
        _ => None,
    }
}

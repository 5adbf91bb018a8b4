//! Keywords about arrays.

use serde_json::{Map, Value, json};

use crate::containment::pair::Side;
use crate::containment::types::TypeSet;
use crate::containment::writer::Written;

use super::{Fit, Miss, Prover};

/// Arrays of so many elements are not made to show something.
const MOST_ELEMENTS: f64 = 1_000.0;

impl<'a> Prover<'a> {
    pub(super) fn arrays(
        &self,
        written: &Written<'a>,
        reader: &'a Map<String, Value>,
        keyword: &'a str,
        operand: &'a Value,
    ) -> Fit {
        let written = &written.only(self.pair, TypeSet::ARRAY);
        let (least, most) = counts(written);
        match (keyword, operand) {
            ("items" | "unevaluatedItems", Value::Bool(true)) => Ok(()),
            ("minItems", Value::Number(bound)) => {
                let bound = bound.as_f64().unwrap_or_default();
                if least >= bound {
                    return Ok(());
                }
                let narrower = json!({"type": "array", "maxItems": bound - 1.0});
                let mut values: Vec<Value> = self.fill(written, narrower).into_iter().collect();
                values.extend(self.fill(written, json!({"type": "array"})));
                Err(Miss::new(values, "fewer elements may be written"))
            }
            ("maxItems", Value::Number(bound)) => {
                let bound = bound.as_f64().unwrap_or(f64::INFINITY);
                if most <= bound {
                    return Ok(());
                }
                let wider = json!({"type": "array", "minItems": bound + 1.0});
                Err(Miss::new(self.fill(written, wider).into_iter().collect(), "more elements may be written"))
            }
            ("uniqueItems", Value::Bool(true)) => {
                if most <= 1.0 || written.every("uniqueItems").any(|own| *own == Value::Bool(true)) {
                    return Ok(());
                }
                let mut values = Vec::new();
                if let Some(element) = written.element(self.pair, written.first_elements()) {
                    let count = least.max(2.0);
                    let samples = if count < MOST_ELEMENTS { self.samples(&element) } else { Vec::new() };
                    values.extend(samples.into_iter().map(|item| Value::Array(vec![item; count as usize])));
                }
                Err(Miss::new(self.written_among(written, values), "equal elements may be written"))
            }
            ("prefixItems", Value::Array(schemas)) => self.all(schemas.iter().enumerate().map(|(index, schema)| {
                let Some(element) = written.element(self.pair, index) else { return Ok(()) };
                self.fits(&element, schema)
                    .map_err(|miss| self.at(written, index, miss).within("prefixItems", Some(&index.to_string())))
            })),
            ("items", schema) => {
                let known = reader.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
                let last = written.first_elements().max(known);
                self.all((known..=last).map(|index| {
                    let Some(element) = written.element(self.pair, index) else { return Ok(()) };
                    if (index as f64) >= most {
                        return Ok(());
                    }
                    self.fits(&element, schema).map_err(|miss| self.at(written, index, miss).within("items", None))
                }))
            }
            ("contains", schema) => self.contains(written, reader, schema, least),
            _ => self.verbatim(written, keyword, operand),
        }
    }

    fn contains(&self, written: &Written<'a>, reader: &'a Map<String, Value>, schema: &'a Value, least: f64) -> Fit {
        let bounds = |members: &Map<String, Value>| {
            let bound = |keyword: &str| members.get(keyword).and_then(Value::as_f64);
            (bound("minContains").unwrap_or(1.0), bound("maxContains").unwrap_or(f64::INFINITY))
        };
        let (wanted, most) = bounds(reader);
        let kept = written.parts.iter().any(|(members, side)| {
            let (own, own_most) = bounds(members);
            *side == Side::Writer
                && own >= wanted
                && own_most <= most
                && members.get("contains").is_some_and(|own| self.pair.same(own, schema))
        });
        if kept || wanted == 0.0 && most == f64::INFINITY {
            return Ok(());
        }
        let every = (0..=written.first_elements())
            .all(|index| written.element(self.pair, index).is_none_or(|element| self.fits(&element, schema).is_ok()));
        if every && least >= wanted && counts(written).1 <= most {
            return Ok(());
        }
        let mut values: Vec<Value> = self.fill(written, json!({"type": "array"})).into_iter().collect();
        values.push(json!([]));
        for count in [1.0, 2.0, wanted, most + 1.0, least].into_iter().filter(|count| *count < MOST_ELEMENTS) {
            values.extend(self.fill(written, json!({"type": "array", "minItems": count})));
            if let Some(element) = written.element(self.pair, written.first_elements()) {
                values.extend(self.samples(&element).into_iter().map(|item| Value::Array(vec![item; count as usize])));
            }
        }
        Err(Miss::new(self.written_among(written, values), "arrays may be written that contain too few or too many"))
    }

    /// A miss of an element as one of the array.
    fn at(&self, written: &Written<'a>, index: usize, mut miss: Box<Miss>) -> Box<Miss> {
        let values = std::mem::take(&mut miss.values);
        let (least, _) = counts(written);
        let count = (least.min(MOST_ELEMENTS) as usize).max(index + 1);
        let others: Option<Vec<Value>> = (0..count)
            .filter(|other| *other != index)
            .map(|other| self.samples(&written.element(self.pair, other)?).into_iter().next())
            .collect();
        let Some(others) = others else { return miss };
        let unique = written.every("uniqueItems").any(|own| *own == Value::Bool(true));
        for value in values.into_iter().take(self.wanted()) {
            let mut items = others.clone();
            items.insert(index, value.clone());
            miss.values.push(Value::Array(items));
            if unique && count > 1 {
                let first = json!({"type": "array", "minItems": count, "contains": {"const": value}});
                miss.values.extend(self.fill(written, first));
            }
        }
        miss
    }
}

/// How many elements there are at least and at most.
fn counts(written: &Written<'_>) -> (f64, f64) {
    let least = written.every("minItems").filter_map(Value::as_f64).fold(0.0, f64::max);
    let contained = written.every("contains").count().min(1) as f64;
    let zero = written.every("minContains").next().is_some();
    let most = written.every("maxItems").filter_map(Value::as_f64).fold(f64::INFINITY, f64::min);
    // A list whose further elements are forbidden ends there.
    let closed = written.parts.iter().filter(|(members, _)| members.get("items") == Some(&Value::Bool(false)));
    let lengths = closed.map(|(members, _)| {
        members.get("prefixItems").and_then(Value::as_array).map_or(0.0, |first| first.len() as f64)
    });
    (if zero { least } else { least.max(contained) }, lengths.fold(most, f64::min))
}

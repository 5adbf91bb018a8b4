//! Keywords about values without parts: types, lists of values, numbers, texts.

use std::collections::HashSet;

use serde_json::{Map, Number, Value, json};

use crate::containment::modern::OLD_HOST_NAME;
use crate::containment::number::{beyond, divides};
use crate::containment::pair::Side;
use crate::containment::text::{Inclusion, Lengths, TextLanguage};
use crate::containment::types::TypeSet;
use crate::containment::writer::Written;

use super::wide::keeps_within;
use super::{Fit, Miss, Prover};

/// Texts that many patterns and formats refuse.
const PROBES: &[&str] = &[
    "",
    " ",
    "a",
    "A",
    "0",
    "text",
    "a b",
    "é",
    "-",
    "_",
    ".",
    "/",
    "\n",
    "a\n",
    "00",
    "aa",
    "!",
    "{",
    "1234",
    "e30=",
    "ab--c",
    "\"a b\"@example.org",
    "\"@\"@example.org",
    "a@[127.0.0.1]",
    "a@b",
    "A <a@b.example>",
];

impl<'a> Prover<'a> {
    pub(super) fn types(&self, written: &Written<'a>, operand: &'a Value) -> Fit {
        let allowed = TypeSet::allowed(operand);
        let more = written.types.without(allowed);
        let is_strict = self.pair.is_stricter && allowed.meets(TypeSet::INTEGER) && !allowed.meets(TypeSet::FRACTION);
        if more.is_empty() && !(is_strict && written.types.meets(TypeSet::INTEGER)) {
            return Ok(());
        }
        let mut values: Vec<Value> = more
            .each()
            .filter_map(|types| {
                let fractions = [0.5, 1.5, -0.5, 0.25].map(|number| json!(number)).to_vec();
                match types {
                    TypeSet::FRACTION => self.written_among(written, fractions).into_iter().next(),
                    _ => None,
                }
                .or_else(|| self.fill(written, Value::Object(types.schema())))
            })
            .collect();
        if is_strict {
            values.extend(self.written_among(written, vec![json!(1.0), json!(0.0)]));
        }
        let reason = match more.is_empty() {
            true => "1.0 may be written, which draft 4 takes for no integer".to_owned(),
            false => format!("{} may be written", more.description()),
        };
        Err(Miss::new(values, reason))
    }

    pub(super) fn enumerated(&self, written: &Written<'a>, keyword: &str, operand: &'a Value) -> Fit {
        let listed = if keyword == "const" {
            std::slice::from_ref(operand)
        } else {
            operand.as_array().map_or(&[][..], Vec::as_slice)
        };
        let mut values = match written.integers() {
            Some(integers) => {
                let listed: HashSet<String> = listed.iter().map(|value| self.pair.canonical(value)).collect();
                let others = integers.filter(|integer| !listed.contains(&self.pair.canonical(&json!(integer))));
                let others: Vec<Value> = others.map(|integer| json!(integer)).collect();
                if others.is_empty() {
                    return Ok(());
                }
                self.written_among(written, others)
            }
            None => Vec::new(),
        };
        values.extend(self.samples(written));
        values.extend(self.probes(written));
        Err(Miss::new(values, "other values may be written"))
    }

    pub(super) fn numeric(&self, written: &Written<'a>, keyword: &str, operand: &Value) -> Fit {
        let Value::Number(bound) = operand else { return Ok(()) };
        let range = written.range();
        if keyword == "multipleOf" {
            let whole = written.types.and(TypeSet::NUMBER) == TypeSet::INTEGER;
            let one = Number::from(1);
            let divisors = written.every("multipleOf").filter_map(|own| own.as_number());
            let divisors: Vec<&Number> = divisors.chain(whole.then_some(&one)).collect();
            if divides(bound, &divisors) {
                return Ok(());
            }
            let mut values: Vec<Value> = [1, 2, 3, 5, 7, 11, 13].map(|number| json!(number)).to_vec();
            values.extend([0.5, 0.1, 0.01, 0.001, 1.5, 0.3].map(|number| json!(number)));
            for divisor in written.every("multipleOf").filter_map(Value::as_f64) {
                values.extend([1.0, 2.0, 3.0, 5.0, 7.0].map(|times| number(divisor * times)));
            }
            if let Some(low) = range.low.as_ref().and_then(|(low, _)| low.as_f64()) {
                values.extend([0.0, 1.0, 2.0, 3.0, 0.5, 0.1, 0.01, 0.001].map(|more| number(low + more)));
            }
            values.extend(self.fill(written, Value::Bool(true)));
            let reason = format!("numbers that are no multiple of {bound} may be written");
            return Err(Miss::new(self.written_among(written, values), reason));
        }
        if range.fulfils(keyword, bound) || keeps_within(written, keyword, bound) {
            return Ok(());
        }
        let mut values = beyond(keyword, bound);
        for (end, _) in [range.low, range.high].into_iter().flatten() {
            values.push(Value::Number(end));
        }
        let narrower = match keyword {
            "minimum" => json!({"type": "number", "exclusiveMaximum": bound}),
            "maximum" => json!({"type": "number", "exclusiveMinimum": bound}),
            "exclusiveMinimum" => json!({"type": "number", "maximum": bound}),
            _ => json!({"type": "number", "minimum": bound}),
        };
        values.extend(self.fill(written, narrower));
        let side = if keyword.ends_with("inimum") { "smaller" } else { "greater" };
        Err(Miss::new(self.written_among(written, values), format!("{side} numbers may be written")))
    }

    pub(super) fn textual(&self, written: &Written<'a>, keyword: &str, operand: &Value) -> Fit {
        match (keyword, operand) {
            ("minLength" | "maxLength", Value::Number(bound)) => {
                let Some(bound) = bound.as_f64().map(|bound| bound as u64) else { return Ok(()) };
                let lengths = Lengths::of(written);
                let (fits, narrower) = match keyword {
                    "minLength" => (lengths.least >= bound, json!({"maxLength": bound.saturating_sub(1)})),
                    _ => (lengths.most.is_some_and(|most| most <= bound), json!({"minLength": bound + 1})),
                };
                if fits || keyword == "minLength" && bound == 0 {
                    return Ok(());
                }
                let by_automaton = self.by_automaton(written, keyword, bound);
                if by_automaton == Inclusion::Proved {
                    return Ok(());
                }
                let mut values: Vec<Value> = self.fill_text(written, narrower).into_iter().collect();
                if let Inclusion::Refuted(text) = by_automaton {
                    values.push(Value::String(text));
                }
                let reason = if keyword == "minLength" { "shorter" } else { "longer" };
                Err(Miss::new(values, format!("{reason} strings may be written")))
            }
            ("pattern", Value::String(pattern)) => self.pattern(written, pattern),
            ("format", Value::String(format)) => self.format(written, format),
            _ => Ok(()),
        }
    }

    fn pattern(&self, written: &Written<'a>, pattern: &str) -> Fit {
        let own: Vec<&str> = written.every("pattern").filter_map(Value::as_str).collect();
        if own.contains(&pattern) {
            return Ok(());
        }
        let language = TextLanguage::of(written);
        let decided = self
            .pair
            .inclusion(format!("{language:?} pattern {pattern}"), |automata| language.is_matched_by(automata, pattern));
        let Some(values) = self.counterexamples(written, decided) else { return Ok(()) };
        Err(Miss::new(values, format!("strings may be written that {pattern:?} does not match")))
    }

    fn format(&self, written: &Written<'a>, format: &str) -> Fit {
        let own: Vec<&str> = written.every("format").filter_map(Value::as_str).collect();
        if own.iter().any(|own| *own == format || implies(own, format)) {
            return Ok(());
        }
        let language = TextLanguage::of(written);
        let decided = self
            .pair
            .inclusion(format!("{language:?} format {format}"), |automata| language.is_of_format(automata, format));
        let Some(mut values) = self.counterexamples(written, decided) else { return Ok(()) };
        for sample in [json!({"minLength": 30}), json!({"format": "uri-reference"}), json!({"format": "iri"})] {
            values.extend(self.fill_text(written, sample));
        }
        Err(Miss::new(values, format!("strings may be written that are no {format}")))
    }

    /// Texts that may be written and refused; none where it is proved that there are none.
    fn counterexamples(&self, written: &Written<'a>, decided: Inclusion) -> Option<Vec<Value>> {
        let refuted = match decided {
            Inclusion::Proved => return None,
            Inclusion::Refuted(text) => Some(Value::String(text)),
            Inclusion::Unknown => None,
        };
        let mut values: Vec<Value> = refuted.into_iter().chain(self.fill_text(written, json!({}))).collect();
        values.extend(self.probes(written));
        Some(values)
    }

    /// What a text holds that is encoded: the two keywords mean something together.
    pub(super) fn content(&self, written: &Written<'a>, reader: &Map<String, Value>, keyword: &str) -> Fit {
        let asked = match keyword {
            "contentEncoding" => &["contentEncoding"][..],
            _ => &["contentEncoding", "contentMediaType"],
        };
        let says_so = |(members, _): &(&Map<String, Value>, Side)| {
            asked.iter().all(|keyword| members.get(*keyword) == reader.get(*keyword))
        };
        if written.parts.iter().any(says_so) {
            return Ok(());
        }
        let mut values = Vec::new();
        for more in
            [json!({}), json!({"minLength": 1}), json!({"minLength": 5}), json!({"minLength": 2, "maxLength": 3})]
        {
            values.extend(self.fill_text(written, more));
        }
        values.extend(self.probes(written));
        Err(Miss::new(values, format!("texts may be written that are not what {keyword} says")))
    }

    /// A text that is perhaps written, with more said about it.
    fn fill_text(&self, written: &Written<'a>, mut more: Value) -> Option<Value> {
        if let Value::Object(members) = &mut more {
            members.insert("type".to_owned(), json!("string"));
        }
        self.fill(written, more)
    }

    /// Whether the writer's patterns keep a length.
    fn by_automaton(&self, written: &Written<'a>, keyword: &str, bound: u64) -> Inclusion {
        let language = TextLanguage::of(written);
        if language.patterns.is_empty() && language.formats.is_empty() || bound > 300 {
            return Inclusion::Unknown;
        }
        let wanted = match keyword {
            "minLength" => format!("^[^]{{{bound},}}$"),
            _ => format!("^[^]{{0,{bound}}}$"),
        };
        self.pair
            .inclusion(format!("{language:?} pattern {wanted}"), |automata| language.is_matched_by(automata, &wanted))
    }

    /// Values that a list or a pattern may not cover.
    pub(super) fn probes(&self, written: &Written<'a>) -> Vec<Value> {
        let mut values = Vec::new();
        if written.types.meets(TypeSet::STRING) {
            values.extend(PROBES.iter().map(|text| json!(text)));
        }
        if written.types.meets(TypeSet::NUMBER) {
            values.extend([0, 1, -1, 2, 3, 10, 100, 1_000_000].map(|number| json!(number)));
            values.extend([0.5, -0.5, 1.5].map(|number| json!(number)));
        }
        self.written_among(written, values)
    }
}

fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}

/// Whether every text of one format is one of another (RFC 3986 and 3987; RFC 5322 and 6531; RFC 5890).
fn implies(narrow: &str, wide: &str) -> bool {
    matches!(
        (narrow, wide),
        ("uri", "iri" | "iri-reference" | "uri-reference")
            | ("uri-reference" | "iri", "iri-reference")
            | ("hostname", OLD_HOST_NAME)
    )
}

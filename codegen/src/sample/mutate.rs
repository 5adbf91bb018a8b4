//! One small change of an instance, which makes it invalid about as often as not.

use serde_json::{Map, Number, Value, json};

use crate::pointer::join;
use crate::sample::choices::Choices;
use crate::sample::vocabulary::SchemaVocabulary;

/// What a mutation draws from.
pub(super) struct Mutation<'a> {
    pub(super) vocabulary: &'a SchemaVocabulary,
    pub(super) choices: &'a mut Choices,
    /// A value for the schema at a pointer.
    pub(super) candidate: &'a dyn Fn(&str, Choices) -> Option<Value>,
}

impl Mutation<'_> {
    /// Changes one place of a value.
    pub(super) fn apply(&mut self, value: &mut Value) {
        let mut places = Vec::new();
        collect(value, String::new(), &mut places);
        let place = &places[self.choices.pick(places.len())];
        if let Some(part) = value.pointer_mut(place) {
            *part = if self.choices.pick(4) == 0 { self.other(part) } else { self.near(part) };
        }
    }

    /// Another value of the same type, close to the first.
    fn near(&mut self, value: &Value) -> Value {
        match value {
            Value::Null => self.other(value),
            Value::Bool(value) => Value::Bool(!value),
            Value::Number(number) => self.number(number),
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => Value::Array(self.array(items)),
            Value::Object(members) => Value::Object(self.object(members)),
        }
    }

    /// Any value: of another type, of another part of the schema, around the old one.
    fn other(&mut self, value: &Value) -> Value {
        match self.choices.pick(13) {
            0 | 1 => Value::Null,
            2 => json!(true),
            3 => json!(0),
            4 => json!(1.5),
            5 => json!(""),
            6 => json!("x"),
            7 => json!([]),
            8 => json!({}),
            9 => json!([value]),
            10 => json!({"undeclared": value}),
            11 => self.known_value().unwrap_or(Value::Null),
            _ => self.transplant().unwrap_or(Value::Null),
        }
    }

    fn known_value(&mut self) -> Option<Value> {
        one_of(&self.vocabulary.values, self.choices).cloned()
    }

    fn transplant(&mut self) -> Option<Value> {
        let pointer = one_of(&self.vocabulary.pointers, self.choices)?;
        let seed = self.choices.pick(1 << 30) as u64;
        (self.candidate)(pointer, Choices::seeded(seed))
    }

    fn any(&mut self) -> Value {
        match self.choices.pick(3) {
            0 => self.transplant(),
            1 => self.known_value(),
            _ => None,
        }
        .unwrap_or_else(|| self.other(&Value::Null))
    }

    fn number(&mut self, number: &Number) -> Value {
        const ODD: &[f64] = &[1e300, -1e300, 1e-300, 9_007_199_254_740_993.0, 1e20, 18_446_744_073_709_551_616.0, -0.0];
        let as_float = number.as_f64().unwrap_or_default();
        let float = |value: f64| Number::from_f64(value).map_or(Value::Null, Value::Number);
        let integer = number.as_i64();
        match self.choices.pick(10) {
            0 => integer.and_then(|integer| integer.checked_add(1)).map_or_else(|| float(as_float + 1.0), Value::from),
            1 => integer.and_then(|integer| integer.checked_sub(1)).map_or_else(|| float(as_float - 1.0), Value::from),
            // The same number in its other spelling: 1 and 1.0.
            2 | 3 if number.is_f64() && as_float.fract() == 0.0 && as_float.abs() < 9e15 => json!(as_float as i64),
            2 | 3 => float(as_float),
            4 => integer.and_then(i64::checked_neg).map_or_else(|| float(-as_float), Value::from),
            5 => float(as_float + 0.5),
            6 | 7 => one_of(&self.vocabulary.numbers, self.choices).cloned().unwrap_or_else(|| float(as_float * 1e6)),
            8 => [json!(u64::MAX), json!(i64::MAX), json!(i64::MIN), json!(256), json!(-1), json!(0)]
                [self.choices.pick(6)]
            .clone(),
            _ => float(ODD[self.choices.pick(ODD.len())]),
        }
    }

    fn text(&mut self, text: &str) -> String {
        let letters: Vec<char> = text.chars().collect();
        let kept = |range: std::ops::Range<usize>| letters.get(range).unwrap_or_default().iter().collect::<String>();
        let at = self.choices.pick(letters.len());
        match self.choices.pick(14) {
            0 => format!("{text}x"),
            1 => format!("{text}\n"),
            2 => kept(0..letters.len().saturating_sub(1)),
            3 => kept(1..letters.len().max(1)),
            4 => text.to_uppercase(),
            5 => text.to_lowercase(),
            // Of an exact length, in characters that are longer in bytes and in UTF-16.
            6 | 7 => {
                let size = one_of(&self.vocabulary.sizes, self.choices).copied().unwrap_or(70);
                let filler = ['a', 'ä', '😀'][self.choices.pick(3)];
                letters.iter().copied().chain(std::iter::repeat(filler)).take(size).collect()
            }
            8 => text.replace('-', ""),
            9 => text.replace(['T', 't'], " "),
            10 => text.replace('Z', "+00:00"),
            11 => {
                let odd = ['0', '9', 'z', ' ', '\0', 'é', '٣', '/', '\u{2028}'];
                let new = odd[self.choices.pick(odd.len())];
                kept(0..at) + &new.to_string() + &kept(at + 1..letters.len().max(at + 1))
            }
            12 => match self.known_value() {
                Some(Value::String(word)) => word,
                _ => one_of(&self.vocabulary.names, self.choices).cloned().unwrap_or_default(),
            },
            _ => match self.transplant() {
                Some(Value::String(other)) => other,
                _ => String::new(),
            },
        }
    }

    fn array(&mut self, items: &[Value]) -> Vec<Value> {
        let mut items = items.to_vec();
        let at = self.choices.pick(items.len());
        match self.choices.pick(7) {
            0 if !items.is_empty() => drop(items.remove(at)),
            1 if !items.is_empty() => items.push(items[at].clone()),
            2 if !items.is_empty() => items.swap(0, at),
            3 => items.insert(at, self.any()),
            4 => items.clear(),
            // Of an exact length.
            5 => {
                let size = one_of(&self.vocabulary.sizes, self.choices).copied().unwrap_or(3).min(300);
                items.truncate(size);
                while items.len() < size {
                    let more =
                        if items.is_empty() { self.any() } else { items[self.choices.pick(items.len())].clone() };
                    items.push(more);
                }
            }
            _ => items.push(self.any()),
        }
        items
    }

    fn object(&mut self, members: &Map<String, Value>) -> Map<String, Value> {
        let mut members = members.clone();
        let names: Vec<String> = members.keys().cloned().collect();
        let name = one_of(&names, self.choices).cloned().unwrap_or_default();
        match self.choices.pick(8) {
            0 | 1 => drop(members.shift_remove(&name)),
            2 => drop(members.insert("undeclared property".to_owned(), json!({"a": [1]}))),
            3 | 4 => {
                let known = one_of(&self.vocabulary.names, self.choices).cloned();
                let value = self.any();
                members.insert(known.unwrap_or_else(|| "x-more".to_owned()), value);
            }
            5 => {
                if let Some(value) = members.shift_remove(&name) {
                    let known = one_of(&self.vocabulary.names, self.choices).cloned();
                    members.insert(known.unwrap_or_else(|| format!("{name}x")), value);
                }
            }
            6 if !names.is_empty() => drop(members.insert(name, Value::Null)),
            // Of an exact number of members.
            _ => {
                let size = one_of(&self.vocabulary.sizes, self.choices).copied().unwrap_or_default().min(300);
                for name in names.iter().skip(size) {
                    members.shift_remove(name);
                }
                for number in members.len()..size {
                    members.insert(format!("x{number}"), members.values().next().cloned().unwrap_or(json!(1)));
                }
            }
        }
        members
    }
}

fn one_of<'a, T>(options: &'a [T], choices: &mut Choices) -> Option<&'a T> {
    options.get(choices.pick(options.len()))
}

/// The places of a value, as JSON pointers.
fn collect(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| collect(member, join(&at, name), found)),
        Value::Array(items) => {
            // A long array is long because of its length, not because of each element.
            for (index, item) in items.iter().enumerate().take(8) {
                collect(item, join(&at, &index.to_string()), found);
            }
        }
        _ => {}
    }
    found.push(at);
}

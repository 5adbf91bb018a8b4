//! YAML as JSON values: one document of bounded size, by the core schema of YAML 1.2.

use serde_json::{Map, Number, Value};
use yaml_rust2::parser::{Event, MarkedEventReceiver, Parser};
use yaml_rust2::scanner::{Marker, TScalarStyle};

/// The most values of a document, with what aliases repeat.
const MOST: usize = 500_000;
/// How deep values may lie in each other.
const DEEPEST: usize = 128;

/// Reads a text. The error is part of a sentence.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let mut builder = Builder::default();
    Parser::new_from_str(text).load(&mut builder, false).map_err(|error| error.to_string())?;
    match (builder.failure, builder.done) {
        (Some(failure), _) => Err(failure),
        (None, done) => Ok(done.unwrap_or_default()),
    }
}

/// A list or map that is not at its end.
enum Open {
    List(Vec<Value>, usize),
    Map(Map<String, Value>, Option<String>, usize),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: std::collections::HashMap<usize, (Value, usize)>,
    done: Option<Value>,
    failure: Option<String>,
    values: usize,
}

impl MarkedEventReceiver for Builder {
    fn on_event(&mut self, event: Event, mark: Marker) {
        if self.failure.is_some() {
            return;
        }
        if let Err(reason) = self.take(event) {
            self.failure = Some(format!("{reason}, in line {}", mark.line()));
        }
    }
}

impl Builder {
    fn take(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = style != TScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
                let value = if is_text { Value::String(text) } else { scalar(text) };
                self.put(value, anchor, 1)
            }
            Event::SequenceStart(anchor, _) => self.push(Open::List(Vec::new(), anchor)),
            Event::MappingStart(anchor, _) => self.push(Open::Map(Map::new(), None, anchor)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(items, anchor)) => self.put(Value::Array(items), anchor, 1),
                Some(Open::Map(members, _, anchor)) => self.put(Value::Object(members), anchor, 1),
                None => Err("it ends what did not begin".to_owned()),
            },
            Event::Alias(anchor) => {
                let (value, size) = self.anchors.get(&anchor).cloned().ok_or("an alias has no anchor before it")?;
                self.put(value, 0, size)
            }
            _ => Ok(()),
        }
    }

    fn push(&mut self, open: Open) -> Result<(), String> {
        if self.open.len() == DEEPEST {
            return Err(format!("it is nested deeper than {DEEPEST} levels"));
        }
        self.open.push(open);
        Ok(())
    }

    fn put(&mut self, value: Value, anchor: usize, size: usize) -> Result<(), String> {
        self.values += size;
        if self.values > MOST {
            return Err(format!("it has more than {MOST} values, those that aliases repeat among them"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), count(&value)));
        }
        match self.open.last_mut() {
            None => self.done = Some(value),
            Some(Open::List(items, _)) => items.push(value),
            Some(Open::Map(members, name, _)) => match name.take() {
                None => *name = Some(text_of(value)?),
                Some(name) if members.contains_key(&name) => return Err(format!("{name:?} stands there twice")),
                Some(name) => {
                    members.insert(name, value);
                }
            },
        }
        Ok(())
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// The name of a member.
fn text_of(name: Value) -> Result<String, String> {
    match name {
        Value::String(text) => Ok(text),
        Value::Array(_) | Value::Object(_) => Err("a list or a map is the name of a member".to_owned()),
        other => Ok(other.to_string()),
    }
}

fn scalar(text: String) -> Value {
    let is_number = text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        digits if is_number => number(digits).map_or_else(|| Value::String(text.clone()), Value::Number),
        _ => Value::String(text),
    }
}

fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return i64::from_str_radix(digits, 16).ok().map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return i64::from_str_radix(digits, 8).ok().map(Number::from);
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    let integer = plain.parse::<i64>().ok().map(Number::from);
    integer.or_else(|| plain.parse::<u64>().ok().map(Number::from)).or_else(|| {
        let is_decimal = plain.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        let number = if is_decimal { plain.parse::<f64>().ok() } else { None };
        number.and_then(Number::from_f64)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_are_those_of_the_core_schema() {
        let text = "a: 1\nb: '1'\nc: 1.50\nd: yes\ne: ~\nf: 2026-01-01\ng: 0x1F\nh: !!str 7\n200: x\ni: 1.2.3\n";

        assert_eq!(
            read(text).unwrap(),
            json!({"a": 1, "b": "1", "c": 1.5, "d": "yes", "e": null, "f": "2026-01-01", "g": 31, "h": "7", "200": "x", "i": "1.2.3"})
        );
    }

    #[test]
    fn aliases_are_what_they_stand_for() {
        assert_eq!(read("a: &x {b: [1]}\nc: *x\n").unwrap(), json!({"a": {"b": [1]}, "c": {"b": [1]}}));
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let alias = format!("*a{}", level - 1);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", ")));
        }

        let error = read(&text).unwrap_err();

        assert!(error.contains("more than"), "{error}");
    }

    #[test]
    fn what_is_not_one_value_is_refused() {
        for text in ["a: 1\na: 2\n", "[", "? [1]\n: 2\n", &"[".repeat(1_000)] {
            read(text).unwrap_err();
        }
    }
}

//! Payloads that one of two schemas may accept and the other reject.

use serde_json::{Map, Number, Value, json};

/// Visits examples, payloads made up from either schema, and every small change of them that the keywords of either
/// suggest.
pub(super) fn suggest(file: &Value, read: &Value, visit: &mut dyn FnMut(Value)) {
    let mut hints = Hints::default();
    hints.collect(file);
    hints.collect(read);
    let mut bases: Vec<Value> = file.get("examples").and_then(Value::as_array).cloned().unwrap_or_default();
    for choice in 0..CHOICES {
        for schema in [file, read] {
            for every in [true, false] {
                bases.push(Maker { root: schema, choice, every }.value(schema, 0));
            }
        }
    }
    let mut distinct: Vec<Value> = Vec::new();
    for base in bases {
        if !distinct.contains(&base) {
            distinct.push(base);
        }
    }
    for base in distinct {
        visit(base.clone());
        hints.changes(&base, visit);
    }
}

/// How many alternatives of a schema payloads are made up from.
const CHOICES: usize = 4;

/// How deep payloads are made up.
const DEEPEST: usize = 12;

/// The longest text or array that is tried.
const LONGEST: u64 = 20_000;

/// Values that the keywords of a schema speak of.
#[derive(Default)]
struct Hints {
    numbers: Vec<Number>,
    sizes: Vec<usize>,
    texts: Vec<String>,
}

impl Hints {
    fn collect(&mut self, schema: &Value) {
        match schema {
            Value::Object(members) => members.iter().for_each(|(keyword, value)| self.keyword(keyword, value)),
            Value::Array(items) => items.iter().for_each(|item| self.collect(item)),
            _ => {}
        }
    }

    fn keyword(&mut self, keyword: &str, value: &Value) {
        match (keyword, value) {
            ("minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf", Value::Number(number)) => {
                if !self.numbers.contains(number) {
                    self.numbers.push(number.clone());
                }
            }
            ("minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties", _) => {
                let Some(size) = value.as_u64().filter(|size| *size < LONGEST) else { return };
                for size in [size.saturating_sub(1), size, size + 1] {
                    let size = usize::try_from(size).unwrap_or_default();
                    if !self.sizes.contains(&size) {
                        self.sizes.push(size);
                    }
                }
            }
            ("const", Value::String(text)) => self.text(text),
            ("enum", Value::Array(values)) => {
                values.iter().filter_map(Value::as_str).for_each(|text| self.text(text));
            }
            ("default" | "examples", _) => {}
            // A property may be called like a keyword.
            (
                "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions",
                Value::Object(named),
            ) => {
                named.values().for_each(|schema| self.collect(schema));
            }
            _ => self.collect(value),
        }
    }

    fn text(&mut self, text: &str) {
        if self.texts.iter().all(|known| known != text) {
            self.texts.push(text.to_owned());
        }
    }

    /// Every small change of a value, anywhere in it.
    fn changes(&self, value: &Value, visit: &mut dyn FnMut(Value)) {
        match value {
            Value::Object(members) => {
                for name in members.keys() {
                    let mut less = members.clone();
                    less.shift_remove(name);
                    visit(Value::Object(less));
                }
                let mut more = members.clone();
                more.insert("undeclared_property".to_owned(), json!("anything"));
                visit(Value::Object(more));
                for (name, member) in members {
                    self.changes(member, &mut |changed| {
                        let mut copy = members.clone();
                        copy.insert(name.clone(), changed);
                        visit(Value::Object(copy));
                    });
                }
            }
            Value::Array(items) => self.array(items, visit),
            Value::String(text) => self.string(text, visit),
            Value::Number(_) => self.number(visit),
            Value::Bool(value) => visit(json!(!value)),
            Value::Null => {}
        }
        for other in [json!(null), json!(true), json!(7), json!(1.5), json!("text"), json!([]), json!({})] {
            if kind(&other) != kind(value) {
                visit(other);
            }
        }
    }

    fn array(&self, items: &[Value], visit: &mut dyn FnMut(Value)) {
        visit(json!([]));
        if let Some(first) = items.first() {
            visit(json!([first, first]));
            for size in &self.sizes {
                visit(Value::Array(items.iter().cycle().take(*size).cloned().collect()));
            }
        }
        for (index, item) in items.iter().enumerate().take(3) {
            self.changes(item, &mut |changed| {
                let mut copy = items.to_vec();
                copy[index] = changed;
                visit(Value::Array(copy));
            });
        }
    }

    fn string(&self, text: &str, visit: &mut dyn FnMut(Value)) {
        let mut shorter = text.to_owned();
        shorter.pop();
        let fixed = ["", "x", "no such thing", "2024-02-30", "1970-01-01T00:00:00Z", "é"];
        let more = [shorter, format!("{text}x"), text.to_uppercase(), text.to_lowercase()];
        fixed.iter().for_each(|text| visit(json!(text)));
        more.iter().chain(&self.texts).for_each(|text| visit(json!(text)));
        for size in &self.sizes {
            // Of the same letters if there are any, so that a pattern may still match.
            let filling: String = text.chars().chain(['x']).cycle().take(*size).collect();
            let last = text.chars().last().unwrap_or('x');
            let extended: String = text.chars().chain(std::iter::repeat(last)).take(*size).collect();
            visit(json!(filling));
            visit(json!(extended));
        }
    }

    fn number(&self, visit: &mut dyn FnMut(Value)) {
        for number in &self.numbers {
            if let Some(limit) = number.as_i64() {
                [limit.saturating_sub(1), limit, limit.saturating_add(1)].iter().for_each(|near| visit(json!(near)));
            } else if let Some(limit) = number.as_f64() {
                [limit - 0.5, limit, limit + 0.5].iter().for_each(|near| visit(json!(near)));
            }
        }
        for fixed in [-1, 0, 1, i64::from(i32::MAX) + 1, i64::from(i32::MIN) - 1, i64::from(u32::MAX) + 1] {
            visit(json!(fixed));
        }
        visit(json!(0.5));
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(number) if number.is_f64() => 2,
        Value::Number(_) => 3,
        Value::String(_) => 4,
        Value::Array(_) => 5,
        Value::Object(_) => 6,
    }
}

/// Makes up values. They need not be valid; those that are not prove little, and do no harm.
struct Maker<'a> {
    root: &'a Value,
    /// Which alternative is taken.
    choice: usize,
    /// Whether optional properties are there.
    every: bool,
}

impl Maker<'_> {
    fn value(&self, schema: &Value, depth: usize) -> Value {
        let Value::Object(members) = schema else { return json!("text") };
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(value) = members.get("const") {
            return value.clone();
        }
        let chosen = |keyword: &str| {
            let all = members.get(keyword)?.as_array().filter(|all| !all.is_empty())?;
            all.get(self.choice % all.len())
        };
        if let Some(value) = chosen("enum") {
            return value.clone();
        }
        let target = members.get("$ref").and_then(Value::as_str).and_then(|uri| uri.strip_prefix('#'));
        if let Some(target) = target.and_then(|at| self.root.pointer(at)) {
            return self.value(target, depth + 1);
        }
        if let Some(branch) = chosen("oneOf").or_else(|| chosen("anyOf")).or_else(|| chosen("allOf")) {
            let value = self.value(branch, depth + 1);
            return match (value, members.contains_key("properties")) {
                (Value::Object(inner), true) => {
                    let mut all = self.object(members, depth);
                    all.extend(inner);
                    Value::Object(all)
                }
                (value, _) => value,
            };
        }
        let name = match members.get("type") {
            Some(Value::Array(names)) => names.first().and_then(Value::as_str),
            name => name.and_then(Value::as_str),
        };
        match name {
            Some("object") => Value::Object(self.object(members, depth)),
            Some("array") => {
                let size = members.get("minItems").and_then(Value::as_u64).unwrap_or(1).clamp(1, 50);
                let item = members.get("items").map_or(json!("text"), |items| self.value(items, depth + 1));
                Value::Array((0..size).map(|_| item.clone()).collect())
            }
            Some("integer" | "number") => {
                members.get("minimum").or_else(|| members.get("maximum")).cloned().unwrap_or(json!(1))
            }
            Some("boolean") => json!(self.choice.is_multiple_of(2)),
            Some("null") => Value::Null,
            Some("string") => Value::String(text(members)),
            _ if members.contains_key("properties") => Value::Object(self.object(members, depth)),
            _ => json!("text"),
        }
    }

    fn object(&self, members: &Map<String, Value>, depth: usize) -> Map<String, Value> {
        let required = members.get("required").and_then(Value::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|other| other == name));
        let properties = members.get("properties").and_then(Value::as_object);
        let chosen = properties.into_iter().flatten().filter(|(name, _)| self.every || is_required(name));
        chosen.map(|(name, schema)| (name.clone(), self.value(schema, depth + 1))).collect()
    }
}

/// A text with the format, the encoding and the least length that a schema asks for.
fn text(members: &Map<String, Value>) -> String {
    let said = |keyword: &str| members.get(keyword).and_then(Value::as_str);
    let is_json = said("contentMediaType") == Some("application/json");
    let sample = match said("format") {
        Some("uuid") => "018f4e9a-7c3b-7d2e-9f10-3a5b6c7d8e9f",
        Some("date-time") => "2024-01-15T10:30:00Z",
        Some("date") => "2024-01-15",
        Some("time") => "10:30:00Z",
        Some("email") => "someone@example.org",
        Some("uri" | "iri" | "uri-reference") => "https://example.org/",
        Some("hostname") => "example.org",
        Some("ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        Some("duration") => "P1D",
        _ => match (said("contentEncoding"), is_json) {
            (Some("base64" | "base64url"), false) => "dGV4dA==",
            (Some("base64" | "base64url"), true) => "e30=",
            (Some("base32"), false) => "ORSXQ5A=",
            (Some("base32"), true) => "PN6Q====",
            (Some("base32hex"), false) => "EHINGT0=",
            (Some("base32hex"), true) => "FDUG====",
            (Some("base16"), false) => "74657874",
            (Some("base16"), true) => "7B7D",
            (_, true) => "{}",
            _ => "text",
        },
    };
    let least = members.get("minLength").and_then(Value::as_u64).filter(|least| *least < LONGEST).unwrap_or_default();
    let most = members.get("maxLength").and_then(Value::as_u64).unwrap_or(LONGEST);
    let (least, most) = (usize::try_from(least).unwrap_or_default(), usize::try_from(most).unwrap_or_default());
    let padding = least.saturating_sub(sample.len());
    sample.chars().chain(std::iter::repeat_n('x', padding)).take(most).collect()
}

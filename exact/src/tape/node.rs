//! What a validator asks of a value, answered from the tape.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ptr;

use jsonschema::JsonType;
use jsonschema::json::{self, Json, JsonNumber, NodeIdentity, cmp, unique};
use serde_json::{Map, Number, Value};

use super::item::{Item, Members, Node, Numeral, after};
use crate::Decimal;
use crate::canonical::canonical;

/// A name of a member, as a tape of its own.
#[derive(Default)]
pub struct Buffer(Vec<Item<'static>>);

/// Names the tape as a representation of JSON.
pub struct OnTape;

impl Json for OnTape {
    type Node<'a> = Node<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = Buffer;

    /// A lookup goes through the members: one pass for all names is always better.
    const KEYS_PER_LOOKUP: usize = 8;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>(buffer: &mut Self::StringBuffer, string: &str, f: impl FnOnce(Node<'_>) -> T) -> T {
        buffer.0.clear();
        buffer.0.push(Item::String(Cow::Owned(string.to_owned())));
        f(Node { items: &buffer.0, at: 0 })
    }
}

impl<'a> json::Node<'a, OnTape> for Node<'a> {
    type Object = Object<'a>;
    type Array = Array<'a>;
    type Number = &'a Numeral<'a>;

    fn as_object(&self) -> Option<Object<'a>> {
        match self.item() {
            Some(Item::Object { length, .. }) => Some(Object { node: *self, length: *length }),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<Array<'a>> {
        match self.item() {
            Some(Item::Array { length, end, .. }) => Some(Array { node: *self, length: *length, end: *end }),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        self.text().map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a Numeral<'a>> {
        match self.item() {
            Some(Item::Number(number)) => Some(number),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.item() {
            Some(Item::Boolean(value)) => Some(*value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        self.json_type() == JsonType::Null
    }

    fn json_type(&self) -> JsonType {
        match self.item() {
            None | Some(Item::Null) => JsonType::Null,
            Some(Item::Boolean(_)) => JsonType::Boolean,
            Some(Item::Number(_)) => JsonType::Number,
            Some(Item::String(_)) => JsonType::String,
            Some(Item::Array { .. }) => JsonType::Array,
            Some(Item::Object { .. }) => JsonType::Object,
        }
    }

    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        let text = self.text()?;
        // A character takes one to four bytes; mostly that decides.
        let (fewest, most) = (text.len().div_ceil(4) as u64, text.len() as u64);
        if most < min || fewest > max {
            return Some(false);
        }
        Some((min <= fewest && most <= max) || (min..=max).contains(&(text.chars().count() as u64)))
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (self.item(), expected) {
            (Some(Item::String(text)), Value::String(expected)) => text == expected,
            (Some(Item::String(_)), _) | (_, Value::String(_)) => false,
            _ if self.has_wide() => canonical::<OnTape>(*self) == canonical::<json::SerdeJson>(expected),
            _ => cmp::equal(&value(*self), expected),
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        match self.item() {
            Some(Item::Array { value: built, .. } | Item::Object { value: built, .. }) => {
                Cow::Borrowed(built.get_or_init(|| Box::new(value(*self))))
            }
            _ => Cow::Owned(value(*self)),
        }
    }

    fn identity(&self) -> Option<NodeIdentity> {
        self.item().map(|item| NodeIdentity::new(ptr::from_ref(item) as usize))
    }
}

/// A value as others know it; rarely needed, by `uniqueItems` and `const`, and of what is violated.
fn value(node: Node<'_>) -> Value {
    use json::{Array as _, Node as _, Object as _};
    match node.item() {
        None | Some(Item::Null) => Value::Null,
        Some(Item::Boolean(value)) => Value::Bool(*value),
        Some(Item::Number(number)) => Value::Number(number.nearest.clone()),
        Some(Item::String(text)) => Value::String(text.clone().into_owned()),
        Some(Item::Array { .. }) => {
            Value::Array(node.as_array().into_iter().flat_map(|array| array.elements()).map(value).collect())
        }
        Some(Item::Object { .. }) => {
            let members = node.as_object().into_iter().flat_map(|object| object.members());
            Value::Object(members.map(|(name, member)| (name.to_owned(), value(member))).collect::<Map<_, _>>())
        }
    }
}

impl JsonNumber for &Numeral<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.nearest.as_u64()
    }

    fn as_i64(&self) -> Option<i64> {
        self.nearest.as_i64()
    }

    fn as_f64(&self) -> Option<f64> {
        self.nearest.as_f64()
    }

    fn as_str(&self) -> Cow<'_, str> {
        self.wide.map_or_else(|| Cow::Owned(self.nearest.to_string()), Cow::Borrowed)
    }

    fn to_number(&self) -> Cow<'_, Number> {
        Cow::Borrowed(&self.nearest)
    }

    fn is_integer(&self) -> bool {
        match self.wide {
            Some(numeral) => Decimal::parse(numeral).is_some_and(|decimal| decimal.is_integer()),
            None => !self.nearest.is_f64() || self.nearest.as_f64().is_some_and(|value| value.fract() == 0.0),
        }
    }

    fn is_written_as_integer(&self) -> bool {
        self.wide.map_or_else(|| !self.nearest.is_f64(), |numeral| !numeral.contains(['.', 'e', 'E']))
    }
}

/// The members of an object.
pub struct Object<'a> {
    node: Node<'a>,
    length: usize,
}

impl<'a> json::Object<'a, OnTape> for Object<'a> {
    type Node = Node<'a>;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        self.length
    }

    fn get(&self, key: &Box<str>) -> Option<Node<'a>> {
        self.node.member(key)
    }

    fn members(&self) -> Members<'a> {
        let Node { items, at } = self.node;
        Members { items, next: at + 1, left: self.length }
    }
}

/// The elements of an array.
pub struct Array<'a> {
    node: Node<'a>,
    length: usize,
    end: usize,
}

impl<'a> json::Array<'a, OnTape> for Array<'a> {
    type Node = Node<'a>;
    type ElementsIter = Elements<'a>;

    fn len(&self) -> usize {
        self.length
    }

    fn elements(&self) -> Elements<'a> {
        Elements { items: self.node.items, next: self.node.at + 1, end: self.end }
    }

    fn is_unique(&self) -> bool {
        /// From here on hashing is faster than comparing all pairs.
        const MANY: usize = 16;
        let mut texts = [""; MANY];
        let mut count = 0;
        // Lists of few strings, such as tags, need no values.
        for text in self.elements().map_while(|element| element.text()).take(MANY) {
            if texts[..count].contains(&text) {
                return false;
            }
            texts[count] = text;
            count += 1;
        }
        if count == self.length {
            return true;
        }
        if self.node.has_wide() {
            let mut seen = HashSet::new();
            return self.elements().all(|element| seen.insert(canonical::<OnTape>(element)));
        }
        let values: Vec<Value> = self.elements().map(value).collect();
        unique::is_unique(&values)
    }
}

/// Goes through the elements of an array.
pub struct Elements<'a> {
    items: &'a [Item<'a>],
    next: usize,
    end: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let at = self.next;
        if at >= self.end {
            return None;
        }
        self.next = after(self.items, at);
        Some(Node { items: self.items, at })
    }
}

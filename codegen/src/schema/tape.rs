//! JSON as a validator sees it, read without building values: most payloads are valid, and nobody asks for more of them.
//!
//! A [`Tape`] is one list of items in the order of the text, reused from payload to payload. Texts without escapes are
//! borrowed, so that reading a payload allocates nothing.

mod node;
mod read;

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::validator::options_for;

/// What a text says, item by item; a container stands before what it holds.
#[derive(Default)]
pub struct Tape<'a> {
    items: Vec<Item<'a>>,
}

/// A value, or the name of a member before its value.
enum Item<'a> {
    Null,
    Boolean(bool),
    Number(Number),
    String(Cow<'a, str>),
    /// `end` is the index behind everything that it holds.
    Array {
        length: usize,
        end: usize,
    },
    Object {
        length: usize,
        end: usize,
    },
}

/// A value on a tape.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    items: &'a [Item<'a>],
    at: usize,
}

/// The index behind a value.
fn after(items: &[Item<'_>], at: usize) -> usize {
    match items.get(at) {
        Some(Item::Array { end, .. } | Item::Object { end, .. }) => *end,
        _ => at + 1,
    }
}

impl<'a> Tape<'a> {
    /// Reads a JSON text; `None` if it is none, or if it repeats a name, which readers understand in different ways.
    pub fn read(&mut self, text: &'a str) -> Option<Node<'_>> {
        self.items.clear();
        read::read(&mut self.items, text)?;
        Some(Node { items: &self.items, at: 0 })
    }
}

impl<'a> Node<'a> {
    /// The value of a member.
    pub fn member(&self, name: &str) -> Option<Self> {
        self.members()?.find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&'a str> {
        match self.item() {
            Some(Item::String(text)) => Some(text),
            _ => None,
        }
    }

    fn item(&self) -> Option<&'a Item<'a>> {
        self.items.get(self.at)
    }

    fn members(&self) -> Option<node::Members<'a>> {
        match self.item() {
            Some(Item::Object { length, .. }) => {
                Some(node::Members { items: self.items, next: self.at + 1, left: *length })
            }
            _ => None,
        }
    }
}

/// Says whether a payload is valid, and nothing else.
pub struct Judge(jsonschema::Validator<node::OnTape>);

impl Judge {
    /// Compiles a schema as [`Validator::new`](super::Validator::new) does.
    pub fn new(schema: &Value) -> Result<Self, String> {
        options_for::<node::OnTape>().build(schema).map(Self).map_err(|error| error.to_string())
    }

    /// Whether a value is valid.
    pub fn accepts(&self, node: Node<'_>) -> bool {
        self.0.is_valid(node)
    }
}

#[cfg(test)]
mod tests;

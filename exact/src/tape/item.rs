//! The items of a tape, and values as positions on it.

use std::borrow::Cow;
use std::sync::OnceLock;

use serde_json::{Number, Value};

/// A number: as serde_json has it, and as it is spelled where that says more.
pub struct Numeral<'a> {
    pub(super) nearest: Number,
    pub(super) wide: Option<&'a str>,
}

/// A value, or the name of a member before its value.
pub(crate) enum Item<'a> {
    Null,
    Boolean(bool),
    Number(Numeral<'a>),
    String(Cow<'a, str>),
    /// `end` is the index behind everything that it holds.
    Array {
        length: usize,
        end: usize,
        value: Built,
    },
    Object {
        length: usize,
        end: usize,
        value: Built,
    },
}

/// A container as a value, built when somebody asks for it: every error about it does.
pub(super) type Built = OnceLock<Box<Value>>;

/// A value on a tape.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    pub(super) items: &'a [Item<'a>],
    pub(super) at: usize,
}

/// The index behind a value.
pub(super) fn after(items: &[Item<'_>], at: usize) -> usize {
    match items.get(at) {
        Some(Item::Array { end, .. } | Item::Object { end, .. }) => *end,
        _ => at + 1,
    }
}

impl<'a> Node<'a> {
    pub(crate) fn root(items: &'a [Item<'a>]) -> Self {
        Self { items, at: 0 }
    }

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

    /// Whether it holds more values than this, itself included.
    pub fn is_larger(&self, than: usize) -> bool {
        let items = self.items.get(self.at..after(self.items, self.at)).unwrap_or_default();
        let names = |item: &Item<'_>| if let Item::Object { length, .. } = item { *length } else { 0 };
        items.len() - items.iter().map(names).sum::<usize>() > than
    }

    /// How many values and names it holds, itself included.
    pub(crate) fn size(&self) -> usize {
        after(self.items, self.at) - self.at
    }

    /// Whether it is an array.
    pub fn is_array(&self) -> bool {
        matches!(self.item(), Some(Item::Array { .. }))
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        matches!(self.item(), Some(Item::Object { .. }))
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.item(), Some(Item::Null))
    }

    /// The value of a boolean.
    pub fn boolean(&self) -> Option<bool> {
        match self.item() {
            Some(Item::Boolean(value)) => Some(*value),
            _ => None,
        }
    }

    /// Where it stands on its tape: another number for each value.
    pub fn place(&self) -> usize {
        self.at
    }

    /// The elements of an array or the values of an object, each with its name or index.
    pub fn children(&self) -> Vec<(Cow<'a, str>, Self)> {
        match self.item() {
            Some(Item::Array { end, .. }) => {
                let (mut found, mut at) = (Vec::new(), self.at + 1);
                while at < *end {
                    found.push((found.len().to_string().into(), Self { items: self.items, at }));
                    at = after(self.items, at);
                }
                found
            }
            _ => self.members().into_iter().flatten().map(|(name, value)| (name.into(), value)).collect(),
        }
    }

    /// The text of a number.
    pub fn number(&self) -> Option<Cow<'a, str>> {
        match self.item() {
            Some(Item::Number(number)) => {
                Some(number.wide.map_or_else(|| number.nearest.to_string().into(), Cow::Borrowed))
            }
            _ => None,
        }
    }

    /// The text of what serde_json makes of a number.
    pub fn nearest(&self) -> Option<String> {
        match self.item() {
            Some(Item::Number(number)) => Some(number.nearest.to_string()),
            _ => None,
        }
    }

    /// Whether some number in it is wide, or an integer beyond the range of `i64`.
    pub fn has_beyond_i64(&self) -> bool {
        let end = after(self.items, self.at);
        self.items.get(self.at..end).is_some_and(|items| {
            items.iter().any(|item| match item {
                Item::Number(Numeral { nearest, wide }) => {
                    wide.is_some() || nearest.as_i64().is_none() && nearest.is_u64()
                }
                _ => false,
            })
        })
    }

    /// The text of a number that is wide.
    pub fn wide(&self) -> Option<&'a str> {
        match self.item() {
            Some(Item::Number(number)) => number.wide,
            _ => None,
        }
    }

    /// The value at a JSON pointer.
    pub fn at(&self, pointer: &str) -> Option<Self> {
        let mut node = *self;
        for step in pointer.split('/').skip(1) {
            node = node.child(&step.replace("~1", "/").replace("~0", "~"))?;
        }
        Some(node)
    }

    /// An element by its index, or a member by its name.
    pub fn child(&self, step: &str) -> Option<Self> {
        match self.item() {
            Some(Item::Object { .. }) => self.member(step),
            Some(Item::Array { end, .. }) => {
                // As it is written in pointers: without a sign, and without zeros before it.
                let index: usize = step.parse().ok().filter(|index: &usize| index.to_string() == step)?;
                let mut at = self.at + 1;
                for _ in 0..index {
                    if at >= *end {
                        break;
                    }
                    at = after(self.items, at);
                }
                (at < *end).then_some(Self { items: self.items, at })
            }
            _ => None,
        }
    }

    /// Whether some number in it is wide.
    pub fn has_wide(&self) -> bool {
        let end = after(self.items, self.at);
        self.items
            .get(self.at..end)
            .is_some_and(|items| items.iter().any(|item| matches!(item, Item::Number(Numeral { wide: Some(_), .. }))))
    }

    pub(super) fn item(&self) -> Option<&'a Item<'a>> {
        self.items.get(self.at)
    }

    fn members(&self) -> Option<Members<'a>> {
        match self.item() {
            Some(Item::Object { length, .. }) => Some(Members { items: self.items, next: self.at + 1, left: *length }),
            _ => None,
        }
    }
}

/// Goes through the members of an object.
pub struct Members<'a> {
    pub(super) items: &'a [Item<'a>],
    pub(super) next: usize,
    pub(super) left: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = Node { items: self.items, at: self.next }.text()?;
        let member = Node { items: self.items, at: self.next + 1 };
        self.next = after(self.items, member.at);
        Some((name, member))
    }
}

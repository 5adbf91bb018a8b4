//! The items of a tape, and values as positions on it.

use std::borrow::Cow;

use serde_json::Number;

/// A value, or the name of a member before its value.
pub(super) enum Item<'a> {
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
    pub(super) fn root(items: &'a [Item<'a>]) -> Self {
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
pub(super) struct Members<'a> {
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

//! From text to tape.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::item::{Built, Item, Numeral, after};
use crate::Decimal;
use crate::names::RESERVED;
use crate::numerals::wide;

pub(super) fn read<'a>(items: &mut Vec<Item<'a>>, text: &'a str) -> Option<()> {
    /// Events have about so many bytes for each value and name.
    const BYTES_PER_ITEM: usize = 16;
    items.reserve(text.len() / BYTES_PER_ITEM);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Writer { items }.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    // serde_json keeps a number that it may round as a double.
    let is_double = |item: &Item<'_>| matches!(item, Item::Number(number) if number.nearest.is_f64());
    if !items.iter().any(is_double) {
        return Some(());
    }
    let wide = wide(text);
    if !wide.is_empty() {
        let numbers = items.iter_mut().filter_map(|item| match item {
            Item::Number(number) => Some(number),
            _ => None,
        });
        let mut wide = wide.into_iter().peekable();
        for (index, number) in numbers.enumerate() {
            if let Some((_, numeral)) = wide.next_if(|(at, _)| *at == index) {
                spell(number, numeral);
            }
        }
    }
    Some(())
}

/// Gives a number its text, and the value of an integer of 64 bits that it spells as a fraction.
fn spell<'a>(number: &mut Numeral<'a>, numeral: &'a str) {
    number.wide = Some(numeral);
    if let Some(whole) = Decimal::parse(numeral).and_then(|decimal| decimal.to_i128()) {
        let exact = u64::try_from(whole).map(Number::from).or_else(|_| i64::try_from(whole).map(Number::from));
        number.nearest = exact.unwrap_or_else(|_| number.nearest.clone());
    }
}

/// Writes one value to the tape.
struct Writer<'t, 'a> {
    items: &'t mut Vec<Item<'a>>,
}

impl<'a> DeserializeSeed<'a> for Writer<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Writer<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.items.push(Item::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.items.push(Item::Boolean(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.items.push(Item::Number(Numeral { nearest: value.into(), wide: None }));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.items.push(Item::Number(Numeral { nearest: value.into(), wide: None }));
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not a finite number"))?;
        self.items.push(Item::Number(Numeral { nearest: number, wide: None }));
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        self.items.push(Item::String(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.items.push(Item::String(Cow::Owned(text.to_owned())));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut sequence: A) -> Result<(), A::Error> {
        let (at, mut length) = (self.items.len(), 0);
        self.items.push(Item::Null);
        while sequence.next_element_seed(Writer { items: &mut *self.items })?.is_some() {
            length += 1;
        }
        let end = self.items.len();
        self.items[at] = Item::Array { length, end, value: Built::new() };
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let (at, mut length) = (self.items.len(), 0);
        self.items.push(Item::Null);
        while map.next_key_seed(Writer { items: &mut *self.items })?.is_some() {
            map.next_value_seed(Writer { items: &mut *self.items })?;
            length += 1;
        }
        let end = self.items.len();
        self.items[at] = Item::Object { length, end, value: Built::new() };
        if !are_names(self.items, at + 1, length) {
            return Err(A::Error::custom("a name is repeated or reserved"));
        }
        Ok(())
    }
}

/// Whether the names of an object with `length` members, the first of which is at `at`, are different, and none is reserved.
fn are_names(items: &[Item<'_>], mut at: usize, length: usize) -> bool {
    /// From here on hashing is faster than comparing all pairs.
    const MANY: usize = 16;
    let mut few = [""; MANY];
    let mut many = HashSet::new();
    for count in 0..length {
        let Some(Item::String(name)) = items.get(at) else { return false };
        let name = name.as_ref();
        let is_new = if length > MANY {
            many.insert(name)
        } else {
            let is_new = !few[..count].contains(&name);
            few[count] = name;
            is_new
        };
        if !is_new || name == RESERVED {
            return false;
        }
        at = after(items, at + 1);
    }
    true
}

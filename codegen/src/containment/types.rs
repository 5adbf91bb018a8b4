//! Sets of the types of JSON, with integers apart from other numbers.

use serde_json::{Map, Value, json};

/// A set of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TypeSet(u8);

/// The types by their bits. What JSON Schema calls a number is the third or the fourth.
const NAMES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

impl TypeSet {
    pub(super) const NONE: Self = Self(0);
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOLEAN: Self = Self(2);
    pub(super) const INTEGER: Self = Self(4);
    pub(super) const FRACTION: Self = Self(8);
    pub(super) const NUMBER: Self = Self(12);
    pub(super) const STRING: Self = Self(16);
    pub(super) const ARRAY: Self = Self(32);
    pub(super) const OBJECT: Self = Self(64);
    pub(super) const ALL: Self = Self(127);

    /// What the keyword `type` allows.
    pub(super) fn allowed(value: &Value) -> Self {
        let one = |name: &Value| match name.as_str() {
            Some("number") => Self::NUMBER,
            Some(name) => NAMES.iter().position(|known| *known == name).map_or(Self::NONE, |bit| Self(1 << bit)),
            None => Self::NONE,
        };
        match value {
            Value::Array(names) => names.iter().map(one).fold(Self::NONE, Self::or),
            name => one(name),
        }
    }

    /// The type of a value.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() != 0.0) => Self::FRACTION,
            Value::Number(_) => Self::INTEGER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether both have a type in common.
    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no type is in this set that is not in the other.
    pub(super) const fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The types, one by one; numbers are one only if both kinds are there.
    pub(super) fn each(self) -> impl Iterator<Item = Self> {
        let bits = (0..7).map(|bit| Self(1 << bit)).filter(move |one| one.within(self));
        let whole = move |one: Self| match one {
            Self::INTEGER if Self::NUMBER.within(self) => Some(Self::NUMBER),
            Self::FRACTION if Self::NUMBER.within(self) => None,
            one => Some(one),
        };
        bits.filter_map(whole)
    }

    /// A schema of these types.
    pub(super) fn schema(self) -> Map<String, Value> {
        let names: Vec<&str> =
            NAMES.iter().enumerate().filter(|(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| *name).collect();
        Map::from_iter([("type".to_owned(), json!(names))])
    }

    /// The types, for messages.
    pub(super) fn description(self) -> String {
        self.each()
            .map(|one| match one {
                Self::FRACTION | Self::NUMBER => "number",
                one => NAMES.get(one.0.trailing_zeros() as usize).copied().unwrap_or("nothing"),
            })
            .collect::<Vec<_>>()
            .join(" or ")
    }
}

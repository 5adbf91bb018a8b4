//! A property that may be absent, and may be null, which is not the same.

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

/// An optional property that may be null: absent, null or a value.
///
/// ```
/// use eventsmith::Maybe;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Changed {
///     #[serde(default, skip_serializing_if = "Maybe::is_absent")]
///     note: Maybe<String>,
/// }
///
/// let mut note = Some("old".to_owned());
/// for (change, after) in [("{}", Some("old")), (r#"{"note":"new"}"#, Some("new")), (r#"{"note":null}"#, None)] {
///     let changed: Changed = serde_json::from_str(change)?;
///     assert_eq!(serde_json::to_string(&changed)?, change);
///     changed.note.update(&mut note);
///     assert_eq!(note.as_deref(), after);
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Maybe<T> {
    /// The property is not there.
    #[default]
    Absent,
    /// The property is there, and null.
    Null,
    /// The property is there with a value.
    Value(T),
}

impl<T> Maybe<T> {
    /// Whether the property is not there.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether the property is there, and null.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether the property is there with a value.
    pub const fn is_value(&self) -> bool {
        matches!(self, Self::Value(_))
    }

    /// The value, if there is one.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The value, if there is one, by itself.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The same with a reference to the value.
    pub const fn as_ref(&self) -> Maybe<&T> {
        match self {
            Self::Absent => Maybe::Absent,
            Self::Null => Maybe::Null,
            Self::Value(value) => Maybe::Value(value),
        }
    }

    /// The same with what a function makes of the value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Maybe<U> {
        match self {
            Self::Absent => Maybe::Absent,
            Self::Null => Maybe::Null,
            Self::Value(value) => Maybe::Value(change(value)),
        }
    }

    /// What the property is if it is there: `None` is null.
    pub fn present(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }

    /// Takes the property for a change: null clears the target, a value replaces it, and absence leaves it alone.
    pub fn update(self, target: &mut Option<T>) {
        if let Some(value) = self.present() {
            *target = value;
        }
    }
}

impl<T> From<T> for Maybe<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

/// `None` is null.
impl<T> From<Option<T>> for Maybe<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

impl From<&str> for Maybe<String> {
    fn from(text: &str) -> Self {
        Self::Value(text.to_owned())
    }
}

impl<T: Serialize> Serialize for Maybe<T> {
    /// Absence cannot be written: the field that holds it is skipped.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => Err(ser::Error::custom(
                "a property that is absent is not written; add #[serde(default, skip_serializing_if = \"Maybe::is_absent\")] \
                 to the field",
            )),
            Self::Null => serializer.serialize_none(),
            Self::Value(value) => serializer.serialize_some(value),
        }
    }
}

/// What is read is there; `#[serde(default)]` makes a field absent that is not.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_absence_and_a_value_are_three_things() {
        for (maybe, present) in [(Maybe::Absent, None), (Maybe::Null, Some(None)), (Maybe::Value(7), Some(Some(7)))] {
            assert_eq!(maybe.present(), present);
            assert_eq!((maybe.is_absent(), maybe.is_null()), (present.is_none(), present == Some(None)));
            assert_eq!(maybe.value().copied(), present.flatten());
            assert_eq!(maybe.map(|seven| seven + 1).into_value(), present.flatten().map(|seven| seven + 1));
            assert_eq!((maybe.as_ref().is_value(), maybe.is_value()), (present.flatten().is_some(), maybe == 7.into()));
        }
        assert_eq!(Maybe::<u8>::default(), Maybe::Absent);
        assert_eq!((Maybe::<u8>::from(None), Maybe::<u8>::from(Some(7))), (Maybe::Null, Maybe::Value(7)));
        assert_eq!(Maybe::<String>::from("x"), Maybe::Value("x".to_owned()));
    }

    #[test]
    fn absence_is_not_written_as_null() {
        let error = serde_json::to_string(&Maybe::<u8>::Absent).unwrap_err().to_string();

        assert!(error.contains("skip_serializing_if"), "{error}");
        assert_eq!(serde_json::to_string(&[Maybe::Null, Maybe::Value(1)]).unwrap(), "[null,1]");
        assert_eq!(serde_json::from_str::<[Maybe<u8>; 2]>("[null,1]").unwrap(), [Maybe::Null, Maybe::Value(1)]);
    }
}

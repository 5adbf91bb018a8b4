//! Objects of several kinds, distinguished by a property.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::buffered::{Buffer, Buffered};
use super::names::{Name, Text, Unique, repeated};

/// An enum whose variants are distinguished by a property, the tag.
pub trait Tagged: Sized {
    /// The name of the tag.
    const TAG: &'static str;

    /// Whether variants have a field of their own for the tag.
    const KEEPS_TAG: bool;

    /// Reads the variant of a kind from its members.
    ///
    /// # Errors
    /// When there is no such kind, or the members are not of it.
    fn read_variant<'de, A: MapAccess<'de>>(kind: &str, members: Members<'de, A>) -> Result<Self, A::Error>;
}

/// Reads a tagged union. What stands before the tag is buffered; from there on members go straight into the variant.
///
/// # Errors
/// When it is no object, when the tag is missing, there twice, or not a string, and when there is no such kind.
#[inline]
pub fn read_tagged<'de, D: Deserializer<'de>, T: Tagged>(deserializer: D) -> Result<T, D::Error> {
    // As a struct, so that names are watched once: by the variant.
    deserializer.deserialize_struct("", &[], Union(PhantomData))
}

struct Union<T>(PhantomData<T>);

impl<'de, T: Tagged> Visitor<'de> for Union<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the property {}", T::TAG)
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<T, A::Error> {
        let mut before = Vec::new();
        let kind = loop {
            match access.next_key_seed(Text)? {
                Some(name) if name == T::TAG => break access.next_value_seed(Text)?,
                Some(name) => before.push((name, access.next_value_seed(Buffer)?)),
                None => return Err(A::Error::missing_field(T::TAG)),
            }
        };
        let kept =
            T::KEEPS_TAG.then(|| (Cow::Borrowed(T::TAG), Buffered::of(Value::String(kind.clone().into_owned()))));
        before.extend(kept);
        T::read_variant(&kind, Members { tag: T::TAG, before: before.into_iter(), value: None, rest: access })
    }
}

/// The members of one variant: those that were buffered, then those that still stand in the payload.
pub struct Members<'de, A> {
    tag: &'static str,
    before: std::vec::IntoIter<(Cow<'de, str>, Buffered)>,
    /// The value of the buffered name that was read last.
    value: Option<Buffered>,
    rest: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'de, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let name = if let Some((name, value)) = self.before.next() {
            self.value = Some(value);
            name
        } else {
            match self.rest.next_key_seed(Text)? {
                Some(name) if name == self.tag => return Err(repeated(&name)),
                Some(name) => name,
                None => return Ok(None),
            }
        };
        seed.deserialize(Name::new(name)).map(Some)
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        match self.value.take() {
            Some(value) => value.into(seed).map_err(A::Error::custom),
            None => self.rest.next_value_seed(seed),
        }
    }
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Members<'de, A> {
    type Error = A::Error;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(Unique::new(self))
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_some(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

/// Implements `Deserialize` for an enum whose variants are distinguished by a property. With `keep` the variants have a
/// field of their own for it. A variant whose type is named becomes the enum by `From`. Generated code calls it.
#[doc(hidden)]
#[macro_export]
macro_rules! tagged_union {
    ($name:ident, $tag:literal, { $($kinds:tt)* }) => {
        $crate::tagged_union!(@ $name, $tag, false, { $($kinds)* });
    };
    ($name:ident, $tag:literal, keep, { $($kinds:tt)* }) => {
        $crate::tagged_union!(@ $name, $tag, true, { $($kinds)* });
    };
    (@ $name:ident, $tag:literal, $keeps_tag:literal, { $($($kind:literal)|+ => $variant:ident $(($($inner:tt)+))?),+ $(,)? }) => {
        impl $crate::de::Tagged for $name {
            const TAG: &'static str = $tag;
            const KEEPS_TAG: bool = $keeps_tag;

            #[inline]
            fn read_variant<'de, A: ::serde::de::MapAccess<'de>>(
                kind: &str,
                members: $crate::de::Members<'de, A>,
            ) -> ::std::result::Result<Self, A::Error> {
                match kind {
                    $($($kind)|+ => ::serde::Deserialize::deserialize(members).map(Self::$variant),)+
                    _ => ::std::result::Result::Err(::serde::de::Error::unknown_variant(kind, &[$($($kind),+),+])),
                }
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            #[inline]
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                $crate::de::read_tagged(deserializer)
            }
        }

        $($($crate::from_alternatives!($name, { $variant($($inner)+) });)?)+
    };
}

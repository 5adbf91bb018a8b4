//! The names of members: read without copying where possible, and each only once in an object.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};

/// A member that serde_json takes for a marker of its own: it would read the text inside it as JSON, and in its place. By the
/// same name a deserializer of serde_json is asked for the text of a value.
pub(crate) const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// Refuses a name that does not stand for itself.
pub(super) fn refuse_reserved<E: Error>(name: &str) -> Result<(), E> {
    if name == RAW_VALUE { Err(E::custom("a member has a reserved name")) } else { Ok(()) }
}

/// The error for a member that an object has twice.
pub(super) fn repeated<E: Error>(name: &str) -> E {
    E::custom(format_args!("the member {name:?} is there twice"))
}

/// Reads a string, borrowed from the payload if it stands there without escapes.
pub(crate) struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    #[inline]
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    #[inline]
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    #[inline]
    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text))
    }
}

/// A name that has been read already, for whoever wants to read it.
pub(super) struct Name<'de, E> {
    name: Cow<'de, str>,
    error: PhantomData<E>,
}

impl<'de, E: Error> Name<'de, E> {
    #[inline]
    pub(super) fn new(name: Cow<'de, str>) -> Self {
        Self { name, error: PhantomData }
    }
}

/// A number that was written as a name, if it is written as we would write it.
macro_rules! number {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
            match self.name.parse::<$type>() {
                Ok(number) if number.to_string() == self.name => visitor.$visit(number),
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de, E: Error> Deserializer<'de> for Name<'de, E> {
    type Error = E;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.name {
            Cow::Borrowed(name) => visitor.visit_borrowed_str(name),
            Cow::Owned(name) => visitor.visit_string(name),
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        match self.name {
            Cow::Borrowed(text) => BorrowedStrDeserializer::new(text).deserialize_enum(name, variants, visitor),
            Cow::Owned(text) => {
                let text: StringDeserializer<E> = text.into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
        }
    }

    number! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_u128 visit_u128 u128
    }

    serde::forward_to_deserialize_any! {
        bool f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// How many names are compared one by one, and without allocating, before a hash is worth its price.
const FEW: usize = 16;

/// Members each of which has a name of its own.
pub(super) struct Unique<'de, A> {
    access: A,
    first: [Cow<'de, str>; FEW],
    count: usize,
    more: Option<HashSet<Cow<'de, str>>>,
}

impl<A> Unique<'_, A> {
    #[inline]
    pub(super) fn new(access: A) -> Self {
        Self { access, first: [const { Cow::Borrowed("") }; FEW], count: 0, more: None }
    }
}

impl<'de, A> Unique<'de, A> {
    /// Whether a name is new.
    fn insert(&mut self, name: Cow<'de, str>) -> bool {
        if self.first[..self.count].contains(&name) {
            return false;
        }
        if self.count < FEW {
            self.first[self.count] = name;
            self.count += 1;
            return true;
        }
        self.more.get_or_insert_default().insert(name)
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Unique<'de, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Some(name) = self.access.next_key_seed(Text)? else { return Ok(None) };
        refuse_reserved(&name)?;
        if !self.insert(name.clone()) {
            return Err(repeated(&name));
        }
        seed.deserialize(Name::new(name)).map(Some)
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.access.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.access.size_hint()
    }
}

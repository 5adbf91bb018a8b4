//! Writing JSON as serde_json does, and quicker: most of what it takes to write an event goes into looking for characters to
//! escape, byte by byte, where there are hardly any. What is rare is not written here: whoever asks leaves it to serde_json.

use std::fmt::{self, Display};

use serde::ser::{self, Impossible, Serialize, Serializer};

/// Writes a value exactly as serde_json would, or returns [`GiveUp`].
pub(super) fn write(value: &impl Serialize, out: &mut Vec<u8>) -> Result<(), GiveUp> {
    value.serialize(Quick { out })
}

/// That there is something which is left to serde_json. What was written until then is of no use.
#[derive(Debug)]
pub(super) struct GiveUp;

impl Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("left to serde_json")
    }
}

impl std::error::Error for GiveUp {}

impl ser::Error for GiveUp {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// What values say by their names that serde_json reads in its own way.
const PRIVATE: &str = "$serde_json";

struct Quick<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Quick<'a> {
    fn again(&mut self) -> Quick<'_> {
        Quick { out: self.out }
    }

    fn text(&mut self, text: &str) -> Result<(), GiveUp> {
        if !is_plain(text.as_bytes()) {
            return self.delegate(text);
        }
        self.out.reserve(text.len() + 2);
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
        Ok(())
    }

    /// Leaves a single value to serde_json.
    fn delegate(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), GiveUp> {
        serde_json::to_writer(&mut *self.out, value).map_err(|_| GiveUp)
    }

    fn compound(self, begin: u8, end: &'static [u8]) -> Compound<'a> {
        self.out.push(begin);
        Compound { quick: self, is_first: true, end }
    }

    fn variant(mut self, name: &str) -> Result<Self, GiveUp> {
        self.out.push(b'{');
        self.text(name)?;
        self.out.push(b':');
        Ok(self)
    }
}

/// Whether nothing in a text is to be escaped. Eight bytes at a time: a bit is set where one is a control character, a
/// quotation mark or a backslash, and perhaps behind such a byte, but never without one.
fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let is_plain_8 = |eight: [u8; 8]| {
        let eight = u64::from_le_bytes(eight);
        let is_below = |bytes: u64, limit: u64| bytes.wrapping_sub(ONES * limit) & !bytes;
        let (quote, backslash) = (eight ^ (ONES * u64::from(b'"')), eight ^ (ONES * u64::from(b'\\')));
        (is_below(eight, 0x20) | is_below(quote, 1) | is_below(backslash, 1)) & (ONES << 7) == 0
    };
    match (text.last_chunk::<8>(), text.first_chunk::<4>(), text.last_chunk::<4>()) {
        // The last eight may overlap those before.
        (Some(last), ..) => text.as_chunks::<8>().0.iter().chain([last]).all(|eight| is_plain_8(*eight)),
        (None, Some([a, b, c, d]), Some([e, f, g, h])) => is_plain_8([*a, *b, *c, *d, *e, *f, *g, *h]),
        _ => text.iter().all(|byte| !matches!(byte, 0..0x20 | b'"' | b'\\')),
    }
}

/// A list or an object that is being written.
struct Compound<'a> {
    quick: Quick<'a>,
    is_first: bool,
    end: &'static [u8],
}

impl Compound<'_> {
    fn separate(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.quick.out.push(b',');
        }
    }

    fn element(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), GiveUp> {
        self.separate();
        value.serialize(self.quick.again())
    }

    fn field(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Result<(), GiveUp> {
        self.separate();
        self.quick.text(name)?;
        self.quick.out.push(b':');
        value.serialize(self.quick.again())
    }

    fn close(self) -> Result<(), GiveUp> {
        self.quick.out.extend_from_slice(self.end);
        Ok(())
    }
}

macro_rules! delegated {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(mut self, value: $type) -> Result<(), GiveUp> {
            self.delegate(&value)
        })*
    };
}

impl<'a> Serializer for Quick<'a> {
    type Ok = ();
    type Error = GiveUp;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    delegated! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_f32: f32, serialize_f64: f64, serialize_char: char
    }

    fn serialize_bool(self, value: bool) -> Result<(), GiveUp> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_str(mut self, value: &str) -> Result<(), GiveUp> {
        self.text(value)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), GiveUp> {
        Err(GiveUp)
    }

    fn serialize_none(self) -> Result<(), GiveUp> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), GiveUp> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), GiveUp> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), GiveUp> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(mut self, _: &'static str, _: u32, variant: &'static str) -> Result<(), GiveUp> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), GiveUp> {
        if name.starts_with(PRIVATE) { Err(GiveUp) } else { value.serialize(self) }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), GiveUp> {
        let mut quick = self.variant(variant)?;
        value.serialize(quick.again())?;
        quick.out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>, GiveUp> {
        Ok(self.compound(b'[', b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>, GiveUp> {
        Ok(self.compound(b'[', b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, GiveUp> {
        Ok(self.compound(b'[', b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, GiveUp> {
        Ok(self.variant(variant)?.compound(b'[', b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>, GiveUp> {
        Ok(self.compound(b'{', b"}"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Compound<'a>, GiveUp> {
        if name.starts_with(PRIVATE) { Err(GiveUp) } else { Ok(self.compound(b'{', b"}")) }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, GiveUp> {
        Ok(self.variant(variant)?.compound(b'{', b"}}"))
    }
}

macro_rules! lists {
    ($($trait:ident :: $method:ident),*) => {
        $(impl ser::$trait for Compound<'_> {
            type Ok = ();
            type Error = GiveUp;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), GiveUp> {
                self.element(value)
            }

            fn end(self) -> Result<(), GiveUp> {
                self.close()
            }
        })*
    };
}

lists! {
    SerializeSeq::serialize_element, SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field
}

macro_rules! structs {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Compound<'_> {
            type Ok = ();
            type Error = GiveUp;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), GiveUp> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), GiveUp> {
                self.close()
            }
        })*
    };
}

structs! { SerializeStruct, SerializeStructVariant }

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = GiveUp;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), GiveUp> {
        self.separate();
        key.serialize(Key(self.quick.again()))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), GiveUp> {
        self.quick.out.push(b':');
        value.serialize(self.quick.again())
    }

    fn end(self) -> Result<(), GiveUp> {
        self.close()
    }
}

/// The key of a map, which is a text; serde_json makes texts of some others.
struct Key<'a>(Quick<'a>);

macro_rules! refused {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, _: $type) -> Result<(), GiveUp> {
            Err(GiveUp)
        })*
    };
}

impl Serializer for Key<'_> {
    type Ok = ();
    type Error = GiveUp;
    type SerializeSeq = Impossible<(), GiveUp>;
    type SerializeTuple = Impossible<(), GiveUp>;
    type SerializeTupleStruct = Impossible<(), GiveUp>;
    type SerializeTupleVariant = Impossible<(), GiveUp>;
    type SerializeMap = Impossible<(), GiveUp>;
    type SerializeStruct = Impossible<(), GiveUp>;
    type SerializeStructVariant = Impossible<(), GiveUp>;

    refused! {
        serialize_bool: bool, serialize_char: char, serialize_bytes: &[u8],
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64
    }

    fn serialize_str(mut self, value: &str) -> Result<(), GiveUp> {
        self.0.text(value)
    }

    fn serialize_none(self) -> Result<(), GiveUp> {
        Err(GiveUp)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), GiveUp> {
        Err(GiveUp)
    }

    fn serialize_unit(self) -> Result<(), GiveUp> {
        Err(GiveUp)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), GiveUp> {
        Err(GiveUp)
    }

    fn serialize_unit_variant(mut self, _: &'static str, _: u32, variant: &'static str) -> Result<(), GiveUp> {
        self.0.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), GiveUp> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), GiveUp> {
        Err(GiveUp)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, GiveUp> {
        Err(GiveUp)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, GiveUp> {
        Err(GiveUp)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, GiveUp> {
        Err(GiveUp)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, GiveUp> {
        Err(GiveUp)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, GiveUp> {
        Err(GiveUp)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, GiveUp> {
        Err(GiveUp)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, GiveUp> {
        Err(GiveUp)
    }
}

#[cfg(test)]
mod tests;

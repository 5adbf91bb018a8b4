//! What users of the standard library expect of a type, for the types of a catalogue: one macro for each kind of type, so that
//! generated text says it in a line.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};

/// Reads a text that is one of several values.
///
/// # Errors
/// When it is no text, or none of the values.
pub fn read_value<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: fn(&str) -> Option<T>,
    values: &'static [&'static str],
) -> Result<T, D::Error> {
    deserializer.deserialize_str(OneOf { read, values })
}

struct OneOf<T> {
    read: fn(&str) -> Option<T>,
    values: &'static [&'static str],
}

impl<T> Visitor<'_> for OneOf<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    #[inline]
    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).ok_or_else(|| E::unknown_variant(text, self.values))
    }
}

/// Completes an enum whose values are texts: reads and writes it, and gives it what texts have. Generated code calls it.
#[doc(hidden)]
#[macro_export]
macro_rules! text_enum {
    ($name:ident, { $first:ident => $first_value:literal $(, $variant:ident => $value:literal)* $(,)? }) => {
        impl $name {
            /// Every value, in the order of the schema.
            pub const VARIANTS: &'static [Self] = &[Self::$first $(, Self::$variant)*];

            /// The value as it stands in a payload.
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_value,
                    $(Self::$variant => $value,)*
                }
            }

            fn read(text: &str) -> ::core::option::Option<Self> {
                match text {
                    $first_value => ::core::option::Option::Some(Self::$first),
                    $($value => ::core::option::Option::Some(Self::$variant),)*
                    _ => ::core::option::Option::None,
                }
            }
        }

        impl ::serde::Serialize for $name {
            #[inline]
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            #[inline]
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::core::result::Result<Self, D::Error> {
                $crate::habits::read_value(deserializer, Self::read, &[$first_value $(, $value)*])
            }
        }

        impl ::core::str::FromStr for $name {
            type Err = $crate::text::InvalidText;

            fn from_str(text: &str) -> ::core::result::Result<Self, $crate::text::InvalidText> {
                Self::read(text).ok_or($crate::text::InvalidText {
                    type_name: ::core::stringify!($name),
                    expected: ::core::concat!("one of `", $first_value, "`" $(, ", `", $value, "`")*),
                })
            }
        }

        impl ::core::convert::TryFrom<&str> for $name {
            type Error = $crate::text::InvalidText;

            fn try_from(text: &str) -> ::core::result::Result<Self, $crate::text::InvalidText> {
                text.parse()
            }
        }

        impl ::core::convert::TryFrom<::std::string::String> for $name {
            type Error = $crate::text::InvalidText;

            fn try_from(text: ::std::string::String) -> ::core::result::Result<Self, $crate::text::InvalidText> {
                text.parse()
            }
        }

        impl ::core::convert::From<$name> for ::std::string::String {
            fn from(value: $name) -> Self {
                ::std::convert::From::from(value.as_str())
            }
        }

        impl ::core::convert::AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        $crate::equal_to_text!($name);
    };
}

/// Lets a type that wraps another be made of it, taken apart and used in its place; one that is `displayed` is shown as what it
/// wraps. Generated code calls it.
#[doc(hidden)]
#[macro_export]
macro_rules! wrapper {
    ($name:ident, $inner:ty) => {
        impl ::core::convert::From<$inner> for $name {
            fn from(inner: $inner) -> Self {
                Self(inner)
            }
        }

        impl ::core::convert::From<$name> for $inner {
            fn from(wrapper: $name) -> Self {
                wrapper.0
            }
        }

        impl ::core::ops::Deref for $name {
            type Target = $inner;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    };
    ($name:ident, $inner:ty, displayed) => {
        $crate::wrapper!($name, $inner);

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

/// Makes a union of each of its alternatives; those marked `boxed` are put into a box. Generated code calls it.
#[doc(hidden)]
#[macro_export]
macro_rules! from_alternatives {
    ($name:ident, { $($variant:ident($($inner:tt)+)),+ $(,)? }) => {
        $($crate::from_alternatives!(@ $name $variant $($inner)+);)+
    };
    (@ $name:ident $variant:ident boxed $inner:ty) => {
        impl ::core::convert::From<$inner> for $name {
            fn from(alternative: $inner) -> Self {
                Self::$variant(::std::boxed::Box::new(alternative))
            }
        }
    };
    (@ $name:ident $variant:ident $inner:ty) => {
        impl ::core::convert::From<$inner> for $name {
            fn from(alternative: $inner) -> Self {
                Self::$variant(alternative)
            }
        }
    };
}

/// Without the feature `schemars` nothing is told; the macro that tells it is that of `json_schema`.
#[cfg(not(feature = "schemars"))]
#[doc(hidden)]
#[macro_export]
macro_rules! json_schemas {
    ($($anything:tt)*) => {};
}

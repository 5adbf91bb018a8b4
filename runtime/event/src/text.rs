//! Strings with rules of their own, as types.

/// A text that breaks the rules of its type.
///
/// ```
/// use eventsmith::error::InvalidText;
/// use eventsmith::DateTime;
///
/// let error: InvalidText = "yesterday".parse::<DateTime>().unwrap_err();
/// assert!(error.to_string().starts_with("not a DateTime: expected "));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a {type_name}: expected {expected}")]
pub struct InvalidText {
    /// The type.
    pub type_name: &'static str,
    /// What it asks for.
    pub expected: &'static str,
}

/// A value that generated code is made with, as the schema spells it.
///
/// # Panics
/// When the text is none of the type, which the generator rules out before it writes the call.
#[doc(hidden)]
#[must_use]
#[expect(clippy::panic, reason = "the generator has proven that the text is one of the type")]
pub fn literal<T: std::str::FromStr>(text: &str) -> T {
    match text.parse() {
        Ok(value) => value,
        Err(_) => panic!("{text:?} is no value of its type, which is a bug in eventsmith; please report it"),
    }
}

/// Completes a string type whose every value has passed its check, `is_legal`. Generated code calls it for named
/// string schemas.
#[doc(hidden)]
#[macro_export]
macro_rules! text_type {
    ($name:ident) => {
        #[allow(clippy::self_named_constructors, reason = "the schema may call the type New")]
        impl $name {
            /// Takes a text that fulfils the rules of the type.
            ///
            /// # Errors
            /// When the text does not.
            pub fn new(
                text: impl ::std::convert::Into<::std::string::String>,
            ) -> ::std::result::Result<Self, $crate::text::InvalidText> {
                let text = text.into();
                if Self::is_legal(&text) {
                    ::std::result::Result::Ok(Self(text))
                } else {
                    ::std::result::Result::Err($crate::text::InvalidText {
                        type_name: ::std::stringify!($name),
                        expected: Self::EXPECTED,
                    })
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                Self::new(<::std::string::String as ::serde::Deserialize>::deserialize(deserializer)?)
                    .map_err(::serde::de::Error::custom)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::text::InvalidText;

            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl ::std::convert::TryFrom<&str> for $name {
            type Error = $crate::text::InvalidText;

            fn try_from(text: &str) -> ::std::result::Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl ::std::convert::TryFrom<::std::string::String> for $name {
            type Error = $crate::text::InvalidText;

            fn try_from(text: ::std::string::String) -> ::std::result::Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl ::std::convert::From<$name> for ::std::string::String {
            fn from(text: $name) -> ::std::string::String {
                text.0
            }
        }

        impl ::std::convert::AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl ::std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Debug::fmt(&self.0, f)
            }
        }

        impl ::core::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        $crate::equal_to_text!($name);
    };
}

/// Compares a type that has `as_str` to texts, from either side.
#[doc(hidden)]
#[macro_export]
macro_rules! equal_to_text {
    ($name:ident) => {
        impl ::core::cmp::PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl ::core::cmp::PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl ::core::cmp::PartialEq<$name> for str {
            fn eq(&self, other: &$name) -> bool {
                self == other.as_str()
            }
        }

        impl ::core::cmp::PartialEq<$name> for &str {
            fn eq(&self, other: &$name) -> bool {
                *self == other.as_str()
            }
        }
    };
}

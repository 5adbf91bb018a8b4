//! Bytes that a payload holds as text: what the keyword `contentEncoding` of a string says.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::text::InvalidText;

mod encodings;

pub use encodings::{Encoding, InBase16, InBase32, InBase32Hex, InBase64, InBase64Url};

/// Bytes in base 64 (RFC 4648, section 4): `"contentEncoding": "base64"`.
pub type Base64 = Encoded<InBase64>;

/// Bytes in base 64 with the alphabet for URLs and file names (RFC 4648, section 5): `"contentEncoding": "base64url"`.
pub type Base64Url = Encoded<InBase64Url>;

/// Bytes in base 32 (RFC 4648, section 6): `"contentEncoding": "base32"`.
pub type Base32 = Encoded<InBase32>;

/// Bytes in base 32 with the alphabet of hexadecimal digits (RFC 4648, section 7): `"contentEncoding": "base32hex"`.
pub type Base32Hex = Encoded<InBase32Hex>;

/// Bytes in hexadecimal digits (RFC 4648, section 8): `"contentEncoding": "base16"`.
pub type Base16 = Encoded<InBase16>;

/// Bytes that a payload holds as text in an encoding.
///
/// Since draft 2019-09 `contentEncoding` is an annotation: a validator accepts any text. So does this type, and it writes back what it
/// read, whether that decodes or not, and however it is spelled. [`bytes`](Self::bytes) says whether there are bytes in it: padding may be
/// left out, and hexadecimal digits may be of either case. In drafts 6 and 7 the keyword asserts, and decoding a payload refuses what
/// does not decode, as validators do.
///
/// ```
/// use eventsmith::bytes::Base64;
///
/// let content = Base64::from(b"hello");
/// assert_eq!(content.to_string(), "aGVsbG8=");
/// assert_eq!("aGVsbG8=".parse::<Base64>()?.bytes()?, b"hello");
///
/// let unpadded: Base64 = serde_json::from_str(r#""aGVsbG8""#)?;
/// assert_eq!(unpadded.bytes()?, b"hello");
/// assert_eq!(unpadded.to_string(), "aGVsbG8");
///
/// let other: Base64 = serde_json::from_str(r#""see the attachment""#)?;
/// assert_eq!(other.bytes().unwrap_err().to_string(), "not a Base64: expected base64 as in RFC 4648");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Encoded<E> {
    /// What the text decodes to.
    bytes: Option<Vec<u8>>,
    /// The text, unless it is the one that the bytes are encoded as.
    text: Option<String>,
    encoding: PhantomData<E>,
}

impl<E: Encoding> Encoded<E> {
    /// Takes a text as it is, whether it decodes or not.
    pub fn from_text(text: impl Into<String>) -> Self {
        let text = text.into();
        let bytes = E::decode(&text);
        let is_canonical = bytes.as_deref().is_some_and(|bytes| E::encode(bytes) == text);
        Self { bytes, text: (!is_canonical).then_some(text), encoding: PhantomData }
    }

    /// The bytes.
    ///
    /// # Errors
    /// When the text does not decode.
    pub fn bytes(&self) -> Result<&[u8], InvalidText> {
        self.bytes.as_deref().ok_or(E::INVALID)
    }

    /// The bytes, without a copy.
    ///
    /// # Errors
    /// When the text does not decode.
    pub fn into_bytes(self) -> Result<Vec<u8>, InvalidText> {
        self.bytes.ok_or(E::INVALID)
    }

    /// The text, as it stands in a payload.
    pub fn text(&self) -> Cow<'_, str> {
        match (&self.text, &self.bytes) {
            (Some(text), _) => Cow::Borrowed(text),
            (None, bytes) => Cow::Owned(E::encode(bytes.as_deref().unwrap_or_default())),
        }
    }

    /// Whether validators of drafts 6 and 7 accept the text: it has its padding. Generated code calls it.
    #[doc(hidden)]
    pub fn is_exact(&self) -> bool {
        self.text.as_deref().is_none_or(Self::is_exact_text)
    }

    /// Whether validators of drafts 6 and 7 accept a text. Generated code calls it.
    #[doc(hidden)]
    pub fn is_exact_text(text: &str) -> bool {
        E::decode_exactly(text).is_some()
    }
}

impl<E: Encoding> Default for Encoded<E> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<E: Encoding> From<Vec<u8>> for Encoded<E> {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: Some(bytes), text: None, encoding: PhantomData }
    }
}

impl<E: Encoding> From<&[u8]> for Encoded<E> {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl<E: Encoding, const N: usize> From<&[u8; N]> for Encoded<E> {
    fn from(bytes: &[u8; N]) -> Self {
        Self::from(bytes.to_vec())
    }
}

/// Only what decodes; [`from_text`](Encoded::from_text) takes any text.
impl<E: Encoding> FromStr for Encoded<E> {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let encoded = Self::from_text(text);
        encoded.bytes()?;
        Ok(encoded)
    }
}

impl<E: Encoding> TryFrom<&str> for Encoded<E> {
    type Error = InvalidText;

    fn try_from(text: &str) -> Result<Self, InvalidText> {
        text.parse()
    }
}

impl<E: Encoding> TryFrom<String> for Encoded<E> {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        text.parse()
    }
}

impl<E: Encoding> fmt::Display for Encoded<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl<E: Encoding> fmt::Debug for Encoded<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text(), f)
    }
}

impl<E: Encoding> Serialize for Encoded<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de, E: Encoding> Deserialize<'de> for Encoded<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<E>(PhantomData<E>);

        impl<E: Encoding> de::Visitor<'_> for Visitor<E> {
            type Value = Encoded<E>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<R: de::Error>(self, text: &str) -> Result<Encoded<E>, R> {
                Ok(Encoded::from_text(text))
            }

            fn visit_string<R: de::Error>(self, text: String) -> Result<Encoded<E>, R> {
                Ok(Encoded::from_text(text))
            }
        }

        deserializer.deserialize_string(Visitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a text of JSON is read as, and that it is written as it was.
    fn read<E: Encoding>(text: &str) -> Option<Vec<u8>> {
        let encoded: Encoded<E> = serde_json::from_value(text.into()).unwrap();
        assert_eq!(serde_json::to_value(&encoded).unwrap(), text);
        encoded.into_bytes().ok()
    }

    #[test]
    fn bytes_are_read_and_written_in_each_encoding() {
        let bytes = [0xfb, 0xef, 0xff, 0x00];
        for (text, other) in [
            (Base64::from(&bytes).to_string(), "++//AA=="),
            (Base64Url::from(&bytes).to_string(), "--__AA=="),
            (Base32::from(&bytes).to_string(), "7PX76AA="),
            (Base32Hex::from(&bytes).to_string(), "VFNVU00="),
            (Base16::from(&bytes).to_string(), "FBEFFF00"),
        ] {
            assert_eq!(text, other);
        }
        assert_eq!(read::<InBase64>("++//AA=="), Some(bytes.to_vec()));
        assert_eq!(read::<InBase64Url>("--__AA=="), Some(bytes.to_vec()));
        assert_eq!(read::<InBase32>("7PX76AA="), Some(bytes.to_vec()));
        assert_eq!(read::<InBase32Hex>("VFNVU00="), Some(bytes.to_vec()));
        assert_eq!(read::<InBase16>("FBEFFF00"), Some(bytes.to_vec()));
    }

    #[test]
    fn another_spelling_of_the_same_bytes_is_kept() {
        for text in ["YWI=", "YWI", "YQ==Yg=="] {
            assert_eq!(read::<InBase64>(text), Some(b"ab".to_vec()), "{text}");
        }
        for text in ["FBEF", "fbef", "fBeF"] {
            assert_eq!(read::<InBase16>(text), Some(vec![0xfb, 0xef]), "{text}");
        }
        assert_ne!(Base64::from_text("YWI"), Base64::from(b"ab"), "they are written in other ways");
    }

    #[test]
    fn what_does_not_decode_is_kept_as_it_is() {
        for text in ["not base64!", "YWJ=", "YWI= ", "YW\nI=", "=", "ß", "--__", "\u{0}"] {
            assert_eq!(read::<InBase64>(text), None, "{text:?}");
        }
        for text in ["0", "0x00", "GG", "\u{fb00}", " "] {
            assert_eq!(read::<InBase16>(text), None, "{text:?}");
        }
        assert!("YWJ=".parse::<Base64>().is_err());
    }

    #[test]
    fn nothing_is_the_empty_text() {
        assert_eq!((Base64::default().to_string(), Base64::default().bytes()), (String::new(), Ok(&[][..])));
        assert_eq!(read::<InBase64>(""), Some(Vec::new()));
    }
}

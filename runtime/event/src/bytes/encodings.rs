//! The encodings of RFC 4648 that `contentEncoding` may name.

use std::fmt::Debug;
use std::hash::Hash;

use data_encoding::{
    BASE32, BASE32_NOPAD, BASE32HEX, BASE32HEX_NOPAD, BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXUPPER,
    HEXUPPER_PERMISSIVE,
};

use crate::text::InvalidText;

/// An encoding of RFC 4648. Only the types of this module are some.
pub trait Encoding: Rules + Debug + Clone + Copy + Eq + Ord + Hash + Send + Sync + 'static {}

/// What an encoding does. It lies in a private module, so that nobody implements it.
pub trait Rules {
    /// Its name in schemas.
    const NAME: &'static str;

    /// The error about a text that does not decode.
    const INVALID: InvalidText;

    /// The text that bytes are written as.
    fn encode(bytes: &[u8]) -> String;

    /// The bytes of a text that validators take for this encoding: padded, without bits beyond the last byte.
    fn decode_exactly(text: &str) -> Option<Vec<u8>>;

    /// The bytes of a text, which may lack its padding.
    fn decode(text: &str) -> Option<Vec<u8>>;
}

macro_rules! encodings {
    ($($marker:ident: $alias:literal, $name:literal, $written:ident, $exact:ident, $other:ident;)*) => {$(
        #[doc = concat!("The encoding `", $name, "`.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $marker {}

        impl Encoding for $marker {}

        impl Rules for $marker {
            const NAME: &'static str = $name;

            const INVALID: InvalidText =
                InvalidText { type_name: $alias, expected: concat!($name, " as in RFC 4648") };

            fn encode(bytes: &[u8]) -> String {
                $written.encode(bytes)
            }

            fn decode_exactly(text: &str) -> Option<Vec<u8>> {
                $exact.decode(text.as_bytes()).ok()
            }

            fn decode(text: &str) -> Option<Vec<u8>> {
                Self::decode_exactly(text).or_else(|| $other.decode(text.as_bytes()).ok())
            }
        }
    )*};
}

encodings! {
    InBase64: "Base64", "base64", BASE64, BASE64, BASE64_NOPAD;
    InBase64Url: "Base64Url", "base64url", BASE64URL, BASE64URL, BASE64URL_NOPAD;
    InBase32: "Base32", "base32", BASE32, BASE32, BASE32_NOPAD;
    InBase32Hex: "Base32Hex", "base32hex", BASE32HEX, BASE32HEX, BASE32HEX_NOPAD;
    InBase16: "Base16", "base16", HEXUPPER, HEXUPPER_PERMISSIVE, HEXUPPER;
}

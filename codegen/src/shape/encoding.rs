//! Encodings of bytes as text.

/// An encoding of RFC 4648 that `contentEncoding` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Encoding {
    Base16,
    Base32,
    Base32Hex,
    Base64,
    Base64Url,
}

use Encoding::{Base16, Base32, Base32Hex, Base64, Base64Url};

/// Each with its name in schemas and its type in the runtime.
const ALL: &[(Encoding, &str, &str)] = &[
    (Base16, "base16", "eventsmith::bytes::Base16"),
    (Base32, "base32", "eventsmith::bytes::Base32"),
    (Base32Hex, "base32hex", "eventsmith::bytes::Base32Hex"),
    (Base64, "base64", "eventsmith::bytes::Base64"),
    (Base64Url, "base64url", "eventsmith::bytes::Base64Url"),
];

impl Encoding {
    /// The encoding that `contentEncoding` names; `None` for those that are not of RFC 4648, which no validator looks into.
    pub fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|(_, known, _)| *known == name).map(|(encoding, ..)| *encoding)
    }

    /// Its type, as users name it.
    pub fn rust_type(self) -> &'static str {
        ALL.iter().find(|(encoding, ..)| *encoding == self).map_or("", |(_, _, path)| path)
    }

    /// The path of its type below the runtime.
    pub fn type_path(self) -> &'static str {
        self.rust_type().trim_start_matches("eventsmith::")
    }
}

//! Bytes that payloads hold as text: what `contentEncoding` says of a string.

pub use eventsmith_event::bytes::{
    Base16, Base32, Base32Hex, Base64, Base64Url, Encoded, Encoding, InBase16, InBase32, InBase32Hex, InBase64,
    InBase64Url,
};

//! Ids that are made of others, so that whatever is done twice has the same one.

use eventsmith::Uuid;
use sha2::{Digest, Sha256};

/// An id made of texts: the same of the same ones. It is a UUID of version 8, as RFC 9562 has it for such.
pub(crate) fn made_of(texts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Uuid::from_bytes(bytes)
}

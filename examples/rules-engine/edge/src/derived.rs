//! Ids that follow from what they are for, so that whoever tries again uses the same.

use eventsmith::Uuid;
use ring::digest;

/// The UUID of version 8 that follows from some texts. (RFC 9562, 5.8.)
pub(crate) fn uuid(parts: &[&str]) -> Uuid {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        // With the lengths, so that other texts with the same letters are others.
        context.update(part.len().to_le_bytes().as_slice());
        context.update(part.as_bytes());
    }
    let hash = context.finish();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_texts_give_the_same_id_and_others_another() {
        assert_eq!(uuid(&["a", "b"]), uuid(&["a", "b"]));
        assert_ne!(uuid(&["a", "b"]), uuid(&["ab"]));
        assert_eq!(uuid(&["a"]).get_version_num(), 8);
    }
}

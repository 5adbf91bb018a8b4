//! From a key of a caller to the id of a request.

use eventsmith::Uuid;
use eventsmith::catalogue::EventDescriptor;

use crate::derived;

/// The longest key, in bytes.
const LONGEST: usize = 255;

/// The key that a header holds: its text, with or without the quotes of a structured field; nothing if it is none.
pub(super) fn key(header: &str) -> Option<&str> {
    let text = header.trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_key = !text.is_empty()
        && text.len() <= LONGEST
        && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b'"');
    is_key.then_some(text)
}

/// The id of the request under a key. Other callers, and other commands, have others under the same key.
pub(super) fn request_id(caller: &str, request: &EventDescriptor, key: &str) -> Uuid {
    derived::uuid(&[caller, request.event_type, key])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_text_of_a_bounded_length() {
        assert_eq!(key("abc"), Some("abc"));
        assert_eq!(key(" \"8e03978e-40d5\" "), Some("8e03978e-40d5"));
        for header in ["", "\"\"", "a b", "a\"b", "ü", &"x".repeat(256)] {
            assert_eq!(key(header), None, "{header:?}");
        }
    }

    #[test]
    fn a_key_is_one_request_of_one_caller_and_one_command() {
        let named = |name| rules_events::CATALOGUE.iter().find(|described| described.event_type == name);
        let (capture, refund) = (named("payment.capture").unwrap(), named("payment.refund").unwrap());
        let id = request_id("shop", capture, "k");

        assert_eq!(request_id("shop", capture, "k"), id);
        for other in
            [request_id("till", capture, "k"), request_id("shop", refund, "k"), request_id("shop", capture, "l")]
        {
            assert_ne!(other, id);
        }
        assert_eq!(id.get_version_num(), 8);
    }
}

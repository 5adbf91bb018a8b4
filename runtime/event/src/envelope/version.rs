//! Versions as the wire has them.

/// Parses a version, a decimal number from 1.
pub fn parse_version(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|version| digits && *version > 0)
}

//! What keys of a bucket look like. (NATS ADR-8.)

use super::error::BucketError;
use crate::settings::bucket_subject;

/// The longest key, in bytes: a server takes no longer subject lines than its `max_control_line`, 4,096 by default.
const LONGEST: usize = 2_048;

/// Whether documents can have a key.
///
/// # Errors
/// [`BucketError::Key`] says why not.
pub fn check_key(key: &str) -> Result<(), BucketError> {
    check(key, false)
}

/// The subject of a key.
pub(super) fn subject_of(bucket: &str, key: &str) -> Result<String, BucketError> {
    check(key, false)?;
    Ok(bucket_subject(bucket, key))
}

/// The subject of all keys that have a pattern: `*` is any token, and `>` all that follow.
pub(super) fn subject_of_pattern(bucket: &str, pattern: &str) -> Result<String, BucketError> {
    check(pattern, true)?;
    Ok(bucket_subject(bucket, pattern))
}

/// The key of a subject.
pub(super) fn key_of<'a>(bucket: &str, subject: &'a str) -> Option<&'a str> {
    subject.strip_prefix(&bucket_subject(bucket, ""))
}

fn check(key: &str, is_pattern: bool) -> Result<(), BucketError> {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '=');
    let count = key.split('.').count();
    let is_token = |(at, token): (usize, &str)| match token {
        "*" => is_pattern,
        ">" => is_pattern && at + 1 == count,
        token => !token.is_empty() && token.chars().all(is_legal),
    };
    let reason = match key {
        key if key.len() > LONGEST => "it is longer than 2,048 bytes",
        key if !key.split('.').enumerate().all(is_token) && is_pattern => {
            "a pattern is a key some of whose tokens are `*`, and whose last may be `>`"
        }
        key if !key.split('.').enumerate().all(is_token) => {
            "a key is tokens with dots between, each of A-Z a-z 0-9 - _ / = and not empty"
        }
        // Keys of the server's and of clients' own begin so.
        key if key.starts_with("_kv") => "keys that begin with _kv are reserved",
        _ => return Ok(()),
    };
    Err(BucketError::Key { key: eventsmith_event::clip::clip(key.to_owned()), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_tokens_with_dots_between() {
        for key in ["a", "rul_01KJQ4T9Q6MZ", "a.b-c.d_e", "a/b=c", "A.9"] {
            assert_eq!(subject_of("B", key).unwrap(), format!("$KV.B.{key}"));
        }
        for key in
            ["", ".", ".a", "a.", "a..b", "a b", "a*", "*", "a.>", "ü", "a\n", "a\0", "_kv.x", &"a".repeat(2_049)]
        {
            assert!(matches!(subject_of("B", key), Err(BucketError::Key { .. })), "{key:?}");
        }
    }

    #[test]
    fn a_pattern_has_stars_and_an_open_end() {
        for pattern in [">", "*", "a.*", "a.*.b", "a.>", "a"] {
            assert_eq!(subject_of_pattern("B", pattern).unwrap(), format!("$KV.B.{pattern}"));
        }
        for pattern in ["", "a*", ">.a", "a.>.b", "**", ".>", "a..>"] {
            assert!(matches!(subject_of_pattern("B", pattern), Err(BucketError::Key { .. })), "{pattern:?}");
        }
    }

    #[test]
    fn a_subject_leads_back_to_its_key() {
        assert_eq!(key_of("B", "$KV.B.a.b"), Some("a.b"));
        assert_eq!(key_of("B", "$KV.BB.a"), None);
    }
}

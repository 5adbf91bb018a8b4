//! The fast path for messages that are written as ours are: the members in our order with the payload last, and no
//! escapes in their texts. All others are parsed as JSON.

use serde_json::{Map, Value};

use super::version::parse_version;
use crate::date_time::DateTime;

/// What was found before the payload, and all up to the last brace.
pub(super) struct Head<'a> {
    pub(super) event_type: &'a str,
    pub(super) version: u32,
    pub(super) data: &'a str,
}

/// Splits a message that begins as outgoing ones do; `None` does not mean that it has no envelope.
///
/// Where the payload ends is not looked for: it is taken to be all up to the last brace. If it is not, it is no JSON.
pub(super) fn split(text: &str) -> Option<Head<'_>> {
    let (id, rest) = text_at(text.strip_prefix(r#"{"id":"#)?)?;
    let (event_type, rest) = text_at(rest.strip_prefix(r#","type":"#)?)?;
    let (_source, rest) = text_at(rest.strip_prefix(r#","source":"#)?)?;
    let (_subject, rest) = text_at(rest.strip_prefix(r#","subject":"#)?)?;
    let (time, rest) = text_at(rest.strip_prefix(r#","time":"#)?)?;
    let (version, mut rest) = text_at(rest.strip_prefix(r#","version":"#)?)?;
    for optional in [r#","correlation_id":"#, r#","causation_id":"#] {
        if let Some(value) = rest.strip_prefix(optional) {
            rest = text_at(value)?.1;
        }
    }
    if let Some(value) = rest.strip_prefix(r#","metadata":"#) {
        rest = after_object(value)?;
    }
    let data = rest.strip_prefix(r#","data":"#)?.strip_suffix('}')?;
    if id.is_empty() || time.parse::<DateTime>().is_err() {
        return None;
    }
    Some(Head { event_type, version: parse_version(version)?, data })
}

/// A JSON string without escapes, and what follows it.
fn text_at(json: &str) -> Option<(&str, &str)> {
    let inner = json.strip_prefix('"')?;
    let end = inner.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    let (text, rest) = inner.split_at_checked(end)?;
    Some((text, rest.strip_prefix('"')?))
}

/// What follows a JSON object.
fn after_object(json: &str) -> Option<&str> {
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<Map<String, Value>>();
    values.next()?.ok()?;
    json.get(values.byte_offset()..)
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::super::{Outgoing, Plain};
    use super::*;

    fn written(metadata: &Value) -> String {
        let written = Outgoing {
            id: "a-1",
            event_type: "rule.created",
            source: "rules",
            subject: "rules.domain.rule.created",
            time: "2026-11-23T10:00:00Z".parse().unwrap(),
            version: "2",
            correlation_id: Some("c"),
            causation_id: None,
            metadata: metadata.as_object().unwrap(),
            data: &serde_json::json!({"data": "}", "x": [1, {"y": null}]}),
        };
        serde_json::to_string(&written).unwrap()
    }

    /// Whether a message takes the fast path; if so, and if what it takes for the payload is JSON, the parser says the same.
    fn takes_fast_path(text: &str) -> bool {
        let Some(quick) = split(text) else { return false };
        if serde_json::from_str::<&RawValue>(quick.data).is_ok() {
            let (wire, version) = Plain::read(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!((quick.event_type, quick.version), (&*wire.event_type, version), "{text}");
            assert_eq!(quick.data.trim(), wire.data.get(), "{text}");
        }
        true
    }

    #[test]
    fn what_we_write_takes_the_fast_path() {
        let metadata = serde_json::json!({"user_id": "u\"1", "data": {"x": 1}});

        for text in [written(&serde_json::json!({})), written(&metadata)] {
            assert!(takes_fast_path(&text), "{text}");
            assert_eq!(split(&text).unwrap().data, r#"{"data":"}","x":[1,{"y":null}]}"#);
        }
    }

    #[test]
    fn what_the_fast_path_accepts_the_parser_accepts_too() {
        let text = written(&serde_json::json!({"n": 1}));
        let others = r#" "\{}[]:,a1"#.chars().chain(['\u{1}', 'é']);
        let edits = text.char_indices().flat_map(|(at, old)| {
            let (before, after) = (&text[..at], &text[at + old.len_utf8()..]);
            let replaced = others.clone().map(move |new| format!("{before}{new}{after}"));
            let inserted = others.clone().map(move |new| format!("{before}{new}{old}{after}"));
            replaced.chain(inserted).chain([format!("{before}{after}"), before.to_owned()])
        });

        let (quick, long): (Vec<_>, Vec<_>) = edits.partition(|edited| takes_fast_path(edited));

        assert!(quick.len() > 1_000 && long.len() > 1_000, "{} and {}", quick.len(), long.len());
    }

    #[test]
    fn what_is_written_otherwise_is_parsed() {
        let text = written(&serde_json::json!({}));
        let rewritten = [
            text.replace(r#","data""#, r#", "data""#),
            text.replace("a-1", "a\\u002d1"),
            text.replace("\"a-1\"", "\"\""),
            text.replace(r#""source":"rules","#, ""),
            text.replace(r#""source":"rules""#, r#""source":"rules","source":"rules""#),
            text.replace(r#""source":"rules""#, r#""source":"rules","extra":"1""#),
            text.replace(r#""correlation_id":"c""#, r#""correlation_id":null"#),
            text.replace("2026-11-23T10", "yesterday"),
            text.replace(r#""version":"2""#, r#""version":"v2""#),
        ];

        for other in rewritten {
            assert!(other != text && split(&other).is_none(), "{other}");
        }
    }
}

//! A witness as people read it: what is rejected whole, and of the rest as much as fits.

use serde_json::{Map, Value};

use crate::pointer::steps;

/// The most lines of a witness.
const MOST_LINES: usize = 24;
/// The longest text that is shown whole, in characters, and how much of a longer one is shown.
const LONG: usize = 80;
const START: usize = 32;
/// The most elements of a list, and members of an object, that are shown where they are not to blame.
const MOST_ELEMENTS: usize = 3;
const MOST_MEMBERS: usize = 8;

/// The witness with what is long cut, except on the way to what the reader rejects.
pub(super) fn shortened(payload: &Value, rejected: &str) -> Value {
    let steps = steps(rejected).unwrap_or_default();
    cut(payload, Some(&steps))
}

/// The witness on several lines, with a note in place of those that are too many.
pub(super) fn lines(payload: &Value) -> String {
    let text = format!("{payload:#}");
    let count = text.lines().count();
    let mut shown: Vec<&str> = text.lines().take(MOST_LINES).collect();
    let more = format!("... and {} more lines; --format json has them all", count.saturating_sub(MOST_LINES));
    if count > MOST_LINES {
        shown.push(&more);
    }
    shown.join("\n    ")
}

/// A value without what is long; `way` are the steps to what is rejected, if that is within.
fn cut(value: &Value, way: Option<&[String]>) -> Value {
    let next = |name: &str| match way {
        Some([first, rest @ ..]) if first == name => Some(rest),
        _ => None,
    };
    match value {
        Value::String(text) => {
            let count = text.chars().count();
            if count <= LONG {
                return value.clone();
            }
            let start: String = text.chars().take(START).collect();
            Value::String(format!("{start}... ({count} characters)"))
        }
        Value::Array(items) => {
            let on_way = |index: usize| next(&index.to_string());
            let is_rejected = way.is_some_and(<[String]>::is_empty);
            let most = if is_rejected { MOST_MEMBERS } else { MOST_ELEMENTS };
            let shown = items.iter().enumerate().filter(|(index, _)| *index < most || on_way(*index).is_some());
            let mut shown: Vec<Value> = shown.map(|(index, item)| cut(item, on_way(index))).collect();
            let more = items.len() - shown.len();
            if more > 0 {
                shown.push(Value::String(format!("... ({more} more)")));
            }
            Value::Array(shown)
        }
        Value::Object(members) => {
            let is_shown = |(index, (name, _)): &(usize, (&String, &Value))| {
                *index < MOST_MEMBERS || way.is_some_and(<[String]>::is_empty) || next(name).is_some()
            };
            let shown = members.iter().enumerate().filter(is_shown);
            let mut shown: Map<String, Value> =
                shown.map(|(_, (name, member))| (name.clone(), cut(member, next(name)))).collect();
            let more = members.len() - shown.len();
            if more > 0 {
                shown.insert("...".to_owned(), Value::String(format!("{more} more")));
            }
            Value::Object(shown)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_texts_and_lists_are_cut_and_what_is_rejected_is_shown() {
        let payload = json!({"id": "a".repeat(300), "list": [1, 2, 3, 4, 5, {"x": 7}]});

        assert_eq!(
            shortened(&payload, "/list/5/x"),
            json!({"id": format!("{}... (300 characters)", "a".repeat(32)), "list": [1, 2, 3, {"x": 7}, "... (2 more)"]})
        );
    }

    #[test]
    fn many_lines_end_with_a_note() {
        let payload = Value::Object((0..60).map(|index| (format!("p{index}"), json!(index))).collect());

        assert_eq!(shortened(&payload, "/p50").as_object().unwrap().len(), 10);
        let text = lines(&payload);
        assert_eq!(text.lines().count(), 25);
        assert!(text.ends_with("... and 38 more lines; --format json has them all"), "{text}");
    }
}

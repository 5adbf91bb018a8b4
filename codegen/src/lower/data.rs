//! Values that are data: too large to stand in code.

use serde_json::Value;

/// What the values of a list may come to: as many bytes of text, or a sixteenth as many values within values.
const MOST_DATA: usize = 256 << 10;

/// Whether a value is larger than anybody reads in code.
pub(super) fn is_data(value: &Value) -> bool {
    less(value, MOST_DATA).is_none()
}

/// What is left of a number of bytes, less what a value comes to.
fn less(value: &Value, left: usize) -> Option<usize> {
    const VALUE: usize = 16;
    let left = left.checked_sub(VALUE)?;
    match value {
        Value::String(text) => left.checked_sub(text.len()),
        Value::Array(items) => items.iter().try_fold(left, |left, item| less(item, left)),
        Value::Object(members) => {
            members.iter().try_fold(left, |left, (name, member)| less(member, left.checked_sub(name.len())?))
        }
        _ => Some(left),
    }
}

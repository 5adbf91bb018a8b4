//! Which names in the places of violations only the payload knows.

use std::collections::HashSet;

use eventsmith_exact::Node;
use serde_json::Value;

/// What stands for a name that is not told.
const MASK: &str = "*";

/// The names that a schema holds.
#[derive(Debug)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// The names of all members of a schema, wherever they stand: those of properties are among them.
    pub(super) fn of(schema: &Value) -> Self {
        let mut names = HashSet::new();
        collect(schema, &mut names);
        Self(names)
    }

    /// The place of a violation with every other name masked; `None` where all are known.
    pub(super) fn mask(&self, pointer: &str, payload: Node<'_>) -> Option<String> {
        if pointer.split('/').skip(1).all(|step| !step.contains('~') && self.0.contains(step)) {
            return None;
        }
        let mut at = Some(payload);
        let mut masked = String::new();
        for step in pointer.split('/').skip(1) {
            let name = step.replace("~1", "/").replace("~0", "~");
            let is_index = at.is_some_and(|node| node.is_array());
            masked.push('/');
            masked.push_str(if is_index || self.0.contains(&name) { step } else { MASK });
            at = at.and_then(|node| node.child(&name));
        }
        (masked != pointer).then_some(masked)
    }
}

fn collect(schema: &Value, names: &mut HashSet<String>) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                names.insert(name.clone());
                collect(member, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use eventsmith_exact::Tape;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_names_that_the_schema_does_not_hold_are_masked() {
        let schema = json!({"properties": {"a": {"additionalProperties": {"items": {"type": "string"}}}}});
        let mut tape = Tape::default();
        let payload = tape.read(r#"{"a": {"a": [0], "4111": [0], "x/y~": [0, 1]}}"#).unwrap();
        let names = Names::of(&schema);

        let masked = ["", "/a/a/0", "/a/4111/0", "/a/x~1y~0/1"].map(|place| names.mask(place, payload));

        assert_eq!(masked, [None, None, Some("/a/*/0".to_owned()), Some("/a/*/1".to_owned())]);
    }
}

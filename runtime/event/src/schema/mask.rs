//! Which names in the places of violations only the payload knows.

use std::collections::HashSet;

use serde_json::Value;

use crate::invalid::Violation;

/// What stands for a name that is masked.
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

    /// The places of violations with every other name masked, by the index of the violation.
    pub(super) fn masks(&self, payload: &Value, violations: &[Violation]) -> Vec<(usize, String)> {
        let masked = violations.iter().map(|violation| self.mask(&violation.instance, payload)).enumerate();
        masked.filter(|(index, place)| *place != violations[*index].instance).collect()
    }

    fn mask(&self, pointer: &str, payload: &Value) -> String {
        let mut at = Some(payload);
        let mut masked = String::new();
        for step in pointer.split('/').skip(1) {
            let name = step.replace("~1", "/").replace("~0", "~");
            let is_index = matches!(at, Some(Value::Array(_)));
            masked.push('/');
            masked.push_str(if is_index || self.0.contains(&name) { step } else { MASK });
            at = match at {
                Some(Value::Array(items)) => name.parse().ok().and_then(|index: usize| items.get(index)),
                Some(Value::Object(members)) => members.get(&name),
                _ => None,
            };
        }
        masked
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
    use serde_json::json;

    use super::*;

    #[test]
    fn only_names_that_the_schema_does_not_hold_are_masked() {
        let schema = json!({"properties": {"a": {"additionalProperties": {"items": {"type": "string"}}}}});
        let payload = json!({"a": {"a": [0], "4111": [0], "x/y~": [0, 1]}});
        let at = |instance: &str| Violation {
            instance: instance.to_owned(),
            schema: String::new(),
            expected: String::new(),
            found: None,
        };
        let violations = [at(""), at("/a/a/0"), at("/a/4111/0"), at("/a/x~1y~0/1")];

        let masks = Names::of(&schema).masks(&payload, &violations);

        assert_eq!(masks, [(2, "/a/*/0".to_owned()), (3, "/a/*/1".to_owned())]);
    }
}

//! Which parts of a schema accept nothing.

use jsonschema::canonical::{PreparedDocument, Satisfiability, UnsatisfiableReason};
use serde_json::{Map, Value, json};

use crate::pointer::{self, fragment};

use super::algebra;
use super::effort::is_bearable;

/// A part of a schema that provably accepts nothing, though nobody wrote `false`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Empty {
    /// JSON pointer of the part.
    pub pointer: String,
    /// What together accepts nothing: pointers of schemas, each with the keywords that are to blame, or without any
    /// where the whole schema is.
    pub causes: Vec<(String, Vec<String>)>,
}

/// The parts of a self-contained schema that provably accept nothing. What cannot be decided, or not in time, is left out.
pub fn empties(schema: &Value) -> Vec<Empty> {
    if !is_bearable(schema) {
        return Vec::new();
    }
    algebra::about(schema, |document| empties_of(schema, document)).unwrap_or_default()
}

fn empties_of(schema: &Value, document: &PreparedDocument) -> Option<Vec<Empty>> {
    let found = document.unsatisfiable().ok()?;
    let empty = |(pointer, reason): (String, UnsatisfiableReason)| {
        let causes = match reason {
            UnsatisfiableReason::Literal => return None,
            UnsatisfiableReason::Empty(cause) => vec![cause],
            UnsatisfiableReason::Conflict(causes) => causes,
        };
        let causes = causes.into_iter().map(|cause| (cause.pointer, cause.keywords)).collect();
        Some(Empty { pointer, causes })
    };
    let mut empties: Vec<Empty> = found.into_iter().filter_map(empty).collect();
    // A schema that requires itself without end is empty only as a whole.
    let is_told = schema.is_boolean() || empties.iter().any(|empty| empty.pointer.is_empty());
    if !is_told && document.canonicalize_at("").is_ok_and(|whole| whole.satisfiability() == Satisfiability::No) {
        empties.push(Empty { pointer: String::new(), causes: Vec::new() });
    }
    Some(empties)
}

/// A schema that refers to every definition of another one and is nothing else: what no reference leads to is not
/// looked at. Pointers to definitions stay the same. `None` if there are none.
pub fn of_definitions(schema: &Value) -> Option<Value> {
    const KEPT: &[&str] = &["$defs", "$id", "$schema", "definitions", "id"];
    let members = schema.as_object()?;
    let mut copy: Map<String, Value> = members
        .iter()
        .filter(|(keyword, _)| KEPT.contains(&keyword.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    // Not alternatives, which would be compared with each other.
    let mut references = Map::new();
    for keyword in ["$defs", "definitions"] {
        for name in members.get(keyword).and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            let at = pointer::join(&format!("/{keyword}"), name);
            references.insert(references.len().to_string(), json!({"$ref": fragment(&at)}));
        }
    }
    (!references.is_empty()).then(|| {
        copy.insert("properties".to_owned(), Value::Object(references));
        Value::Object(copy)
    })
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_contradiction_is_found_where_it_stands() {
        let schema =
            json!({"properties": {"a": {"type": "integer", "minimum": 9, "maximum": 3}, "b": {"type": "null"}}});

        let found = empties(&schema);

        let pointers: Vec<&str> = found.iter().map(|empty| empty.pointer.as_str()).collect();
        assert_eq!(pointers, ["/properties/a"]);
    }

    #[test]
    fn a_schema_that_needs_itself_without_end_is_empty_as_a_whole() {
        let node = json!({"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#/$defs/Node"}}});
        let schema = json!({"$ref": "#/$defs/Node", "$defs": {"Node": node}});

        assert!(empties(&schema).iter().any(|empty| empty.pointer.is_empty()));
        assert_eq!(empties(&json!(false)), []);
    }

    #[test]
    fn an_honest_false_is_no_finding() {
        assert_eq!(empties(&json!({"properties": {"a": false}, "additionalProperties": false})), []);
    }

    #[test]
    fn what_cannot_be_decided_is_no_finding() {
        assert_eq!(empties(&json!({"type": "string", "pattern": "^(?=a)b$"})), []);
    }
}

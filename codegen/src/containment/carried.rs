//! What generated types carry that their schemas do not declare, and which integers they hold.
//!
//! Where a rule of a schema cannot be said by the fields of a struct, the validator decides, and it looks at the whole object: so
//! the type keeps what it does not know, and writes it again. Where no type says what a schema does, the value is kept as it is.
//! And an integer of which the schema names no bounds has those of its Rust type. Lowering knows where that is.

use std::collections::BTreeMap;

use eventsmith_exact::schema::text;
use serde_json::{Map, Number, Value, json};

use crate::load::from_files;
use crate::lower::keeping::Keeping;
use crate::lower::kept::keeping;
use crate::pointer::join;
use crate::references::Location;
use crate::walk::every_schema;

use super::negative::negative;

/// A member that marks an object of which undeclared properties are carried, in a copy of its schema. It is no keyword of any draft.
pub(super) const OPEN: &str = "eventsmith:open";
/// One that marks a schema whose values are carried as they are.
pub(super) const WHOLE: &str = "eventsmith:whole";
/// One that holds the keywords of unions of which a value that several alternatives accept is carried as it is.
pub(super) const SEVERAL: &str = "eventsmith:several";

/// Keywords of objects that fields may not be able to say.
const RULES: &[&str] = &[
    "$dynamicRef",
    "$recursiveRef",
    "anyOf",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "maxProperties",
    "minProperties",
    "not",
    "oneOf",
    "unevaluatedProperties",
];

/// The schema, with every part marked of which more is carried than it declares, and with the bounds of integers.
pub(super) fn marked(schema: &Value) -> Value {
    const FILE: &str = "domain/compared/schema.v1.json";
    let manifest = ("eventsmith.toml".to_owned(), b"root = \"compared\"\n".to_vec());
    let files = BTreeMap::from([manifest, (FILE.to_owned(), text(schema).into_bytes())]);
    let Keeping { open, whole, several, integers, gaps, .. } = keeping(&from_files("", files));
    let mut copy = schema.clone();
    let mut mark = |location: &Location, mark: &dyn Fn(&mut Map<String, Value>)| {
        if let Some(Value::Object(members)) = copy.pointer_mut(&location.pointer).filter(|_| location.file == FILE) {
            mark(members);
        }
    };
    let rules: Vec<String> = gaps
        .iter()
        .filter(|gap| gap.location.file == FILE && RULES.contains(&gap.keyword.as_str()))
        // It holds names, and no schemas.
        .filter(|gap| gap.keyword != "dependentRequired")
        .map(|gap| join(&gap.location.pointer, &gap.keyword))
        .collect();
    // What stands in a rule is of no type of its own.
    for rule in &rules {
        let of_rule = schema.pointer(rule).unwrap_or(&Value::Null);
        let parts: Vec<(String, &Value)> = match of_rule {
            Value::Array(parts) => parts.iter().enumerate().map(|(at, part)| (at.to_string(), part)).collect(),
            Value::Object(parts) if rule.ends_with("/dependentSchemas") || rule.ends_with("/dependencies") => {
                parts.iter().map(|(name, part)| (name.clone(), part)).collect()
            }
            part => vec![(String::new(), part)],
        };
        for (step, part) in parts {
            let start = if step.is_empty() { rule.clone() } else { join(rule, &step) };
            every_schema(part, &mut |below, _| {
                let location = Location { file: FILE.to_owned(), pointer: format!("{start}{below}") };
                mark(&location, &|members| drop(members.insert(OPEN.to_owned(), json!(true))));
            });
        }
    }
    for location in &open {
        mark(location, &|members| drop(members.insert(OPEN.to_owned(), json!(true))));
    }
    for location in &whole {
        mark(location, &|members| drop(members.insert(WHOLE.to_owned(), json!(true))));
    }
    for (location, keyword) in &several {
        mark(location, &|members| {
            if let Value::Array(keywords) = members.entry(SEVERAL).or_insert_with(|| json!([])) {
                keywords.push(json!(keyword));
                keywords.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
            }
        });
    }
    if let Some(negative) = negative(schema) {
        for (location, bounds) in integers.iter().filter(|(location, _)| !negative.contains(&location.pointer)) {
            if let Some((least, most)) = bounds {
                mark(location, &|members| bound(members, *least, *most));
            }
        }
    }
    copy
}

/// Gives a schema of integers the bounds of their Rust type, where it has none of its own.
fn bound(members: &mut Map<String, Value>, least: i128, most: i128) {
    let number = |bound: i128| {
        i64::try_from(bound)
            .map(Number::from)
            .or_else(|_| u64::try_from(bound).map(Number::from))
            .ok()
            .map(Value::Number)
    };
    for (keyword, exclusive, bound) in
        [("minimum", "exclusiveMinimum", number(least)), ("maximum", "exclusiveMaximum", number(most))]
    {
        if let Some(bound) = bound.filter(|_| !members.contains_key(keyword) && !members.contains_key(exclusive)) {
            members.insert(keyword.to_owned(), bound);
        }
    }
}

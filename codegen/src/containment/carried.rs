//! Which objects generated types carry with properties that nobody declares, though the schema does not speak of them.
//!
//! Where a rule of a schema cannot be said by the fields of a struct, the validator decides, and it looks at the whole object: so
//! the type keeps what it does not know, and writes it again. Lowering knows where that is.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use crate::load::from_files;
use crate::lower::lower;
use crate::pointer::join;
use crate::walk::every_schema;

/// A member that marks such an object in a copy of its schema. It is no keyword of any draft.
pub(super) const OPEN: &str = "eventsmith:open";

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
    "not",
    "oneOf",
    "unevaluatedProperties",
];

/// The longest text of a schema that is lowered for this.
const LARGEST: usize = 300_000;

/// The schema, with every part marked whose generated type keeps undeclared properties for the sake of a rule.
pub(super) fn marked(schema: &Value) -> Value {
    const FILE: &str = "domain/compared/schema.v1.json";
    let mut has_rules = false;
    every_schema(schema, &mut |_, inner| {
        has_rules |= RULES.iter().any(|keyword| inner.get(*keyword).is_some());
    });
    let mut copy = schema.clone();
    let text = if has_rules { schema.to_string() } else { String::new() };
    if text.is_empty() || text.len() > LARGEST {
        return copy;
    }
    let manifest = ("eventsmith.toml".to_owned(), b"root = \"compared\"\n".to_vec());
    let loaded = from_files("", BTreeMap::from([manifest, (FILE.to_owned(), text.into_bytes())]));
    let (program, _) = lower(&loaded);
    let gaps = program.definitions.iter().flat_map(|definition| &definition.gaps);
    let gaps = gaps.filter(|gap| RULES.contains(&gap.keyword.as_str()));
    let mut places: HashSet<String> = HashSet::new();
    let mut rules: HashSet<String> = HashSet::new();
    for gap in gaps {
        rules.insert(format!("{}{}", gap.location.pointer, join("", &gap.keyword)));
        places.insert(gap.location.pointer.clone());
    }
    // What stands in the rule is of no type of its own.
    every_schema(schema, &mut |place, _| {
        let ends = place.match_indices('/').map(|(at, _)| at).skip(1).chain([place.len()]);
        if ends.into_iter().any(|end| rules.contains(&place[..end])) {
            places.insert(place.to_owned());
        }
    });
    for place in places {
        if let Some(Value::Object(members)) = copy.pointer_mut(&place) {
            members.insert(OPEN.to_owned(), json!(true));
        }
    }
    copy
}

//! Schemas of which accepting less is not accepting less.
//!
//! An integer that its Rust type does not hold is refused, whatever the schema says. To give schemas of integers the bounds of their
//! types says so, but not within `not`, nor in one of several alternatives of `oneOf`: what one does not accept any more, another may
//! accept alone.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::sample::local::{localized, target, target_pointer};
use crate::walk::subschemas;

use super::types::TypeSet;

/// The most alternatives of which each is compared with each.
const MOST: usize = 500;

/// How many references and parts lead to what an alternative says.
const DEEPEST: usize = 8;

/// The places of all schemas that count within `not`, `if` or `contains`, or within alternatives of `oneOf` that one value may
/// fulfil together; nothing where only a value tells what counts where.
pub(super) fn negative(schema: &Value) -> Option<HashSet<String>> {
    let root = localized(schema);
    let mut open = vec![(String::new(), false)];
    let mut seen: HashSet<(String, bool)> = HashSet::new();
    while let Some((at, is_negative)) = open.pop() {
        let Some(here @ Value::Object(members)) = root.pointer(&at) else { continue };
        if !seen.insert((at.clone(), is_negative)) {
            continue;
        }
        if members.contains_key("$dynamicRef") || members.contains_key("$recursiveRef") {
            return None;
        }
        if let Some(to) = members.get("$ref").and_then(Value::as_str).and_then(target_pointer) {
            open.push((to, is_negative));
        }
        let may_meet = !are_apart(&root, members);
        for (below, _) in subschemas(here) {
            let turns = match below.split('/').nth(1) {
                Some("not" | "if" | "contains") => true,
                Some("oneOf") => may_meet,
                // They count where something refers to them.
                Some("$defs" | "definitions") => continue,
                _ => false,
            };
            open.push((format!("{at}{below}"), is_negative || turns));
        }
    }
    Some(seen.into_iter().filter_map(|(at, is_negative)| is_negative.then_some(at)).collect())
}

/// Whether no value fulfils two alternatives of a `oneOf`: they are of different types, or objects that tell themselves apart by a
/// text that each requires.
fn are_apart(root: &Value, members: &Map<String, Value>) -> bool {
    let alternatives = members.get("oneOf").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if alternatives.len() > MOST {
        return false;
    }
    let said: Vec<Said<'_>> = alternatives.iter().map(|alternative| Said::by(root, members, alternative)).collect();
    let meets_another = |at: usize, one: &Said<'_>| {
        said.iter().enumerate().any(|(other_at, other)| at != other_at && one.types.meets(other.types))
    };
    let together: Vec<&Said<'_>> =
        said.iter().enumerate().filter(|(at, one)| meets_another(*at, one)).map(|(_, one)| one).collect();
    let Some(first) = together.first() else { return true };
    let tells_apart = |name: &str| {
        let mut seen = HashSet::new();
        together.iter().all(|one| {
            let texts = one.texts.get(name).filter(|_| one.required.contains(name));
            texts.is_some_and(|texts| texts.iter().all(|text| seen.insert(*text)))
        })
    };
    together.iter().all(|one| one.types == TypeSet::OBJECT) && first.texts.keys().any(|name| tells_apart(name))
}

/// What an alternative says of the values that it accepts.
struct Said<'a> {
    types: TypeSet,
    required: HashSet<&'a str>,
    /// The texts that properties may be.
    texts: HashMap<&'a str, HashSet<&'a str>>,
}

impl<'a> Said<'a> {
    fn by(root: &'a Value, around: &Map<String, Value>, alternative: &'a Value) -> Self {
        let types = around.get("type").map_or(TypeSet::ALL, TypeSet::allowed);
        let mut said = Self { types, required: HashSet::new(), texts: HashMap::new() };
        said.add(root, alternative, 0);
        said
    }

    fn add(&mut self, root: &'a Value, schema: &'a Value, depth: usize) {
        let Value::Object(members) = schema else { return };
        if let Some(types) = members.get("type") {
            self.types = self.types.and(TypeSet::allowed(types));
        }
        if let Some(values) = listed(members) {
            self.types = self.types.and(values.iter().map(TypeSet::of).fold(TypeSet::NONE, TypeSet::or));
        }
        let required = members.get("required").and_then(Value::as_array).into_iter().flatten();
        self.required.extend(required.filter_map(Value::as_str));
        for (name, property) in members.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let texts =
                property.as_object().and_then(listed).and_then(|values| values.iter().map(Value::as_str).collect());
            if let Some(texts) = texts {
                self.texts.insert(name, texts);
            }
        }
        if depth == DEEPEST {
            return;
        }
        let reference = members.get("$ref").and_then(Value::as_str).and_then(|reference| target(root, reference));
        let parts = members.get("allOf").and_then(Value::as_array).into_iter().flatten();
        parts.chain(reference).for_each(|part| self.add(root, part, depth + 1));
    }
}

/// The values that a schema lists.
fn listed(members: &Map<String, Value>) -> Option<&[Value]> {
    let constant = members.get("const").map(std::slice::from_ref);
    constant.or_else(|| members.get("enum").and_then(Value::as_array).map(Vec::as_slice))
}

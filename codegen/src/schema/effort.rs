//! Whether to decide about a schema takes a bearable time.
//!
//! Deciding whether a schema accepts anything distributes alternatives over what stands beside them and compares each with each. A
//! schema of a few kilobytes can keep that busy for minutes, so that it is only begun where the number of cases is known to be small.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::pointer::of_fragment;

/// Ways to choose from all unions that hold together.
const MOST_WAYS: f64 = 256.0;
/// Alternatives of one union, which are compared in pairs.
const MOST_ALTERNATIVES: usize = 256;
/// Conditions, prohibitions and dependencies that hold together. One more makes it take up to three times as long, or twice as long
/// where it counts as one.
const MOST_CONDITIONS: usize = 12;
/// What a condition counts, or a prohibition that speaks of properties: each of them is a case of its own.
const OF_PROPERTIES: usize = 2;
/// Conditions in the `else` of each other.
const MOST_NESTED: usize = 12;
/// Schemas that one value is held against, with all references followed.
const MOST_SCHEMAS: f64 = 20_000.0;
/// Schemas where those that are refined are written out.
const MOST_REFINED: f64 = 100_000.0;

/// Whether every part of a self-contained schema has few enough cases.
pub(super) fn is_bearable(schema: &Value) -> bool {
    let mut effort = Effort::new(schema);
    effort.walk(schema);
    effort.is_bearable
        && !has_long_chains(schema)
        && effort.most <= MOST_SCHEMAS
        && refined(schema, schema, &mut HashMap::new(), 0) <= MOST_REFINED
}

/// Whether references follow each other further than a stack has room for what follows them.
fn has_long_chains(root: &Value) -> bool {
    const LONGEST: usize = 500;
    let targets = |schema: &Value| {
        let (mut found, mut open) = (Vec::new(), vec![schema]);
        while let Some(part) = open.pop() {
            let uri = part.get("$ref").and_then(Value::as_str).and_then(|uri| uri.strip_prefix('#'));
            found.extend(uri.map(|fragment| of_fragment(fragment).into_owned()));
            let below = crate::walk::subschemas(part).into_iter();
            // Definitions count where something refers to them.
            open.extend(
                below
                    .filter(|(at, _)| !at.starts_with("/$defs/") && !at.starts_with("/definitions/"))
                    .map(|(_, part)| part),
            );
        }
        found
    };
    let mut lengths: HashMap<String, usize> = HashMap::new();
    let mut path = vec![(String::new(), targets(root))];
    lengths.insert(String::new(), 0);
    while let Some((at, open)) = path.last_mut() {
        let Some(target) = open.pop() else {
            let (at, length) = (at.clone(), lengths.get(at).copied().unwrap_or_default());
            path.pop();
            if let Some((before, _)) = path.last() {
                let known = lengths.entry(before.clone()).or_default();
                *known = (*known).max(length + 1);
            }
            lengths.insert(at, length);
            continue;
        };
        match lengths.get(&target).copied() {
            // What is open is a circle, and counts what is known of it.
            Some(length) => {
                let at = at.clone();
                let known = lengths.entry(at).or_default();
                *known = (*known).max(length + 1);
            }
            None => {
                lengths.insert(target.clone(), 0);
                if path.len() > LONGEST {
                    return true;
                }
                let below = root.pointer(&target).map(&targets).unwrap_or_default();
                path.push((target, below));
            }
        }
    }
    lengths.values().any(|length| *length > LONGEST)
}

/// How many schemas there are once every definition stands wherever it is refined, that is referred to beside other keywords. The
/// others are kept once.
fn refined(root: &Value, schema: &Value, known: &mut HashMap<*const Value, f64>, depth: usize) -> f64 {
    /// As deep as JSON is read, and more than anybody chains references.
    const DEEPEST: usize = 512;
    if depth > DEEPEST {
        return f64::INFINITY;
    }
    if let Some(count) = known.get(&std::ptr::from_ref(schema)) {
        return *count;
    }
    // A circle comes to nothing more.
    known.insert(schema, 0.0);
    let below = crate::walk::subschemas(schema).into_iter().map(|(_, part)| part);
    let is_refined = schema.as_object().is_some_and(|members| members.len() > 1);
    let target = schema.get("$ref").and_then(Value::as_str).filter(|_| is_refined && depth > 0);
    let target = target.and_then(|uri| root.pointer(&of_fragment(uri.strip_prefix('#')?)));
    let count = 1.0 + below.chain(target).map(|part| refined(root, part, known, depth + 1)).sum::<f64>();
    known.insert(schema, count);
    count
}

/// How many schemas a validator holds one value against at most, by a self-contained schema whose references are pointers: each
/// as often as it is referred to.
pub fn schemas_per_value(schema: &Value) -> f64 {
    let mut effort = Effort::new(schema);
    crate::walk::every_schema(schema, &mut |_, schema| {
        effort.cases(schema, 0);
    });
    effort.most
}

/// What one schema comes to, with everything that is said about the same value.
#[derive(Clone, Copy)]
struct Cases {
    ways: f64,
    conditions: usize,
    nested: usize,
    /// Schemas that a value is held against.
    schemas: f64,
}

const ONE: Cases = Cases { ways: 1.0, conditions: 0, nested: 0, schemas: 1.0 };
/// What a keyword adds to that is counted with its schemas.
const NONE: Cases = Cases { schemas: 0.0, ..ONE };

struct Effort<'a> {
    root: &'a Value,
    /// By the schema's address in the document.
    known: HashMap<*const Value, Cases>,
    is_bearable: bool,
    /// The most schemas that a value is held against.
    most: f64,
}

impl<'a> Effort<'a> {
    fn new(root: &'a Value) -> Self {
        Self { root, known: HashMap::new(), is_bearable: true, most: 1.0 }
    }

    fn walk(&mut self, schema: &'a Value) {
        crate::walk::every_schema(schema, &mut |_, schema| {
            if self.is_bearable {
                self.cases(schema, 0);
            }
        });
    }

    fn cases(&mut self, schema: &'a Value, depth: usize) -> Cases {
        /// As deep as JSON is read, and more than anybody chains references.
        const DEEPEST: usize = 512;
        let Value::Object(members) = schema else { return ONE };
        if let Some(cases) = self.known.get(&std::ptr::from_ref(schema)) {
            return *cases;
        }
        if depth > DEEPEST {
            self.is_bearable = false;
            return ONE;
        }
        // A circle comes to nothing more.
        self.known.insert(schema, ONE);
        let cases = self.of_members(members, depth + 1);
        let is_small = cases.ways <= MOST_WAYS && cases.conditions <= MOST_CONDITIONS && cases.nested <= MOST_NESTED;
        self.is_bearable &= is_small;
        self.most = self.most.max(cases.schemas);
        self.known.insert(schema, cases);
        cases
    }

    fn of_members(&mut self, members: &'a Map<String, Value>, depth: usize) -> Cases {
        // Values and patterns are tried one by one.
        let listed = members.get("enum").and_then(Value::as_array).map_or(0, Vec::len) / 4;
        let patterns = members.get("patternProperties").and_then(Value::as_object).map_or(0, Map::len);
        let mut all = Cases { schemas: 1.0 + (listed + patterns) as f64, ..ONE };
        let mut with = |cases: Cases| {
            all.schemas += cases.schemas;
            all.ways *= cases.ways;
            all.conditions += cases.conditions;
            all.nested = all.nested.max(cases.nested);
        };
        if let Some(target) = members.get("$ref").and_then(Value::as_str).and_then(|uri| uri.strip_prefix('#'))
            && let Some(target) = self.root.pointer(&of_fragment(target))
        {
            with(self.cases(target, depth));
        }
        for item in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            with(self.cases(item, depth));
        }
        for keyword in ["anyOf", "oneOf"] {
            let Some(Value::Array(items)) = members.get(keyword) else { continue };
            self.is_bearable &= items.len() <= MOST_ALTERNATIVES;
            let mut either = Cases { ways: 0.0, ..NONE };
            for item in items {
                let cases = self.cases(item, depth);
                either.schemas += cases.schemas;
                either.ways += cases.ways;
                either.conditions = either.conditions.max(cases.conditions);
                either.nested = either.nested.max(cases.nested);
            }
            with(Cases { ways: either.ways.max(1.0), ..either });
        }
        if let Some(not) = members.get("not") {
            let cases = self.cases(not, depth);
            let weight = if not.get("properties").is_some() { OF_PROPERTIES } else { 1 };
            with(Cases { conditions: cases.conditions + weight, ..cases });
        }
        if let Some(condition) = members.get("if") {
            let mut nested = self.cases(condition, depth);
            for keyword in ["then", "else"] {
                if let Some(branch) = members.get(keyword) {
                    let cases = self.cases(branch, depth);
                    nested.nested = nested.nested.max(cases.nested);
                    nested.conditions = nested.conditions.max(cases.conditions);
                    nested.ways = nested.ways.max(cases.ways);
                    nested.schemas += cases.schemas;
                }
            }
            with(Cases { conditions: nested.conditions + OF_PROPERTIES, nested: nested.nested + 1, ..nested });
        }
        for keyword in ["dependentRequired", "dependentSchemas", "dependencies"] {
            let count = members.get(keyword).and_then(Value::as_object).map_or(0, Map::len);
            with(Cases { conditions: count, ..NONE });
            for (_, schema) in members.get(keyword).and_then(Value::as_object).into_iter().flatten() {
                with(Cases { schemas: self.cases(schema, depth).schemas, ..NONE });
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_of_few_cases_is_decided() {
        let schema = json!({"allOf": [{"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"$ref": "#"}]});

        assert!(is_bearable(&schema));
    }

    #[test]
    fn unions_that_hold_together_multiply() {
        let one =
            |name: usize| json!({"oneOf": [{"required": [format!("a{name}")]}, {"required": [format!("b{name}")]}]});
        let of = |count: usize| json!({"allOf": (0..count).map(one).collect::<Vec<_>>()});

        assert!(is_bearable(&of(8)));
        assert!(!is_bearable(&of(9)));
    }

    #[test]
    fn references_that_follow_each_other_far_are_not_begun_with() {
        let of = |count: usize, last: &str| {
            let step = |at: usize| (at.to_string(), json!({"items": {"$ref": format!("#/$defs/{}", at + 1)}}));
            let mut definitions: Map<String, Value> = (0..count).map(step).collect();
            definitions.insert(count.to_string(), json!({"items": {"$ref": last}}));
            json!({"$ref": "#/$defs/0", "$defs": definitions})
        };

        assert!(is_bearable(&of(100, "#/$defs/0")));
        assert!(!is_bearable(&of(600, "#/$defs/0")) && !is_bearable(&of(5_000, "#")));
    }

    #[test]
    fn a_schema_counts_as_often_as_it_is_referred_to() {
        let of = |count: usize| {
            let both = |at: usize| json!({"allOf": vec![json!({"$ref": format!("#/$defs/{}", at + 1)}); 2]});
            let definitions: Map<String, Value> = (0..count).map(|at| (at.to_string(), both(at))).collect();
            json!({"$ref": "#/$defs/0", "$defs": definitions})
        };

        assert!(is_bearable(&of(8)));
        assert!(!is_bearable(&of(25)));
        assert!(schemas_per_value(&of(25)) > 1e7);
        assert!(schemas_per_value(&json!({"properties": {"a": {"type": "string"}}})) < 3.0);
    }

    #[test]
    fn many_alternatives_conditions_and_references_are_not_begun_with() {
        let names: Vec<Value> = (0..300).map(|name| json!({"required": [name.to_string()]})).collect();
        let needs: Map<String, Value> = (0..300).map(|name| (name.to_string(), json!(["a"]))).collect();
        let nested =
            (0..20).fold(json!({}), |inner, name| json!({"if": {"required": [name.to_string()]}, "else": inner}));

        assert!(!is_bearable(&json!({"oneOf": names})));
        assert!(!is_bearable(&json!({"dependentRequired": needs})));
        assert!(!is_bearable(&nested));

        let together = |count: usize, schema: fn(usize) -> Value| {
            is_bearable(&json!({"allOf": (0..count).map(schema).collect::<Vec<_>>()}))
        };
        let condition =
            |at: usize| json!({"if": {"required": [format!("a{at}")]}, "then": {"required": [format!("b{at}")]}});
        let not = |at: usize| json!({"not": {"required": [format!("a{at}"), format!("b{at}")]}});
        assert!(together(6, condition) && !together(7, condition));
        assert!(together(12, not) && !together(13, not));
    }
}

//! Objects: which properties, and what is in them.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use crate::sample::growth::Growth;
use crate::sample::intersect::{all_of, intersect};
use crate::sample::pattern;

impl Growth<'_> {
    pub(super) fn object(&mut self, flat: &Map<String, Value>) -> Option<Value> {
        let mut flat = flat.clone();
        let mut names = required(&flat);
        let must = names.len();
        let mut taken: HashSet<String> = names.iter().cloned().collect();
        for name in known(&flat) {
            if !taken.contains(&name) && self.takes_optional() {
                taken.insert(name.clone());
                names.push(name);
            }
        }
        if let Some(most) = size(&flat, "maxProperties") {
            names.truncate(most.max(must));
        }
        let least = size(&flat, "minProperties").unwrap_or_default();
        if !self.has_room(least.max(must)) {
            return None;
        }
        let more: Vec<String> = known(&flat).into_iter().filter(|name| !taken.contains(name)).collect();
        names.extend(more.into_iter().take(least.saturating_sub(names.len())));
        taken = names.iter().cloned().collect();
        while names.len() < least {
            let name = self.invented(&flat, &taken)?;
            taken.insert(name.clone());
            names.push(name);
        }
        let mut must: HashSet<String> = self.dependents(&mut flat, &mut names)?.into_iter().collect();
        must.extend(required(&flat));
        let order: HashMap<String, usize> = known(&flat).into_iter().zip(0..).collect();
        names.sort_by_key(|name| order.get(name).copied().unwrap_or(usize::MAX));
        let mut members = Map::new();
        for name in names {
            let schema = self.property(&flat, &name);
            match self.value(&schema) {
                Some(value) => {
                    members.insert(name, value);
                }
                None if must.contains(&name) => return None,
                None => {}
            }
        }
        (members.len() >= least).then_some(Value::Object(members))
    }

    /// Adds the properties that others require; returns their names.
    fn dependents(&mut self, flat: &mut Map<String, Value>, names: &mut Vec<String>) -> Option<Vec<String>> {
        const KEYWORDS: [&str; 3] = ["dependentRequired", "dependentSchemas", "dependencies"];
        let mut added = Vec::new();
        let mut next = 0;
        let mut taken: HashSet<String> = names.iter().cloned().collect();
        while KEYWORDS.iter().any(|keyword| flat.contains_key(*keyword))
            && let Some(name) = names.get(next).cloned()
        {
            next += 1;
            let mut before = None;
            let mut wanted = Vec::new();
            for keyword in KEYWORDS {
                match flat.get(keyword).and_then(|map| map.get(&name)).cloned() {
                    Some(Value::Array(others)) => {
                        wanted.extend(others.iter().filter_map(Value::as_str).map(str::to_owned))
                    }
                    Some(schema) => {
                        before.get_or_insert_with(|| required(flat).into_iter().collect::<HashSet<_>>());
                        let part = self.flat(&schema, 0)?;
                        *flat = intersect(flat.clone(), part)?;
                    }
                    None => {}
                }
            }
            if let Some(before) = before {
                wanted.extend(required(flat).into_iter().filter(|name| !before.contains(name)));
            }
            for name in wanted {
                if taken.insert(name.clone()) {
                    names.push(name.clone());
                }
                added.push(name);
            }
        }
        Some(added)
    }

    /// A name that the schema does not know but allows.
    fn invented(&mut self, flat: &Map<String, Value>, taken: &HashSet<String>) -> Option<String> {
        let is_taken = |name: &String| taken.contains(name);
        if let Some(schema) = flat.get("propertyNames") {
            let schema = all_of(schema, &json!({"type": "string", "minLength": 1}));
            return self.distinct(is_taken, |growth| growth.value(&schema)?.as_str().map(str::to_owned));
        }
        if let Some(Value::Object(patterns)) = flat.get("patternProperties")
            && let Some((pattern, _)) = patterns.iter().find(|(_, schema)| **schema != Value::Bool(false))
        {
            return self.distinct(is_taken, |growth| pattern::sample(pattern, 0, &mut growth.choices));
        }
        (taken.len() + 1..).map(|number| format!("property{number}")).find(|name| !taken.contains(name))
    }

    /// Everything that holds for the value of a property.
    fn property(&mut self, flat: &Map<String, Value>, name: &str) -> Value {
        self.spend(8 * flat.get("patternProperties").and_then(Value::as_object).map_or(0, Map::len));
        let mut parts: Vec<&Value> = flat.get("properties").and_then(|map| map.get(name)).into_iter().collect();
        for (pattern, schema) in flat.get("patternProperties").and_then(Value::as_object).into_iter().flatten() {
            if self.check(&json!({"pattern": pattern})).is_some_and(|matches| matches.is_valid(&json!(name))) {
                parts.push(schema);
            }
        }
        if parts.is_empty() {
            parts.extend(flat.get("additionalProperties"));
        }
        parts.into_iter().fold(Value::Bool(true), |all, part| all_of(&all, part))
    }
}

fn required(flat: &Map<String, Value>) -> Vec<String> {
    let names = flat.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The names of the properties that may be there, in the schema's order.
fn known(flat: &Map<String, Value>) -> Vec<String> {
    let properties = flat.get("properties").and_then(Value::as_object);
    let allowed = properties.into_iter().flatten().filter(|(_, schema)| **schema != Value::Bool(false));
    allowed.map(|(name, _)| name.clone()).collect()
}

/// A keyword that counts something.
pub(super) fn size(flat: &Map<String, Value>, keyword: &str) -> Option<usize> {
    // Counts are integers, though 3.0 is one, too.
    let number = flat.get(keyword)?.as_f64()?;
    (0.0..1e9).contains(&number).then_some(number as usize)
}

//! Objects: which properties, and what is in them.

use serde_json::{Map, Value, json};

use crate::sample::growth::Growth;
use crate::sample::intersect::{all_of, intersect};
use crate::sample::pattern;
use crate::schema::Validator;

impl Growth<'_> {
    pub(super) fn object(&mut self, flat: &Map<String, Value>) -> Option<Value> {
        let mut flat = flat.clone();
        let mut names = required(&flat);
        let must = names.len();
        for name in known(&flat) {
            if !names.contains(&name) && self.takes_optional() {
                names.push(name);
            }
        }
        if let Some(most) = size(&flat, "maxProperties") {
            names.truncate(most.max(must));
        }
        let least = size(&flat, "minProperties").unwrap_or_default();
        let more: Vec<String> = known(&flat).into_iter().filter(|name| !names.contains(name)).collect();
        names.extend(more.into_iter().take(least.saturating_sub(names.len())));
        while names.len() < least {
            names.push(self.invented(&flat, &names)?);
        }
        let mut must = self.dependents(&mut flat, &mut names)?;
        must.extend(required(&flat));
        let order = known(&flat);
        names.sort_by_key(|name| order.iter().position(|known| known == name).unwrap_or(usize::MAX));
        let mut members = Map::new();
        for name in names {
            match self.value(&property(&flat, &name)) {
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
        let mut added = Vec::new();
        let mut next = 0;
        while let Some(name) = names.get(next).cloned() {
            next += 1;
            let before = required(flat);
            let mut wanted = Vec::new();
            for keyword in ["dependentRequired", "dependentSchemas", "dependencies"] {
                match flat.get(keyword).and_then(|map| map.get(&name)).cloned() {
                    Some(Value::Array(others)) => {
                        wanted.extend(others.iter().filter_map(Value::as_str).map(str::to_owned))
                    }
                    Some(schema) => {
                        let part = self.flat(&schema, 0)?;
                        *flat = intersect(flat.clone(), part)?;
                    }
                    None => {}
                }
            }
            wanted.extend(required(flat).into_iter().filter(|name| !before.contains(name)));
            for name in wanted {
                if !names.contains(&name) {
                    names.push(name.clone());
                }
                added.push(name);
            }
        }
        Some(added)
    }

    /// A name that the schema does not know but allows.
    fn invented(&mut self, flat: &Map<String, Value>, taken: &[String]) -> Option<String> {
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
        (1_usize..).map(|number| format!("property{number}")).find(|name| !taken.contains(name))
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

/// Everything that holds for the value of a property.
fn property(flat: &Map<String, Value>, name: &str) -> Value {
    let mut parts: Vec<&Value> = flat.get("properties").and_then(|map| map.get(name)).into_iter().collect();
    for (pattern, schema) in flat.get("patternProperties").and_then(Value::as_object).into_iter().flatten() {
        let matches = Validator::new(&json!({"pattern": pattern}));
        if matches.is_ok_and(|matches| matches.faults(&json!(name)).is_empty()) {
            parts.push(schema);
        }
    }
    if parts.is_empty() {
        parts.extend(flat.get("additionalProperties"));
    }
    parts.into_iter().fold(Value::Bool(true), |all, part| all_of(&all, part))
}

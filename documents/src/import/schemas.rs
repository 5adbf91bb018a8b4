//! Schemas as the catalogue has them: draft 7, what is referred to once in a file of shared definitions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::names::definition;
use super::notes::{DRAFT, Notes, SHARED};
use super::source::{Place, Source};
use crate::keywords::PLAIN;

/// The most schemas of all files.
const MOST: usize = 200_000;
/// How deep they may lie in each other.
const DEEPEST: usize = 100;

/// Keywords that hold a schema.
const ONE: [&str; 8] =
    ["additionalProperties", "additionalItems", "contains", "propertyNames", "if", "then", "else", "not"];
/// Keywords that hold a list of them.
const LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Keywords that hold them by name.
const MAPS: [&str; 2] = ["properties", "patternProperties"];
/// Keywords that say nothing about values, or only where something is.
const SILENT: [&str; 9] =
    ["$schema", "$id", "id", "$comment", "definitions", "$defs", "externalDocs", "contentEncoding", "contentMediaType"];

/// Converts schemas, and collects those that are referred to.
pub(super) struct Schemas {
    names: BTreeMap<Place, String>,
    taken: BTreeSet<String>,
    open: Vec<Place>,
    written: Map<String, Value>,
    count: usize,
}

impl Schemas {
    pub(super) fn new() -> Self {
        Self { names: BTreeMap::new(), taken: BTreeSet::new(), open: Vec::new(), written: Map::new(), count: 0 }
    }

    /// The schema at a place, for a file of the catalogue at this path. A reference at its top is followed.
    pub(super) fn root(
        &mut self,
        source: &mut Source<'_>,
        place: &Place,
        file: &str,
        notes: &mut Notes,
    ) -> Result<Value, String> {
        let place = source.follow(place)?;
        let value = source.value(&place)?;
        let shared = format!("{}{SHARED}", "../".repeat(file.matches('/').count()));
        self.converted(source, &place, &value, &shared, notes, 0)
    }

    /// The file of shared definitions; nothing if there are none.
    pub(super) fn shared(&mut self, source: &mut Source<'_>, notes: &mut Notes) -> Result<Option<Value>, String> {
        while let Some(place) = self.open.pop() {
            let value = source.value(&place)?;
            let Some(name) = self.names.get(&place).cloned() else { continue };
            let schema = self.converted(source, &place, &value, "", notes, 0)?;
            self.written.insert(name, schema);
        }
        let written = std::mem::take(&mut self.written);
        Ok((!written.is_empty()).then(|| json!({"$schema": DRAFT, "definitions": written})))
    }

    fn reference(&mut self, place: &Place, shared: &str) -> Value {
        let name = match self.names.get(place) {
            Some(name) => name.clone(),
            None => {
                let name = definition(&place.name(), &mut self.taken);
                self.names.insert(place.clone(), name.clone());
                self.open.push(place.clone());
                name
            }
        };
        json!({"$ref": format!("{shared}#/definitions/{name}")})
    }

    fn converted(
        &mut self,
        source: &mut Source<'_>,
        place: &Place,
        value: &Value,
        shared: &str,
        notes: &mut Notes,
        depth: usize,
    ) -> Result<Value, String> {
        self.count += 1;
        if self.count > MOST {
            return Err(format!("the schemas have more than {MOST} parts"));
        }
        if depth > DEEPEST {
            return Err(format!("the schema at {place} is nested deeper than {DEEPEST} levels"));
        }
        let members = match value {
            Value::Object(members) => members,
            Value::Bool(_) => return Ok(value.clone()),
            _ => {
                notes.add(place, "is no schema; everything is accepted there");
                return Ok(Value::Bool(true));
            }
        };
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            let target = source.target(&place.file, reference).and_then(|target| source.follow(&target));
            return Ok(match target {
                Ok(target) => self.reference(&target, shared),
                Err(reason) => {
                    notes.add(place, &format!("{reason}; everything is accepted there"));
                    Value::Bool(true)
                }
            });
        }
        let mut one = |schemas: &mut Self, at: &Place, value: &Value, notes: &mut Notes| {
            schemas.converted(source, at, value, shared, notes, depth + 1)
        };
        let mut written = Map::new();
        for (keyword, value) in members {
            let at = place.below(keyword);
            let value = match (keyword.as_str(), value) {
                (keyword, _) if ONE.contains(&keyword) => one(self, &at, value, notes)?,
                ("items", Value::Object(_) | Value::Bool(_)) => one(self, &at, value, notes)?,
                (keyword, Value::Array(items)) if LISTS.contains(&keyword) || keyword == "items" => {
                    let mut all = Vec::new();
                    for (index, item) in items.iter().enumerate() {
                        all.push(one(self, &at.below(&index.to_string()), item, notes)?);
                    }
                    Value::Array(all)
                }
                (keyword, Value::Object(named)) if MAPS.contains(&keyword) || keyword == "dependencies" => {
                    let mut all = Map::new();
                    for (name, value) in named {
                        let value = match value {
                            Value::Array(_) => value.clone(),
                            value => one(self, &at.below(name), value, notes)?,
                        };
                        all.insert(name.clone(), value);
                    }
                    Value::Object(all)
                }
                (keyword, _)
                    if (PLAIN.contains(&keyword) || matches!(keyword, "exclusiveMaximum" | "exclusiveMinimum")) =>
                {
                    value.clone()
                }
                // How exact numbers stand beside their keywords.
                (keyword, _) if keyword == eventsmith_exact::schema::EXACT => value.clone(),
                (keyword, _) if SILENT.contains(&keyword) || keyword.starts_with("x-") => continue,
                (keyword, _) => {
                    notes.add(place, &format!("the keyword {keyword:?} is none of draft 7, and is left out"));
                    continue;
                }
            };
            written.insert(keyword.clone(), value);
        }
        Ok(Value::Object(written))
    }
}

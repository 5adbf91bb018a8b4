//! The schemas of a document, each once under a name of its own below `components/schemas`.
//!
//! Tools of AsyncAPI read schemas as draft 7 with little beside it, and take no references into `$defs` of a payload. So what payloads
//! refer to is lifted to the top, and all of it is said in the keywords of draft 7. What these cannot say is left out and noted: then the
//! document accepts more than the catalogue, never less.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use eventsmith_codegen::Loaded;
use eventsmith_codegen::pointer::{join, steps};
use eventsmith_codegen::references::{Location, Target};
use eventsmith_codegen::schema::{draft_number, is_known_format};
use eventsmith_exact::schema::EXACT;
use serde_json::{Map, Value, json};

use crate::keywords::PLAIN;

/// Something that the document says less exactly than the catalogue does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The schema file.
    pub file: String,
    /// The JSON pointer of the schema in it.
    pub pointer: String,
    /// What is not said, and what that means.
    pub message: String,
}

/// Collects schemas under names.
pub(super) struct Schemas<'a> {
    loaded: &'a Loaded,
    /// The names of payloads, by their files.
    roots: BTreeMap<String, String>,
    names: BTreeMap<Location, String>,
    taken: BTreeSet<String>,
    open: Vec<Location>,
    written: BTreeMap<String, Value>,
    /// Where the references of each file lead, by the pointers of the schemas that hold them.
    links: HashMap<&'a str, HashMap<&'a str, Option<&'a Target>>>,
    pub(super) notes: Vec<Note>,
}

/// Keywords that are taken over as they are, beside those that hold no schema in any draft.
const KEPT: &[&str] = &["contentEncoding", "contentMediaType", "$comment"];

/// Keywords that hold one schema, in draft 7 as in the newer ones.
const ONE: &[&str] = &["additionalProperties", "contains", "propertyNames", "if", "then", "else", "not"];
/// Keywords that hold a list of schemas.
const LISTS: &[&str] = &["allOf", "anyOf", "oneOf"];
/// What a UUID is, for tools whose draft knows no such format.
const UUID: &str = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

impl<'a> Schemas<'a> {
    /// `roots` names the schemas of payloads by their files; nothing else gets such a name.
    pub(super) fn new(loaded: &'a Loaded, roots: BTreeMap<String, String>) -> Self {
        let taken = roots.values().cloned().collect();
        let (names, written) = (BTreeMap::new(), BTreeMap::new());
        Self { loaded, roots, names, taken, open: Vec::new(), written, links: HashMap::new(), notes: Vec::new() }
    }

    /// A reference to the schema of a file.
    pub(super) fn of_file(&mut self, file: &str) -> Value {
        self.reference(&Location::root(file))
    }

    /// Adds a schema that the catalogue does not have, under its name.
    pub(super) fn add(&mut self, name: &str, schema: Value) -> Value {
        self.taken.insert(name.to_owned());
        self.written.insert(name.to_owned(), schema);
        to(name)
    }

    /// All schemas, by name.
    pub(super) fn finish(&mut self) -> Map<String, Value> {
        while let Some(location) = self.open.pop() {
            let Some(name) = self.names.get(&location).cloned() else { continue };
            let document = self.loaded.catalogue.documents.get(&location.file);
            let schema = match document.and_then(|document| document.schema.pointer(&location.pointer)) {
                Some(schema) => self.said(&location, schema),
                None => Value::Bool(true),
            };
            // The parser takes no payload that is `true` or `false`.
            let schema = match schema {
                Value::Bool(true) => json!({}),
                Value::Bool(false) => json!({"not": {}}),
                schema => schema,
            };
            self.written.insert(name, schema);
        }
        self.notes.sort();
        self.notes.dedup();
        self.written.iter().map(|(name, schema)| (name.clone(), schema.clone())).collect()
    }

    fn reference(&mut self, location: &Location) -> Value {
        if let Some(name) = self.names.get(location) {
            return to(name);
        }
        let name = self.name(location);
        self.taken.insert(name.clone());
        self.names.insert(location.clone(), name.clone());
        self.open.push(location.clone());
        to(&name)
    }

    /// What a schema is called: after its payload, or after its definition, or after its file; with a number where that is taken.
    fn name(&self, location: &Location) -> String {
        let root = self.roots.get(&location.file);
        if let (Some(root), "") = (root, location.pointer.as_str()) {
            return root.clone();
        }
        let stem = location.file.trim_end_matches(".json").replace('/', ".");
        let within: Vec<String> = steps(&location.pointer).unwrap_or_default();
        let within = within.into_iter().filter(|step| !["$defs", "definitions"].contains(&step.as_str()));
        let within = within.collect::<Vec<_>>().join(".");
        let wanted = match root {
            Some(root) => vec![format!("{root}.{within}")],
            None if within.is_empty() => vec![stem.rsplit('.').next().unwrap_or_default().to_owned(), stem],
            None => vec![within.clone(), format!("{stem}.{within}")],
        };
        let wanted: Vec<String> = wanted.iter().map(|name| key(name)).collect();
        let numbered = (2..).map(|number| format!("{}.{number}", wanted.last().map_or("", String::as_str)));
        let mut all = wanted.iter().cloned().chain(numbered);
        all.find(|name| !self.taken.contains(name)).unwrap_or_default()
    }

    fn note(&mut self, location: &Location, message: impl Into<String>) {
        let Location { file, pointer } = location.clone();
        self.notes.push(Note { file, pointer, message: message.into() });
    }

    fn target(&mut self, location: &Location) -> Option<&'a Target> {
        let loaded = self.loaded;
        let (file, _) = loaded.catalogue.documents.get_key_value(&location.file)?;
        let links = self.links.entry(file.as_str()).or_insert_with(|| {
            let links = loaded.references.links(file).iter().filter(|link| link.keyword == "$ref");
            links.map(|link| (link.pointer.as_str(), link.target.as_ref())).collect()
        });
        links.get(location.pointer.as_str()).copied().flatten()
    }

    /// A schema in the keywords of draft 7.
    fn said(&mut self, location: &Location, schema: &Value) -> Value {
        let Value::Object(members) = schema else { return schema.clone() };
        let draft = self.loaded.catalogue.documents.get(&location.file);
        let draft = draft.map_or(2020, |document| draft_number(&document.schema));
        let mut out = Map::new();
        // Schemas that hold together with what the keywords say.
        let mut beside: Vec<Value> = Vec::new();
        if members.contains_key("$ref") {
            let reference = match self.target(location).cloned() {
                Some(Target::Location(target)) => self.reference(&target),
                Some(Target::MetaSchema) => {
                    self.note(location, "a reference to a meta-schema is left out: any schema is accepted here");
                    Value::Bool(true)
                }
                None => Value::Bool(true),
            };
            if draft < 2019 {
                return reference;
            }
            if members.keys().all(|keyword| ["$ref", "$defs", "definitions"].contains(&keyword.as_str())) {
                return reference;
            }
            beside.push(reference);
        }
        for (keyword, value) in members {
            self.keyword(location, members, draft, (keyword, value), &mut out, &mut beside);
        }
        self.exact(location, members, draft, &mut out);
        if !beside.is_empty() {
            match out.get_mut("allOf") {
                Some(Value::Array(all)) => all.extend(beside),
                _ => {
                    out.insert("allOf".to_owned(), Value::Array(beside));
                }
            }
        }
        Value::Object(out)
    }

    fn keyword(
        &mut self,
        location: &Location,
        members: &Map<String, Value>,
        draft: u16,
        (keyword, value): (&str, &Value),
        out: &mut Map<String, Value>,
        beside: &mut Vec<Value>,
    ) {
        let at = location.below(&join("", keyword));
        let is_modern = draft >= 2019;
        match keyword {
            "minimum" | "maximum" if draft == 4 => {
                let exclusive = format!("exclusiveM{}", &keyword[1..]);
                let is_exclusive = members.get(&exclusive) == Some(&Value::Bool(true));
                out.insert(if is_exclusive { exclusive } else { keyword.to_owned() }, value.clone());
            }
            "exclusiveMinimum" | "exclusiveMaximum" if draft == 4 => {}
            "exclusiveMinimum" | "exclusiveMaximum" => {
                out.insert(keyword.to_owned(), value.clone());
            }
            // What says nothing in the draft of its file must say nothing here.
            "const" | "contains" | "propertyNames" if draft == 4 => {}
            "if" | "then" | "else" if draft < 7 => {}
            "format" => self.format(location, value, members, out, beside),
            "contains" if members.get("minContains").and_then(Value::as_f64) == Some(0.0) && is_modern => {}
            "minContains"
                if is_modern
                    && members.contains_key("contains")
                    && [Some(0.0), Some(1.0)].contains(&value.as_f64()) => {}
            "minContains" | "maxContains" if is_modern && members.contains_key("contains") => {
                self.note(location, format!("`{keyword}` is left out: any number of such elements is accepted"));
            }
            "items" if value.is_array() && draft < 2020 => {
                out.insert("items".to_owned(), self.list(&at, value));
            }
            "additionalItems" if draft < 2020 => {
                out.insert("additionalItems".to_owned(), self.said(&at, value));
            }
            "prefixItems" if draft == 2020 => {
                out.insert("items".to_owned(), self.list(&at, value));
            }
            "items" => {
                let is_rest = draft == 2020 && members.contains_key("prefixItems");
                out.insert(if is_rest { "additionalItems" } else { "items" }.to_owned(), self.said(&at, value));
            }
            "dependencies" => self.dependencies(&at, value, out, beside),
            "dependentRequired" | "dependentSchemas" if is_modern => self.dependencies(&at, value, out, beside),
            "unevaluatedProperties" | "unevaluatedItems" if is_modern => {
                self.unevaluated(location, members, keyword, out)
            }
            "$dynamicRef" | "$recursiveRef" if is_modern => {
                self.note(location, format!("`{keyword}` is left out: what it leads to depends on who asks"));
            }
            "properties" | "patternProperties" => {
                let Value::Object(map) = value else { return };
                let said = map.iter().map(|(name, value)| (name.clone(), self.said(&at.below(&join("", name)), value)));
                let mut said: Map<String, Value> = said.collect();
                // Tools take a property of this name for a reference; a pattern says the same.
                if let Some(schema) = said.shift_remove("$ref").filter(|_| keyword == "properties") {
                    let patterns = out.entry("patternProperties").or_insert_with(|| json!({}));
                    if let Value::Object(patterns) = patterns {
                        patterns.insert("^\\$ref$".to_owned(), schema);
                    }
                }
                match (out.get_mut(keyword), keyword) {
                    (Some(Value::Object(known)), "patternProperties") => known.extend(said),
                    _ => {
                        out.insert(keyword.to_owned(), Value::Object(said));
                    }
                }
            }
            keyword if ONE.contains(&keyword) => {
                out.insert(keyword.to_owned(), self.said(&at, value));
            }
            keyword if LISTS.contains(&keyword) => {
                out.insert(keyword.to_owned(), self.list(&at, value));
            }
            "examples" if !value.is_array() => {}
            // Annotations have any shape in a draft that does not know them.
            "deprecated" | "readOnly" | "writeOnly" if !value.is_boolean() => {}
            "title" | "description" | "$comment" | "contentEncoding" | "contentMediaType" if !value.is_string() => {}
            keyword if keyword.starts_with("x-") && holds_reference(value) => {}
            "enum" | "const" | "default" | "examples" if holds_reference(value) => {
                // Tools follow whatever looks like a reference.
                if matches!(keyword, "enum" | "const") {
                    self.note(location, format!("`{keyword}` is left out, as a value in it looks like a reference"));
                }
            }
            keyword if PLAIN.contains(&keyword) || KEPT.contains(&keyword) || keyword.starts_with("x-") => {
                out.insert(keyword.to_owned(), value.clone());
            }
            _ => {}
        }
    }

    /// Numbers that a double does not hold stay as they were written, where they stand under the same keyword.
    fn exact(&mut self, location: &Location, members: &Map<String, Value>, draft: u16, out: &mut Map<String, Value>) {
        let Some(Value::Object(texts)) = members.get(EXACT) else { return };
        if draft == 4 && texts.keys().any(|keyword| !out.contains_key(keyword)) {
            self.note(location, "a number that no double holds is rounded");
        }
        let kept = texts.iter().filter(|(keyword, _)| out.contains_key(keyword.as_str()));
        let kept: Map<String, Value> = kept.map(|(keyword, text)| (keyword.clone(), text.clone())).collect();
        if !kept.is_empty() {
            out.insert(EXACT.to_owned(), Value::Object(kept));
        }
    }

    fn list(&mut self, at: &Location, value: &Value) -> Value {
        let Value::Array(items) = value else { return value.clone() };
        let said = items.iter().enumerate().map(|(index, item)| self.said(&at.below(&format!("/{index}")), item));
        Value::Array(said.collect())
    }

    fn format(
        &self,
        location: &Location,
        value: &Value,
        members: &Map<String, Value>,
        out: &mut Map<String, Value>,
        beside: &mut Vec<Value>,
    ) {
        // What its own draft does not know asserts nothing, and would here.
        let document = self.loaded.catalogue.documents.get(&location.file);
        let name = value.as_str().unwrap_or_default();
        if !document.is_some_and(|document| is_known_format(&document.schema, name)) {
            out.insert("x-format".to_owned(), value.clone());
            return;
        }
        out.insert("format".to_owned(), value.clone());
        if value == "uuid" {
            match members.contains_key("pattern") {
                true => beside.push(json!({"pattern": UUID})),
                false => {
                    out.insert("pattern".to_owned(), json!(UUID));
                }
            }
        }
    }

    /// What must hold where a property is there: a list of names or a schema, under the one keyword of draft 7.
    fn dependencies(&mut self, at: &Location, value: &Value, out: &mut Map<String, Value>, beside: &mut Vec<Value>) {
        let Value::Object(rules) = value else { return };
        for (name, rule) in rules {
            let rule = match rule {
                Value::Array(names) => Value::Array(names.clone()),
                schema => self.said(&at.below(&join("", name)), schema),
            };
            let all = out.entry("dependencies").or_insert_with(|| json!({}));
            match all {
                Value::Object(all) if !all.contains_key(name) => {
                    all.insert(name.clone(), rule);
                }
                _ => beside.push(json!({"dependencies": {name: rule}})),
            }
        }
    }

    /// What speaks of properties or elements that nothing else speaks of; without alternatives beside it that is a keyword of draft 7.
    fn unevaluated(
        &mut self,
        location: &Location,
        members: &Map<String, Value>,
        keyword: &str,
        out: &mut Map<String, Value>,
    ) {
        let others = [
            "$ref",
            "$dynamicRef",
            "$recursiveRef",
            "allOf",
            "anyOf",
            "oneOf",
            "if",
            "dependentSchemas",
            "not",
            "contains",
        ];
        let is_alone = !others.iter().any(|other| members.contains_key(*other));
        let value = members.get(keyword).unwrap_or(&Value::Bool(true));
        let at = location.below(&join("", keyword));
        let taken: &[&str] = match keyword {
            "unevaluatedProperties" => &["additionalProperties"],
            _ => &["items", "prefixItems", "additionalItems"],
        };
        if value == &Value::Bool(true) {
            return;
        }
        let is_closed_otherwise = taken.iter().any(|other| members.contains_key(*other));
        let is_tuple = keyword == "unevaluatedItems"
            && (members.contains_key("prefixItems") != members.contains_key("items")
                || members.get("items").is_some_and(Value::is_array))
            && (members.contains_key("prefixItems") || members.get("items").is_some_and(Value::is_array))
            && !members.contains_key("additionalItems");
        let to = match keyword {
            "unevaluatedProperties" => "additionalProperties",
            _ if is_tuple => "additionalItems",
            _ => "items",
        };
        if is_alone && (is_tuple || !is_closed_otherwise) {
            let said = self.said(&at, value);
            out.insert(to.to_owned(), said);
        } else if !is_alone {
            self.note(location, format!("`{keyword}` is left out: what it refuses or describes is accepted as it is"));
        }
    }
}

/// A reference to the schema of a name.
pub(super) fn to(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A name as `components` take it.
pub(super) fn key(name: &str) -> String {
    let is_kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let kept: String = name.chars().map(|c| if is_kept(c) { c } else { '_' }).collect();
    if kept.is_empty() { "schema".to_owned() } else { kept }
}

/// Whether a value, or a value in it, looks like a reference.
pub(super) fn holds_reference(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.get("$ref").is_some_and(Value::is_string) || members.values().any(holds_reference)
        }
        Value::Array(items) => items.iter().any(holds_reference),
        _ => false,
    }
}

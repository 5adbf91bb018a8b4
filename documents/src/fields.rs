//! The fields of a schema as a reader says them: what they are, whether they must be there, what they may hold.

mod layers;

use std::cell::Cell;
use std::collections::BTreeSet;

use eventsmith_codegen::Loaded;
use eventsmith_codegen::pointer::{join, steps};
use eventsmith_codegen::references::{Location, Target};
use serde::Serialize;
use serde_json::{Map, Value};

use layers::Layers;

/// How deep objects in objects are listed. What lies deeper is found in the schema.
const DEEPEST: usize = 6;
/// How many schemas are looked at for one table: alternatives that refer to each other have more ways through them than anybody reads.
const WORK: usize = 20_000;
/// How many fields of one payload are listed.
const MOST: usize = 500;

/// A field of a payload, or of a shared type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Where it stands: `priority`, `lines[].sku`, `labels{}`.
    pub path: String,
    /// How many fields it lies in.
    pub depth: usize,
    /// What it is, in words: `list of texts`.
    pub kind: String,
    /// The shared type that says what it is, by its place.
    #[serde(skip)]
    pub shared: Option<Location>,
    /// The name of that type; empty without one.
    pub shared_name: String,
    /// Whether it must be there.
    pub is_required: bool,
    /// What null and absence mean, in words.
    pub presence: String,
    /// What else must hold, in words.
    pub constraints: Vec<String>,
    /// The only values that it may have, as JSON.
    pub values: Vec<String>,
    /// What it means, as Markdown.
    pub description: String,
    /// Examples, as JSON.
    pub examples: Vec<String>,
    /// Whether it is not to be used any more.
    pub is_deprecated: bool,
    /// Its unit, if the schema says one (`x-unit`).
    pub unit: String,
}

impl Field {
    /// The same without what its schema says.
    fn plain(self) -> Self {
        Self { constraints: Vec::new(), values: Vec::new(), examples: Vec::new(), description: String::new(), ..self }
    }
}

/// Reads the schemas of a catalogue.
pub(crate) struct Reader<'a> {
    loaded: &'a Loaded,
    /// The files of events, whose definitions are nobody else's.
    own: BTreeSet<&'a str>,
    /// How many schemas may still be looked at for the table that is being made.
    budget: Cell<usize>,
}

/// All fields of a schema file, or of a definition in it, in the order of the schema.
pub fn fields(loaded: &Loaded, location: &Location) -> Vec<Field> {
    Reader::new(loaded).fields(location)
}

impl<'a> Reader<'a> {
    pub(crate) fn new(loaded: &'a Loaded) -> Self {
        let own = loaded.catalogue.versions().flat_map(|(_, version)| version.files()).map(String::as_str).collect();
        Self { loaded, own, budget: Cell::new(WORK) }
    }

    pub(crate) fn fields(&self, location: &Location) -> Vec<Field> {
        self.budget.set(WORK);
        let mut all = Vec::new();
        self.below(location, "", 0, &mut vec![location.clone()], &mut all);
        let is_cut = self.budget.get() == 0 || all.len() >= MOST;
        all.truncate(MOST);
        self.budget.set(WORK);
        if is_cut {
            let more = "and more, which the schema says".to_owned();
            all.push(Field {
                kind: more,
                presence: String::new(),
                ..self.field(location, "…".to_owned(), 0, false, None).plain()
            });
        }
        all
    }

    /// What the schema itself is, as if it were a field without a name.
    pub(crate) fn whole(&self, location: &Location) -> Field {
        self.field(location, String::new(), 0, true, None)
    }

    /// Whether a definition is of a file that belongs to no event.
    pub(crate) fn is_shared(&self, location: &Location) -> bool {
        !self.own.contains(location.file.as_str())
    }

    /// The types that are no event's own, in the order of their files: definitions, and files that are a type themselves.
    pub(crate) fn shared_types(&self) -> Vec<Location> {
        let mut all = Vec::new();
        for document in
            self.loaded.catalogue.documents.values().filter(|document| !self.own.contains(document.path.as_str()))
        {
            let Some(members) = document.schema.as_object() else { continue };
            let says_something = |keyword: &String| {
                !["title", "description", "$comment", "$defs", "definitions"].contains(&keyword.as_str())
                    && !["$schema", "$id", "id"].contains(&keyword.as_str())
            };
            if members.keys().any(says_something) {
                all.push(Location::root(&document.path));
            }
            for keyword in ["$defs", "definitions"] {
                let names = members.get(keyword).and_then(Value::as_object).into_iter().flat_map(Map::keys);
                all.extend(names.map(|name| Location::root(&document.path).below(&join(&format!("/{keyword}"), name))));
            }
        }
        all
    }

    /// A name for a definition.
    pub(crate) fn name(location: &Location) -> String {
        let last = steps(&location.pointer).and_then(|mut steps| steps.pop());
        last.unwrap_or_else(|| {
            location.file.trim_end_matches(".json").rsplit('/').next().unwrap_or_default().to_owned()
        })
    }

    /// The first definition on the way that belongs to no event.
    fn shared_of(&self, layers: &Layers<'a>) -> Option<Location> {
        let targets = layers.0.iter().skip(1).map(|(location, _)| location);
        let mut targets = targets.filter(|location| !location.pointer.contains("/allOf/"));
        targets.find(|location| self.is_shared(location)).cloned()
    }

    fn schema(&self, location: &Location) -> Option<&'a Value> {
        self.loaded.catalogue.documents.get(&location.file)?.schema.pointer(&location.pointer)
    }

    fn target(&self, location: &Location) -> Option<Location> {
        let links = self.loaded.references.links(&location.file);
        let link = links.iter().find(|link| link.keyword == "$ref" && link.pointer == location.pointer)?;
        match &link.target {
            Some(Target::Location(target)) => Some(target.clone()),
            _ => None,
        }
    }

    fn layers(&self, location: &Location) -> Layers<'a> {
        let mut layers: Vec<(Location, &'a Map<String, Value>)> = Vec::new();
        let mut open = vec![location.clone()];
        self.budget.set(self.budget.get().saturating_sub(1));
        while let Some(location) = open.pop() {
            if layers.iter().any(|(known, _)| *known == location) {
                continue;
            }
            let Some(Value::Object(members)) = self.schema(&location) else { continue };
            if let Some(Value::Array(all)) = members.get("allOf") {
                open.extend((0..all.len()).rev().map(|index| location.below(&format!("/allOf/{index}"))));
            }
            open.extend(members.get("$ref").and_then(|_| self.target(&location)));
            layers.push((location, members));
        }
        Layers(layers)
    }

    /// The fields below a schema, unless it is one that is being listed already.
    fn below(&self, location: &Location, path: &str, depth: usize, within: &mut Vec<Location>, all: &mut Vec<Field>) {
        if depth >= DEEPEST || self.budget.get() == 0 {
            return;
        }
        let layers = self.layers(location);
        let required: BTreeSet<&str> = layers
            .each("required")
            .filter_map(|(_, value)| value.as_array())
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut known = BTreeSet::new();
        for (at, value) in layers.each("properties") {
            let Value::Object(properties) = value else { continue };
            for name in properties.keys() {
                if !known.insert(name.clone()) || all.len() >= MOST {
                    continue;
                }
                let at = at.below(&join("/properties", name));
                let own = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                self.add(&at, own, depth, Some(required.contains(name.as_str())), within, all);
            }
        }
        for (keyword, sign) in [("items", "[]"), ("additionalProperties", "{}")] {
            if let Some((at, Value::Object(_))) = layers.each(keyword).next() {
                let at = at.below(&format!("/{keyword}"));
                let own = format!("{path}{sign}");
                let is_listed = self.layers(&at).each("properties").next().is_some();
                if path.is_empty() && all.is_empty() {
                    self.add(&at, own, depth, None, within, all);
                } else if is_listed && self.shared_of(&self.layers(&at)).is_none() && !within.contains(&at) {
                    within.push(at.clone());
                    self.below(&at, &own, depth, within, all);
                    within.pop();
                }
            }
        }
        for (at, value) in layers.each("patternProperties") {
            let Value::Object(patterns) = value else { continue };
            for pattern in patterns.keys() {
                if all.len() >= MOST {
                    break;
                }
                let at = at.below(&join("/patternProperties", pattern));
                self.part(&at, format!("{path}{{{pattern}}}"), (depth, "for each such name"), within, all);
            }
        }
        if let Some((keyword, at, count)) = layers.tuple() {
            for index in (0..count).take(MOST.saturating_sub(all.len())) {
                let at = at.below(&format!("/{keyword}/{index}"));
                self.part(&at, format!("{path}[{index}]"), (depth, "at that place"), within, all);
            }
        }
        for keyword in ["oneOf", "anyOf"] {
            for (at, value) in layers.each(keyword) {
                for index in 0..value.as_array().map_or(0, Vec::len) {
                    let at = at.below(&format!("/{keyword}/{index}"));
                    let target = self.layers(&at);
                    if !within.contains(&at) && self.shared_of(&target).is_none() {
                        within.push(at.clone());
                        self.alternative(&at, path, depth, within, all);
                        within.pop();
                    }
                }
            }
        }
    }

    /// A part of an object or list that has no name of its own, and `when` it is there.
    fn part(
        &self,
        at: &Location,
        path: String,
        (depth, when): (usize, &str),
        within: &mut Vec<Location>,
        all: &mut Vec<Field>,
    ) {
        let before = all.len();
        self.add(at, path, depth, None, within, all);
        if let Some(field) = all.get_mut(before).filter(|field| field.presence.is_empty()) {
            field.presence = when.to_owned();
        }
    }

    /// The fields that only one alternative has.
    fn alternative(&self, at: &Location, path: &str, depth: usize, within: &mut Vec<Location>, all: &mut Vec<Field>) {
        let mut own = Vec::new();
        self.below(at, path, depth, within, &mut own);
        let known: BTreeSet<String> = all.iter().map(|field| field.path.clone()).collect();
        let new = own.into_iter().filter(|field| !known.contains(&field.path)).map(|field| Field {
            presence: format!("in one alternative: {}", field.presence),
            is_required: false,
            ..field
        });
        all.extend(new);
    }

    fn add(
        &self,
        at: &Location,
        path: String,
        depth: usize,
        required: Option<bool>,
        within: &mut Vec<Location>,
        all: &mut Vec<Field>,
    ) {
        let field = self.field(at, path.clone(), depth, required.unwrap_or(true), required);
        let is_shared = field.shared.is_some();
        all.push(field);
        let layers = self.layers(at);
        let is_known = layers.0.iter().any(|(location, _)| within.contains(location));
        if !is_shared && !is_known {
            let before = within.len();
            within.extend(layers.0.iter().map(|(location, _)| location.clone()));
            self.below(at, &path, depth + 1, within, all);
            within.truncate(before);
        }
    }

    fn field(&self, at: &Location, path: String, depth: usize, is_required: bool, said: Option<bool>) -> Field {
        let layers = self.layers(at);
        let shared = self.shared_of(&layers);
        let (kind, takes_null) = self.kind(at, 0);
        let default = layers.spelled("default");
        let presence = match (said, takes_null) {
            (None, true) => "may be null".to_owned(),
            (None, false) => String::new(),
            (Some(true), false) => "required, never null".to_owned(),
            (Some(true), true) => "required, may be null".to_owned(),
            (Some(false), false) => "may be left out, never null".to_owned(),
            (Some(false), true) => "may be left out or null, which are not the same".to_owned(),
        };
        let presence = match default {
            Some(default) if said == Some(false) => format!("{presence}; left out it means {default}"),
            _ => presence,
        };
        let texts = |keyword: &str| layers.text(keyword).unwrap_or_default().to_owned();
        Field {
            path,
            depth,
            kind,
            shared_name: shared.as_ref().map(Self::name).unwrap_or_default(),
            shared,
            is_required,
            presence,
            constraints: layers.constraints(),
            values: layers.list("enum"),
            description: texts("description"),
            examples: layers.list("examples"),
            is_deprecated: layers.first("deprecated").is_some_and(|(_, value)| value == &Value::Bool(true)),
            unit: texts("x-unit"),
        }
    }

    /// What a schema describes, in words, and whether it takes null, too.
    fn kind(&self, at: &Location, depth: usize) -> (String, bool) {
        let layers = self.layers(at);
        if let Some(text) = layers.spelled("const") {
            return (format!("always {text}"), text == "null");
        }
        if let Some(Value::Bool(false)) = self.schema(at) {
            return ("nothing: it may not be there".to_owned(), false);
        }
        let mut types: Vec<&str> = match layers.first("type") {
            Some((_, Value::String(name))) => vec![name],
            Some((_, Value::Array(names))) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let values = layers.first("enum").and_then(|(_, value)| value.as_array());
        // All that hold together must take it.
        let speaks_of_null = |(_, value): (&Location, &'a Value)| match value {
            Value::String(name) => name == "null",
            Value::Array(names) => names.iter().any(|name| name == "null"),
            _ => true,
        };
        let takes_null = types.contains(&"null")
            && layers.each("type").all(speaks_of_null)
            && values.is_none_or(|values| values.contains(&Value::Null));
        types.retain(|name| *name != "null");
        let is_typed = !types.is_empty() || layers.first("properties").is_some();
        if depth < DEEPEST && self.budget.get() > 0 && !is_typed {
            for keyword in ["oneOf", "anyOf"] {
                if let Some((of, value)) = layers.first(keyword) {
                    return self.alternatives(&of.below(&format!("/{keyword}")), value, depth);
                }
            }
        }
        if types.is_empty() {
            types.extend(layers.first("properties").map(|_| "object"));
            types.extend(layers.first("items").map(|_| "array"));
        }
        let words: Vec<String> = types.iter().map(|name| self.word(name, &layers, depth)).collect();
        let is_text = values.is_some_and(|values| values.iter().all(Value::is_string));
        match (words.is_empty(), values.is_some()) {
            (_, true) if is_text || types == ["string"] => ("one of several texts".to_owned(), takes_null),
            (_, true) => (
                "one of several values".to_owned(),
                takes_null || values.is_some_and(|values| values.contains(&Value::Null)),
            ),
            (true, false) if takes_null => ("null".to_owned(), true),
            (true, false) => ("any JSON".to_owned(), true),
            (false, false) => (words.join(" or "), takes_null),
        }
    }

    fn alternatives(&self, at: &Location, value: &Value, depth: usize) -> (String, bool) {
        let count = value.as_array().map_or(0, Vec::len);
        let mut names = Vec::new();
        let mut has_null = false;
        for index in 0..count {
            let at = at.below(&format!("/{index}"));
            let layers = self.layers(&at);
            let (kind, is_null) = self.kind(&at, depth + 1);
            has_null |= is_null;
            if kind == "null" || kind == "always null" {
                continue;
            }
            let name =
                layers.text("title").map(str::to_owned).or_else(|| self.shared_of(&layers).as_ref().map(Self::name));
            let name = name.unwrap_or(kind);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        match names.as_slice() {
            [one] => (one.clone(), has_null),
            _ => (format!("one of: {}", names.join(", ")), has_null),
        }
    }

    fn word(&self, name: &str, layers: &Layers<'a>, depth: usize) -> String {
        match name {
            "string" => match layers.text("format") {
                Some("date-time") => "date and time with offset (RFC 3339)".to_owned(),
                Some("date") => "date (RFC 3339)".to_owned(),
                Some("time") => "time of day (RFC 3339)".to_owned(),
                Some("duration") => "duration (ISO 8601)".to_owned(),
                Some("uuid") => "UUID".to_owned(),
                Some("uri") => "URI".to_owned(),
                Some("email") => "e-mail address".to_owned(),
                Some(format) => format!("text ({format})"),
                None => "text".to_owned(),
            },
            "integer" => "whole number".to_owned(),
            "number" => "number".to_owned(),
            "boolean" => "true or false".to_owned(),
            "array" if layers.tuple().is_some() => "list whose places have meanings of their own".to_owned(),
            "array" => match layers.first("items") {
                Some((at, Value::Object(_))) if depth < DEEPEST => {
                    format!("list of: {}", self.kind(&at.below("/items"), depth + 1).0)
                }
                _ => "list".to_owned(),
            },
            "object" => match layers.first("additionalProperties") {
                Some((at, Value::Object(_))) if depth < DEEPEST && layers.first("properties").is_none() => {
                    format!("map from texts to: {}", self.kind(&at.below("/additionalProperties"), depth + 1).0)
                }
                _ => "object".to_owned(),
            },
            other => other.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;

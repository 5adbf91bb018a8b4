//! Random schemas over the whole vocabulary of five drafts.

// The fuzz targets take in this file by its path, which then does not say where its modules are.
#[path = "random_schema/words.rs"]
mod words;

use eventsmith_codegen::sample::Choices;
use serde_json::{Map, Value, json};

use words::{FORMATS, NAMES, PATTERNS, TITLES};

/// The drafts, in the order of their age.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Draft {
    Four,
    Six,
    Seven,
    Of2019,
    Of2020,
}

/// One random schema in the making.
struct Maker {
    choices: Choices,
    draft: Draft,
    /// The names of the definitions.
    definitions: Vec<String>,
    /// From which definition on one may be referred to without consuming a part of the instance: no loops.
    from: usize,
}

/// A schema that the meta-schema of its draft accepts; the same seed gives the same one.
pub fn random_schema(seed: u64) -> Value {
    let mut choices = Choices::seeded(seed);
    let draft = [
        Draft::Of2020,
        Draft::Of2020,
        Draft::Of2020,
        Draft::Of2020,
        Draft::Of2019,
        Draft::Of2019,
        Draft::Seven,
        Draft::Seven,
        Draft::Six,
        Draft::Four,
    ][choices.pick(10)];
    let names = ["Node", "money", "a b", "Rule", "x/y", "String", "größe"];
    let definitions = (0..choices.pick(4)).map(|index| names[(choices.pick(2) * 3 + index) % 7].to_owned()).collect();
    Maker { choices, draft, definitions, from: 0 }.document()
}

impl Maker {
    fn pick(&mut self, count: usize) -> usize {
        self.choices.pick(count)
    }

    /// One time in `count`.
    fn once_in(&mut self, count: usize) -> bool {
        self.pick(count) == 0
    }

    fn one_of(&mut self, words: &[&str]) -> String {
        words[self.pick(words.len())].to_owned()
    }

    fn document(mut self) -> Value {
        self.definitions.sort();
        self.definitions.dedup();
        let mut members = Map::new();
        let uri = match self.draft {
            Draft::Four => "http://json-schema.org/draft-04/schema#",
            Draft::Six => "http://json-schema.org/draft-06/schema#",
            Draft::Seven => "http://json-schema.org/draft-07/schema#",
            Draft::Of2019 => "https://json-schema.org/draft/2019-09/schema",
            Draft::Of2020 => "https://json-schema.org/draft/2020-12/schema",
        };
        if self.draft != Draft::Of2020 || self.once_in(2) {
            members.insert("$schema".to_owned(), json!(uri));
        }
        let mut definitions = Map::new();
        for index in 0..self.definitions.len() {
            self.from = index + 1;
            let name = self.definitions[index].clone();
            definitions.insert(name, self.schema(2));
        }
        self.from = 0;
        // An event is an object more often than not.
        let root = if self.once_in(6) { self.schema(0) } else { self.object_schema(0) };
        if let Value::Object(root) = root {
            members.extend(root);
        }
        if !definitions.is_empty() {
            let keyword = if self.draft >= Draft::Of2019 { "$defs" } else { "definitions" };
            members.insert(keyword.to_owned(), Value::Object(definitions));
        }
        Value::Object(members)
    }

    /// A schema for a part of the instance: every definition may be referred to.
    fn part(&mut self, depth: usize) -> Value {
        let from = std::mem::take(&mut self.from);
        let schema = self.schema(depth);
        self.from = from;
        schema
    }

    /// A schema for the same value.
    fn schema(&mut self, depth: usize) -> Value {
        let from = self.from;
        match self.pick(if depth > 3 { 12 } else { 24 }) {
            0 if depth > 0 => self.boolean(),
            1 | 2 if from < self.definitions.len() => {
                let index = from + self.pick(self.definitions.len() - from);
                let mut members = Map::from_iter([("$ref".to_owned(), json!(self.reference(index)))]);
                if self.once_in(4) {
                    members.insert("description".to_owned(), json!("A reference */ with \"words\" beside it."));
                }
                if self.once_in(6) && self.draft >= Draft::Of2019 {
                    members.insert("minProperties".to_owned(), json!(1));
                }
                Value::Object(members)
            }
            3 => self.enumeration(),
            4 => self.constant(),
            5..=11 => self.scalar(),
            12..=15 => self.array(depth),
            16..=19 => self.object_schema(depth),
            _ => self.combination(depth),
        }
    }

    fn reference(&mut self, index: usize) -> String {
        let keyword = if self.draft >= Draft::Of2019 { "$defs" } else { "definitions" };
        let name = self.definitions[index]
            .replace('/', "~1")
            .replace(' ', "%20")
            .replace('ö', "%C3%B6")
            .replace('ß', "%C3%9F");
        format!("#/{keyword}/{name}")
    }

    fn boolean(&mut self) -> Value {
        match (self.draft, self.once_in(3)) {
            (Draft::Four, true) => json!({"not": {}}),
            (Draft::Four, false) => json!({}),
            (_, refuses) => json!(!refuses),
        }
    }

    fn title(&mut self, members: &mut Map<String, Value>) {
        if self.once_in(3) {
            members.insert("title".to_owned(), json!(self.one_of(TITLES)));
        }
        if self.once_in(6) {
            members.insert("description".to_owned(), json!("Says what it is.\n\n```\nnot a test\n```"));
        }
    }

    fn value(&mut self) -> Value {
        let values = [
            json!("a"),
            json!("A"),
            json!("foo"),
            json!(""),
            json!("two words"),
            json!("ä"),
            json!(0),
            json!(1),
            json!(1.0),
            json!(-3),
            json!(2.5),
            json!(true),
            json!(false),
            json!(null),
            json!([]),
            json!([1, "a"]),
            json!({}),
            json!({"a": 1}),
            json!(12_345_678_901_i64),
            json!("1"),
            json!("self"),
        ];
        values[self.pick(values.len())].clone()
    }

    fn enumeration(&mut self) -> Value {
        let mut values: Vec<Value> = Vec::new();
        let strings_only = !self.once_in(3);
        for _ in 0..=self.pick(4) {
            let value = if strings_only { json!(self.one_of(NAMES)) } else { self.value() };
            // Equal values would break the meta-schema, and 1 equals 1.0.
            let is_known = |known: &Value| *known == value || known.is_number() && known.as_f64() == value.as_f64();
            if !values.iter().any(is_known) {
                values.push(value);
            }
        }
        let mut members = Map::from_iter([("enum".to_owned(), Value::Array(values))]);
        if self.once_in(2) {
            self.title(&mut members);
        }
        if strings_only && self.once_in(2) {
            members.insert("type".to_owned(), json!("string"));
        }
        Value::Object(members)
    }

    fn constant(&mut self) -> Value {
        let value = self.value();
        if self.draft == Draft::Four { json!({"enum": [value]}) } else { json!({"const": value}) }
    }

    fn scalar(&mut self) -> Value {
        let mut members = Map::new();
        self.title(&mut members);
        let name = self.one_of(&["string", "string", "string", "integer", "integer", "number", "boolean", "null"]);
        self.scalar_keywords(&name, &mut members);
        let nullable = self.once_in(5).then(|| json!([name, if name == "null" { "string" } else { "null" }]));
        let several = self.once_in(12).then(|| {
            let other = if name == "string" { "integer" } else { "string" };
            json!([name, other])
        });
        if !self.once_in(15) {
            members.insert("type".to_owned(), nullable.or(several).unwrap_or_else(|| json!(name)));
        }
        Value::Object(members)
    }

    fn scalar_keywords(&mut self, name: &str, members: &mut Map<String, Value>) {
        match name {
            "string" => {
                if self.once_in(3) {
                    members.insert("pattern".to_owned(), json!(self.one_of(PATTERNS)));
                }
                if self.once_in(4) {
                    members.insert("format".to_owned(), json!(self.one_of(FORMATS)));
                }
                self.sizes(members, "minLength", "maxLength", 12);
            }
            "integer" | "number" => self.bounds(members, name == "number"),
            _ => {}
        }
        if self.once_in(8) {
            members.insert("default".to_owned(), self.value());
        }
    }

    fn bounds(&mut self, members: &mut Map<String, Value>, fractions: bool) {
        let lows = [json!(0), json!(1), json!(-5), json!(0.5), json!(-128), json!(1e3), json!(0.0)];
        let highs =
            [json!(10), json!(255), json!(99.9), json!(1_000_000), json!(65_536), json!(4_294_967_296_u64), json!(7.0)];
        let pairs = [("minimum", "exclusiveMinimum", lows), ("maximum", "exclusiveMaximum", highs)];
        for (closed, open, limits) in pairs {
            let limit = limits[self.pick(limits.len())].clone();
            match self.pick(6) {
                0 | 1 => drop(members.insert(closed.to_owned(), limit)),
                2 if self.draft == Draft::Four => {
                    members.insert(closed.to_owned(), limit);
                    members.insert(open.to_owned(), json!(true));
                }
                2 => drop(members.insert(open.to_owned(), limit)),
                _ => {}
            }
        }
        if self.once_in(6) {
            let grids = if fractions { [json!(0.01), json!(0.5), json!(3)] } else { [json!(5), json!(2), json!(1.5)] };
            members.insert("multipleOf".to_owned(), grids[self.pick(3)].clone());
        }
    }

    fn sizes(&mut self, members: &mut Map<String, Value>, least: &str, most: &str, greatest: usize) {
        let low = self.pick(3);
        if self.once_in(4) {
            members.insert(least.to_owned(), json!(low));
        }
        if self.once_in(4) {
            members.insert(most.to_owned(), json!(low + self.pick(greatest)));
        }
    }

    fn array(&mut self, depth: usize) -> Value {
        let mut members = Map::new();
        self.title(&mut members);
        if !self.once_in(8) {
            members.insert("type".to_owned(), if self.once_in(6) { json!(["array", "null"]) } else { json!("array") });
        }
        let is_tuple = self.once_in(4);
        let (tuple, others) =
            if self.draft == Draft::Of2020 { ("prefixItems", "items") } else { ("items", "additionalItems") };
        if is_tuple {
            let count = 1 + self.pick(3);
            members.insert(tuple.to_owned(), (0..count).map(|_| self.part(depth + 1)).collect());
            if self.once_in(2) {
                let schema = if self.once_in(2) { json!(false) } else { self.part(depth + 1) };
                members.insert(others.to_owned(), schema);
            }
        } else if !self.once_in(6) {
            members.insert("items".to_owned(), self.part(depth + 1));
        }
        self.sizes(&mut members, "minItems", "maxItems", 5);
        if self.once_in(4) {
            members.insert("uniqueItems".to_owned(), json!(true));
        }
        if self.once_in(6) && self.draft > Draft::Four {
            members.insert("contains".to_owned(), self.part(depth + 1));
            if self.draft >= Draft::Of2019 {
                self.sizes(&mut members, "minContains", "maxContains", 3);
            }
        }
        if self.once_in(10) && self.draft >= Draft::Of2019 {
            members.insert("unevaluatedItems".to_owned(), self.boolean());
        }
        Value::Object(members)
    }

    fn names(&mut self, most: usize) -> Vec<String> {
        let mut names: Vec<String> = (0..self.pick(most + 1)).map(|_| self.one_of(NAMES)).collect();
        names.sort();
        names.dedup();
        names
    }

    fn object_schema(&mut self, depth: usize) -> Value {
        let mut members = Map::new();
        self.title(&mut members);
        if !self.once_in(8) {
            members
                .insert("type".to_owned(), if self.once_in(8) { json!(["object", "null"]) } else { json!("object") });
        }
        let names = self.names(if depth > 2 { 2 } else { 5 });
        let properties: Map<String, Value> = names.iter().map(|name| (name.clone(), self.part(depth + 1))).collect();
        let mut required: Vec<String> = names.into_iter().filter(|_| self.once_in(2)).collect();
        if self.once_in(10) {
            required.push("undeclared".to_owned());
        }
        if !properties.is_empty() {
            members.insert("properties".to_owned(), Value::Object(properties));
        }
        if !required.is_empty() {
            members.insert("required".to_owned(), json!(required));
        }
        match self.pick(8) {
            0 | 1 => drop(members.insert("additionalProperties".to_owned(), json!(false))),
            2 => drop(members.insert("additionalProperties".to_owned(), json!(true))),
            3 => {
                let mut schema = self.part(depth + 1);
                if self.draft == Draft::Four && schema.is_boolean() {
                    schema = json!({});
                }
                members.insert("additionalProperties".to_owned(), schema);
            }
            _ => {}
        }
        self.rarer(&mut members, depth);
        Value::Object(members)
    }

    /// The keywords of objects that few schemas use.
    fn rarer(&mut self, members: &mut Map<String, Value>, depth: usize) {
        if self.once_in(7) {
            let pattern = self.one_of(PATTERNS);
            members.insert("patternProperties".to_owned(), json!({pattern: self.part(depth + 1)}));
        }
        if self.once_in(10) && self.draft > Draft::Four {
            let pattern = self.one_of(PATTERNS);
            let names =
                [json!({"pattern": pattern}), json!({"maxLength": 3}), json!({"enum": ["a", "b", "id"]}), json!(true)];
            members.insert("propertyNames".to_owned(), names[self.pick(4)].clone());
        }
        if self.once_in(6) {
            self.sizes(members, "minProperties", "maxProperties", 4);
        }
        if self.once_in(8) {
            let (name, other) = (self.one_of(NAMES), self.one_of(NAMES));
            let keyword = if self.draft >= Draft::Of2019 { "dependentRequired" } else { "dependencies" };
            members.insert(keyword.to_owned(), json!({name: [other]}));
        }
        if self.once_in(10) {
            let name = self.one_of(NAMES);
            let keyword = if self.draft >= Draft::Of2019 { "dependentSchemas" } else { "dependencies" };
            members.insert(keyword.to_owned(), json!({name: self.schema(depth + 1)}));
        }
        if self.once_in(8) && self.draft >= Draft::Seven {
            let names = self.names(2);
            let name = self.one_of(NAMES);
            members
                .insert("if".to_owned(), json!({"properties": {name.as_str(): self.constant()}, "required": [name]}));
            members.insert("then".to_owned(), json!({"required": names}));
            if self.once_in(2) {
                members.insert("else".to_owned(), self.schema(depth + 1));
            }
        }
        if self.once_in(10) && self.draft >= Draft::Of2019 {
            members.insert("unevaluatedProperties".to_owned(), self.boolean());
        }
        if self.once_in(10) {
            let names = self.names(1);
            let mut parts = vec![json!({"required": ["id"]}), json!({"required": ["a"]})];
            parts.extend(names.iter().map(|name| json!({"required": [name]})));
            members.insert(self.one_of(&["anyOf", "oneOf"]), Value::Array(parts));
        }
    }

    fn combination(&mut self, depth: usize) -> Value {
        let mut members = Map::new();
        self.title(&mut members);
        match self.pick(8) {
            0..=2 if self.draft > Draft::Four => {
                // A tagged union.
                let tag = self.one_of(&["type", "kind", "a-b"]);
                let variants: Vec<Value> = (0..2 + self.pick(2))
                    .map(|index| {
                        let mut variant = self.object_schema(depth + 2);
                        let value = json!({"const": (["a", "b b", "self", "1"][index])});
                        let old = variant["properties"].as_object().cloned().unwrap_or_default();
                        let new = std::iter::once((tag.clone(), value))
                            .chain(old.into_iter().filter(|(name, _)| *name != tag));
                        variant["properties"] = Value::Object(new.collect());
                        let mut required: Vec<Value> = variant["required"].as_array().cloned().unwrap_or_default();
                        if !required.contains(&json!(tag)) {
                            required.push(json!(tag));
                        }
                        variant["required"] = Value::Array(required);
                        variant
                    })
                    .collect();
                members.insert(self.one_of(&["oneOf", "oneOf", "anyOf"]), Value::Array(variants));
            }
            3 => drop(members.insert("not".to_owned(), self.schema(depth + 1))),
            4 => {
                let parts = vec![self.object_schema(depth + 1), self.object_schema(depth + 1)];
                members.insert("allOf".to_owned(), Value::Array(parts));
            }
            5 => {
                let parts = vec![self.schema(depth + 1), json!({"type": "null"})];
                members.insert(self.one_of(&["anyOf", "oneOf"]), Value::Array(parts));
            }
            _ => {
                let count = 1 + self.pick(3);
                let parts = (0..count).map(|_| self.schema(depth + 1)).collect();
                members.insert(self.one_of(&["anyOf", "oneOf", "allOf"]), Value::Array(parts));
            }
        }
        Value::Object(members)
    }
}

#[test]
fn every_random_schema_is_one_and_a_seed_gives_it_again() {
    for seed in 0..500 {
        let schema = random_schema(seed);
        assert_eq!(eventsmith_codegen::schema::check_schema(&schema), Vec::new(), "{schema}");
        assert_eq!(schema, random_schema(seed));
        assert!(jsonschema::validator_for(&schema).is_ok(), "{schema}");
    }
}

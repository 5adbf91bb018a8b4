//! What changed between two schemas, as text.
//!
//! The difference is structural: it lists what an author did, not whether that is compatible. Titles, descriptions and
//! examples are not listed, because they do not affect validation.

mod branches;
mod keywords;
mod members;
mod wording;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::pointer::{join, of_fragment};
use crate::schema::ref_has_siblings;

use wording::{ONE_SCHEMA, SCALARS, became};

/// One change of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// JSON pointer into the new schema, or into the old one for what was removed.
    pub pointer: String,
    /// What changed there.
    pub message: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.message)
    }
}

/// Every change between two self-contained schemas. What several places share is listed once, where it stands.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut difference = Difference::between(old, new);
    difference.follows_references = true;
    difference.keyword_of_root("$schema");
    difference.schema(old, new, "");
    while let Some((old_at, at)) = difference.open.pop() {
        if let (Some(one), Some(other)) = (old.pointer(&old_at), new.pointer(&at)) {
            difference.schema(one, other, &at);
        }
    }
    if difference.has_foreign_references {
        difference.shared_definitions(old, new, "");
    }
    if difference.is_incomplete {
        difference.add("", "there may be more changes: the schemas are too large or nested too deeply to list all");
    }
    difference.changes
}

/// The walk through two schemas side by side.
struct Difference<'a> {
    old: &'a Value,
    new: &'a Value,
    /// Whether references are followed and defaults are listed. Without it, the walk only finds out whether two parts are equal.
    follows_references: bool,
    /// Pointers of referenced schemas on both sides, still to be compared.
    open: Vec<(String, String)>,
    seen: HashSet<(String, String)>,
    /// Whether a reference could not be followed, so that definitions must be compared by their names.
    has_foreign_references: bool,
    /// Whether something was not looked at, so that no changes do not mean that there are none.
    is_incomplete: bool,
    changes: Vec<Change>,
    /// How many schemas may still be looked at, together with all parts that are compared for themselves.
    fuel: Rc<Cell<u32>>,
    depth: usize,
}

/// How many schemas are looked at: the changes are told for people, who read fewer.
const FUEL: u32 = 50_000;

/// How deep the walk goes, references followed: where one side refers to itself and the other is spelled out it has no end.
const DEEPEST: usize = 64;

impl<'a> Difference<'a> {
    fn between(old: &'a Value, new: &'a Value) -> Self {
        Self {
            old,
            new,
            follows_references: false,
            open: Vec::new(),
            seen: HashSet::from([(String::new(), String::new())]),
            has_foreign_references: false,
            is_incomplete: false,
            changes: Vec::new(),
            fuel: Rc::new(Cell::new(FUEL)),
            depth: 0,
        }
    }

    fn add(&mut self, at: &str, message: impl Into<String>) {
        self.changes.push(Change { pointer: at.to_owned(), message: message.into() });
    }

    /// Whether two parts of the schemas say the same, with references taken by their text. What is too large to find out does not.
    fn is_same(&self, old: &Value, new: &Value) -> bool {
        // A part without references says what it says.
        if old == new && !self.follows_references || self.fuel.get() == 0 {
            return old == new;
        }
        let mut part = Difference::between(self.old, self.new);
        part.fuel = Rc::clone(&self.fuel);
        part.schema(old, new, "");
        part.changes.is_empty() && !part.is_incomplete
    }

    fn schema(&mut self, old: &Value, new: &Value, at: &str) {
        let Some(fuel) = self.fuel.get().checked_sub(1).filter(|_| self.depth < DEEPEST) else {
            self.is_incomplete = true;
            return;
        };
        self.fuel.set(fuel);
        self.depth += 1;
        self.keywords(old, new, at);
        self.depth -= 1;
    }

    fn keywords(&mut self, old: &Value, new: &Value, at: &str) {
        let (Some(old), Some(new)) = (members(old, self.old), members(new, self.new)) else {
            match (old, new) {
                (Value::Bool(false), Value::Bool(false)) => {}
                (Value::Bool(false), _) => self.add(at, "was forbidden and is allowed now"),
                _ => self.add(at, "is forbidden now"),
            }
            return;
        };
        if !self.reference(&old, &new, at) {
            return;
        }
        self.types(&old, &new, at);
        self.enumeration(&old, &new, at);
        for keyword in SCALARS {
            self.scalar(&old, &new, keyword, at);
        }
        self.properties(&old, &new, at);
        self.maps(&old, &new, at);
        for keyword in ONE_SCHEMA {
            self.one_schema(&old, &new, keyword, at);
        }
        self.positions(&old, &new, at);
        self.unions(&old, &new, at);
        if self.follows_references && old.get("default") != new.get("default") {
            let message = became("default", old.get("default"), new.get("default"));
            self.add(at, format!("{message} (informational)"));
        }
    }

    /// Compares references; says whether what stands beside them is still to be compared.
    fn reference(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str) -> bool {
        for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
            match (text(old, keyword), text(new, keyword)) {
                (None, None) => {}
                (Some(one), Some(other)) if !self.follows_references => {
                    if one != other {
                        self.add(at, format!("{keyword} {one} became {other}"));
                    }
                }
                (Some(one), Some(other)) => self.both_refer(keyword, one, other, at),
                (Some(one), None) => {
                    let message = format!("{keyword} {one} was replaced by a schema in its place");
                    let inline = Value::Object(new.clone());
                    self.replaced(resolve(self.old, one), Inline::New(&inline), at, message);
                    return false;
                }
                (None, Some(other)) => {
                    let message = format!("a schema was replaced by {keyword} {other}");
                    let inline = Value::Object(old.clone());
                    self.replaced(resolve(self.new, other), Inline::Old(&inline), at, message);
                    return false;
                }
            }
        }
        true
    }

    fn both_refer(&mut self, keyword: &str, one: &str, other: &str, at: &str) {
        let (Some((old_at, old)), Some((new_at, new))) = (resolve(self.old, one), resolve(self.new, other)) else {
            self.has_foreign_references = true;
            if one != other {
                self.add(at, format!("{keyword} {one} became {other}"));
            }
            return;
        };
        let is_first = self.seen.insert((old_at.clone(), new_at.clone()));
        if old_at == new_at {
            if is_first {
                self.open.insert(0, (old_at, new_at));
            }
        } else {
            if !self.is_same(old, new) {
                self.add(at, format!("{keyword} {one} became {other}"));
            }
            if is_first {
                self.schema(old, new, at);
            }
        }
    }

    /// A reference stands on one side only: what it leads to is compared with what stands in its place.
    fn replaced(&mut self, target: Option<(String, &Value)>, inline: Inline<'_>, at: &str, message: String) {
        let before = self.changes.len();
        match target {
            Some((target_at, target)) => {
                if self.seen.insert((target_at, at.to_owned())) {
                    match inline {
                        Inline::Old(old) => self.schema(old, target, at),
                        Inline::New(new) => self.schema(target, new, at),
                    }
                }
                if self.changes.len() > before {
                    self.changes.insert(before, Change { pointer: at.to_owned(), message });
                }
            }
            None => self.add(at, message),
        }
    }

    /// Compares the definitions that have the same name, and those within them: whole files may be embedded.
    fn shared_definitions(&mut self, old: &Value, new: &Value, at: &str) {
        for keyword in ["$defs", "definitions"] {
            let (Some(Value::Object(old)), Some(Value::Object(new))) = (old.get(keyword), new.get(keyword)) else {
                continue;
            };
            for (name, definition) in new {
                let at = join(&join(at, keyword), name);
                let Some(earlier) = old.get(name) else { continue };
                if self.seen.insert((at.clone(), at.clone())) {
                    self.schema(earlier, definition, &at);
                }
                self.shared_definitions(earlier, definition, &at);
            }
        }
    }
}

/// The side on which a schema is spelled out where the other refers to one.
enum Inline<'v> {
    Old(&'v Value),
    New(&'v Value),
}

fn text<'v>(members: &'v Map<String, Value>, keyword: &str) -> Option<&'v str> {
    members.get(keyword).and_then(Value::as_str)
}

/// The keywords of a schema that count; `true` has none, and `false` is no set of keywords.
fn members<'v>(schema: &'v Value, root: &Value) -> Option<Cow<'v, Map<String, Value>>> {
    match schema {
        Value::Bool(false) => None,
        Value::Object(members) => match members.get("$ref") {
            // In the older drafts nothing counts beside a reference.
            Some(reference) if !ref_has_siblings(root) => {
                Some(Cow::Owned(Map::from_iter([("$ref".to_owned(), reference.clone())])))
            }
            _ => Some(Cow::Borrowed(members)),
        },
        _ => Some(Cow::Owned(Map::new())),
    }
}

/// The pointer and schema that a reference leads to within a bundle.
fn resolve<'v>(root: &'v Value, reference: &str) -> Option<(String, &'v Value)> {
    let (uri, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let below = of_fragment(fragment);
    let at = if uri.is_empty() {
        below.into_owned()
    } else {
        let definitions = ["$defs", "definitions"].into_iter().find(|keyword| {
            root.get(keyword).and_then(Value::as_object).is_some_and(|definitions| definitions.contains_key(uri))
        });
        format!("{}{below}", join(&format!("/{}", definitions?), uri))
    };
    root.pointer(&at).map(|target| (at, target))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn messages(old: Value, new: Value) -> Vec<String> {
        changes(&old, &new).iter().map(Change::to_string).collect()
    }

    #[test]
    fn a_title_is_no_change_and_a_default_is_for_information() {
        let old = json!({"title": "A", "default": 1, "x-event": {"key": "/a"}});
        let new = json!({"title": "B", "default": 2, "description": "b", "x-event": {"key": "/b"}});

        assert_eq!(messages(old, new), ["default 1 became 2 (informational)"]);
    }

    #[test]
    fn numbers_are_told_by_their_digits() {
        let read = |text: &str| eventsmith_exact::schema::read(text).unwrap();
        let pair = |keyword: &str, old: &str, new: &str| {
            messages(read(&format!(r#"{{"{keyword}": {old}}}"#)), read(&format!(r#"{{"{keyword}": {new}}}"#)))
        };

        let (odd, even) = ("9007199254740993", "9007199254740992");
        assert_eq!(pair("maximum", odd, even), ["maximum 9007199254740993 became 9007199254740992"]);
        let (one, other) = ("18446744073709551617", "18446744073709551618");
        assert_eq!(pair("const", one, other), [format!("const {one} became {other}")]);
        assert_eq!(pair("enum", &format!("[1, {one}]"), &format!("[{other}, 1]")).len(), 2);
        assert_eq!(pair("const", one, &format!("{one}.0")), Vec::<String>::new());
        assert_eq!(pair("enum", "[1, {\"a\": 2}]", "[1.0, {\"a\": 2.0}]"), Vec::<String>::new());
    }

    #[test]
    fn types_limits_and_values_are_reported_at_their_pointer() {
        let old = json!({"properties": {
            "priority": {"type": "string"}, "level": {"enum": ["low"]}, "size": {"type": "number", "maximum": 10},
            "code": {"type": ["null", "string"], "pattern": "a"}
        }});
        let new = json!({"properties": {
            "priority": {"type": "integer"}, "level": {"enum": ["low", "highest"]}, "size": {"maximum": 20.0},
            "code": {"type": ["string", "null"], "pattern": "b"}
        }});

        assert_eq!(
            messages(old, new),
            [
                "/properties/priority: string became integer",
                "/properties/level/enum: \"highest\" was added",
                "/properties/size: number became any type",
                "/properties/size: maximum 10 became 20.0",
                "/properties/code: pattern \"a\" became \"b\"",
            ]
        );
    }

    #[test]
    fn a_property_that_went_and_came_may_have_been_renamed() {
        let old = json!({"properties": {"a": {"type": "string", "title": "A"}, "b": {}}, "required": ["a", "ghost"]});
        let new = json!({"properties": {"c": {"type": "string"}, "b": {}}, "required": ["b", "c"]});

        assert_eq!(
            messages(old, new),
            [
                "/properties/a: was removed; it may have been renamed to \"c\"",
                "/properties/b: became required",
                "/properties/c: is new and required",
                "/required: \"ghost\" was removed",
            ]
        );
    }

    #[test]
    fn additional_properties_are_told_with_what_they_were() {
        let with = |value: Value| json!({"additionalProperties": value});

        assert_eq!(messages(with(json!(false)), json!({})), ["additionalProperties: false was removed"]);
        assert_eq!(messages(json!({}), with(json!(false))), ["additionalProperties: false was added"]);
        assert_eq!(messages(json!({}), with(json!(true))), Vec::<String>::new());
        assert_eq!(
            messages(with(json!({"type": "string"})), with(json!({"type": "integer"}))),
            ["/additionalProperties: string became integer"]
        );
        assert_eq!(messages(json!({}), with(json!({"type": "string"}))), ["additionalProperties was added"]);
    }

    #[test]
    fn what_is_shared_is_told_once_where_it_stands() {
        let schema = |kind: &str| {
            let node = json!({"$ref": "#/$defs/N"});
            json!({"properties": {"a": node, "b": node}, "$defs": {"N": {"type": kind, "items": node}, "X": {"type": kind}}})
        };

        assert_eq!(messages(schema("string"), schema("array")), ["/$defs/N: string became array"]);
    }

    #[test]
    fn a_reference_that_leads_elsewhere_is_a_change_if_it_says_something_else() {
        let schema = |name: &str, kind: &str| json!({"items": {"$ref": format!("#/$defs/{name}")}, "$defs": {name: {"type": kind}}});

        assert_eq!(messages(schema("A", "string"), schema("B", "string")), Vec::<String>::new());
        assert_eq!(
            messages(schema("A", "string"), schema("B", "null")),
            ["/items: $ref #/$defs/A became #/$defs/B", "/items: string became null"]
        );
        assert_eq!(
            messages(schema("A", "string"), json!({"items": {"type": "null"}})),
            ["/items: $ref #/$defs/A was replaced by a schema in its place", "/items: string became null"]
        );
        assert_eq!(messages(json!({"items": {"type": "string"}}), schema("A", "string")), Vec::<String>::new());
    }

    #[test]
    fn branches_are_known_by_their_name() {
        let branch =
            |kind: &str, content: &str| json!({"properties": {"kind": {"const": kind}, "value": {"type": content}}});
        let old = json!({"oneOf": [branch("a", "string"), branch("b", "string"), branch("c", "string")]});
        let new = json!({"oneOf": [branch("c", "string"), branch("d", "string"), branch("a", "integer")]});

        assert_eq!(
            messages(old, new),
            [
                "/oneOf/1: the branch (kind \"b\") was removed",
                "/oneOf/1: the branch (kind \"d\") was added",
                "/oneOf/2/properties/value: string became integer",
            ]
        );
    }

    #[test]
    fn a_side_that_refers_to_itself_beside_one_that_is_spelled_out_comes_to_an_end() {
        let old = json!({"allOf": [{"$ref": "#"}, {"properties": {"a": {"type": "string"}}}]});
        let new = json!({"allOf": [
            {"allOf": [{"allOf": [{"$ref": "#"}, {"$ref": "#/allOf/0"}]}, {"$ref": "#/allOf/0/allOf/0"}]},
            {"properties": {"a": {"type": "null"}}}
        ]});

        assert!(!changes(&old, &new).is_empty());
        assert!(!changes(&new, &old).is_empty());
    }

    #[test]
    fn what_is_too_deep_or_too_large_to_be_compared_is_not_taken_for_the_same() {
        let deep = |name: &str, kind: &str| {
            let inner = (0..70).fold(json!({"type": kind}), |inner, _| json!({"items": inner}));
            json!({"properties": {name: inner}})
        };
        let found = messages(deep("a", "string"), deep("b", "integer"));
        assert_eq!(found[0], "/properties/a: was removed");

        let wide = |keyword: &str, kind: &str| {
            let mut all: Map<String, Value> = (0..FUEL).map(|name| (name.to_string(), json!({}))).collect();
            all.insert("last".to_owned(), json!({"type": kind}));
            json!({keyword: [{"properties": all}]})
        };
        let found = messages(wide("anyOf", "string"), wide("oneOf", "integer"));
        assert_eq!(found, ["anyOf was removed: (a schema)", "oneOf was added: (a schema)"]);

        let found = messages(wide("anyOf", "string"), wide("anyOf", "integer"));
        assert!(found.last().unwrap().starts_with("there may be more changes"), "{found:?}");
    }

    #[test]
    fn a_reference_to_itself_comes_to_an_end() {
        let endless = json!({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}});

        assert_eq!(messages(endless, json!({"type": "string"})), Vec::<String>::new());
    }

    #[test]
    fn many_branches_are_paired_without_holding_each_against_each() {
        let branch = |at: usize, most: usize| json!({"type": "object", "properties": {"kind": {"const": at}, "name": {"type": "string", "maxLength": most}}});
        let schema = |last: usize| {
            let branches: Vec<Value> = (0..20_000).map(|at| branch(at, if at == 19_999 { last } else { 5 })).collect();
            json!({"oneOf": branches.into_iter().rev().collect::<Vec<_>>()})
        };

        let told = changes(&schema(5), &schema(4));

        assert!(told.iter().any(|change| change.message.contains("maxLength")), "{told:?}");
    }
}

//! Schemas that hold together for one value.

use eventsmith_codegen::references::Location;
use eventsmith_exact::Tape;
use eventsmith_exact::schema::{is_rounded, spelled, text_of};
use serde_json::{Map, Value};

/// A schema with all that holds together with it: what it refers to, and what its `allOf` lists.
pub(super) struct Layers<'a>(pub(super) Vec<(Location, &'a Map<String, Value>)>);

impl<'a> Layers<'a> {
    /// The value of a keyword in every layer that has it, with the layer.
    pub(super) fn each<'l>(&'l self, keyword: &'l str) -> impl Iterator<Item = (&'l Location, &'a Value)> {
        self.0.iter().filter_map(move |(location, members)| Some((location, members.get(keyword)?)))
    }

    pub(super) fn first<'l>(&'l self, keyword: &'l str) -> Option<(&'l Location, &'a Value)> {
        self.each(keyword).next()
    }

    pub(super) fn text(&self, keyword: &str) -> Option<&'a str> {
        self.each(keyword).find_map(|(_, value)| value.as_str())
    }

    /// The value of a keyword, in the digits that it was written with.
    pub(super) fn spelled(&self, keyword: &str) -> Option<String> {
        let (_, members) = self.0.iter().find(|(_, members)| members.contains_key(keyword))?;
        Some(spelled(members, keyword, members.get(keyword)?))
    }

    /// The elements of a list, as JSON.
    pub(super) fn list(&self, keyword: &str) -> Vec<String> {
        let Some((_, members)) = self.0.iter().find(|(_, members)| members.contains_key(keyword)) else {
            return Vec::new();
        };
        let Some(Value::Array(items)) = members.get(keyword) else { return Vec::new() };
        if !is_rounded(members, keyword) {
            return items.iter().map(Value::to_string).collect();
        }
        // Numbers that no double holds stand beside the keyword as they were written.
        let text = spelled(members, keyword, &Value::Array(items.clone()));
        let mut tape = Tape::default();
        let node = tape.read(&text);
        node.map(|node| node.children().into_iter().map(|(_, child)| text_of(child)).collect()).unwrap_or_default()
    }

    /// The schemas for the places of a list, if it has such: their keyword, where it stands, and how many there are.
    pub(super) fn tuple(&self) -> Option<(&'static str, &Location, usize)> {
        ["prefixItems", "items"].into_iter().find_map(|keyword| match self.first(keyword) {
            Some((at, Value::Array(items))) => Some((keyword, at, items.len())),
            _ => None,
        })
    }

    /// What else must hold, in words.
    pub(super) fn constraints(&self) -> Vec<String> {
        let said = |keyword: &str| self.spelled(keyword);
        let mut all = Vec::new();
        for (least, most, one, many) in [
            ("minLength", "maxLength", "character", "characters"),
            ("minItems", "maxItems", "element", "elements"),
            ("minProperties", "maxProperties", "property", "properties"),
        ] {
            all.extend(match (said(least), said(most)) {
                (None, None) => None,
                (Some(least), None) if least == "0" => None,
                (Some(least), None) => Some(format!("at least {least} {}", if least == "1" { one } else { many })),
                (None, Some(most)) => Some(format!("at most {most} {}", if most == "1" { one } else { many })),
                (Some(least), Some(most)) if least == most => {
                    Some(format!("exactly {least} {}", if least == "1" { one } else { many }))
                }
                (Some(least), Some(most)) => Some(format!("{least} to {most} {many}")),
            });
        }
        match (said("minimum"), said("maximum")) {
            (Some(least), Some(most)) => all.push(format!("{least} to {most}")),
            (least, most) => {
                all.extend(least.map(|least| format!("at least {least}")));
                all.extend(most.map(|most| format!("at most {most}")));
            }
        }
        let exclusive = |keyword: &str| said(keyword).filter(|text| text != "true" && text != "false");
        all.extend(exclusive("exclusiveMinimum").map(|bound| format!("more than {bound}")));
        all.extend(exclusive("exclusiveMaximum").map(|bound| format!("less than {bound}")));
        all.extend(said("multipleOf").map(|step| format!("a multiple of {step}")));
        if self.first("uniqueItems").is_some_and(|(_, value)| value == &Value::Bool(true)) {
            all.push("no two equal elements".to_owned());
        }
        all.extend(
            self.each("pattern").filter_map(|(_, value)| value.as_str()).map(|pattern| format!("matches {pattern}")),
        );
        let others =
            ["not", "if", "dependentRequired", "dependentSchemas", "dependencies", "propertyNames", "contains"];
        let is_typed = self.first("type").is_some() || self.first("properties").is_some();
        let is_rule = |keyword: &&str| self.first(keyword).is_some() && (is_typed || !keyword.ends_with("Of"));
        let others: Vec<&str> = others.into_iter().filter(is_rule).collect();
        if !others.is_empty() {
            all.push(format!("more rules: see {} in the schema", others.join(", ")));
        }
        if let Some((_, Value::Bool(false))) = self.first("additionalProperties") {
            all.push("no other properties".to_owned());
        }
        all
    }
}

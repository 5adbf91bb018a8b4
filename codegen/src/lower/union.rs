//! `oneOf` and `anyOf`: null as an alternative, and objects that a constant property tells apart.

use serde_json::Value;

use crate::pointer::join;
use crate::references::{Place, Target};
use crate::shape::{Body, Shape, Union, Variant};

use super::context::Context;
use super::{Lowered, Members, type_names};

impl Context<'_> {
    /// Lowers `oneOf` or `anyOf`, if it is one of the forms that a type can say exactly.
    pub(super) fn alternatives(
        &mut self,
        place: &Place,
        members: &Members,
        keyword: &str,
        keywords: &[&str],
    ) -> Option<Lowered> {
        let Value::Array(branches) = members.get(keyword)? else { return None };
        let places: Vec<Place> =
            (0..branches.len()).map(|index| place.below(&join(&join("", keyword), &index.to_string()))).collect();
        if keywords == [keyword]
            && let Some(shape) = self.null_or_one(&places)
        {
            return Some(Lowered::Shape(shape));
        }
        let has_more = keywords.iter().any(|other| *other != keyword && *other != "type");
        if has_more || !matches!(type_names(members), (names, false) if names.is_empty() || names == ["object"]) {
            return None;
        }
        self.tagged(&places).map(|union| Lowered::Body(Body::Union(union)))
    }

    /// Two alternatives of which one is null and the other is not.
    fn null_or_one(&mut self, places: &[Place]) -> Option<Shape> {
        let is_null = |place: &Place| {
            self.schema(place).as_object().is_some_and(|members| members.get("type") == Some(&"null".into()))
        };
        let [first, second] = places else { return None };
        let other = match (is_null(first), is_null(second)) {
            (true, false) => second,
            (false, true) => first,
            _ => return None,
        };
        if !self.excludes_null(other) {
            return None;
        }
        let mut shape = self.lower(other, "");
        shape.nullable = true;
        Some(shape)
    }

    /// Whether a schema, through references, names types of which none is null.
    fn excludes_null(&self, place: &Place) -> bool {
        let Some(place) = self.follow(place) else { return false };
        let Value::Object(members) = self.schema(&place) else { return false };
        let (names, nullable) = type_names(members);
        !names.is_empty() && !nullable
    }

    /// The schema at the end of a chain of plain references.
    fn follow(&self, place: &Place) -> Option<Place> {
        let mut place = place.clone();
        for _ in 0..32 {
            let Some(Value::String(reference)) = self.schema(&place).get("$ref") else { return Some(place) };
            match self.resolve(&place, reference)? {
                Target::Place(target) => place = target,
                Target::MetaSchema => return None,
            }
        }
        None
    }

    fn tagged(&mut self, places: &[Place]) -> Option<Union> {
        let targets: Vec<Place> = places.iter().map(|place| self.branch_target(place)).collect::<Option<_>>()?;
        let first = self.schema(targets.first()?).get("properties")?.as_object()?;
        let tag = first.keys().find(|tag| {
            let values: Option<Vec<&str>> = targets.iter().map(|target| self.tag_value(target, tag)).collect();
            values
                .is_some_and(|values| values.iter().enumerate().all(|(index, value)| !values[..index].contains(value)))
        })?;
        let mut variants = Vec::new();
        for target in &targets {
            let value = self.tag_value(target, tag)?.to_owned();
            variants.push((Variant { value, name: String::new() }, self.definition_of(target, Some(tag))));
        }
        Some(Union { tag: tag.clone(), variants })
    }

    /// The object that a branch is or refers to with nothing beside the reference.
    fn branch_target(&self, place: &Place) -> Option<Place> {
        let members = self.schema(place).as_object()?;
        let is_plain_reference = !members.contains_key("$ref") || super::assertions(members) == ["$ref"];
        let target = self.follow(place).filter(|_| is_plain_reference)?;
        let members = self.schema(&target).as_object()?;
        (members.get("type").and_then(Value::as_str) == Some("object")).then_some(target)
    }

    /// The constant that a required property of a branch must have.
    fn tag_value(&self, place: &Place, tag: &str) -> Option<&str> {
        let members = self.schema(place);
        let required = members.get("required")?.as_array()?;
        if !required.iter().any(|name| name == tag) {
            return None;
        }
        let property = members.get("properties")?.get(tag)?.as_object()?;
        let only = |keyword: &str| {
            super::assertions(property).iter().all(|other| *other == keyword || *other == "type")
                && matches!(property.get("type").and_then(Value::as_str), None | Some("string"))
        };
        match (property.get("const"), property.get("enum").and_then(Value::as_array)) {
            (Some(Value::String(value)), None) if only("const") => Some(value),
            (None, Some(values)) if only("enum") => match values.as_slice() {
                [Value::String(value)] => Some(value),
                _ => None,
            },
            _ => None,
        }
    }
}

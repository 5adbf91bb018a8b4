//! Objects: structs where properties are declared, maps where they are not.

use serde_json::Value;

use crate::pointer::join;
use crate::references::Place;
use crate::shape::{Body, Check, Field, Id, Shape, Struct, Type, Unknown};

use super::context::Context;
use super::{Members, assertions};

impl Context<'_> {
    /// Whether an object has properties with names of their own.
    pub(super) fn is_struct(&self, members: &Members) -> bool {
        let declares = |keyword: &str| match members.get(keyword) {
            Some(Value::Object(properties)) => !properties.is_empty(),
            Some(Value::Array(names)) => !names.is_empty(),
            _ => false,
        };
        let closed = members.get("additionalProperties") == Some(&Value::Bool(false));
        declares("properties") || declares("required") || (closed && !members.contains_key("patternProperties"))
    }

    /// Lowers a struct, without the property `tag` if it is the branch of a union.
    pub(super) fn structure(
        &mut self,
        place: &Place,
        members: &Members,
        keywords: &[&str],
        tag: Option<&str>,
    ) -> Struct {
        let handled = [
            "type",
            "properties",
            "required",
            "additionalProperties",
            "minProperties",
            "dependentRequired",
            "if",
            "then",
            "else",
        ];
        self.gaps_but(place, keywords, &handled);
        let required: Vec<&str> = match members.get("required") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let unknown = self.unknown(place, members);
        let mut fields = Vec::new();
        if let Some(Value::Object(properties)) = members.get("properties") {
            for property in properties.keys().filter(|property| Some(property.as_str()) != tag) {
                let at = place.below("/properties").below(&join("", property));
                let doc = self.schema(&at).get("description").and_then(Value::as_str).unwrap_or_default();
                let shape = self.lower(&at, property);
                let required = required.contains(&property.as_str());
                fields.push(Field {
                    property: property.clone(),
                    name: String::new(),
                    doc: self.field_doc(&at, doc),
                    shape,
                    required,
                });
            }
        }
        for property in required {
            if Some(property) != tag && fields.iter().all(|field| field.property != property) {
                let shape = match &unknown {
                    Unknown::Kept(shape) => (**shape).clone(),
                    Unknown::Ignored => Shape::of(Type::Any),
                    Unknown::Forbidden => {
                        self.gap(place, "required");
                        Shape::of(Type::Any)
                    }
                };
                let (property, doc) = (property.to_owned(), String::new());
                fields.push(Field { property, name: String::new(), doc, shape, required: true });
            }
        }
        let rules = self.rules(place, members, &fields);
        Struct { fields, unknown, rules }
    }

    /// The documentation of a property: its own, else that of the type it refers to, with its default.
    fn field_doc(&self, at: &Place, own: &str) -> String {
        let mut doc = own.trim().to_owned();
        if let Some(default) = self.schema(at).get("default") {
            doc.push_str(&format!("\n\nThe default is `{default}`."));
        }
        doc.trim().to_owned()
    }

    fn unknown(&mut self, place: &Place, members: &Members) -> Unknown {
        if members.contains_key("patternProperties") {
            // Whatever the patterns say is checked by the validator; nothing may be lost or refused before that.
            if members.contains_key("additionalProperties") {
                self.gap(place, "additionalProperties");
            }
            return Unknown::Kept(Box::new(Shape::of(Type::Any)));
        }
        match members.get("additionalProperties") {
            None => Unknown::Ignored,
            Some(Value::Bool(false)) => Unknown::Forbidden,
            Some(_) => {
                let shape = self.lower(&place.below("/additionalProperties"), "value");
                if matches!(shape, Shape { ty: Type::Any, nullable: false, .. }) {
                    return Unknown::Kept(Box::new(shape));
                }
                // serde buffers what it flattens, so that types there are not exact.
                self.gap(place, "additionalProperties");
                Unknown::Kept(Box::new(Shape::of(Type::Any)))
            }
        }
    }

    /// Lowers an object without declared properties.
    pub(super) fn map(&mut self, place: &Place, members: &Members, keywords: &[&str]) -> Shape {
        let handled = [
            "type",
            "properties",
            "required",
            "additionalProperties",
            "minProperties",
            "maxProperties",
            "propertyNames",
        ];
        self.gaps_but(place, keywords, &handled);
        let item = match members.get("additionalProperties") {
            Some(_) if members.contains_key("patternProperties") => {
                self.gap(place, "additionalProperties");
                Shape::of(Type::Any)
            }
            Some(_) => self.lower(&place.below("/additionalProperties"), "value"),
            None => Shape::of(Type::Any),
        };
        let mut checks = Vec::new();
        let (min, max) = self.sizes(place, members, "minProperties", "maxProperties");
        if min.is_some() || max.is_some() {
            checks.push(Check::Members { min, max });
        }
        if members.contains_key("propertyNames")
            && let Some(names) = self.name_checks(&place.below("/propertyNames"))
            && !names.is_empty()
        {
            checks.push(Check::Names(names));
        }
        Shape { ty: Type::Map(Box::new(item)), nullable: false, checks }
    }

    /// What must hold for every name; `None`, with a gap, when it is more than checks of a string.
    fn name_checks(&mut self, place: &Place) -> Option<Vec<Check>> {
        let members = match self.schema(place) {
            Value::Bool(true) => return Some(Vec::new()),
            Value::Object(members) => members,
            _ => {
                self.gap(place, "false");
                return None;
            }
        };
        let keywords = assertions(members);
        if keywords.iter().any(|keyword| !["type", "minLength", "maxLength", "pattern"].contains(keyword))
            || !matches!(members.get("type").and_then(Value::as_str), None | Some("string"))
        {
            self.gap(place, "propertyNames");
            return None;
        }
        Some(self.text(place, members, &keywords).checks)
    }

    /// Lowers the branch of a union, which has lost its tag.
    pub(super) fn lower_branch(&mut self, id: Id, tag: &str) {
        let place = self.definitions[id].place.clone();
        let Value::Object(members) = self.schema(&place) else { return };
        let outer_owner = self.enter(id);
        let outer = self.open_gaps();
        let keywords = assertions(members);
        let body = self.structure(&place, members, &keywords, Some(tag));
        self.definitions[id].body = Body::Struct(body);
        self.definitions[id].gaps = self.close_gaps(outer);
        self.leave(outer_owner);
    }
}

//! Which properties of an object must be there: `if`, `dependentRequired`, `minProperties`.

use serde_json::Value;

use crate::references::Place;
use crate::shape::{Body, Field, Rule, Type};

use super::context::Context;
use super::{Members, assertions};

impl Context<'_> {
    /// The rules of an object; a gap for each that fields cannot say.
    pub(super) fn rules(&mut self, place: &Place, members: &Members, fields: &[Field]) -> Vec<Rule> {
        let mut rules = Vec::new();
        if members.contains_key("if") {
            match self.when(members, fields) {
                Some(rule) => rules.push(rule),
                None => self.gap(place, "if"),
            }
        }
        if let Some(dependents) = members.get("dependentRequired") {
            match with(dependents, fields) {
                Some(found) => rules.extend(found),
                None => self.gap(place, "dependentRequired"),
            }
        }
        if let (Some(min), _) = self.sizes(place, members, "minProperties", "minProperties") {
            let required = fields.iter().filter(|field| field.required).count();
            if u64::try_from(required).is_ok_and(|required| required < min) {
                rules.push(Rule::AtLeast(min));
            }
        }
        rules
    }

    /// `if` a required property has one of some values `then` (`else`) other properties are required.
    fn when(&self, members: &Members, fields: &[Field]) -> Option<Rule> {
        let condition = members.get("if")?.as_object()?;
        if assertions(condition).iter().any(|keyword| !["type", "properties", "required"].contains(keyword)) {
            return None;
        }
        if condition.get("type").is_some_and(|name| name != "object") {
            return None;
        }
        let is_required = |name: &str| fields.iter().any(|field| field.property == name && field.required);
        if !names(condition.get("required"))?.iter().all(|name| is_required(name)) {
            return None;
        }
        let mut properties = condition.get("properties")?.as_object()?.iter();
        let (Some((property, schema)), None) = (properties.next(), properties.next()) else { return None };
        let field = fields.iter().find(|field| &field.property == property && field.required)?;
        let values = constants(schema)?;
        if field.shape.nullable || !values.iter().all(|value| self.can_compare(&field.shape.ty, value)) {
            return None;
        }
        let required_by = |keyword: &str| match members.get(keyword) {
            None | Some(Value::Bool(true)) => Some(Vec::new()),
            Some(Value::Object(branch)) => {
                let only = assertions(branch).iter().all(|keyword| *keyword == "required");
                let required = names(branch.get("required")).filter(|_| only)?;
                required.iter().all(|name| fields.iter().any(|field| &field.property == name)).then_some(required)
            }
            Some(_) => None,
        };
        let (then, otherwise) = (required_by("then")?, required_by("else")?);
        Some(Rule::When { property: property.clone(), values, then, otherwise })
    }

    /// Whether a value of a type can be compared to a constant by `==`.
    fn can_compare(&self, ty: &Type, value: &Value) -> bool {
        match (ty, value) {
            (Type::Bool, Value::Bool(_)) | (Type::Text, Value::String(_)) => true,
            (Type::Integer(integer), Value::Number(_)) => super::scalar::integer_of(value).is_some_and(|value| {
                let (least, most) = integer.bounds();
                (least..=most).contains(&value)
            }),
            (Type::Named(id), Value::String(text)) => match &self.definitions[*id].body {
                Body::Enum(variants) => variants.iter().any(|variant| &variant.value == text),
                Body::Text(_) => true,
                _ => false,
            },
            _ => false,
        }
    }
}

/// The names in `required`; none without it.
fn names(required: Option<&Value>) -> Option<Vec<String>> {
    let Some(required) = required else { return Some(Vec::new()) };
    required.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

/// The values of a schema that is nothing but a `const` or an `enum`.
fn constants(schema: &Value) -> Option<Vec<Value>> {
    let schema = schema.as_object()?;
    match assertions(schema).as_slice() {
        ["const"] => Some(vec![schema.get("const")?.clone()]),
        ["enum"] => schema.get("enum")?.as_array().filter(|values| !values.is_empty()).cloned(),
        _ => None,
    }
}

fn with(dependents: &Value, fields: &[Field]) -> Option<Vec<Rule>> {
    let declared = |name: &str| fields.iter().any(|field| field.property == name);
    let rule = |(property, required): (&String, &Value)| {
        let required = names(Some(required))?;
        let known = declared(property) && required.iter().all(|name| declared(name));
        known.then(|| Rule::With { property: property.clone(), required })
    };
    dependents.as_object()?.iter().map(rule).collect()
}

//! What values a type has, as a schema: whether it takes a default, and whether one type takes all values of another.

use std::cell::Cell;

use serde_json::{Map, Number, Value, json};

use crate::schema::{self, Validator};
use crate::shape::{Body, Check, Choice, Field, Id, Program, Shape, Struct, Type, Union, Unknown};

/// Alternatives that may be held against a value and its parts: alternatives within alternatives double them with each level.
const MOST_TRIES: usize = 1 << 12;

/// Whether a shape provably accepts a value.
pub(super) fn accepts(program: &Program, shape: &Shape, value: &Value) -> bool {
    Proof { program, tries: Cell::new(MOST_TRIES) }.accepts(shape, value)
}

/// Whether a value provably passes all of some checks.
fn passes(checks: &[Check], value: &Value) -> bool {
    checks.is_empty() || all(checks).is_some_and(|checks| is_valid(&json!({ "allOf": checks }), value))
}

fn is_valid(schema: &Value, value: &Value) -> bool {
    Validator::new(schema).is_ok_and(|validator| validator.is_valid(value))
}

struct Proof<'a> {
    program: &'a Program,
    /// How many alternatives may still be tried.
    tries: Cell<usize>,
}

impl Proof<'_> {
    fn accepts(&self, shape: &Shape, value: &Value) -> bool {
        if value.is_null() && shape.nullable {
            return true;
        }
        self.fits(&shape.ty, value) && passes(&shape.checks, value)
    }

    /// Whether a value is provably one of a type.
    fn fits(&self, ty: &Type, value: &Value) -> bool {
        match (ty, value) {
            (Type::Any, _) | (Type::Null, Value::Null) => true,
            (Type::List(item), Value::Array(items)) => items.iter().all(|value| self.accepts(item, value)),
            (Type::Tuple(shapes), Value::Array(items)) => {
                shapes.len() == items.len() && shapes.iter().zip(items).all(|(shape, value)| self.accepts(shape, value))
            }
            (Type::Map(item), Value::Object(members)) => members.values().all(|value| self.accepts(item, value)),
            (Type::Named(id) | Type::Boxed(id), _) => match (&self.program.definitions[*id].body, value) {
                (Body::Struct(body), Value::Object(members)) => self.has_properties(body, members),
                (Body::Union(union), _) => self.has_alternative(union, value),
                (Body::Wrapper(inner), _) => self.accepts(inner, value),
                (Body::Enum(_) | Body::Text(_), _) => {
                    schema_of(self.program, &Shape::of(Type::Named(*id))).is_some_and(|schema| is_valid(&schema, value))
                }
                _ => false,
            },
            _ => schema_of(self.program, &Shape::of(ty.clone())).is_some_and(|schema| is_valid(&schema, value)),
        }
    }

    fn has_properties(&self, body: &Struct, members: &Map<String, Value>) -> bool {
        let is_tag = |name: &str| body.tag.as_deref() == Some(name);
        let of = |name: &str| body.fields.iter().find(|field| field.property == name);
        let others = || members.iter().filter(|(name, _)| !is_tag(name) && of(name).is_none());
        let takes_others = match &body.unknown {
            Unknown::Ignored => true,
            Unknown::Forbidden => others().next().is_none(),
            Unknown::Kept(map) => {
                let others: Map<String, Value> = others().map(|(name, value)| (name.clone(), value.clone())).collect();
                others.is_empty() || self.accepts(map, &Value::Object(others))
            }
        };
        let takes = |field: &Field| match members.get(&field.property) {
            Some(value) => self.accepts(&field.shape, value),
            None => !field.required,
        };
        body.rules.is_empty() && takes_others && body.fields.iter().all(takes)
    }

    fn has_alternative(&self, union: &Union, value: &Value) -> bool {
        match &union.choice {
            Choice::Tag { property, .. } => {
                let tag = value.get(property).and_then(Value::as_str);
                let is_own = |own: &String| Some(own.as_str()) == tag;
                let chosen = union.variants.iter().find(|variant| variant.tags.iter().any(is_own));
                chosen.is_some_and(|variant| self.accepts(&variant.shape, value))
            }
            // Of exactly one nobody has shown that the others refuse it.
            Choice::One => false,
            Choice::Any => union.variants.iter().any(|variant| self.may_try() && self.accepts(&variant.shape, value)),
        }
    }

    fn may_try(&self) -> bool {
        let left = self.tries.get().checked_sub(1);
        self.tries.set(left.unwrap_or_default());
        left.is_some()
    }
}

/// Whether a definition provably accepts all values of a shape.
pub(super) fn contains(program: &Program, into: Id, from: &Shape) -> bool {
    let schemas = schema_of(program, &Shape::of(Type::Named(into))).zip(schema_of(program, from));
    schemas.is_some_and(|(into, from)| schema::covers(&into, &from))
}

/// The values of a shape as a schema, if it is one that holds no others.
fn schema_of(program: &Program, shape: &Shape) -> Option<Value> {
    let of_type = match &shape.ty {
        Type::Bool => json!({"type": "boolean"}),
        Type::Text | Type::Bytes(_) => json!({"type": "string"}),
        Type::Uuid => json!({"type": "string", "format": "uuid"}),
        Type::Date => json!({"type": "string", "format": "date"}),
        Type::DateTime => json!({"type": "string", "format": "date-time"}),
        Type::Number => json!({"type": "number"}),
        Type::Integer(kind) => {
            let (min, max) = kind.bounds();
            json!({"type": "integer", "minimum": number(min)?, "maximum": number(max)?})
        }
        Type::Named(id) => match &program.definitions[*id].body {
            Body::Enum(variants) => {
                let values: Vec<&str> = variants.iter().map(|variant| variant.value.as_str()).collect();
                json!({ "enum": values })
            }
            Body::Text(checks) => json!({"type": "string", "allOf": all(checks)?}),
            _ => return None,
        },
        _ => return None,
    };
    let schema = json!({"allOf": [of_type, {"allOf": all(&shape.checks)?}]});
    Some(if shape.nullable { json!({"anyOf": [{"type": "null"}, schema]}) } else { schema })
}

/// What some checks ask for, as a list that may be empty; those are legal here.
fn all(checks: &[Check]) -> Option<Value> {
    let schemas = checks.iter().map(keyword).collect::<Option<Vec<_>>>()?;
    Some(if schemas.is_empty() { json!([true]) } else { Value::Array(schemas) })
}

fn keyword(check: &Check) -> Option<Value> {
    let mut schema = Map::new();
    let mut says = |keyword: &str, value: Option<Value>| {
        if let Some(value) = value {
            schema.insert(keyword.to_owned(), value);
        }
    };
    let alternatives = |lists: &[Vec<Check>]| {
        let schemas = lists.iter().map(|checks| Some(json!({"allOf": all(checks)?}))).collect::<Option<Vec<_>>>();
        schemas.map(Value::Array)
    };
    let whole = |limit: &Option<u64>| limit.map(Value::from);
    let any = |limit: &Option<Number>| limit.clone().map(Value::Number);
    match check {
        Check::Length { min, max } => {
            says("minLength", whole(min));
            says("maxLength", whole(max));
        }
        Check::Pattern(pattern) => says("pattern", Some(json!(pattern))),
        Check::Format(format) => says("format", Some(json!(format))),
        Check::Range { min, max } => {
            for (keyword, limit) in [("minimum", min), ("maximum", max)] {
                if let Some(limit) = limit {
                    says(keyword, Some(number(*limit)?));
                }
            }
        }
        Check::MultipleOf(divisor) => says("multipleOf", Some(json!(divisor))),
        Check::Divisor(divisor) => says("multipleOf", Some(Value::Number(divisor.clone()))),
        Check::Bounds { min, max, above, below } => {
            says("minimum", any(min));
            says("maximum", any(max));
            says("exclusiveMinimum", any(above));
            says("exclusiveMaximum", any(below));
        }
        Check::OneOf(values) => {
            says("enum", Some(Value::Array(values.iter().copied().map(number).collect::<Option<_>>()?)));
        }
        Check::Constants(values) => says("enum", Some(json!(values))),
        Check::Equals(value) => says("const", Some(json!(value))),
        Check::Items { min, max } => {
            says("minItems", whole(min));
            says("maxItems", whole(max));
        }
        Check::Unique { .. } => says("uniqueItems", Some(json!(true))),
        Check::Members { min, max } => {
            says("minProperties", whole(min));
            says("maxProperties", whole(max));
        }
        Check::Any(lists) => says("anyOf", Some(alternatives(lists)?)),
        Check::One(lists) => says("oneOf", Some(alternatives(lists)?)),
        Check::Names(_) | Check::Classes(_) | Check::Encoded(_) => return None,
    }
    Some(Value::Object(schema))
}

/// An integer of JSON.
fn number(value: i128) -> Option<Value> {
    i64::try_from(value).map(Value::from).or_else(|_| u64::try_from(value).map(Value::from)).ok()
}

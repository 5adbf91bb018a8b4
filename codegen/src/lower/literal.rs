//! `enum` and `const`: an enum when all values are strings, else a type with a check.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::schema;
use crate::shape::{Body, Check, Classes, Shape, Type, Variant};

use super::Lowered;
use super::conjunction::{Conjunction, Flat, Part};
use crate::walk::LEAVES;

use super::context::Context;
use super::data::is_data;
use super::scalar::{integer_for, integer_of};

/// Values that a list may have; a longer one is data, and left to the validator.
const MOST_VALUES: usize = 4096;

impl Context<'_> {
    /// Lowers schemas that list the values they accept.
    pub(super) fn literals(&mut self, conjunction: &Conjunction, flat: &Flat<'_>, hint: &str) -> Option<Lowered> {
        let values = self.values(flat)?;
        if flat.parts.iter().any(Part::lists_rounded) {
            // The validator compares; all that is asked of the type is room.
            let are_numbers = values.iter().all(Value::is_number);
            return Some(Lowered::of(if are_numbers { Type::Number } else { Type::Any }));
        }
        let classes = values.iter().fold(Classes::NONE, |all, value| all.or(Classes::of(value)));
        if classes.has(Classes::NULL) && classes != Classes::NULL {
            let mut shape = self.lower(&conjunction.only(Classes::ALL.without(Classes::NULL)), hint);
            shape.nullable = shape.ty != Type::Any;
            if shape.ty == Type::Any {
                shape.checks = vec![Check::Constants(values)];
            }
            return Some(Lowered::Shape(shape));
        }
        self.gaps_but(flat, classes, LEAVES);
        if let Some(closure) = flat.closures().first()
            && classes.has(Classes::OBJECT)
        {
            self.gap(&closure.schema.clone(), "additionalProperties");
        }
        Some(self.literal(&values, flat))
    }

    fn literal(&mut self, values: &[Value], flat: &Flat<'_>) -> Lowered {
        let integers: Option<Vec<i128>> = values.iter().map(integer_of).collect();
        let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
        match (values, integers, texts) {
            ([], ..) => {
                if let Some(part) = flat.parts.first() {
                    self.gap(&part.location, "enum");
                }
                Lowered::of(Type::Any)
            }
            (_, _, Some(texts)) => Lowered::Body(Body::Enum(texts.into_iter().map(Variant::of).collect())),
            (_, Some(integers), _) => {
                let (min, max) = (integers.iter().min().copied(), integers.iter().max().copied());
                let Some(integer) = integer_for(min, max) else {
                    return Lowered::Shape(Shape {
                        checks: vec![Check::Constants(values.to_vec())],
                        ..Shape::of(Type::Any)
                    });
                };
                let mut shape = Shape::of(Type::Integer(integer));
                shape.checks.push(Check::OneOf(integers));
                Lowered::Shape(shape)
            }
            ([Value::Null], ..) => Lowered::of(Type::Null),
            ([Value::Bool(value)], ..) => {
                Lowered::Shape(Shape { checks: vec![Check::Equals(*value)], ..Shape::of(Type::Bool) })
            }
            ([Value::Bool(_), Value::Bool(_)], ..) => Lowered::of(Type::Bool),
            _ => Lowered::Shape(Shape { checks: vec![Check::Constants(values.to_vec())], ..Shape::of(Type::Any) }),
        }
    }

    /// The values that schemas list, those only that their other plain keywords accept; `None` if they list none, or so many that
    /// no code is made of them.
    pub(super) fn values(&self, flat: &Flat<'_>) -> Option<Vec<Value>> {
        if flat.parts.iter().any(Part::lists_data) {
            return None;
        }
        let list = |part: &Part<'_>| match (part.get("const"), part.get("enum")) {
            (Some(value), _) => Some(vec![value.clone()]),
            (None, Some(Value::Array(values))) => Some(values.clone()),
            _ => None,
        };
        let listed = flat.parts.iter().find_map(list)?;
        let fits = |value: &Value| {
            flat.classes.has(Classes::of(value)) && (!flat.whole || !value.is_number() || integer_of(value).is_some())
        };
        let mut seen = HashSet::new();
        let mut values: Vec<Value> =
            listed.into_iter().filter(|value| fits(value) && seen.insert(value.clone())).collect();
        let only_one_list =
            |part: &Part<'_>| part.keywords().all(|(name, _)| ["type", "enum", "const"].contains(&name));
        if !(flat.parts.len() == 1 && flat.parts.iter().all(only_one_list)) {
            for part in &flat.parts {
                let validator = self.plain_validator(part)?;
                values.retain(|value| validator.is_valid(value));
            }
        }
        Some(values)
    }

    /// A validator of what a schema says about constants.
    pub(super) fn plain_validator(&self, part: &Part<'_>) -> Option<schema::Validator> {
        let said = part.keywords().filter(|(keyword, _)| LEAVES.contains(keyword));
        let mut members: Map<String, Value> =
            said.filter_map(|(keyword, _)| Some((keyword.to_owned(), part.get(keyword)?.clone()))).collect();
        if let Some(draft) = self.dialect(&part.location).get("$schema") {
            members.insert("$schema".to_owned(), draft.clone());
        }
        schema::Validator::new(&Value::Object(members)).ok()
    }
}

impl Part<'_> {
    /// Whether it lists more than code is made of: then the validator compares, and the type has room for every value of theirs.
    fn lists_data(&self) -> bool {
        let count = self.get("enum").and_then(Value::as_array).map_or(0, Vec::len);
        count > MOST_VALUES || ["const", "enum"].into_iter().filter_map(|keyword| self.get(keyword)).any(is_data)
    }
}

impl Variant {
    fn of(value: &str) -> Self {
        Self { value: value.to_owned(), name: String::new(), doc: String::new() }
    }
}

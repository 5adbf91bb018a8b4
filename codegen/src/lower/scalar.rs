//! Strings, numbers, arrays, constants.

use serde_json::Value;

use crate::references::Place;
use crate::schema;
use crate::shape::{Body, Check, Integer, Shape, Type, Variant};

use super::context::Context;
use super::{Lowered, Members, type_names};

impl Context<'_> {
    /// `enum` and `const`: an enum when all values are strings, else a type with a check.
    pub(super) fn literals(&mut self, place: &Place, members: &Members, keywords: &[&str]) -> Option<Lowered> {
        let values: Vec<&Value> = match (members.get("const"), members.get("enum")) {
            (Some(value), None) => vec![value],
            (None, Some(Value::Array(values))) => values.iter().collect(),
            _ => return None,
        };
        let (names, nullable_type) = type_names(members);
        let fits = |name: &str| names.is_empty() && !nullable_type || names == [name];
        self.gaps_but(place, keywords, &["type", "enum", "const"]);
        if values.iter().all(|value| value.is_string()) && !values.is_empty() && fits("string") {
            let texts = values.iter().filter_map(|value| value.as_str());
            let mut variants: Vec<Variant> = Vec::new();
            for text in texts {
                if variants.iter().all(|variant| variant.value != text) {
                    variants.push(Variant { value: text.to_owned(), name: String::new() });
                }
            }
            return Some(Lowered::Body(Body::Enum(variants)));
        }
        let mut shape = Shape::of(Type::Any);
        let integers: Option<Vec<i128>> = values.iter().map(|value| integer_of(value)).collect();
        match (values.as_slice(), integers) {
            ([Value::Bool(value)], _) if fits("boolean") => {
                shape = Shape::of(Type::Bool);
                shape.checks.push(Check::Equals(*value));
            }
            (_, Some(integers)) if !integers.is_empty() && (fits("integer") || fits("number")) => {
                let min = integers.iter().min().copied();
                let max = integers.iter().max().copied();
                shape = Shape::of(Type::Integer(integer_for(min, max)));
                shape.checks.push(Check::OneOf(integers));
            }
            ([Value::Null], _) if names.is_empty() => shape = Shape::of(Type::Null),
            _ => self.gap(place, if members.contains_key("const") { "const" } else { "enum" }),
        }
        Some(Lowered::Shape(shape))
    }

    pub(super) fn text(&mut self, place: &Place, members: &Members, keywords: &[&str]) -> Shape {
        self.gaps_but(place, keywords, &["type", "minLength", "maxLength", "pattern", "format"]);
        let mut checks = Vec::new();
        let (min, max) = self.sizes(place, members, "minLength", "maxLength");
        if min.is_some() || max.is_some() {
            checks.push(Check::Length { min, max });
        }
        if let Some(Value::String(pattern)) = members.get("pattern") {
            checks.push(Check::Pattern(pattern.clone()));
        }
        let document = self.document(place);
        let format = members.get("format").and_then(Value::as_str);
        let Some(format) = format.filter(|format| schema::is_known_format(document, format)) else {
            return Shape { ty: Type::Text, nullable: false, checks };
        };
        let ty = match format {
            "uuid" => Type::Uuid,
            "date-time" => Type::DateTime,
            "date" => Type::Date,
            _ => Type::Text,
        };
        if ty != Type::Text && checks.is_empty() {
            return Shape::of(ty);
        }
        if schema::ref_has_siblings(document) {
            checks.push(Check::Format(format.to_owned()));
        } else {
            self.gap(place, "format");
        }
        Shape { ty: Type::Text, nullable: false, checks }
    }

    pub(super) fn integer(&mut self, place: &Place, members: &Members, keywords: &[&str]) -> Shape {
        let handled = ["type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"];
        self.gaps_but(place, keywords, &handled);
        let mut bound = |keyword: &str, step: i128| {
            let value = members.get(keyword)?;
            let found = integer_of(value).map(|bound| bound + step);
            if found.is_none() {
                self.gap(place, keyword);
            }
            found
        };
        let lower = [bound("minimum", 0), bound("exclusiveMinimum", 1)].into_iter().flatten().max();
        let upper = [bound("maximum", 0), bound("exclusiveMaximum", -1)].into_iter().flatten().min();
        let divisor = members.get("multipleOf").map(|value| integer_of(value).and_then(|of| u64::try_from(of).ok()));
        if divisor == Some(None) {
            self.gap(place, "multipleOf");
        }
        let integer = integer_for(lower, upper);
        let (least, most) = integer.bounds();
        let mut shape = Shape::of(Type::Integer(integer));
        let min = lower.filter(|bound| *bound > least);
        let max = upper.filter(|bound| *bound < most);
        if min.is_some() || max.is_some() {
            shape.checks.push(Check::Range { min, max });
        }
        if let Some(divisor) = divisor.flatten().filter(|divisor| *divisor > 1) {
            shape.checks.push(Check::MultipleOf(divisor));
        }
        shape
    }

    pub(super) fn number(&mut self, place: &Place, members: &Members, keywords: &[&str]) -> Shape {
        self.gaps_but(
            place,
            keywords,
            &["type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "format"],
        );
        // A double holds every integer up to 2^53; bounds beyond that are compared exactly by the validator only.
        let mut bound = |keyword: &str| {
            let value = members.get(keyword)?;
            let found = value.as_f64().filter(|bound| bound.abs() < 9_007_199_254_740_992.0);
            if found.is_none() {
                self.gap(place, keyword);
            }
            found
        };
        let (min, max) = (bound("minimum"), bound("maximum"));
        let (above, below) = (bound("exclusiveMinimum"), bound("exclusiveMaximum"));
        let mut shape = Shape::of(Type::Number);
        if [min, max, above, below].iter().any(Option::is_some) {
            shape.checks.push(Check::Bounds { min, max, above, below });
        }
        shape
    }

    pub(super) fn list(&mut self, place: &Place, members: &Members, keywords: &[&str]) -> Shape {
        self.gaps_but(place, keywords, &["type", "items", "minItems", "maxItems", "uniqueItems"]);
        let has_prefix = members.contains_key("prefixItems");
        let item = match members.get("items") {
            Some(Value::Array(_)) => {
                self.gap(place, "items");
                Shape::of(Type::Any)
            }
            Some(_) if has_prefix => {
                self.gap(place, "items");
                Shape::of(Type::Any)
            }
            Some(_) => self.lower(&place.below("/items"), "item"),
            None => Shape::of(Type::Any),
        };
        let mut checks = Vec::new();
        let (min, max) = self.sizes(place, members, "minItems", "maxItems");
        if min.is_some() || max.is_some() {
            checks.push(Check::Items { min, max });
        }
        if members.get("uniqueItems") == Some(&Value::Bool(true)) {
            if self.is_ordered(&item) {
                checks.push(Check::Unique);
            } else {
                self.gap(place, "uniqueItems");
            }
        }
        Shape { ty: Type::List(Box::new(item)), nullable: false, checks }
    }

    /// Whether equality of the Rust values is equality of the JSON values, and there is an order to sort by.
    fn is_ordered(&self, item: &Shape) -> bool {
        let plain = match &item.ty {
            Type::Text | Type::Integer(_) | Type::Bool | Type::Uuid => true,
            Type::Named(id) => matches!(self.definitions[*id].body, Body::Text(_) | Body::Enum(_)),
            _ => false,
        };
        plain && !item.nullable
    }

    /// A pair of limits that count something.
    pub(super) fn sizes(
        &mut self,
        place: &Place,
        members: &Members,
        min: &str,
        max: &str,
    ) -> (Option<u64>, Option<u64>) {
        let mut size = |keyword: &str| {
            let value = members.get(keyword)?;
            let found = integer_of(value).and_then(|size| u64::try_from(size).ok());
            if found.is_none() {
                self.gap(place, keyword);
            }
            found
        };
        (size(min).filter(|min| *min > 0), size(max))
    }
}

impl Integer {
    /// The least and the greatest value.
    pub fn bounds(self) -> (i128, i128) {
        match self {
            Self::U8 => (0, u8::MAX.into()),
            Self::U16 => (0, u16::MAX.into()),
            Self::U32 => (0, u32::MAX.into()),
            Self::U64 => (0, u64::MAX.into()),
            Self::I32 => (i32::MIN.into(), i32::MAX.into()),
            Self::I64 => (i64::MIN.into(), i64::MAX.into()),
        }
    }
}

/// The smallest type for a range; 64 bits where the schema names no bound.
fn integer_for(min: Option<i128>, max: Option<i128>) -> Integer {
    let candidates: &[Integer] = match (min, max) {
        (Some(min), Some(_)) if min >= 0 => &[Integer::U8, Integer::U16, Integer::U32, Integer::I64, Integer::U64],
        (Some(min), None) if min >= 0 => &[Integer::U64],
        (Some(_), Some(_)) => &[Integer::I32, Integer::I64],
        _ => &[Integer::I64],
    };
    let fits = |candidate: &&Integer| {
        let (least, most) = candidate.bounds();
        min.is_none_or(|min| min >= least) && max.is_none_or(|max| max <= most)
    };
    candidates.iter().find(fits).copied().unwrap_or(Integer::I64)
}

/// The value of a JSON number without a fraction.
pub(crate) fn integer_of(value: &Value) -> Option<i128> {
    let Value::Number(number) = value else { return None };
    if let Some(integer) = number.as_i64() {
        return Some(integer.into());
    }
    if let Some(integer) = number.as_u64() {
        return Some(integer.into());
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0)?;
    #[expect(clippy::cast_possible_truncation, reason = "integral and below 2^53")]
    Some(float as i128)
}

//! Strings and numbers.

use eventsmith_exact::Decimal;
use serde_json::{Number, Value};

use crate::schema;
use crate::shape::{Check, Classes, Encoding, Integer, Shape, Type};

use super::conjunction::{Flat, Part};
use super::context::Context;
use super::dialect::Draft;
use super::exact;

impl Context<'_> {
    pub(super) fn text_shape(&mut self, flat: &Flat<'_>) -> Shape {
        let (types, checks) = self.text_checks(flat);
        let [ty] = types.as_slice() else { return Shape { checks, ..Shape::of(Type::Text) } };
        let rest: Vec<Check> = checks.iter().filter(|check| !is_implied(ty, check)).cloned().collect();
        match ty {
            // Written back in one spelling of several, a UUID says nothing of a text that was matched.
            Type::Uuid if !rest.is_empty() => {}
            Type::Uuid | Type::DateTime | Type::Date | Type::Bytes(_) => {
                return Shape { checks: rest, ..Shape::of(ty.clone()) };
            }
            _ => {}
        }
        Shape { checks, ..Shape::of(Type::Text) }
    }

    /// What is checked of a text, and the types that its formats stand for.
    pub(super) fn text_checks(&mut self, flat: &Flat<'_>) -> (Vec<Type>, Vec<Check>) {
        let handled = ["minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType"];
        self.gaps_but(flat, Classes::STRING, &handled);
        let mut checks = Vec::new();
        let (min, max) = self.sizes(flat, "minLength", "maxLength");
        if min.is_some() || max.is_some() {
            checks.push(Check::Length { min, max });
        }
        for pattern in flat.every("pattern").filter_map(|(_, pattern)| pattern.as_str()) {
            checks.push(Check::Pattern(pattern.to_owned()));
        }
        let mut types = Vec::new();
        for (part, format) in flat.every("format") {
            let document = self.dialect(&part.location);
            let Some(format) = format.as_str().filter(|format| schema::is_known_format(document, format)) else {
                continue;
            };
            if format == "hostname" && part.draft < Draft::D7 {
                // The first drafts took other names for host names; every other format means the same in all of them.
                self.gap(&part.location, "format");
                continue;
            }
            let ty = match format {
                "uuid" => Type::Uuid,
                "date-time" => Type::DateTime,
                "date" => Type::Date,
                _ => Type::Text,
            };
            types.push(ty);
            checks.push(Check::Format(format.to_owned()));
        }
        for part in &flat.parts {
            let Some(encoding) = encoding(part) else { continue };
            types.push(Type::Bytes(encoding));
            match asserted_content(part) {
                Some("contentEncoding") => checks.push(Check::Encoded(encoding)),
                Some(keyword) => self.gap(&part.location, keyword),
                None => {}
            }
        }
        for part in flat.parts.iter().filter(|part| encoding(part).is_none()) {
            if let Some(keyword) = asserted_content(part) {
                self.gap(&part.location, keyword);
            }
        }
        types.dedup();
        (types, checks)
    }

    pub(super) fn integer(&mut self, flat: &Flat<'_>) -> Shape {
        let handled = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
        self.gaps_but(flat, Classes::NUMBER, &handled);
        let (mut lower, mut upper) = (None, None);
        let mut divisors = Vec::new();
        for part in &flat.parts {
            for bound in bounds(part) {
                let Some(decimal) = part.decimal(bound.keyword) else { continue };
                let whole = bound.whole(&decimal);
                if bound.is_lower {
                    lower = lower.max(Some(whole));
                } else {
                    upper = Some(upper.map_or(whole, |upper: i128| upper.min(whole)));
                }
            }
            if part.get("multipleOf").is_some() {
                let divisor = part.decimal("multipleOf").and_then(|divisor| u64::try_from(divisor.to_i128()?).ok());
                match divisor {
                    Some(divisor) if divisors.contains(&divisor) => {}
                    Some(divisor) => divisors.push(divisor),
                    None => self.gap(&part.location, "multipleOf"),
                }
            }
        }
        let integer = integer_for(lower, upper);
        self.note_integer(flat, integer);
        let Some(integer) = integer else {
            // No integer of Rust has room for the range: the type is wider, and the validator decides.
            for part in &flat.parts {
                self.gap(&part.location, "type");
            }
            return Shape::of(Type::Number);
        };
        if flat.without_fraction {
            self.spells_integers();
        }
        let (least, most) = integer.bounds();
        let mut shape = Shape::of(Type::Integer(integer));
        let min = lower.filter(|bound| *bound > least);
        let max = upper.filter(|bound| *bound < most);
        if min.is_some() || max.is_some() {
            shape.checks.push(Check::Range { min, max });
        }
        shape.checks.extend(divisors.into_iter().filter(|divisor| *divisor > 1).map(Check::MultipleOf));
        shape
    }

    pub(super) fn number(&mut self, flat: &Flat<'_>) -> Shape {
        let handled = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
        self.gaps_but(flat, Classes::NUMBER, &handled);
        // What is rounded is a gap of every payload that reaches it.
        let mut shape = Shape::of(Type::Number);
        for part in &flat.parts {
            let (mut min, mut max, mut above, mut below) = (None, None, None, None);
            for bound in bounds(part) {
                let slot = match (bound.is_lower, bound.is_exclusive) {
                    (true, false) => &mut min,
                    (true, true) => &mut above,
                    (false, false) => &mut max,
                    (false, true) => &mut below,
                };
                *slot = Some(bound.limit.clone());
            }
            if [&min, &max, &above, &below].iter().any(|bound| bound.is_some()) {
                shape.checks.push(Check::Bounds { min, max, above, below });
            }
            if let Some(Value::Number(divisor)) = part.get("multipleOf") {
                shape.checks.push(Check::Divisor(divisor.clone()));
            }
        }
        shape
    }

    /// A pair of limits that count something: the narrowest of all schemas.
    pub(super) fn sizes(
        &mut self,
        flat: &Flat<'_>,
        min: &'static str,
        max: &'static str,
    ) -> (Option<u64>, Option<u64>) {
        let mut sizes = |keyword| {
            let mut found = Vec::new();
            for (part, value) in flat.every(keyword) {
                match integer_of(value).and_then(|size| u64::try_from(size).ok()) {
                    Some(size) => found.push(size),
                    None => self.gap(&part.location, keyword),
                }
            }
            found
        };
        (sizes(min).into_iter().max().filter(|min| *min > 0), sizes(max).into_iter().min())
    }
}

/// The encoding that a schema annotates its texts with, or asserts.
fn encoding(part: &Part<'_>) -> Option<Encoding> {
    let name = part.sibling("contentEncoding").filter(|_| part.draft >= Draft::D6)?;
    Encoding::named(name.as_str()?)
}

/// The keyword by which validators look into what a text stands for. They know one media type, and in all others they look for no
/// encoding either.
fn asserted_content(part: &Part<'_>) -> Option<&'static str> {
    let encoded = part.get("contentEncoding").and_then(Value::as_str).and_then(Encoding::named);
    match part.get("contentMediaType") {
        None => encoded.map(|_| "contentEncoding"),
        Some(media_type) if media_type == "application/json" => Some("contentMediaType"),
        Some(_) => None,
    }
}

/// Whether a check says nothing beyond what every text of a type fulfils.
fn is_implied(ty: &Type, check: &Check) -> bool {
    let (format, shortest, longest) = match ty {
        Type::Uuid => ("uuid", 36, Some(36)),
        Type::Date => ("date", 10, Some(10)),
        Type::DateTime => ("date-time", "2026-11-30T10:00:00Z".len() as u64, None),
        _ => return false,
    };
    match check {
        Check::Format(other) => other == format,
        Check::Length { min, max } => {
            min.is_none_or(|min| min <= shortest) && max.is_none_or(|max| longest.is_some_and(|longest| longest <= max))
        }
        _ => false,
    }
}

/// A limit of a number.
struct Bound<'a> {
    keyword: &'static str,
    limit: &'a Number,
    is_lower: bool,
    is_exclusive: bool,
}

/// The limits that one schema sets. In draft 4 `exclusiveMinimum` is a flag that sharpens `minimum`.
fn bounds<'a>(part: &Part<'a>) -> Vec<Bound<'a>> {
    let keywords = [
        ("minimum", "exclusiveMinimum", true, false),
        ("maximum", "exclusiveMaximum", false, false),
        ("exclusiveMinimum", "", true, true),
        ("exclusiveMaximum", "", false, true),
    ];
    let bound = |(keyword, flag, is_lower, is_exclusive)| match part.get(keyword) {
        Some(Value::Number(limit)) => {
            let is_exclusive = is_exclusive || part.get(flag) == Some(&Value::Bool(true));
            Some(Bound { keyword, limit, is_lower, is_exclusive })
        }
        _ => None,
    };
    keywords.into_iter().filter_map(bound).collect()
}

impl Bound<'_> {
    /// The outermost integer that it allows; beyond 128 bits the last of those.
    fn whole(&self, limit: &Decimal) -> i128 {
        let (near, far) = if self.is_lower { (limit.ceiling(), i128::MIN) } else { (limit.floor(), i128::MAX) };
        let Some(near) = near else {
            let is_above = Some(limit) > Decimal::parse("0").as_ref();
            return if is_above { i128::MAX } else { i128::MIN };
        };
        let step = if far > 0 { -1 } else { 1 };
        if self.is_exclusive && limit.is_integer() { near.saturating_add(step) } else { near }
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

/// The smallest type for a range, of 64 bits where the schema names no bound; `None` if no type has room for it.
pub(super) fn integer_for(min: Option<i128>, max: Option<i128>) -> Option<Integer> {
    let candidates: &[Integer] = match (min, max) {
        (Some(min), Some(_)) if min >= 0 => &[Integer::U8, Integer::U16, Integer::U32, Integer::I64, Integer::U64],
        (Some(min), None) if min >= 0 => &[Integer::U64],
        (Some(_), Some(_)) => &[Integer::I32, Integer::I64],
        _ => &[Integer::I64],
    };
    let fits = |candidate: &&Integer| {
        let (least, most) = candidate.bounds();
        let has = |bound: i128| (least..=most).contains(&bound);
        min.is_none_or(has) && max.is_none_or(has)
    };
    candidates.iter().find(fits).copied()
}

/// The value of a JSON number without a fraction.
pub(crate) fn integer_of(value: &Value) -> Option<i128> {
    let Value::Number(number) = value else { return None };
    let small = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    small.or_else(|| exact::integer(number))
}

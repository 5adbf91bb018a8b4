//! Ranges of numbers.

use std::cmp::Ordering;

use eventsmith_exact::Decimal;
use serde_json::{Number, Value, json};

/// The lowest and the highest number, and whether they are excluded.
#[derive(Debug, Clone, Default)]
pub(super) struct NumberRange {
    pub(super) low: Option<(Number, bool)>,
    pub(super) high: Option<(Number, bool)>,
}

impl NumberRange {
    /// The range within several bounds that all hold, each with whether it is excluded.
    pub(super) fn new(lows: Vec<(Number, bool)>, highs: Vec<(Number, bool)>, is_integer: bool) -> Self {
        let mut range = Self { low: tightest(lows, Ordering::Greater), high: tightest(highs, Ordering::Less) };
        if is_integer {
            range.low = range.low.map(|(bound, excluded)| whole(bound, excluded, 1));
            range.high = range.high.map(|(bound, excluded)| whole(bound, excluded, -1));
        }
        range
    }

    /// Whether no number is in it.
    pub(super) fn is_empty(&self) -> bool {
        let (Some((low, without_low)), Some((high, without_high))) = (&self.low, &self.high) else { return false };
        match compare(low, high) {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => *without_low || *without_high,
            _ => false,
        }
    }

    /// Whether every number of it fulfils a keyword that compares.
    pub(super) fn fulfils(&self, keyword: &str, bound: &Number) -> bool {
        let (end, wanted) = match keyword {
            "minimum" | "exclusiveMinimum" => (&self.low, Ordering::Greater),
            _ => (&self.high, Ordering::Less),
        };
        let excludes = keyword.starts_with("exclusive");
        end.as_ref().is_some_and(|(end, excluded)| match compare(end, bound) {
            Some(Ordering::Equal) => *excluded || !excludes,
            Some(order) => order == wanted,
            None => false,
        })
    }
}

/// The tightest of several bounds that all hold; where two cannot be compared, either of them is a bound.
fn tightest(bounds: Vec<(Number, bool)>, tighter: Ordering) -> Option<(Number, bool)> {
    bounds.into_iter().reduce(|known, other| match compare(&other.0, &known.0) {
        Some(order) if order == tighter || order == Ordering::Equal && other.1 => other,
        _ => known,
    })
}

/// The nearest whole number within a bound of whole numbers.
fn whole(bound: Number, excluded: bool, inward: i64) -> (Number, bool) {
    if let Some(number) = bound.as_i128() {
        let moved = if excluded { number.checked_add(inward.into()) } else { Some(number) };
        let moved = moved.and_then(Number::from_i128);
        return moved.map_or((bound, excluded), |number| (number, false));
    }
    match bound.as_f64() {
        Some(number) if number.fract() != 0.0 && number.abs() < EXACT => {
            let near = if inward > 0 { number.ceil() } else { number.floor() };
            (Number::from(near as i64), false)
        }
        _ => (bound, excluded),
    }
}

/// Below this every whole number is a double (2^53).
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The order of two numbers; `None` where doubles may have lost it.
pub(super) fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    let integer = |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    if let (Some(one), Some(other)) = (integer(one), integer(other)) {
        return Some(one.cmp(&other));
    }
    let (one, other) = (one.as_f64()?, other.as_f64()?);
    if one.abs() < EXACT && other.abs() < EXACT || (one - other).abs() > one.abs().max(other.abs()) / 1e9 {
        one.partial_cmp(&other)
    } else {
        None
    }
}

/// Whether every number that is a multiple of several others is a multiple of one more.
pub(super) fn divides(divisor: &Number, others: &[&Number]) -> bool {
    let is_multiple = |number: &&Number| {
        let decimal = |number: &Number| Decimal::parse(&number.to_string());
        decimal(number).zip(decimal(divisor)).is_some_and(|(number, divisor)| number.is_multiple_of(&divisor))
    };
    if others.iter().any(is_multiple) {
        return true;
    }
    // What is a multiple of 2 and of 3 is one of 6.
    let scaled: Option<Vec<i128>> = others.iter().copied().chain([divisor]).map(scaled).collect();
    let Some((divisor, others)) = scaled.as_ref().and_then(|all| all.split_last()) else { return false };
    let common = others.iter().try_fold(1_i128, |known, other| known.checked_mul(other / gcd(known, *other)));
    !others.is_empty() && common.is_some_and(|common| common % divisor == 0)
}

/// A positive decimal in units of the smallest that are computed with.
fn scaled(number: &Number) -> Option<i128> {
    const PLACES: i64 = 12;
    let text = number.to_string();
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok().filter(|digits| *digits > 0)?;
    let power = PLACES + exponent.parse::<i64>().ok()? - i64::try_from(fraction.len()).ok()?;
    digits.checked_mul(10_i128.checked_pow(u32::try_from(power).ok()?)?)
}

fn gcd(mut one: i128, mut other: i128) -> i128 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one.max(1)
}

/// Numbers on the wrong side of a bound.
pub(super) fn beyond(keyword: &str, bound: &Number) -> Vec<Value> {
    let up = keyword.ends_with("aximum");
    let step: i64 = if up { 1 } else { -1 };
    let mut found = Vec::new();
    if keyword.starts_with("exclusive") {
        found.push(Value::Number(bound.clone()));
    }
    if let Some(next) = bound.as_i64().and_then(|number| number.checked_add(step)) {
        found.push(json!(next));
    }
    if let Some(number) = bound.as_f64() {
        let step = step as f64;
        let near = if up { number.floor() } else { number.ceil() };
        if near.abs() < EXACT {
            found.push(json!((near + step) as i64));
        }
        found.extend([0.5, 0.01, 10.0].map(|part| json!(number + step * part)));
        found.push(json!(number + step * number.abs().max(1.0)));
    }
    found
}

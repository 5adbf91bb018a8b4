//! Numbers within bounds and on a grid.

use eventsmith_exact::Decimal;
use serde_json::{Map, Number, Value};

use crate::sample::choices::Choices;

/// The least and the greatest integer of JSON as Rust reads it without loss.
const RANGE: (i128, i128) = (i64::MIN as i128, u64::MAX as i128);

/// An integer that the bounds allow.
pub(super) fn integer(flat: &Map<String, Value>, choices: &mut Choices) -> Option<Value> {
    let step = step(flat)?;
    let lowest = bounds(flat, "minimum", "exclusiveMinimum").map(|(limit, open)| {
        // What has more than 128 bits is beyond every value that is made here.
        let ceiling = limit.ceiling().unwrap_or_else(|| beyond(&limit));
        ceiling.saturating_add(i128::from(open && limit.is_integer()))
    });
    let highest = bounds(flat, "maximum", "exclusiveMaximum").map(|(limit, open)| {
        let floor = limit.floor().unwrap_or_else(|| beyond(&limit));
        floor.saturating_sub(i128::from(open && limit.is_integer()))
    });
    let low = div_ceil(lowest.unwrap_or(RANGE.0).max(RANGE.0), step);
    let high = highest.unwrap_or(RANGE.1).min(RANGE.1).div_euclid(step);
    if low > high {
        return None;
    }
    let near = |factor: i128| factor.clamp(low, high);
    // Near the bounds is where readers and writers disagree; near zero is where people look.
    let options = [near(1), near(0), low, high, near(-1), near(low.saturating_add(1)), near(high.saturating_sub(1))];
    let unbounded = |factor: &i128| lowest.is_none() && *factor == low || highest.is_none() && *factor == high;
    let mut options: Vec<i128> = options.into_iter().filter(|factor| low == high || !unbounded(factor)).collect();
    options.extend([near(low.max(0).saturating_add(choices.pick(1000) as i128))]);
    let value = options.get(choices.pick(options.len()))? * step;
    i64::try_from(value).map(Value::from).or_else(|_| u64::try_from(value).map(Value::from)).ok()
}

/// A number that the bounds allow: an integer where that is possible and the choice does not fall on a fraction.
pub(super) fn number(flat: &Map<String, Value>, choices: &mut Choices) -> Option<Value> {
    let wants_fraction = choices.pick(3) == 2;
    if !wants_fraction && let Some(integer) = integer(flat, choices) {
        return Some(integer);
    }
    fraction(flat, choices).or_else(|| integer(flat, choices))
}

fn fraction(flat: &Map<String, Value>, choices: &mut Choices) -> Option<Value> {
    let nearest = |bound: Option<(Decimal, bool)>| Some((bound.as_ref()?.0.to_string().parse::<f64>().ok()?, bound?.1));
    let (low, is_low_open) = nearest(bounds(flat, "minimum", "exclusiveMinimum")).unwrap_or((f64::MIN, false));
    let (high, is_high_open) = nearest(bounds(flat, "maximum", "exclusiveMaximum")).unwrap_or((f64::MAX, false));
    let inside =
        |value: f64| (value > low || value == low && !is_low_open) && (value < high || value == high && !is_high_open);
    let start = if low > f64::MIN { low } else { 0.0_f64.min(high - 1.0) };
    if let Some(step) = flat.get("multipleOf").and_then(Value::as_f64).filter(|step| *step > 0.0) {
        let digits = flat.get("multipleOf").map(decimals).unwrap_or_default();
        let first = (start / step).ceil();
        let skipped = choices.pick(10) as f64;
        let candidates = [first + skipped, first, first + 1.0].map(|factor| format!("{:.digits$}", factor * step));
        let fits = candidates.into_iter().filter_map(|text| text.parse().ok()).find(|value| inside(*value));
        return fits.and_then(Number::from_f64).map(Value::Number);
    }
    let end = if high < f64::MAX { high } else { start + 2.0 };
    let middle = start + (end - start) / 2.0;
    let candidates = [middle, start + 0.5, start, end, start + 0.01];
    let fits: Vec<f64> = candidates.into_iter().filter(|value| inside(*value)).collect();
    fits.get(choices.pick(fits.len())).copied().and_then(Number::from_f64).map(Value::Number)
}

/// The tighter of a bound and its exclusive twin, and whether the bound itself is outside. In draft 4 the twin is a flag.
fn bounds(flat: &Map<String, Value>, inclusive: &str, exclusive: &str) -> Option<(Decimal, bool)> {
    let closed = flat.get(inclusive).and_then(decimal);
    match (closed, flat.get(exclusive)) {
        (Some(limit), Some(Value::Bool(open))) => Some((limit, *open)),
        (closed, Some(open @ Value::Number(_))) => {
            let open = decimal(open)?;
            let is_lower = inclusive == "minimum";
            match closed {
                Some(closed) if is_lower && closed > open || !is_lower && closed < open => Some((closed, false)),
                _ => Some((open, true)),
            }
        }
        (closed, _) => closed.map(|limit| (limit, false)),
    }
}

/// A number as it is written: an integer of 64 bits is more than the nearest double.
pub(super) fn decimal(value: &Value) -> Option<Decimal> {
    value.is_number().then(|| Decimal::parse(&value.to_string())).flatten()
}

/// The integer of 128 bits that is next to a number beyond them.
fn beyond(limit: &Decimal) -> i128 {
    if limit.to_string().starts_with('-') { i128::MIN } else { i128::MAX }
}

/// The least integer whose multiples are on the grid; `None` where that is not to be found.
fn step(flat: &Map<String, Value>) -> Option<i128> {
    let Some(grid) = flat.get("multipleOf").and_then(Value::as_f64) else { return Some(1) };
    (1..=1000)
        .map(|factor| f64::from(factor) * grid)
        .find(|step| *step >= 1.0 && step.fract() == 0.0)
        .map(|s| s as i128)
}

fn div_ceil(number: i128, step: i128) -> i128 {
    -(-number).div_euclid(step)
}

/// The digits behind the point of a number as it is written.
fn decimals(number: &Value) -> usize {
    let text = number.to_string();
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let digits = mantissa.split_once('.').map_or(0, |(_, digits)| digits.len());
    let exponent: i64 = exponent.parse().unwrap_or_default();
    usize::try_from(i64::try_from(digits).unwrap_or_default() - exponent).unwrap_or_default().min(30)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample::Optional;

    fn made(schema: Value, make: fn(&Map<String, Value>, &mut Choices) -> Option<Value>) -> Option<Value> {
        make(schema.as_object().unwrap(), &mut Choices::first(Optional::Leave))
    }

    #[test]
    fn an_integer_keeps_its_bounds_and_its_grid() {
        assert_eq!(made(json!({}), integer), Some(json!(1)));
        assert_eq!(made(json!({"minimum": 9.5}), integer), Some(json!(10)));
        assert_eq!(made(json!({"exclusiveMinimum": 10}), integer), Some(json!(11)));
        assert_eq!(made(json!({"minimum": 10, "exclusiveMinimum": true}), integer), Some(json!(11)));
        assert_eq!(made(json!({"maximum": -3, "multipleOf": 5}), integer), Some(json!(-5)));
        assert_eq!(made(json!({"minimum": 1, "maximum": 2, "multipleOf": 5}), integer), None);
        assert_eq!(made(json!({"minimum": 1, "multipleOf": 2.5}), integer), Some(json!(5)));
        let edge = 1_700_000_000_000_000_001_u64;
        assert_eq!(made(json!({"minimum": edge, "maximum": edge + 99}), integer), Some(json!(edge)));
        let odd = 9_007_199_254_740_993_u64;
        assert_eq!(made(json!({"minimum": odd, "maximum": odd}), integer), Some(json!(odd)));
        let last = json!({"exclusiveMinimum": 9_223_372_036_854_775_806_u64, "maximum": 9_223_372_036_854_775_807_u64});
        assert_eq!(made(last, integer), Some(json!(9_223_372_036_854_775_807_u64)));
        assert_eq!(made(json!({"minimum": 1e300}), integer), None);
        assert_eq!(made(json!({"maximum": 1e300, "minimum": -1e300}), integer), Some(json!(1)));
    }

    #[test]
    fn a_number_is_a_fraction_where_no_integer_fits() {
        assert_eq!(made(json!({"exclusiveMinimum": 0, "exclusiveMaximum": 1}), number), Some(json!(0.5)));
        assert_eq!(made(json!({"minimum": 0.011, "maximum": 0.02, "multipleOf": 0.01}), number), Some(json!(0.02)));
        assert_eq!(made(json!({"minimum": 0}), number), Some(json!(1)));
    }
}

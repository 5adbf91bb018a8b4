//! Bounds whose digits no double holds: they are compared as the decimals that they are written as.

use eventsmith_exact::Decimal;
use eventsmith_exact::schema::EXACT;
use serde_json::{Number, Value};

use crate::containment::writer::Written;

use super::{Fit, Miss, Prover};

/// A bound, and whether it is excluded.
type Bound = (Decimal, bool);

impl<'a> Prover<'a> {
    /// A bound of the reader whose digits stand beside it.
    pub(super) fn wide_bound(&self, written: &Written<'a>, keyword: &str, operand: &Value) -> Fit {
        match wide(keyword, operand) {
            Some(bound) if is_within(written, keyword, &bound) => Ok(()),
            Some((bound, _)) => {
                let side = if keyword.ends_with("inimum") { "less" } else { "more" };
                Err(Miss::new(self.samples(written), format!("{side} than {bound} may be written")))
            }
            None => Err(Miss::new(self.samples(written), format!("{operand} cannot be compared"))),
        }
    }
}

/// Whether the writer's bounds keep all numbers within one of the reader's.
pub(super) fn keeps_within(written: &Written<'_>, keyword: &str, bound: &Number) -> bool {
    plain(keyword, bound).is_some_and(|bound| is_within(written, keyword, &bound))
}

fn is_within(written: &Written<'_>, keyword: &str, (bound, excludes): &Bound) -> bool {
    let is_upper = keyword.ends_with("aximum");
    let names = if is_upper { ["maximum", "exclusiveMaximum"] } else { ["minimum", "exclusiveMinimum"] };
    let mut ends = names.into_iter().flat_map(|name| {
        let exact = format!("{EXACT}-{name}");
        let plain = written.every(name).filter_map(move |end| plain(name, end.as_number()?));
        let wide = written.every(&exact).filter_map(move |end| wide(name, end)).collect::<Vec<_>>();
        plain.chain(wide)
    });
    ends.any(|(end, excluded)| match end == *bound {
        true => excluded || !excludes,
        false => (end < *bound) == is_upper,
    })
}

fn plain(keyword: &str, bound: &Number) -> Option<Bound> {
    Some((Decimal::parse(&bound.to_string())?, keyword.starts_with("exclusive")))
}

/// What stands in place of a bound that serde_json rounds: its text, and the flag of draft 4 that excludes it.
fn wide(keyword: &str, operand: &Value) -> Option<Bound> {
    let excluded = keyword.trim_start_matches(EXACT).trim_start_matches('-').starts_with("exclusive");
    let is_flagged = operand.get(1).and_then(Value::as_bool).unwrap_or_default();
    Some((Decimal::parse(operand.get(0)?.as_str()?)?, excluded || is_flagged))
}

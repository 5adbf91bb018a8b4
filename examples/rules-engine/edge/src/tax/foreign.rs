//! The tax service's model, and what it means in ours.

use eventsmith::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::model::Rate;

/// One page of the service.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ForeignPage {
    pub(crate) entries: Vec<ForeignRate>,
    /// Where the next page begins; the same again at the end.
    pub(crate) next: String,
    pub(crate) more: bool,
}

/// One rate, as the service has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ForeignRate {
    /// `de`, `us_ca`.
    pub(crate) region: String,
    /// `VAT`, `GST`, `SALES`, `EXCISE`.
    pub(crate) levy: String,
    /// `Restaurant meals`.
    pub(crate) goods: String,
    /// A number: 7.25 is 7.25 %.
    pub(crate) percent: Box<RawValue>,
    /// A day, `2026-01-01`.
    pub(crate) from: String,
}

impl ForeignRate {
    /// The rate in our words; nothing where it has no meaning here.
    pub(super) fn rate(&self) -> Option<Rate> {
        let goods = self.goods.to_ascii_lowercase().replace([' ', '/'], "-");
        let is_category = (1..=64).contains(&goods.len())
            && goods.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
        let effective_at: DateTime = format!("{}T00:00:00Z", self.from).parse().ok()?;
        Some(Rate {
            jurisdiction: self.region.to_ascii_uppercase().replace('_', "-").try_into().ok()?,
            tax_type: self.levy.to_ascii_lowercase().parse().ok()?,
            category: is_category.then_some(goods)?,
            rate: fraction(self.percent.get())?.try_into().ok()?,
            effective_at,
        })
    }
}

/// A percentage as a fraction, exactly: `7.25` is `0.0725`.
fn fraction(percent: &str) -> Option<String> {
    let (whole, part) = percent.split_once('.').unwrap_or((percent, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || part.len() > 6 || !is_number(whole) || !is_number(part) {
        return None;
    }
    let digits = format!("{whole:0>3}{part}");
    let (one, behind) = digits.split_at(digits.len() - part.len() - 2);
    let behind = behind.trim_end_matches('0');
    let one = one.trim_start_matches('0');
    let one = if one.is_empty() { "0" } else { one };
    Some(if behind.is_empty() { one.to_owned() } else { format!("{one}.{behind}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_becomes_a_fraction_exactly() {
        for (percent, expected) in [
            ("19", "0.19"),
            ("7.25", "0.0725"),
            ("0", "0"),
            ("100", "1"),
            ("5.5", "0.055"),
            ("8.875", "0.08875"),
            ("0.10", "0.001"),
            ("21.0", "0.21"),
        ] {
            assert_eq!(fraction(percent).as_deref(), Some(expected), "{percent}");
        }
        for percent in ["-1", "1e2", "", ".5", "1000", "0.1234567", "\"7\"", "null"] {
            assert_eq!(fraction(percent), None, "{percent}");
        }
    }

    #[test]
    fn what_has_no_meaning_here_is_no_rate() {
        let rate = |region: &str, levy: &str, percent: &str, from: &str| {
            let percent = RawValue::from_string(percent.to_owned()).unwrap();
            let goods = "Restaurant meals".to_owned();
            ForeignRate { region: region.to_owned(), levy: levy.to_owned(), goods, percent, from: from.to_owned() }
                .rate()
        };

        let meant = rate("us_ca", "SALES", "7.25", "2026-01-01").unwrap();

        assert_eq!(
            (meant.jurisdiction.as_str(), meant.category.as_str(), meant.rate.as_str()),
            ("US-CA", "restaurant-meals", "0.0725")
        );
        assert!(rate("atlantis", "VAT", "7", "2026-01-01").is_none());
        assert!(rate("de", "TITHE", "7", "2026-01-01").is_none());
        assert!(rate("de", "VAT", "7", "yesterday").is_none());
        assert!(rate("de", "VAT", "\"7\"", "2026-01-01").is_none());
    }
}

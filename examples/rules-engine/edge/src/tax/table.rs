//! The rates of a jurisdiction, and what a page changes of them.

use eventsmith::bucket::{BucketError, Entry};
use eventsmith::{Bus, DateTime};
use rules_events::common::{Jurisdiction, TaxRate, TaxType};
use rules_events::tax::{RateChange, TaxRateChangeNote, TaxRateEntry, TaxRateTable};

use super::model::Rate;

/// What a page changes of one jurisdiction.
pub(super) struct Changes {
    /// The rates that are new or differ, and no others.
    pub(super) rates: Vec<RateChange>,
    pub(super) created: u16,
    pub(super) updated: u16,
    /// From when on the first of them applies.
    pub(super) effective_at: DateTime,
    /// The table with them.
    pub(super) table: TaxRateTable,
}

/// The rate that applies at a time: the latest that is in effect then.
///
/// # Errors
/// [`BucketError`] when the bucket cannot be read.
pub async fn rate(
    bus: &Bus,
    jurisdiction: &Jurisdiction,
    tax_type: TaxType,
    category: &str,
    at: &DateTime,
) -> Result<Option<TaxRate>, BucketError> {
    let table = bus.bucket::<TaxRateTable>().get(jurisdiction.as_str()).await?;
    let found = table.as_ref().and_then(|table| {
        let applies = |entry: &&TaxRateEntry| {
            entry.tax_type == tax_type && entry.category == category && entry.effective_at.timestamp() <= at.timestamp()
        };
        table.rates.iter().find(applies)
    });
    Ok(found.map(|entry| entry.rate.clone()))
}

/// What rates of one jurisdiction change of its table; nothing if it has them already.
pub(super) fn changes(
    jurisdiction: &Jurisdiction,
    found: Option<&Entry<TaxRateTable>>,
    rates: &[&Rate],
) -> Option<Changes> {
    let mut entries = found.map(|table| table.rates.clone()).unwrap_or_default();
    let (mut changed, mut created, mut updated) = (Vec::new(), 0, 0);
    let mut effective_at: Option<DateTime> = None;
    for rate in rates {
        let same = |entry: &&mut TaxRateEntry| entry.tax_type == rate.tax_type && entry.category == rate.category;
        let entry = TaxRateEntry {
            tax_type: rate.tax_type,
            category: rate.category.clone(),
            rate: rate.rate.clone(),
            effective_at: rate.effective_at.clone(),
        };
        let previous_rate = match entries.iter_mut().find(same) {
            Some(known) if *known == entry => continue,
            Some(known) => {
                updated += 1;
                Some(std::mem::replace(known, entry).rate)
            }
            None => {
                created += 1;
                entries.push(entry);
                None
            }
        };
        let RateParts { tax_type, category, rate, from } = RateParts::of(rate);
        if effective_at.as_ref().is_none_or(|earliest| from.timestamp() < earliest.timestamp()) {
            effective_at = Some(from);
        }
        changed.push(RateChange { tax_type, category, previous_rate, rate });
    }
    let table = TaxRateTable {
        jurisdiction: jurisdiction.clone(),
        rates: entries,
        changed_by: None,
        updated_at: DateTime::now(),
    };
    Some(Changes { rates: changed, created, updated, effective_at: effective_at?, table })
}

/// A rate taken apart.
struct RateParts {
    tax_type: TaxType,
    category: String,
    rate: TaxRate,
    from: DateTime,
}

impl RateParts {
    fn of(rate: &Rate) -> Self {
        let Rate { tax_type, category, rate, effective_at, .. } = rate.clone();
        Self { tax_type, category, rate, from: effective_at }
    }
}

impl Changes {
    /// The note of the page that makes them.
    pub(super) fn noted(self, note: TaxRateChangeNote) -> TaxRateTable {
        TaxRateTable { changed_by: Some(note), ..self.table }
    }
}

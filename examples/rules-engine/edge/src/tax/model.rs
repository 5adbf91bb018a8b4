//! A tax rate in our words.

use eventsmith::DateTime;
use rules_events::common::{Jurisdiction, TaxRate, TaxType};

/// One rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Where it applies.
    pub jurisdiction: Jurisdiction,
    /// The type of the tax.
    pub tax_type: TaxType,
    /// To which goods or services it applies.
    pub category: String,
    /// The rate, as a fraction.
    pub rate: TaxRate,
    /// From when on.
    pub effective_at: DateTime,
}

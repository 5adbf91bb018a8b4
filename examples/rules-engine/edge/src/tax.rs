//! Tax rates from a tax service, in our words. The service's own model stays here: percentages as numbers, regions and goods by other
//! names, pages behind a cursor.
//!
//! [`Synchronizer`] brings the rates of the service into the bucket `TAX_RATES`, page by page; [`rate`] looks one up.

mod client;
pub(crate) mod foreign;
mod model;
mod sync;
mod table;

pub use client::{Page, TaxConfig, TaxError, TaxServiceClient};
pub use model::Rate;
pub use sync::{SyncError, SyncSummary, Synchronizer};
pub use table::rate;

//! What projections need beside what the catalogue declares.

/// The bucket in which projections keep how far they are.
pub(crate) const PROJECTIONS: &str = "EVENTSMITH_PROJECTIONS";

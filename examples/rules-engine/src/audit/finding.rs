//! What an audit finds.

/// What is wrong with a checkout.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// It has not ended, or something is missing or left behind.
    Lost(String),
    /// Something happened twice.
    Doubled(String),
}

//! Which readers are held against which writers.

use crate::manifest::Policy;

/// Which readers read which writers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// New readers and old writers.
    Backward,
    /// Old readers and new writers.
    Forward,
}

impl Direction {
    /// `backward` or `forward`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backward => "backward",
            Self::Forward => "forward",
        }
    }

    pub(super) const fn all(policy: Policy) -> &'static [Self] {
        match policy {
            Policy::Backward => &[Self::Backward],
            Policy::Forward => &[Self::Forward],
            Policy::Full => &[Self::Backward, Self::Forward],
        }
    }
}

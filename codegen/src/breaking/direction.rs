//! Which readers are held against which writers.

use crate::manifest::Policy;
use crate::model::VersionPart;

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

    /// What a policy asks of a part of a version.
    ///
    /// A policy says who changes first: backward, those who read events and requests; forward, those who write them. Who reads
    /// requests writes the answers, so that these go the other way: new servers and old callers are backward for the request, and
    /// forward for its reply.
    pub(super) const fn all(policy: Policy, part: VersionPart) -> &'static [Self] {
        match (policy, part.is_answer()) {
            (Policy::Backward, false) | (Policy::Forward, true) => &[Self::Backward],
            (Policy::Forward, false) | (Policy::Backward, true) => &[Self::Forward],
            (Policy::Full, _) => &[Self::Backward, Self::Forward],
        }
    }
}

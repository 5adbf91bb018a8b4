//! An alternative of a union, while it is lowered.

use crate::references::Location;

use super::conjunction::{Conjunction, Flat};

/// An alternative and what it comes to together with everything beside it.
pub(super) struct Branch<'a> {
    pub(super) location: Location,
    pub(super) conjunction: Conjunction,
    pub(super) flat: Flat<'a>,
}

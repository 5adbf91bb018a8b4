//! Conversions, and what is known while they are derived.

use std::collections::BTreeMap;

use crate::emit::source::Source;
use crate::shape::Id;

use super::proof::Change;

/// What is written for each conversion.
pub(super) type Conversions = BTreeMap<Conversion, String>;

/// A definition, and another that it becomes.
pub(super) type Conversion = (Id, Id);

/// One upcast while it is derived.
pub(super) struct Derivation<'a> {
    pub(super) source: Source<'a>,
    pub(super) change: Change<'a>,
    /// Required properties that values of the older version may lack, and get a default for.
    pub(super) filled: Vec<(Id, String)>,
    /// What is written, or being written.
    pub(super) conversions: Conversions,
    /// How many definitions the one at hand lies in.
    pub(super) depth: usize,
}

//! What generated types keep of a payload that no schema declares, and which integers they hold: what writers write, beyond what the
//! schemas say.

use std::collections::{HashMap, HashSet};

use crate::references::Location;
use crate::shape::Gap;

/// What is found out about types while they are made, by the places of schemas.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    /// Objects whose structs keep undeclared properties, so that the validator sees them.
    pub(crate) open: HashSet<Location>,
    /// Schemas whose values are kept as they are, with all that is in them.
    pub(crate) whole: HashSet<Location>,
    /// Unions, by their keyword, of which a value that several alternatives accept is kept as it is.
    pub(crate) several: HashSet<(Location, &'static str)>,
    /// The integers that a schema of integers comes to, least and greatest; nothing where it comes to numbers of any size.
    pub(crate) integers: HashMap<Location, Option<(i128, i128)>>,
    /// Keywords that are left to the validator.
    pub(crate) gaps: Vec<Gap>,
    /// Unions of which that holds only where something is left to the validator.
    pub(super) perhaps: HashSet<(Location, &'static str)>,
}

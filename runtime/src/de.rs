//! Reading JSON exactly: what serde would let through though no JSON Schema means it so.
//!
//! serde reads a struct from an array, an enum from an object, a missing property as null, a UUID without hyphens; and
//! it does not read `1.0` as an integer. Generated types and [`Strict`] put that right.

mod exact;
mod spelling;
mod strict;
mod tagged;

pub(crate) use spelling::spells_whole_as_fraction;

pub use exact::{Exact, exact, exact_present, present, required};
pub use strict::Strict;
pub use tagged::{Untagged, tagged};

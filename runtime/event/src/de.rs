//! Reading JSON exactly: what serde would let through though no JSON Schema means it so.
//!
//! serde reads a struct from an array, an enum from an object, a missing property as null, a UUID without hyphens, the
//! last of two members with one name; and it does not read `1.0` as an integer. Generated types and [`Strict`] put that
//! right.

mod buffered;
mod digits;
mod discard;
mod exact;
mod json;
mod names;
mod readings;
mod spelling;
mod strict;
mod tagged;
#[cfg(test)]
mod tests;
mod union;

pub use buffered::Buffered;
pub(crate) use digits::{kept as keeping_digits, seen};
pub use exact::{Exact, exact, exact_present, kept, present, required};
pub(crate) use json::parse;
pub(crate) use names::{RAW_VALUE, Text};
pub(crate) use spelling::spells_whole_as_fraction;
pub use strict::Strict;
pub use tagged::{Members, Tagged, read_tagged};
pub use union::{alternative, read_any_of, read_one_of};

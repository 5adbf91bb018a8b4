//! JSON whose numbers are what their digits say.
//!
//! `serde_json` keeps a number as an integer of 64 bits or as a double, and forgets what neither holds: `18446744073709551617`
//! becomes 2^64. Its feature `arbitrary_precision` keeps the digits, but for every crate of the build, those of applications
//! among them, where structs with `#[serde(flatten)]` then read no double any more. So most numbers stay as serde_json has
//! them. The others are *wide*: they are found in the text ([`has_wide`]), kept beside their values ([`Tape`], [`schema`]), and
//! compared as decimals ([`Decimal`]) by keywords of our own ([`keywords`]).
//!
//! ```
//! use eventsmith_exact::Decimal;
//!
//! let (one, other) = (Decimal::parse("1e2"), Decimal::parse("100.0"));
//! assert_eq!(one, other);
//! assert!(Decimal::parse("18446744073709551617") > Decimal::parse("18446744073709551616"));
//! ```

pub mod canonical;
mod decimal;
mod effort;
pub mod keywords;
mod meta;
pub mod names;
pub mod numerals;
pub mod schema;
mod tape;
mod validator;

pub use decimal::Decimal;
pub use effort::{MOST_SEARCHED, is_searchable};
pub use meta::{meta_schema, with_meta_schemas};
pub use numerals::{has_wide, is_wide};
pub use tape::{Node, OnTape, Tape};
pub use validator::TapeValidator;

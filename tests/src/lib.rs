//! Tests of the whole house. The code in the README is a test, too:
//!
#![doc = include_str!("../../README.md")]
#![expect(clippy::needless_doctest_main, reason = "a build script has a main function")]

/// The guides, whose code is compiled, too.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../docs/delivery.md")]
    mod delivery {}
    #[doc = include_str!("../../docs/unit-tests.md")]
    mod unit_tests {}
}

pub mod job;
pub mod proxy;
mod published;
pub mod random_edit;
pub mod random_schema;
pub mod realistic;
pub mod running;
pub mod small_crate;

pub use published::results;

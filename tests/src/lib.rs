//! Tests of the whole house.

/// The guides, whose Rust is compiled; that of docs/catalogue.md is, in the crate of its catalogue. All else in them is for
/// `cli/tests/cli/guide.rs`.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../docs/buckets.md")]
    mod buckets {}
    #[doc = include_str!("../../docs/dead-letters.md")]
    mod dead_letters {}
    #[doc = include_str!("../../docs/delivery.md")]
    mod delivery {}
    #[doc = include_str!("../../docs/evolution.md")]
    mod evolution {}
    #[doc = include_str!("../../docs/provisioning.md")]
    mod provisioning {}
    #[doc = include_str!("../../docs/requests.md")]
    mod requests {}
    #[doc = include_str!("../../docs/unit-tests.md")]
    mod unit_tests {}
}

pub mod installed;
pub mod job;
pub mod proxy;
mod published;
pub mod random_edit;
pub mod random_schema;
pub mod realistic;
pub mod running;
pub mod small_crate;
pub mod transfers;
pub mod worker;

pub use published::results;

//! What text is written from, and names that several writers of it need.

use proc_macro2::Ident;
use quote::format_ident;

use crate::shape::identifiers::unique;
use crate::shape::{Choice, Program, Union};

use super::runtime::Runtime;

/// What text is written from: the types, and where the runtime is.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) program: &'a Program,
    pub(super) runtime: &'a Runtime,
}

/// The name of the variant for what several alternatives of a union accept and none can hold; `None` if that cannot be.
/// Where something is left to the validator, several may seem to accept a value that exactly one does.
pub(super) fn several_name(union: &Union, has_gap: bool) -> Option<Ident> {
    let is_taken = |name: &str| union.variants.iter().any(|variant| variant.name == name);
    let may_be = union.overlaps && (union.choice == Choice::Any || has_gap);
    may_be.then(|| format_ident!("{}", unique("Several", is_taken)))
}

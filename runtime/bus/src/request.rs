//! Asking: a typed request, and its reply or why there is none.

mod error;
mod options;
pub(crate) mod protocol;
mod question;
mod requester;

pub use error::RequestError;
pub use options::RequestOptions;
pub(crate) use question::{Described, Typed};
pub(crate) use requester::Requester;

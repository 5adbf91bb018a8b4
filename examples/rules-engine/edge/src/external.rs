//! What all calls to systems of others have in common.
//!
//! - [`HttpClient`] sends one request: within a time, over TLS where the address says `https`, with a limit on the answer.
//! - [`Recorder`] publishes what came of a call, `external.request_completed` or `external.request_failed`. Neither holds a header, a
//!   body or a secret.

mod backoff;
mod http_client;
mod recorder;

pub use backoff::Backoff;
pub use http_client::{Answer, CallError, HttpClient, HttpError};
pub(crate) use recorder::nanoseconds;
pub use recorder::{CallContext, Failure, Recorder};

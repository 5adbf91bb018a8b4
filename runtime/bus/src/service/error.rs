//! Why a service does not answer.

use crate::cause::Cause;
use crate::transport::{Denied, Unheard};

/// Why a service did not start, or stopped by itself.
///
/// ```
/// use eventsmith::{Bus, ServiceError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let nothing = Bus::in_memory().service("rules-management").run(std::future::pending::<()>()).await;
/// assert!(matches!(nothing, Err(ServiceError::NoHandlers)));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The name cannot be that of a service.
    #[error("{name:?} cannot be the name of a service; use letters, digits, '-' and '_' only")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// There is nothing to answer.
    #[error("the service has no handlers; add some by Service::answer")]
    NoHandlers,
    /// Two handlers are for the same type of request.
    #[error("two handlers are for {request_type}; keep one")]
    TwoHandlers {
        /// The type of the request.
        request_type: &'static str,
    },
    /// The bucket is not there in which answers to idempotent commands are kept.
    #[error(
        "there is no bucket {bucket}, in which {service} keeps its answers to idempotent commands; provision the catalogue (`eventsmith streams apply`)"
    )]
    NoReplies {
        /// The service.
        service: String,
        /// The bucket.
        bucket: String,
    },
    /// A setting makes no sense.
    #[error("the setting {setting} makes no sense: {reason}")]
    Config {
        /// The setting.
        setting: String,
        /// What would be right.
        reason: String,
    },
    /// The server does not let this user receive requests.
    #[error("{service} cannot answer: {denied}")]
    Denied {
        /// The name of the service.
        service: String,
        /// What is denied.
        #[source]
        denied: Denied,
    },
    /// The server did not let this program in again after the connection was lost, for as long as
    /// [`login_timeout`](crate::config::Config::login_timeout) says.
    #[error(
        "{service} cannot receive requests any more: {reason}; see that the user exists and that its credentials are current, and \
         run it again"
    )]
    Unauthorized {
        /// The name of the service.
        service: String,
        /// For how long.
        reason: String,
    },
    /// The requests cannot be received.
    #[error("{service} cannot receive requests: {reason}")]
    Unavailable {
        /// The name of the service.
        service: String,
        /// Why not.
        #[source]
        reason: Cause,
    },
    /// The bus was shut down while the service answered.
    #[error("the bus of {service} was shut down; stop services before Bus::shutdown")]
    Closed {
        /// The name of the service.
        service: String,
    },
}

impl ServiceError {
    pub(super) fn unheard(service: String, unheard: Unheard) -> Self {
        match unheard {
            Unheard::Denied(denied) => Self::Denied { service, denied },
            Unheard::LockedOut(locked_out) => Self::Unauthorized { service, reason: locked_out.to_string() },
        }
    }
}

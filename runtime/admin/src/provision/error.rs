//! Why streams and consumers are not as the catalogue wants them.

use eventsmith_bus::cause::Cause;
use eventsmith_bus::transport::ServerFailure;
use eventsmith_event::stream::DeliverFrom;

use super::plan::Plan;

/// Why streams and consumers are not as the catalogue wants them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// Something of the plan cannot be done, so none of it was.
    #[error("nothing was changed, because of what is refused: {}", plan.refusals().join("; "))]
    Refused {
        /// The whole plan.
        plan: Box<Plan>,
    },
    /// The server refused a change. Those before it in the plan are made; apply it again when the cause is gone.
    #[error("the server refused {about}: {reason}{}", help(*code))]
    Server {
        /// The stream or the consumer.
        about: String,
        /// The server's error code.
        code: u64,
        /// The server's message.
        #[source]
        reason: Cause,
    },
    /// The server did not answer.
    #[error("the server did not answer about {about}: {reason}; is JetStream enabled, and may this user use it?")]
    Unavailable {
        /// The stream or the consumer.
        about: String,
        /// What went wrong.
        #[source]
        reason: Cause,
    },
    /// A setting has a value that this version of eventsmith cannot write for the server.
    #[error("{about} cannot be provisioned: {reason}; update eventsmith")]
    Unsupported {
        /// The stream or the consumer.
        about: String,
        /// Which setting, and its value.
        #[source]
        reason: Cause,
    },
    /// A consumer was to be recreated, is deleted, and could not be created.
    #[error(
        "{about} was deleted, and creating it again failed: {reason}; it has to be created by hand with the deliver policy \
         {deliver:?} to go on where it was"
    )]
    Deleted {
        /// The consumer.
        about: String,
        /// Where it has to begin to go on where it was.
        deliver: DeliverFrom,
        /// What went wrong.
        #[source]
        reason: Cause,
    },
}

impl ProvisionError {
    pub(super) fn new(about: String, failure: ServerFailure) -> Self {
        match failure {
            ServerFailure::Refused { code, reason } => Self::Server { about, code, reason },
            ServerFailure::Unavailable(reason) => Self::Unavailable { about, reason },
            failure @ ServerFailure::Unsupported { .. } => Self::Unsupported { about, reason: Cause::of(failure) },
        }
    }
}

/// The server's codes for a stream that it has no room for, in memory and on disk. (nats-server, server/errors.json)
const NO_MEMORY: u64 = 10028;
const NO_STORAGE: u64 = 10047;

/// What helps against a refusal whose text does not say it.
fn help(code: u64) -> &'static str {
    match code {
        NO_MEMORY | NO_STORAGE => {
            "; a stream reserves its max_bytes: lower them in eventsmith.toml, or raise max_file_store or max_memory_store of \
             the server, which are three quarters of what was free when it started unless they are set"
        }
        _ => "",
    }
}

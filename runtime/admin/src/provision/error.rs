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
    #[error("the server refused {about}: {reason}{}", way_out(*code))]
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

/// What helps against a refusal whose text does not say it; the codes are nats-server's (server/errors.json).
fn way_out(code: u64) -> &'static str {
    match code {
        10028 | 10047 => {
            "; a stream reserves its max_bytes: lower them in eventsmith.toml, or raise max_file_store or max_memory_store of \
             the server, which are three quarters of what was free when it started unless they are set"
        }
        _ => "",
    }
}

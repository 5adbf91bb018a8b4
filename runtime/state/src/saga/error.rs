//! Why a saga is not started, found or run.

use eventsmith_bus::cause::Cause;
use eventsmith_bus::consumer::ConsumeError;
use eventsmith_bus::publish::PublishError;
use eventsmith_event::invalid::Invalid;

use super::instance::SagaStatus;

/// The server's codes for a message, or its headers, that the stream does not take as it is too large.
const TOO_LARGE: [u64; 2] = [10054, 10097];

/// Why a saga was not started, found or run.
///
/// ```
/// use eventsmith::state::SagaError;
///
/// /// Whether it makes sense to try again.
/// fn passes(error: &SagaError) -> bool {
///     matches!(error, SagaError::Unavailable { .. } | SagaError::Conflict { .. })
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SagaError {
    /// No stream of the catalogue holds the saga.
    #[error(
        "no stream of the catalogue holds the saga {saga}; name it in eventsmith.toml: \
         sagas = {{ {saga} = \"TYPE OF ITS STATE\" }} in the stream of ROOT.saga.>"
    )]
    NoStream {
        /// The name of the saga.
        saga: String,
    },
    /// The id is not one token of a subject.
    #[error(
        "{id:?} is no id of a saga: it is one subject token of visible ASCII, 128 characters at most, without dots and wildcards"
    )]
    Id {
        /// The id.
        id: String,
    },
    /// The definition contradicts itself.
    #[error("the saga {saga} version {version} cannot be run: {reason}")]
    Definition {
        /// The name of the saga.
        saga: String,
        /// Its version.
        version: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// The state that it is to begin with violates its schema.
    #[error("the state of {saga} is invalid: {invalid}")]
    InvalidState {
        /// The name of the saga.
        saga: String,
        /// What is wrong.
        #[source]
        invalid: Box<Invalid>,
    },
    /// The server is too old.
    #[error("sagas and their time-outs need nats-server 2.12.1 or later, and this is {server}; upgrade the server")]
    SchedulesUnsupported {
        /// Its version.
        server: String,
    },
    /// There is no such instance.
    #[error("there is no saga {saga} {id}")]
    NotFound {
        /// The name of the saga.
        saga: String,
        /// The id of the instance.
        id: String,
    },
    /// An instance is not where that could be done with it.
    #[error("the saga {saga} {id} is {status}, and only one that is {wanted} can be {action}")]
    WrongStatus {
        /// The name of the saga.
        saga: String,
        /// The id of the instance.
        id: String,
        /// Where it is.
        status: SagaStatus,
        /// Where it would have to be.
        wanted: &'static str,
        /// What was to be done.
        action: &'static str,
    },
    /// It goes on with a newer version of a schema than is known here. A program that knows it goes on with it.
    #[error("the saga {saga} {id} waits for a newer program: {reason}; deploy that one")]
    Newer {
        /// The name of the saga.
        saga: String,
        /// The id of the instance.
        id: String,
        /// What is newer.
        reason: String,
    },
    /// The server did not answer, or with an error.
    #[error("{about}: {reason}")]
    Unavailable {
        /// What was asked for.
        about: String,
        /// What went wrong.
        #[source]
        reason: Cause,
    },
    /// The history of an instance is not what was appended.
    #[error("the saga {saga} {id} in the stream {stream} is damaged: {reason}; nothing goes on with it")]
    Damaged {
        /// The name of the saga.
        saga: String,
        /// The id of the instance.
        id: String,
        /// The stream.
        stream: String,
        /// What is wrong.
        reason: String,
    },
    /// Others appended, again and again.
    #[error("the saga {saga} {id} was changed by others {attempts} times; try again")]
    Conflict {
        /// The name of the saga.
        saga: String,
        /// The id of the instance.
        id: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// What happened is not known to be stored. It may be.
    #[error("the saga {saga} {id} may have gone on or not: {source}")]
    Append {
        /// The name of the saga.
        saga: String,
        /// The id of the instance.
        id: String,
        /// Why.
        source: Box<PublishError>,
    },
    /// The events that start sagas, or go into them, cannot be consumed.
    #[error("the events of the sagas of {service} cannot be consumed: {source}")]
    Consume {
        /// The name of the consumer.
        service: String,
        /// Why.
        source: Box<ConsumeError>,
    },
    /// The durable consumer of a saga is not there, or no longer.
    #[error("the consumer {consumer} of the stream {stream}: {reason}")]
    Consumer {
        /// The stream.
        stream: String,
        /// The name of the consumer.
        consumer: String,
        /// What went wrong.
        #[source]
        reason: Cause,
    },
}

impl SagaError {
    /// Why what was to be appended cannot be stored whenever it is tried, as it is too large.
    pub(crate) fn too_large(&self) -> Option<String> {
        let Self::Append { source, .. } = self else { return None };
        match &**source {
            PublishError::TooLarge { .. } | PublishError::SubjectTooLong { .. } | PublishError::Encode { .. } => {}
            PublishError::Refused { code: Some(code), .. } if TOO_LARGE.contains(code) => {}
            _ => return None,
        }
        Some(source.to_string())
    }
}

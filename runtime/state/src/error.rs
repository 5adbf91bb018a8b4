//! Why an aggregate was not loaded, or a command not executed.

use eventsmith_bus::cause::Cause;
use eventsmith_bus::publish::PublishError;

/// Why an aggregate was not loaded or appended to.
///
/// ```
/// use eventsmith::state::StateError;
///
/// /// Whether somebody has to look at the stream before anything goes on with this aggregate.
/// fn is_damaged(error: &StateError) -> bool {
///     matches!(error, StateError::Gap { .. } | StateError::Double { .. })
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The id is not one token of a subject.
    #[error(
        "{id:?} is no id of an aggregate {aggregate}: it is not one subject token, without spaces, dots and wildcards, with which \
         the subject has 2,048 bytes at most"
    )]
    Id {
        /// The name of the aggregate.
        aggregate: &'static str,
        /// The id.
        id: String,
    },
    /// The id of the command, or another option, cannot stand in a header.
    #[error("the id of a command must be visible ASCII, 256 characters at most; this is {id:?}")]
    CommandId {
        /// The id.
        id: String,
    },
    /// No stream captures the events of the aggregate.
    #[error(
        "no stream captures {subject}, the events of the aggregate {aggregate}; provision the streams of the catalogue \
         (`eventsmith streams apply`)"
    )]
    NoStream {
        /// The name of the aggregate.
        aggregate: &'static str,
        /// The wildcard of the subjects.
        subject: &'static str,
    },
    /// Several streams capture them, so that there is no order.
    #[error("the streams {streams} each capture events of the aggregate {aggregate}; let one stream capture {subject}")]
    SeveralStreams {
        /// The name of the aggregate.
        aggregate: &'static str,
        /// The wildcard of the subjects.
        subject: &'static str,
        /// The names of the streams.
        streams: String,
    },
    /// The server did not answer, or with an error.
    #[error("{aggregate} {id} cannot be read: {reason}")]
    Unavailable {
        /// The name of the aggregate.
        aggregate: &'static str,
        /// Its id.
        id: String,
        /// Why not.
        #[source]
        reason: Cause,
    },
    /// An event of the history is missing.
    #[error(
        "the history of {aggregate} {id} has a gap: event {missing} is missing before message {sequence} of the stream {stream}; \
         restore it from a backup, and see that nothing can be deleted there (`eventsmith streams plan`)"
    )]
    Gap {
        /// The name of the aggregate.
        aggregate: &'static str,
        /// Its id.
        id: String,
        /// The name of the stream.
        stream: String,
        /// The number of the event that is missing.
        missing: u64,
        /// The sequence in the stream of the event that comes after it.
        sequence: u64,
    },
    /// Two events have the same number: both writers were told that theirs is stored.
    #[error(
        "the history of {aggregate} {id} has two events {number}, messages {first} and {second} of the stream {stream}; decide which \
         of the two counts, discard the other one (`eventsmith aggregates discard {aggregate} {id} SEQUENCE`), and mend what that did"
    )]
    Double {
        /// The name of the aggregate.
        aggregate: &'static str,
        /// Its id.
        id: String,
        /// The name of the stream.
        stream: String,
        /// The number that both have.
        number: u64,
        /// The sequence in the stream of one of them.
        first: u64,
        /// The sequence in the stream of the other one.
        second: u64,
    },
    /// An event of the history cannot be decoded.
    #[error("event {number} of {aggregate} {id}, message {sequence} of the stream {stream}, cannot be read: {reason}")]
    Undecodable {
        /// The name of the aggregate.
        aggregate: &'static str,
        /// Its id.
        id: String,
        /// The name of the stream.
        stream: String,
        /// The number of the event.
        number: u64,
        /// Its sequence in the stream.
        sequence: u64,
        /// Why not.
        reason: String,
    },
    /// `apply` panicked.
    #[error("applying event {number} to {aggregate} {id} panicked: {text}")]
    Panicked {
        /// The name of the aggregate.
        aggregate: &'static str,
        /// Its id.
        id: String,
        /// The number of the event.
        number: u64,
        /// What the panic said.
        text: String,
    },
    /// A command made an event of another aggregate.
    #[error(
        "a command to {aggregate} {id} made an event for {subject}, which is another one's; let it make events of {id} only"
    )]
    OtherAggregate {
        /// The name of the aggregate.
        aggregate: &'static str,
        /// Its id.
        id: String,
        /// The subject of the event.
        subject: String,
    },
    /// The events of a command are not stored, or not known to be.
    #[error(
        "the events of a command to {aggregate} {id} are not stored: {source}; execute it again with the id {command_id:?}"
    )]
    Append {
        /// The name of the aggregate.
        aggregate: &'static str,
        /// Its id.
        id: String,
        /// The id of the command: executed again with it, it appends nothing that is stored already.
        command_id: String,
        /// Why not.
        source: Box<PublishError>,
    },
    /// Others appended before, time and again.
    #[error("others appended to {aggregate} {id} before each of {attempts} attempts; execute the command again later")]
    Conflict {
        /// The name of the aggregate.
        aggregate: &'static str,
        /// Its id.
        id: String,
        /// How often it was attempted.
        attempts: u32,
    },
}

/// Why a command was not executed.
///
/// ```
/// use eventsmith::state::ExecuteError;
///
/// fn explain(error: &ExecuteError<String>) -> String {
///     match error {
///         ExecuteError::Refused(reason) => format!("no: {reason}"),
///         ExecuteError::State(error) => format!("not now: {error}"),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<E> {
    /// What the command decided: nothing is stored.
    #[error("{0}")]
    Refused(E),
    /// It could not be decided, or not stored.
    #[error(transparent)]
    State(#[from] StateError),
}

//! Why a projection does not run, or no longer.

use eventsmith_bus::bucket::BucketError;
use eventsmith_bus::cause::Cause;
use eventsmith_bus::publish::PublishError;

use super::generation::Generation;

/// Why a projection does not run, has stopped, or cannot be read. Each names the way out.
///
/// ```
/// use eventsmith::state::ProjectionError;
///
/// /// Whether the read model has to be built anew, under another revision.
/// fn needs_another_revision(error: &ProjectionError) -> bool {
///     matches!(
///         error,
///         ProjectionError::Recreated { .. } | ProjectionError::BeyondEnd { .. } | ProjectionError::Truncated { .. }
///     )
/// }
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectionError {
    /// A projection cannot be called so.
    #[error("{name:?} is no name of a projection: it is A-Z a-z 0-9 - _, 64 characters at most")]
    Name {
        /// What was given.
        name: String,
    },
    /// It has no handler.
    #[error("the projection {name} has no handler; give it one for each event that changes its read model, by `on`")]
    NoHandlers {
        /// The projection.
        name: String,
    },
    /// Two handlers are for one type of events.
    #[error("the projection {name} has two handlers for {event_type}; make one of them")]
    TwoHandlers {
        /// The projection.
        name: String,
        /// The type of the events.
        event_type: &'static str,
    },
    /// The bucket in which projections say how far they are does not exist.
    #[error(
        "there is no bucket {bucket}, in which projections keep how far they are; `eventsmith projections init` makes it, \
         or bus.provision(eventsmith::state::PROJECTIONS)"
    )]
    NoLedger {
        /// The bucket.
        bucket: &'static str,
    },
    /// The bucket of the read model does not exist.
    #[error("there is no bucket {bucket}; provision the buckets of the catalogue (`eventsmith streams apply`)")]
    NoBucket {
        /// The bucket.
        bucket: &'static str,
    },
    /// No stream captures the events.
    #[error(
        "the projection {name} finds no stream that captures {subject}; provision the streams of the catalogue \
         (`eventsmith streams apply`)"
    )]
    NoStream {
        /// The projection.
        name: String,
        /// The subject of the events.
        subject: String,
    },
    /// The stream drops what was acknowledged, so that it holds no history.
    #[error(
        "the stream {stream} drops messages once they are acknowledged, so that the projection {name} cannot read its history; let it \
         keep them (`retention = \"limits\"` in eventsmith.toml)"
    )]
    Retention {
        /// The projection.
        name: String,
        /// The stream.
        stream: String,
    },
    /// The stream is not the one that was read.
    #[error(
        "the stream {stream} was deleted and made anew since the projection {name} read it up to number {position}; if what it holds now is \
         the whole history, build the read model from it under another revision"
    )]
    Recreated {
        /// The projection.
        name: String,
        /// The stream.
        stream: String,
        /// How far it was read.
        position: u64,
    },
    /// The stream ends before the place up to which it was read.
    #[error(
        "the projection {name} has read the stream {stream} up to number {position}, and it ends at {last}: it was made anew, or restored \
         from a backup that lacks the newest messages; build the read model from it under another revision"
    )]
    BeyondEnd {
        /// The projection.
        name: String,
        /// The stream.
        stream: String,
        /// How far it was read.
        position: u64,
        /// The number of its last message.
        last: u64,
    },
    /// The stream has dropped messages that were not read.
    #[error(
        "the projection {name} has read the stream {stream} up to number {position}, and it begins at {first}: what was between has been \
         dropped unread; raise the stream's limits, restore what is missing, or accept the gap by building the read model under \
         another revision"
    )]
    Truncated {
        /// The projection.
        name: String,
        /// The stream.
        stream: String,
        /// How far it was read.
        position: u64,
        /// The number of its first message.
        first: u64,
    },
    /// An event stopped it.
    #[error(
        "the projection {name} stops at message {sequence} of the stream {stream} ({subject}): {reason}; {way_out}, and start it again: \
         it goes on with this message"
    )]
    Event {
        /// The projection.
        name: String,
        /// The stream.
        stream: String,
        /// The number of the message in the stream.
        sequence: u64,
        /// Its subject.
        subject: String,
        /// What is wrong.
        reason: String,
        /// What can be done.
        way_out: &'static str,
    },
    /// A document of the read model is not what this projection wrote.
    #[error(
        "{key} of the bucket {bucket} is no document of the projection {name}: {reason}; write nothing there by other means, and \
         build the read model anew (`eventsmith projections rebuild {name}`, or another revision)"
    )]
    Document {
        /// The projection.
        name: String,
        /// The bucket.
        bucket: &'static str,
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The bucket of a read model is not the one that it was written to, or has lost what was written.
    #[error(
        "the documents of the projection {name} {generation} are gone from the bucket {bucket}, which was made anew or restored since; \
         raise the revision, so that another read model is built"
    )]
    LostDocuments {
        /// The projection.
        name: String,
        /// The read model.
        generation: Generation,
        /// The bucket.
        bucket: &'static str,
    },
    /// A store holds a checkpoint that is none.
    #[error(
        "the store of the projection {name} holds a checkpoint of {generation} that cannot be read: {reason}; keep what `commit` is given          as it is, or build the read model under another revision"
    )]
    Checkpoint {
        /// The projection.
        name: String,
        /// The read model.
        generation: Generation,
        /// What is wrong with it.
        reason: String,
    },
    /// What projections say of themselves cannot be read.
    #[error("{key} of the bucket {bucket} cannot be read: {reason}; delete that key to begin anew")]
    Ledger {
        /// The bucket.
        bucket: &'static str,
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing is known of a projection of this name.
    #[error("no projection {name} has ever run here")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The read model is being built for the first time.
    #[error(
        "the projection {name} serves nothing yet: its read model is being built; ask again later, or look at `eventsmith projections status`"
    )]
    NotServing {
        /// The projection.
        name: String,
    },
    /// The server refuses it, such as for want of a permission.
    #[error("{what}: {reason}")]
    Refused {
        /// What was tried.
        what: String,
        /// Why it is refused.
        #[source]
        reason: Cause,
    },
    /// Something was not answered, or not done. While a projection runs it tries again.
    #[error("{what}: {reason}")]
    Unavailable {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        reason: Cause,
    },
}

impl ProjectionError {
    /// Whether trying again may help, with nobody doing anything.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn unavailable(what: impl Into<String>, reason: impl Into<Cause>) -> Self {
        Self::Unavailable { what: what.into(), reason: reason.into() }
    }

    pub(crate) fn of_bucket(what: impl Into<String>, error: BucketError) -> Self {
        match error {
            // Nobody who waits is allowed more.
            BucketError::Store(PublishError::Denied(_)) => {
                Self::Refused { what: what.into(), reason: Cause::of(error) }
            }
            error => Self::unavailable(what, Cause::of(error)),
        }
    }
}

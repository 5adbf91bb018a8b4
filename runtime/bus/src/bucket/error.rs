//! What keeps documents from a bucket, or from those who ask for them.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use eventsmith_event::invalid::Invalid;

use crate::cause::Cause;
use crate::publish::PublishError;
use crate::transport::ServerFailure;

/// Why a document was not read or not written.
///
/// ```
/// use eventsmith::bucket::{Bucket, BucketError};
/// use eventsmith::State;
///
/// /// Counts up, whoever else does.
/// async fn change<S: State>(bucket: &Bucket<S>, key: &str, change: impl Fn(S) -> S) -> Result<(), BucketError> {
///     while let Some(entry) = bucket.get(key).await? {
///         let revision = entry.revision;
///         match bucket.update(key, &change(entry.into_value()), revision).await {
///             Err(BucketError::Conflict { .. }) => {} // somebody else was faster: once more
///             other => return other.map(drop),
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BucketError {
    /// That is no key, or no pattern; nothing was asked.
    #[error("{key:?} cannot be used as a key: {reason}")]
    Key {
        /// What was given.
        key: String,
        /// What a key looks like.
        reason: &'static str,
    },
    /// The document violates its schema; nothing was written.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The document cannot be written as JSON; nothing was written.
    #[error("{state} cannot be written as JSON: {source}")]
    Encode {
        /// The type of the document.
        state: &'static str,
        /// Why not.
        source: serde_json::Error,
    },
    /// The key has another revision than was expected; nothing was written.
    #[error(
        "{key} has the revision {found}, not {expected}: somebody else wrote it; get it, decide again, and write with that revision"
    )]
    Conflict {
        /// The key.
        key: String,
        /// The revision that was expected; 0 for a key without a value.
        expected: u64,
        /// The revision of the key.
        found: u64,
    },
    /// What the bucket holds is no document of the type. The bucket is as it was.
    #[error("{key} of the bucket {bucket}, revision {revision}: {reason}")]
    Undecodable {
        /// The bucket.
        bucket: Cow<'static, str>,
        /// The key.
        key: String,
        /// The revision.
        revision: u64,
        /// What is wrong with it.
        reason: String,
        /// What the bucket holds.
        raw: Bytes,
    },
    /// There is no such bucket.
    #[error("there is no bucket {bucket}; provision the buckets of the catalogue (`eventsmith streams apply`)")]
    NoBucket {
        /// The bucket.
        bucket: Cow<'static, str>,
    },
    /// The bucket, or the server, takes no keys with a time of their own; nothing was written.
    #[error(
        "{key} cannot have a time of its own in the bucket {bucket}: that takes `marker_ttl` in eventsmith.toml, and nats-server 2.11"
    )]
    NoTtl {
        /// The bucket.
        bucket: Cow<'static, str>,
        /// The key.
        key: String,
    },
    /// A key cannot live for that long; nothing was written.
    #[error(
        "a key cannot live for {ttl:?}: it takes whole seconds, no less than the {at_least:?} of the bucket's marker_ttl and no \
         more than {at_most:?}"
    )]
    Ttl {
        /// What was given.
        ttl: Duration,
        /// The least that the bucket takes.
        at_least: Duration,
        /// The most that any bucket takes.
        at_most: Duration,
    },
    /// It was not written, or is not known to be.
    #[error("{certainty}: {0}", certainty = certainty(.0))]
    Store(#[source] PublishError),
    /// The server did not answer, or does not let this user read.
    #[error("the bucket {bucket} cannot be read: {reason}")]
    Unavailable {
        /// The bucket.
        bucket: Cow<'static, str>,
        /// What went wrong.
        #[source]
        reason: Cause,
    },
}

/// Whether a document is not written, or whether that is not known.
fn certainty(error: &PublishError) -> &'static str {
    match error {
        PublishError::Unacknowledged { .. } | PublishError::NoAck { .. } => {
            "it is not known whether it was written; read the key, then decide"
        }
        _ => "not written",
    }
}

impl BucketError {
    /// Why a bucket cannot be read.
    #[doc(hidden)]
    pub fn unavailable(bucket: Cow<'static, str>, failure: ServerFailure) -> Self {
        match failure {
            ServerFailure::Refused { code: ServerFailure::NO_STREAM, .. } => Self::NoBucket { bucket },
            failure => Self::Unavailable { bucket, reason: Cause::of(failure) },
        }
    }
}

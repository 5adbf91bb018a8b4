//! What a bucket holds under a key.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

use eventsmith_event::clip::clip;
use eventsmith_event::envelope::parse_version;
use eventsmith_event::event::State;
use jiff::Timestamp;

use super::error::BucketError;
use super::key;
use crate::consumer::confine::panic_text;
use crate::transport::{Headers, StreamMessage};

/// A document, and where it lies. It is used like the document itself.
///
/// ```
/// use eventsmith::State;
/// use eventsmith::bucket::Entry;
///
/// fn tell<S: State + std::fmt::Debug>(entry: &Entry<S>) {
///     println!("{} since {}: {:?}", entry.key, entry.stored, **entry);
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entry<S> {
    /// The key.
    pub key: String,
    /// Its revision: a number that grows with whatever is written into the bucket.
    pub revision: u64,
    /// When it was written.
    pub stored: Timestamp,
    value: S,
}

impl<S> Entry<S> {
    /// The document alone.
    pub fn into_value(self) -> S {
        self.value
    }
}

impl<S> Deref for Entry<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.value
    }
}

/// What became of a key.
///
/// ```
/// use eventsmith::State;
/// use eventsmith::bucket::Change;
///
/// fn tell<S: State>(change: &Change<S>) {
///     match change {
///         Change::Put(entry) => println!("{} has the revision {}", entry.key, entry.revision),
///         Change::Removed(removed) => println!("{} is gone: {:?}", removed.key, removed.by),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Change<S> {
    /// A document was put there.
    Put(Entry<S>),
    /// There is no document any more.
    Removed(Removed),
}

/// A key without a document.
///
/// ```
/// use eventsmith::bucket::{Removal, Removed};
///
/// fn is_over(removed: &Removed) -> bool {
///     removed.by == Removal::Expiry
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// The key.
    pub key: String,
    /// The revision of its removal.
    pub revision: u64,
    /// When it was removed.
    pub stored: Timestamp,
    /// How.
    pub by: Removal,
}

/// How a document was removed.
///
/// ```
/// use eventsmith::bucket::Removal;
///
/// assert_ne!(Removal::Delete, Removal::Expiry);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Removal {
    /// Somebody deleted it; its earlier revisions are still in the history.
    Delete,
    /// Somebody deleted it with its history.
    Purge,
    /// Its time was over.
    Expiry,
}

impl<S> Change<S> {
    /// The key.
    pub fn key(&self) -> &str {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Removed(removed) => &removed.key,
        }
    }

    /// The revision.
    pub fn revision(&self) -> u64 {
        match self {
            Self::Put(entry) => entry.revision,
            Self::Removed(removed) => removed.revision,
        }
    }

    /// The document, if there is one.
    pub fn into_entry(self) -> Option<Entry<S>> {
        match self {
            Self::Put(entry) => Some(entry),
            Self::Removed(_) => None,
        }
    }
}

/// How a message removes its key, if it does.
pub fn removal(headers: &Headers) -> Option<Removal> {
    match (headers.get(Headers::KV_OPERATION), headers.get(Headers::MARKER_REASON)) {
        (Some("DEL"), _) => Some(Removal::Delete),
        (Some("PURGE"), _) => Some(Removal::Purge),
        (_, Some("MaxAge")) => Some(Removal::Expiry),
        // The server removed it because an operator told it to.
        (_, Some("Purge" | "Remove")) => Some(Removal::Purge),
        _ => None,
    }
}

/// What a message of a bucket says.
pub(super) fn read<S: State>(stored: &StreamMessage) -> Result<Change<S>, BucketError> {
    let StreamMessage { sequence: revision, stored: at, message } = stored;
    let key = key::key_of(S::BUCKET, &message.subject).unwrap_or(&message.subject).to_owned();
    if let Some(by) = removal(&message.headers) {
        return Ok(Change::Removed(Removed { key, revision: *revision, stored: *at, by }));
    }
    match decode::<S>(&message.headers, &message.payload) {
        Ok(value) => Ok(Change::Put(Entry { key, revision: *revision, stored: *at, value })),
        Err(reason) => {
            let (revision, raw) = (*revision, message.payload.clone());
            Err(BucketError::Undecodable { bucket: S::BUCKET.into(), key, revision, reason, raw })
        }
    }
}

/// The document of a message. What says nothing of type and version is taken for the newest version: other tools write without.
fn decode<S: State>(headers: &Headers, payload: &[u8]) -> Result<S, String> {
    if let Some(malformed) = headers.malformed() {
        return Err(malformed.explanation());
    }
    if let Some(other) = headers.get(Headers::TYPE).filter(|written| *written != S::TYPE) {
        return Err(clip(format!("it says that it is {other:?}, and the bucket holds {}", S::TYPE)));
    }
    let version = match headers.get(Headers::VERSION) {
        Some(text) => parse_version(text)
            .ok_or_else(|| clip(format!("the header {} is {text:?}, no version", Headers::VERSION)))?,
        None => S::VERSION,
    };
    // Decoding runs the user's code, too: upcasts.
    match catch_unwind(AssertUnwindSafe(|| S::decode(version, payload))) {
        Ok(decoded) => decoded.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("decoding it panicked: {}", panic_text(panic))),
    }
}

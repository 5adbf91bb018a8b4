//! Key-value buckets: typed and validated documents, each under a key. (NATS ADR-8.)
//!
//! A schema below `state/` describes the documents, and `[buckets.NAME]` in `eventsmith.toml` the bucket. Other tools read and write
//! the same bucket: a value is the document as JSON and nothing else, and headers say of which type and version it is.
//!
//! ```
//! use eventsmith::{Bus, State};
//! use eventsmith::bucket::BucketError;
//!
//! async fn rename<S: State>(bus: &Bus, rename: impl Fn(S) -> S) -> Result<(), BucketError> {
//!     let rules = bus.bucket::<S>();
//!     if let Some(entry) = rules.get("rul_01KJQ4T9Q6MZ").await? {
//!         let revision = entry.revision;
//!         rules.update("rul_01KJQ4T9Q6MZ", &rename(entry.into_value()), revision).await?;
//!     }
//!     Ok(())
//! }
//! ```

mod entry;
mod error;
mod key;
mod store;
mod watch;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use eventsmith_event::event::State;

use crate::bus::Bus;
use crate::transport::FollowStart;

pub use entry::{Change, Entry, Removal, Removed};
pub use error::BucketError;
pub use watch::Watcher;
#[doc(hidden)]
pub use {
    entry::removal,
    key::check_key,
    store::{Content, Store},
};

impl Bus {
    /// The bucket that holds documents of a type. Nothing is asked of the server yet.
    ///
    /// Events are no documents:
    ///
    /// ```compile_fail,E0277
    /// fn wrong<E: eventsmith::Event>(bus: eventsmith::Bus) {
    ///     let _ = bus.bucket::<E>();
    /// }
    /// ```
    pub fn bucket<S: State>(&self) -> Bucket<S> {
        Bucket { store: Store::new(self, S::BUCKET), state: PhantomData }
    }
}

/// A key-value bucket that holds documents of one type. Cheap to clone. See [`Bus::bucket`].
///
/// ```
/// use eventsmith::State;
/// use eventsmith::bucket::{Bucket, BucketError};
///
/// async fn replace<S: State>(bucket: &Bucket<S>, key: &str, document: &S) -> Result<(), BucketError> {
///     let revision = bucket.put(key, document).await?;
///     println!("{key} has the revision {revision}");
///     Ok(())
/// }
/// ```
pub struct Bucket<S> {
    store: Store,
    state: PhantomData<fn() -> S>,
}

impl<S> Clone for Bucket<S> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), state: PhantomData }
    }
}

impl<S: State> fmt::Debug for Bucket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&S::BUCKET).finish()
    }
}

impl<S: State> Bucket<S> {
    /// The document under a key, if there is one. What was written before by anybody is seen.
    ///
    /// # Errors
    /// [`BucketError::Undecodable`] when the bucket holds something else there; [`BucketError::NoBucket`],
    /// [`BucketError::Unavailable`], [`BucketError::Key`].
    pub async fn get(&self, key: &str) -> Result<Option<Entry<S>>, BucketError> {
        match self.store.last(key).await? {
            Some(stored) => entry::read(&stored).map(Change::into_entry),
            None => Ok(None),
        }
    }

    /// Puts a document under a key, whatever is there, and returns its revision.
    ///
    /// As with [`Bus::publish`], a write whose acknowledgement is lost is sent again under the same id, and is stored once.
    ///
    /// # Errors
    /// [`BucketError::Invalid`] when the document violates its schema; [`BucketError::Store`], [`BucketError::NoBucket`],
    /// [`BucketError::Key`].
    pub async fn put(&self, key: &str, document: &S) -> Result<u64, BucketError> {
        self.store.write(key, value(document)?, None).await
    }

    /// Puts a document under a key that has none, and returns its revision: of several who try, one succeeds.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] when there is one; else as [`put`](Self::put).
    pub async fn create(&self, key: &str, document: &S) -> Result<u64, BucketError> {
        self.store.create(key, value(document)?, None).await
    }

    /// [`create`](Self::create), and the document goes by itself after a time: a lock that nobody has to give back. The bucket must
    /// allow it (`marker_ttl` in `eventsmith.toml`), on nats-server 2.11 or later. A server lets no key live for less than a marker
    /// stands; a shorter time is an error here.
    ///
    /// # Errors
    /// [`BucketError::NoTtl`] and [`BucketError::Ttl`]; else as [`create`](Self::create).
    pub async fn create_with_ttl(&self, key: &str, document: &S, ttl: Duration) -> Result<u64, BucketError> {
        self.store.create(key, value(document)?, Some(ttl)).await
    }

    /// Puts a document under a key that still has the given revision, and returns the new one: of several who read the same, one
    /// succeeds.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] when it has another; else as [`put`](Self::put).
    pub async fn update(&self, key: &str, document: &S, revision: u64) -> Result<u64, BucketError> {
        self.store.write(key, value(document)?, Some(revision)).await
    }

    /// Removes the document of a key. Its earlier revisions stay in the history. A key without a document is no error.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub async fn delete(&self, key: &str) -> Result<(), BucketError> {
        self.store.write(key, Content::delete(), None).await.map(drop)
    }

    /// [`delete`](Self::delete), if the key still has the given revision.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] when it has another; else as [`put`](Self::put).
    pub async fn delete_revision(&self, key: &str, revision: u64) -> Result<(), BucketError> {
        self.store.write(key, Content::delete(), Some(revision)).await.map(drop)
    }

    /// Removes the document of a key with its history.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub async fn purge(&self, key: &str) -> Result<(), BucketError> {
        self.store.write(key, Content::purge(), None).await.map(drop)
    }

    /// The keys that have a document, in the order in which they were written. In a pattern `*` is any token and `>` all that follow:
    /// `>` is every key.
    ///
    /// # Errors
    /// [`BucketError::NoBucket`], [`BucketError::Unavailable`], [`BucketError::Key`].
    pub async fn keys(&self, pattern: &str) -> Result<Vec<String>, BucketError> {
        self.store.keys(pattern).await
    }

    /// What became of a key, the oldest first, as far as the bucket keeps it (`history` in `eventsmith.toml`).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn history(&self, key: &str) -> Result<Vec<Change<S>>, BucketError> {
        self.store.history(key).await?.iter().map(entry::read).collect()
    }

    /// Follows the keys that have a pattern: first what they are now, each once, and then every change of them. `>` is every key.
    ///
    /// # Errors
    /// As [`keys`](Self::keys).
    pub async fn watch(&self, pattern: &str) -> Result<Watcher<S>, BucketError> {
        Ok(Watcher::new(self.store.follow(pattern, FollowStart::LastOfEach, false).await?))
    }
}

/// What is written of a document.
fn value<S: State>(document: &S) -> Result<Content, BucketError> {
    document.validate()?;
    let payload = serde_json::to_vec(document).map_err(|source| BucketError::Encode { state: S::TYPE, source })?;
    Ok(Content::of(S::TYPE, S::VERSION, payload.into()))
}

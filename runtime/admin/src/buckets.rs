//! Key-value buckets without types: for tools.

use bytes::Bytes;
use eventsmith_bus::bucket::{BucketError, Content, Removal, Store, removal};
use eventsmith_bus::bus::Bus;
use eventsmith_bus::transport::{FollowStart, Followed, Follower, Headers, MalformedBlock, StreamMessage};
use jiff::Timestamp;

/// A bucket whose values are bytes.
#[derive(Debug, Clone)]
pub struct RawBucket {
    name: String,
    store: Store,
}

/// What a bucket says about a key.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RawEntry {
    /// The key.
    pub key: String,
    /// Its revision.
    pub revision: u64,
    /// When it was written.
    pub stored: Timestamp,
    /// The type that the value says it is of, and its version, each if it says so.
    pub says: (Option<String>, Option<String>),
    /// The value, or how it was removed.
    pub value: Result<Bytes, Removal>,
    /// Why no client can read the message as it is stored, where that is so: no typed bucket takes it.
    pub malformed: Option<String>,
}

/// What becomes of the keys of a bucket.
#[derive(Debug)]
pub struct RawWatcher {
    bucket: RawBucket,
    follower: Box<dyn Follower>,
}

impl RawBucket {
    pub(crate) fn new(bus: &Bus, name: &str) -> Self {
        Self { name: name.to_owned(), store: Store::new(bus, name.to_owned()) }
    }

    /// What is known of a key, if anything is.
    ///
    /// # Errors
    /// [`BucketError`] when the bucket cannot be read.
    pub async fn get(&self, key: &str) -> Result<Option<RawEntry>, BucketError> {
        Ok(self.store.last(key).await?.map(|stored| self.entry(&stored)))
    }

    /// Puts a value of a type and version under a key, and returns its revision. It is not validated.
    ///
    /// # Errors
    /// [`BucketError`] when it is not written.
    pub async fn put(&self, key: &str, state: &str, version: u32, value: Bytes) -> Result<u64, BucketError> {
        self.store.write(key, Content::of(state, version, value), None).await
    }

    /// The keys that have a value and a pattern.
    ///
    /// # Errors
    /// [`BucketError`] when the bucket cannot be read.
    pub async fn keys(&self, pattern: &str) -> Result<Vec<String>, BucketError> {
        self.store.keys(pattern).await
    }

    /// Follows the keys that have a pattern: what they are now, and then every change.
    ///
    /// # Errors
    /// [`BucketError`] when the bucket cannot be read.
    pub async fn watch(&self, pattern: &str) -> Result<RawWatcher, BucketError> {
        let follower = self.store.follow(pattern, FollowStart::LastOfEach, false).await?;
        Ok(RawWatcher { bucket: self.clone(), follower })
    }

    fn entry(&self, stored: &StreamMessage) -> RawEntry {
        let StreamMessage { sequence, stored, message } = stored;
        let header = |name| message.headers.get(name).map(ToOwned::to_owned);
        RawEntry {
            key: self.store.key_of(&message.subject).unwrap_or(&message.subject).to_owned(),
            revision: *sequence,
            stored: *stored,
            says: (header(Headers::TYPE), header(Headers::VERSION)),
            value: removal(&message.headers).map_or_else(|| Ok(message.payload.clone()), Err),
            malformed: message.headers.malformed().map(MalformedBlock::explanation),
        }
    }
}

impl RawWatcher {
    /// The next change, once there is one. May be dropped without losing a change.
    ///
    /// # Errors
    /// [`BucketError`] when nothing comes any more.
    pub async fn next(&mut self) -> Result<RawEntry, BucketError> {
        loop {
            let next = self.follower.next().await;
            let next = next.map_err(|failure| BucketError::unavailable(self.bucket.name.clone().into(), failure))?;
            if let Followed::Message(stored) = next {
                return Ok(self.bucket.entry(&stored));
            }
        }
    }
}

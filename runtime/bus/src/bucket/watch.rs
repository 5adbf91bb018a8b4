//! Following what becomes of keys.

use std::fmt;
use std::marker::PhantomData;

use eventsmith_event::event::State;

use super::entry::{self, Change};
use super::error::BucketError;
use crate::transport::{Followed, Follower};

/// What becomes of the keys of a bucket, one change after the other. See [`Bucket::watch`](super::Bucket::watch).
///
/// ```
/// use std::collections::HashMap;
///
/// use eventsmith::State;
/// use eventsmith::bucket::{Bucket, BucketError, Change};
///
/// /// Everything that a bucket holds at the moment.
/// async fn load<S: State>(bucket: &Bucket<S>) -> Result<HashMap<String, S>, BucketError> {
///     let (mut watcher, mut all) = (bucket.watch(">").await?, HashMap::new());
///     while let Some(change) = watcher.next_stored().await {
///         match change? {
///             Change::Put(entry) => drop(all.insert(entry.key.clone(), entry.into_value())),
///             Change::Removed(removed) => drop(all.remove(&removed.key)),
///         }
///     }
///     Ok(all) // `watcher.next()` goes on with what changes from now on
/// }
/// ```
pub struct Watcher<S> {
    follower: Box<dyn Follower>,
    is_current: bool,
    has_ended: bool,
    state: PhantomData<fn() -> S>,
}

impl<S: State> fmt::Debug for Watcher<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher")
            .field("bucket", &S::BUCKET)
            .field("is_current", &self.is_current)
            .finish_non_exhaustive()
    }
}

impl<S: State> Watcher<S> {
    pub(super) fn new(follower: Box<dyn Follower>) -> Self {
        Self { follower, is_current: false, has_ended: false, state: PhantomData }
    }

    /// The next change, once there is one. May be dropped without losing a change.
    ///
    /// No change is left out and none comes twice, whatever becomes of the connection; while it is lost, nothing comes. Until all has come
    /// that the bucket held when the watch began, of a key that changes meanwhile the newest value is enough. A
    /// document that cannot be decoded is [`BucketError::Undecodable`], and the next call goes on behind it. Every other error is the
    /// last, and then there is `None`: the bucket is gone or was made anew, or the server does not let this user watch it.
    pub async fn next(&mut self) -> Option<Result<Change<S>, BucketError>> {
        loop {
            match self.follow().await? {
                Ok(Followed::Message(stored)) => return Some(entry::read(&stored)),
                Ok(Followed::Current) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// [`next`](Self::next) as long as it is something that the bucket held when the watch began, and `None` once all of that has come.
    pub async fn next_stored(&mut self) -> Option<Result<Change<S>, BucketError>> {
        if self.is_current {
            return None;
        }
        match self.follow().await? {
            Ok(Followed::Message(stored)) => Some(entry::read(&stored)),
            Ok(Followed::Current) => None,
            Err(error) => Some(Err(error)),
        }
    }

    async fn follow(&mut self) -> Option<Result<Followed, BucketError>> {
        if self.has_ended {
            return None;
        }
        let followed = self.follower.next().await;
        self.is_current |= matches!(followed, Ok(Followed::Current));
        self.has_ended = followed.is_err();
        Some(followed.map_err(|failure| BucketError::unavailable(S::BUCKET.into(), failure)))
    }

    /// Whether all that the bucket held when the watch began has come.
    pub fn is_current(&self) -> bool {
        self.is_current
    }
}

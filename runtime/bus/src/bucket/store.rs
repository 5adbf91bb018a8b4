//! A bucket whose values are bytes: what typed buckets are made of, and what tools use that know no types.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;

use super::entry::removal;
use super::error::BucketError;
use super::key;
use crate::bus::Bus;
use crate::publish::{Expect, PublishError};
use crate::settings::bucket_stream;
use crate::transport::{
    Follow, FollowStart, Followed, Follower, Headers, Message, MessageSelector, ServerFailure, StreamMessage,
    Subscription,
};

/// The server's code for a message with a time of its own where the stream takes none. (nats-server, server/errors.json)
const TTL_DISABLED: u64 = 10166;

/// How long a key may live at most: 200 years. The server tells the time in nanoseconds since 1970 in an i64, and what is to end
/// behind the year 2262 ends at once. (nats-server, server/filestore.go)
const LONGEST_TTL: Duration = Duration::from_secs(200 * 365 * 86_400);

/// A bucket by its name.
#[derive(Debug, Clone)]
pub struct Store {
    bus: Bus,
    bucket: Cow<'static, str>,
}

/// What is written under a key.
#[derive(Debug, Clone)]
pub struct Content {
    headers: Headers,
    payload: Bytes,
}

impl Content {
    /// A value of a type and version.
    pub fn of(event_type: &str, version: u32, payload: Bytes) -> Self {
        let mut headers = Headers::default();
        headers.push(Headers::TYPE, event_type);
        headers.push(Headers::VERSION, version.to_string());
        Self { headers, payload }
    }

    /// That there is no value any more.
    pub fn delete() -> Self {
        Self::operation("DEL")
    }

    /// That there is no value any more, nor a history.
    pub fn purge() -> Self {
        let mut purge = Self::operation("PURGE");
        purge.headers.push(Headers::ROLLUP, "sub");
        purge
    }

    fn operation(operation: &str) -> Self {
        let mut headers = Headers::default();
        headers.push(Headers::KV_OPERATION, operation);
        Self { headers, payload: Bytes::new() }
    }

    /// The same with one header more.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }
}

impl Store {
    /// The bucket of a name. Nothing is asked of the server yet.
    pub fn new(bus: &Bus, bucket: impl Into<Cow<'static, str>>) -> Self {
        Self { bus: bus.clone(), bucket: bucket.into() }
    }

    /// The key of a subject.
    pub fn key_of<'a>(&self, subject: &'a str) -> Option<&'a str> {
        key::key_of(&self.bucket, subject)
    }

    /// The last message about a key.
    ///
    /// # Errors
    /// [`BucketError`]
    pub async fn last(&self, key: &str) -> Result<Option<StreamMessage>, BucketError> {
        let subject = key::subject_of(&self.bucket, key)?;
        let (stream, transport) = (bucket_stream(&self.bucket), self.bus.transport());
        let reason = match transport.message(&stream, MessageSelector::LastOf(&subject)).await {
            Ok(found) => return Ok(found),
            Err(unavailable) => unavailable.0,
        };
        match transport.extent(&stream).await {
            Ok(None) => Err(self.is_missing()),
            _ => Err(BucketError::Unavailable { bucket: self.bucket.clone(), reason }),
        }
    }

    /// Writes under a key, where it still has a revision if one is given, and returns the new one.
    ///
    /// # Errors
    /// [`BucketError`]
    pub async fn write(&self, key: &str, content: Content, revision: Option<u64>) -> Result<u64, BucketError> {
        let Content { headers, payload } = content;
        let message = Message { subject: key::subject_of(&self.bucket, key)?.into(), headers, payload };
        let expect = revision.map(Expect::LastSubjectSequence);
        let stored = self.bus.publisher().store_message(message, expect).await;
        stored.map(|stored| stored.sequence).map_err(|error| match error {
            PublishError::WrongSequence { last: found, .. } => {
                BucketError::Conflict { key: key.to_owned(), expected: revision.unwrap_or_default(), found }
            }
            PublishError::NoStream { .. } => self.is_missing(),
            PublishError::Refused { code: Some(TTL_DISABLED), .. } => self.takes_no_ttl(key),
            error => BucketError::Store(error),
        })
    }

    /// Writes where there is no value: where nothing is, or what is there says that it was removed.
    ///
    /// # Errors
    /// [`BucketError`]
    pub async fn create(&self, key: &str, content: Content, ttl: Option<Duration>) -> Result<u64, BucketError> {
        let content = match ttl {
            Some(ttl) => content.with_header(Headers::TTL, &format!("{}s", self.check_ttl(key, ttl).await?.as_secs())),
            None => content,
        };
        let conflict = match self.write(key, content.clone(), Some(0)).await {
            Err(conflict @ BucketError::Conflict { .. }) => conflict,
            written => return written,
        };
        match self.last(key).await? {
            Some(last) if removal(&last.message.headers).is_none() => return Err(conflict),
            Some(last) => match self.write(key, content.clone(), Some(last.sequence)).await {
                Err(BucketError::Conflict { found: 0, .. }) => {}
                written => return written,
            },
            None => {}
        }
        // What was there is gone by itself.
        self.write(key, content, Some(0)).await
    }

    /// Whether a key may live for a time. It is looked up, as a server makes a time that is too short longer, drops at once
    /// what is to live for centuries, and an old one keeps the value for ever.
    async fn check_ttl(&self, key: &str, ttl: Duration) -> Result<Duration, BucketError> {
        let found = self.bus.transport().extent(&bucket_stream(&self.bucket)).await;
        let extent = found.map_err(|error| self.unavailable(error.into()))?.ok_or_else(|| self.is_missing())?;
        let at_least = extent.marker_ttl.ok_or_else(|| self.takes_no_ttl(key))?.max(Duration::from_secs(1));
        match (at_least..=LONGEST_TTL).contains(&ttl) && ttl.subsec_nanos() == 0 {
            true => Ok(ttl),
            false => Err(BucketError::Ttl { ttl, at_least, at_most: LONGEST_TTL }),
        }
    }

    /// The keys that have a value.
    ///
    /// # Errors
    /// [`BucketError`]
    pub async fn keys(&self, pattern: &str) -> Result<Vec<String>, BucketError> {
        // By the number of the message that made it a key: one that changes meanwhile may come again.
        let mut keys = HashMap::new();
        for StreamMessage { sequence, message, .. } in self.all(pattern, FollowStart::LastOfEach, true).await? {
            let Some(key) = self.key_of(&message.subject) else { continue };
            match removal(&message.headers) {
                Some(_) => drop(keys.remove(key)),
                None if keys.contains_key(key) => {}
                None => drop(keys.insert(key.to_owned(), sequence)),
            }
        }
        let mut keys: Vec<(String, u64)> = keys.into_iter().collect();
        keys.sort_unstable_by_key(|(_, sequence)| *sequence);
        Ok(keys.into_iter().map(|(key, _)| key).collect())
    }

    /// All messages about a key.
    ///
    /// # Errors
    /// [`BucketError`]
    pub async fn history(&self, key: &str) -> Result<Vec<StreamMessage>, BucketError> {
        key::subject_of(&self.bucket, key)?;
        self.all(key, FollowStart::All, false).await
    }

    /// Removes all that there is about the keys of a pattern; no marker is left that says so.
    ///
    /// # Errors
    /// [`BucketError`], also where this user may not purge the stream of the bucket.
    pub async fn erase(&self, pattern: &str) -> Result<u64, BucketError> {
        let subject = key::subject_of_pattern(&self.bucket, pattern)?;
        let purged = self.bus.transport().purge(&bucket_stream(&self.bucket), &subject, u64::MAX - 1).await;
        purged.map_err(|failure| self.unavailable(failure))
    }

    /// What is stored at the moment.
    async fn all(
        &self,
        pattern: &str,
        start: FollowStart,
        headers_only: bool,
    ) -> Result<Vec<StreamMessage>, BucketError> {
        let mut follower = self.follow(pattern, start, headers_only).await?;
        let mut stored = Vec::new();
        while let Followed::Message(next) = follower.next().await.map_err(|failure| self.unavailable(failure))? {
            stored.push(next);
        }
        Ok(stored)
    }

    /// Follows the keys of a pattern.
    ///
    /// # Errors
    /// [`BucketError`]
    pub async fn follow(
        &self,
        pattern: &str,
        start: FollowStart,
        headers_only: bool,
    ) -> Result<Box<dyn Follower>, BucketError> {
        let subject = key::subject_of_pattern(&self.bucket, pattern)?;
        let wanted = Follow { stream: bucket_stream(&self.bucket), subject, start, headers_only };
        self.bus.transport().follow(&wanted).await.map_err(|failure| self.unavailable(failure))
    }

    /// Is told from now on that somebody writes under a key, whether or not that is stored. It costs the server less than a consumer does,
    /// and promises less: who has no connection, or may not listen, is told nothing.
    ///
    /// # Errors
    /// [`BucketError`]
    pub(crate) async fn hints(&self, key: &str) -> Result<Box<dyn Subscription>, BucketError> {
        let subject = key::subject_of(&self.bucket, key)?;
        let listening = self.bus.transport().subscribe(&[subject], None, 1).await;
        listening.map_err(|error| self.unavailable(error.into()))
    }

    /// How long ago a message was stored, as far as the clocks agree; nothing if that is yet to come.
    pub(crate) fn age(&self, stored: &StreamMessage) -> Duration {
        Duration::try_from(self.bus.transport().time().duration_since(stored.stored)).unwrap_or_default()
    }

    fn is_missing(&self) -> BucketError {
        BucketError::NoBucket { bucket: self.bucket.clone() }
    }

    fn takes_no_ttl(&self, key: &str) -> BucketError {
        BucketError::NoTtl { bucket: self.bucket.clone(), key: key.to_owned() }
    }

    fn unavailable(&self, failure: ServerFailure) -> BucketError {
        BucketError::unavailable(self.bucket.clone(), failure)
    }
}

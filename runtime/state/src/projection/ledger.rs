//! The bucket in which projections keep which read model serves, who makes each, and how far it is.
//!
//! Keys are `NAME.serving`, `NAME.rebuild` and `NAME.effects`, and for each read model `NAME.GENERATION.lease`, `.checkpoint` and `.status`.
//! Each is written by its revision, so that of several who decide the same thing one does.

use std::collections::BTreeMap;

use eventsmith_bus::bucket::{BucketError, Content, Store, removal};
use eventsmith_bus::bus::Bus;
use eventsmith_event::stream::BucketDescriptor;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::checkpoint::StreamPosition;
use super::error::ProjectionError;
use super::generation::Generation;

const BUCKET: &str = "EVENTSMITH_PROJECTIONS";
/// The type of what is written there.
const TYPE: &str = "eventsmith.projection";

/// The bucket that projections need beside those of their read models: to be provisioned once, `bus.provision(PROJECTIONS)` or
/// `eventsmith projections init`.
pub const PROJECTIONS: &[BucketDescriptor] =
    &[BucketDescriptor::new(BUCKET, TYPE).description("Which read models of projections serve, and how far they are")];

/// Which read model serves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Serving {
    /// None, until the first has caught up.
    pub(crate) generation: Option<Generation>,
    /// The one before, which is kept for those who still read it.
    #[serde(default)]
    pub(crate) previous: Option<Generation>,
    /// Where each stream ended when the projection first read it: what was stored up to then is history.
    pub(crate) history: BTreeMap<String, u64>,
    /// When each of those streams was created: of one that was made anew nothing was history.
    #[serde(default)]
    pub(crate) created: BTreeMap<String, Timestamp>,
}

impl Serving {
    /// Up to which number what a stream holds is history, by when it was created.
    pub(crate) fn history_of(&self, stream: &str, created: Option<Timestamp>) -> u64 {
        let known = self.created.get(stream).copied();
        let is_other = known.zip(created).is_some_and(|(known, created)| known != created);
        if is_other { 0 } else { self.history.get(stream).copied().unwrap_or_default() }
    }
}

/// That an operator wants a read model to be built anew.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rebuild {
    pub(crate) generation: Generation,
}

/// What the ledger holds under a key.
#[derive(Debug, Clone)]
pub(crate) struct Found<T> {
    pub(crate) value: Option<T>,
    /// What a write has to name that replaces it; 0 if there is nothing.
    pub(crate) revision: u64,
    pub(crate) stored: Option<Timestamp>,
}

/// The ledger of one projection.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    store: Store,
    name: String,
}

impl Ledger {
    pub(crate) fn of(bus: &Bus, name: &str) -> Self {
        Self { store: Store::new(bus, BUCKET), name: name.to_owned() }
    }

    /// The names of all projections that have begun.
    pub(crate) async fn names(bus: &Bus) -> Result<Vec<String>, ProjectionError> {
        let keys = Store::new(bus, BUCKET).keys("*.serving").await.map_err(|error| failed("list", error))?;
        Ok(keys.iter().filter_map(|key| key.strip_suffix(".serving")).map(ToOwned::to_owned).collect())
    }

    /// The read models that have said something of themselves.
    pub(crate) async fn generations(&self) -> Result<Vec<Generation>, ProjectionError> {
        let keys = self.store.keys(&format!("{}.*.status", self.name)).await.map_err(|error| failed("list", error))?;
        let mut all: Vec<Generation> = keys.iter().filter_map(|key| key.split('.').nth(1)?.parse().ok()).collect();
        all.sort_unstable();
        Ok(all)
    }

    /// What is written under a key of the projection.
    pub(crate) async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Found<T>, ProjectionError> {
        let key = self.key(key);
        let last = self.store.last(&key).await.map_err(|error| failed(&key, error))?;
        let Some(last) = last else { return Ok(Found { value: None, revision: 0, stored: None }) };
        let (revision, stored) = (last.sequence, Some(last.stored));
        if removal(&last.message.headers).is_some() {
            return Ok(Found { value: None, revision, stored });
        }
        let value = serde_json::from_slice(&last.message.payload).map_err(|error| {
            let reason = eventsmith_event::clip::clip(error.to_string());
            ProjectionError::Ledger { bucket: BUCKET, key, reason }
        })?;
        Ok(Found { value: Some(value), revision, stored })
    }

    /// Writes under a key that still has a revision; `None` if it has another.
    pub(crate) async fn write<T: Serialize>(
        &self,
        key: &str,
        value: &T,
        revision: u64,
    ) -> Result<Option<u64>, ProjectionError> {
        let key = self.key(key);
        match self.store.write(&key, content(&key, value)?, Some(revision)).await {
            Ok(revision) => Ok(Some(revision)),
            Err(BucketError::Conflict { .. }) => Ok(None),
            Err(error) => Err(failed(&key, error)),
        }
    }

    /// Writes under a key, whatever is there.
    pub(crate) async fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<u64, ProjectionError> {
        let key = self.key(key);
        self.store.write(&key, content(&key, value)?, None).await.map_err(|error| failed(&key, error))
    }

    /// Forgets all that is written of a read model; its status last, by which it is found.
    pub(crate) async fn forget(&self, generation: Generation) -> Result<(), ProjectionError> {
        match self.store.erase(&self.key(&of(generation, ">"))).await {
            Ok(_) => return Ok(()),
            Err(error) => tracing::debug!(projection = self.name, %generation, %error, "markers are left in its place"),
        }
        for part in ["lease", "checkpoint", "status"] {
            let key = self.key(&of(generation, part));
            self.store.write(&key, Content::purge(), None).await.map_err(|error| failed(&key, error))?;
        }
        Ok(())
    }

    /// Which read model serves, and the revision of that; where the projection has never run, that it begins now, with its history
    /// up to these numbers. Streams that are new to it are added.
    pub(crate) async fn begin(&self, ends: &BTreeMap<String, StreamPosition>) -> Result<Serving, ProjectionError> {
        loop {
            let found = self.serving().await?;
            let mut serving = found.value.unwrap_or_default();
            let known = serving.history.len();
            for (stream, StreamPosition { sequence, created, .. }) in ends {
                if !serving.history.contains_key(stream) {
                    serving.history.insert(stream.clone(), *sequence);
                    serving.created.extend(created.map(|created| (stream.clone(), created)));
                }
            }
            let is_known = found.revision > 0 && serving.history.len() == known;
            if is_known || self.write("serving", &serving, found.revision).await?.is_some() {
                return Ok(serving);
            }
        }
    }

    pub(crate) async fn serving(&self) -> Result<Found<Serving>, ProjectionError> {
        self.read("serving").await
    }

    /// The read model that serves, once one does.
    pub(crate) async fn serves(&self) -> Result<Option<Generation>, ProjectionError> {
        Ok(self.serving().await?.value.and_then(|serving| serving.generation))
    }

    /// The read model that a program of this revision is to make: its first, unless an operator wants another.
    pub(crate) async fn wanted(&self, revision: u32) -> Result<Generation, ProjectionError> {
        let rebuild: Found<Rebuild> = self.read("rebuild").await?;
        let wanted = rebuild.value.map(|rebuild| rebuild.generation).filter(|wanted| wanted.revision == revision);
        Ok(wanted.unwrap_or(Generation::of_revision(revision)))
    }

    /// Lets another read model serve in place of one. Says whether it serves now; not, where somebody else decided otherwise meanwhile.
    pub(crate) async fn switch(&self, from: Option<Generation>, to: Generation) -> Result<bool, ProjectionError> {
        let found = self.serving().await?;
        let Some(serving) = found.value else { return Ok(false) };
        if serving.generation == Some(to) {
            return Ok(true);
        }
        if serving.generation != from {
            return Ok(false);
        }
        let switched = Serving { generation: Some(to), previous: from, ..serving };
        Ok(self.write("serving", &switched, found.revision).await?.is_some())
    }

    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }
}

/// The key of a part of what is written of a read model.
pub(crate) fn of(generation: Generation, part: &str) -> String {
    format!("{generation}.{part}")
}

fn content<T: Serialize>(key: &str, value: &T) -> Result<Content, ProjectionError> {
    let text = serde_json::to_vec(value).map_err(|error| ProjectionError::Ledger {
        bucket: BUCKET,
        key: key.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Content::of(TYPE, 1, text.into()))
}

fn failed(key: &str, error: BucketError) -> ProjectionError {
    match error {
        BucketError::NoBucket { .. } => ProjectionError::NoLedger { bucket: BUCKET },
        error => ProjectionError::of_bucket(format!("{key} of the bucket {BUCKET}"), error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_was_history_in_a_stream_that_was_made_anew() {
        let [before, after] = [1, 2].map(|second| Timestamp::from_second(second).unwrap());
        let known = || BTreeMap::from([("RULES".to_owned(), 5_000)]);
        let created = BTreeMap::from([("RULES".to_owned(), before)]);
        let serving = Serving { history: known(), created, ..Serving::default() };

        assert_eq!(serving.history_of("RULES", Some(before)), 5_000);
        assert_eq!(serving.history_of("RULES", Some(after)), 0);
        assert_eq!(serving.history_of("RULES", None), 5_000, "who may not ask when it was");
        assert_eq!(serving.history_of("OTHER", Some(after)), 0);
        let noted_before = Serving { history: known(), ..Serving::default() };
        assert_eq!(noted_before.history_of("RULES", Some(after)), 5_000, "by a version that did not note when");
    }
}

//! A read model of documents in a bucket.
//!
//! A document and what was projected into it are one message, and a document skips the events that it has. So the checkpoint, which is
//! written behind the documents, only says where to resume: what is read again changes nothing. A document is written by its revision:
//! of two instances that write it one is refused, reads it again, and finds its events in it.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use eventsmith_bus::bucket::{BucketError, Content, Store};
use eventsmith_bus::bus::Bus;
use eventsmith_bus::handler::{HandlerError, Received};
use eventsmith_bus::publish::PublishError;
use eventsmith_bus::transport::StreamExtent;
use eventsmith_event::clip::clip;
use eventsmith_event::event::{Event, State};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

use super::checkpoint::{Checkpoint, WrittenTo};
use super::document::Document;
use super::error::ProjectionError;
use super::ledger::{self, Ledger};
use super::route::{EventFailure, Wanted};
use super::target::{Opening, ProjectFailure, Projected, Target, Writer};
use crate::confine::confined;

/// How many documents are read or written at a time.
const AT_A_TIME: usize = 64;
/// How many documents are remembered, so that they need not be read again.
const REMEMBERED: usize = 10_000;
/// How often documents are read again that somebody else has written, before the projection is taken to be fenced.
const MOST_CONFLICTS: u32 = 3;
/// The checkpoint is kept after this time at least, or this many events.
const KEEP_AFTER: Duration = Duration::from_secs(1);
const KEEP_EVENTS: u64 = 5_000;

/// A read model of documents in the bucket of their type.
pub struct Documents<S> {
    routes: Vec<Route<S>>,
}

struct Route<S> {
    wanted: Wanted,
    begin: Arc<Begin<S>>,
}

/// Decodes an event: the keys of the documents that it changes, and how.
type Begin<S> = dyn Fn(Projected<'_>, &Bus) -> Result<(Vec<String>, Fold<S>), EventFailure> + Send + Sync;
type Fold<S> = Box<dyn Fn(&mut Option<S>) -> Result<(), EventFailure> + Send + Sync>;

impl<S> fmt::Debug for Documents<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.routes.iter().map(|route| route.wanted.event_type)).finish()
    }
}

impl<S: State> Documents<S> {
    pub(crate) fn new() -> Self {
        Self { routes: Vec::new() }
    }

    pub(crate) fn on<E, K, I>(
        &mut self,
        keys: impl Fn(&E) -> I + Send + Sync + 'static,
        fold: impl Fn(&mut Option<S>, &Received<E>) -> Result<(), HandlerError> + Send + Sync + 'static,
    ) where
        E: Event,
        K: Into<String>,
        I: IntoIterator<Item = K>,
    {
        let fold = Arc::new(fold);
        let begin = move |projected: Projected<'_>, bus: &Bus| {
            let event = projected.event.decode::<E>(bus, projected.is_replay)?;
            let collect = || keys(&event).into_iter().map(Into::into).collect::<Vec<String>>();
            let mut keys = confined(collect).map_err(|panic| EventFailure::panicked(&panic))?;
            keys.sort_unstable();
            keys.dedup();
            let fold = Arc::clone(&fold);
            let fold: Fold<S> = Box::new(move |document| {
                let folded = confined(|| fold(document, &event)).map_err(|panic| EventFailure::panicked(&panic))?;
                folded.map_err(EventFailure::of)?;
                let is_valid = document.as_ref().map_or(Ok(()), State::validate);
                is_valid.map_err(|invalid| {
                    EventFailure::Rejected(clip(format!("it would make an invalid document: {invalid}")))
                })
            });
            Ok((keys, fold))
        };
        self.routes.push(Route { wanted: Wanted::of::<E>(), begin: Arc::new(begin) });
    }
}

impl<S: State> Target for Documents<S> {
    fn wanted(&self) -> Vec<Wanted> {
        self.routes.iter().map(|route| route.wanted).collect()
    }

    fn open<'a>(&'a self, of: &'a Opening) -> BoxFuture<'a, Result<Box<dyn Writer + 'a>, ProjectionError>> {
        async move {
            let writer: Box<dyn Writer + 'a> = Box::new(DocumentWriter::open(self, of).await?);
            Ok(writer)
        }
        .boxed()
    }

    fn serve<'a>(&'a self, _: &'a Opening) -> BoxFuture<'a, Result<(), ProjectionError>> {
        // Readers ask the ledger.
        async { Ok(()) }.boxed()
    }

    fn discard<'a>(&'a self, of: &'a Opening) -> BoxFuture<'a, Result<(), ProjectionError>> {
        async move {
            let store = Store::new(&of.bus, S::BUCKET);
            let unavailable = |error| ProjectionError::of_bucket(format!("the bucket {}", S::BUCKET), error);
            match store.erase(&prefix(of, ">")).await {
                Ok(_) => return Ok(()),
                // It may be that this user must not: each document is removed by a marker then, which stays.
                Err(error) => tracing::debug!(bucket = S::BUCKET, %error, "documents are removed one by one"),
            }
            let keys = store.keys(&prefix(of, ">")).await.map_err(unavailable)?;
            let store = &store;
            let purge = |key: String| async move { store.write(&key, Content::purge(), None).await.map(drop) };
            stream::iter(keys).map(purge).buffer_unordered(AT_A_TIME).try_collect::<()>().await.map_err(unavailable)
        }
        .boxed()
    }
}

/// The key of a document of a read model, among all keys of the bucket.
pub(crate) fn prefix(Opening { name, generation, .. }: &Opening, key: &str) -> String {
    format!("{name}.{generation}.{key}")
}

struct DocumentWriter<'a, S> {
    documents: &'a Documents<S>,
    of: &'a Opening,
    store: Store,
    ledger: Ledger,
    checkpoint: Checkpoint,
    kept: Kept,
    /// What is written to.
    bucket: WrittenTo,
    known: HashMap<String, Document<S>>,
}

/// The checkpoint as the ledger has it.
struct Kept {
    checkpoint: Checkpoint,
    revision: u64,
    at: Instant,
}

impl<'a, S: State> DocumentWriter<'a, S> {
    async fn open(documents: &'a Documents<S>, of: &'a Opening) -> Result<Self, ProjectionError> {
        let (store, ledger) = (Store::new(&of.bus, S::BUCKET), Ledger::of(&of.bus, &of.name));
        let stream = eventsmith_bus::settings::bucket_stream(S::BUCKET);
        let extent = of.bus.transport().extent(&stream).await;
        let about = || format!("the bucket {}", S::BUCKET);
        let extent = extent.map_err(|error| ProjectionError::unavailable(about(), error.0))?;
        let extent = extent.ok_or(ProjectionError::NoBucket { bucket: S::BUCKET })?;
        let found = ledger.read::<Checkpoint>(&ledger::of(of.generation, "checkpoint")).await?;
        let mut checkpoint = found.value.unwrap_or_default();
        let before = checkpoint.written_to.take().unwrap_or_default();
        let is_another = before.created.is_some() && extent.created.is_some() && before.created != extent.created;
        if is_another || extent.last < before.revision {
            let (name, generation) = (of.name.clone(), of.generation);
            return Err(ProjectionError::LostDocuments { name, generation, bucket: S::BUCKET });
        }
        let bucket = WrittenTo { created: extent.created, revision: before.revision };
        let kept = Kept { checkpoint: checkpoint.clone(), revision: found.revision, at: Instant::now() };
        Ok(Self { documents, of, store, ledger, checkpoint, kept, bucket, known: HashMap::new() })
    }

    /// Where a document is not as it was left, somebody else has written it, or it is gone.
    async fn check_bucket(&self) -> Result<(), ProjectFailure> {
        let stream = eventsmith_bus::settings::bucket_stream(S::BUCKET);
        let extent = self.of.bus.transport().extent(&stream).await;
        let extent =
            extent.map_err(|error| ProjectionError::unavailable(format!("the bucket {}", S::BUCKET), error.0))?;
        let is_there =
            |extent: &StreamExtent| extent.created == self.bucket.created && extent.last >= self.bucket.revision;
        let (name, generation) = (self.of.name.clone(), self.of.generation);
        let lost = ProjectionError::LostDocuments { name, generation, bucket: S::BUCKET };
        extent.filter(is_there).map(drop).ok_or(lost.into())
    }

    fn unavailable(&self, error: BucketError) -> ProjectFailure {
        ProjectionError::of_bucket(format!("the bucket {}", S::BUCKET), error).into()
    }

    /// Reads the documents that are not known yet.
    async fn load(&mut self, keys: Vec<String>) -> Result<(), ProjectFailure> {
        let (store, of) = (&self.store, self.of);
        let read = |key: String| async move {
            let last = store.last(&prefix(of, &key)).await;
            (key, last)
        };
        let found: Vec<_> = stream::iter(keys).map(read).buffer_unordered(AT_A_TIME).collect().await;
        for (key, last) in found {
            let last = last.map_err(|error| self.unavailable(error))?;
            let document = last.as_ref().map_or_else(|| Ok(Document::none()), Document::read);
            let document = document.map_err(|reason| ProjectionError::Document {
                name: self.of.name.clone(),
                bucket: S::BUCKET,
                key: prefix(self.of, &key),
                reason,
            })?;
            self.bucket.revision = self.bucket.revision.max(document.revision);
            self.known.insert(key, document);
        }
        Ok(())
    }

    /// Projects events into documents and writes those that changed; `false` if somebody else has written one of them.
    async fn attempt(&mut self, events: &[Projected<'_>]) -> Result<bool, ProjectFailure> {
        let mut begun = Vec::with_capacity(events.len());
        for (index, projected) in events.iter().enumerate() {
            let route = &self.documents.routes[projected.event.index];
            let (keys, fold) =
                (route.begin)(*projected, &self.of.bus).map_err(|failure| ProjectFailure::Event(index, failure))?;
            if let Some(reason) = keys.iter().find_map(|key| illegal(&prefix(self.of, key))) {
                return Err(ProjectFailure::Event(index, EventFailure::Rejected(reason)));
            }
            begun.push((projected.event, keys, fold));
        }
        let mut missing: Vec<String> = begun.iter().flat_map(|(_, keys, _)| keys).cloned().collect();
        missing.sort_unstable();
        missing.dedup();
        missing.retain(|key| !self.known.contains_key(key));
        self.load(missing).await?;
        let mut changed = BTreeSet::new();
        for (index, (event, keys, fold)) in begun.iter().enumerate() {
            let (stream, sequence) = (&*event.place.stream, event.place.sequence);
            let has = |key: &String| self.known.get(key).is_some_and(|document| document.has(stream, sequence));
            let was_decided = keys.iter().any(has);
            for key in keys {
                let Some(document) = self.known.get_mut(key).filter(|document| !document.has(stream, sequence)) else {
                    continue;
                };
                let was_there = document.value.is_some();
                let folded = fold(&mut document.value);
                folded.map_err(|failure| ProjectFailure::Event(index, failure.of_half(was_decided)))?;
                document.positions.insert(stream.to_owned(), sequence);
                // What was not there and is not there needs no message to say so.
                if was_there || document.value.is_some() {
                    changed.insert(key.clone());
                }
            }
        }
        match self.write(changed).await {
            Err(WriteFailure::Content(reason)) => match begun.as_slice() {
                [(event, keys, _)] => {
                    // It may be in other documents of the event by now, whose place the next attempt finds there.
                    let was_decided = keys.len() > 1;
                    tracing::debug!(sequence = event.place.sequence, was_decided, "a document cannot be stored");
                    Err(ProjectFailure::Event(0, EventFailure::Rejected(reason).of_half(was_decided)))
                }
                _ => Err(ProjectFailure::OneByOne),
            },
            Err(WriteFailure::Other(failure)) => Err(failure),
            Ok(is_alone) => Ok(is_alone),
        }
    }

    /// Writes documents; `false` if somebody else has written one of them.
    async fn write(&mut self, keys: BTreeSet<String>) -> Result<bool, WriteFailure> {
        let mut writes = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(document) = self.known.get(&key) else { continue };
            let content = document.content().map_err(|error| ProjectionError::Document {
                name: self.of.name.clone(),
                bucket: S::BUCKET,
                key: prefix(self.of, &key),
                reason: format!("it cannot be written as JSON: {error}"),
            });
            let content = content.map_err(|error| WriteFailure::Other(error.into()))?;
            writes.push((key, content, document.revision));
        }
        let (store, of) = (&self.store, self.of);
        let write = |(key, content, revision): (String, Content, u64)| async move {
            let written = store.write(&prefix(of, &key), content, Some(revision)).await;
            (key, written)
        };
        let mut written = stream::iter(writes).map(write).buffer_unordered(AT_A_TIME);
        let mut is_alone = true;
        let mut failure = None;
        while let Some((key, outcome)) = written.next().await {
            match outcome {
                Ok(revision) => {
                    self.bucket.revision = self.bucket.revision.max(revision);
                    if let Some(document) = self.known.get_mut(&key) {
                        document.revision = revision;
                    }
                }
                Err(BucketError::Conflict { .. }) => is_alone = false,
                Err(error) => failure = Some(error),
            }
        }
        drop(written);
        match failure {
            Some(error) if is_about_content(&error) => {
                Err(WriteFailure::Content(clip(format!("it would make a document that cannot be stored: {error}"))))
            }
            Some(error) => Err(WriteFailure::Other(self.unavailable(error))),
            None => Ok(is_alone),
        }
    }
}

/// Why documents were not written.
enum WriteFailure {
    /// One of them is what no bucket takes, such as too large.
    Content(String),
    Other(ProjectFailure),
}

/// The server's code for a message that is larger than its stream takes.
const TOO_LARGE: u64 = 10054;

fn is_about_content(error: &BucketError) -> bool {
    match error {
        BucketError::Invalid(_) | BucketError::Encode { .. } => true,
        BucketError::Store(PublishError::TooLarge { .. }) => true,
        BucketError::Store(PublishError::Refused { code, .. }) => *code == Some(TOO_LARGE),
        _ => false,
    }
}

/// Why a document cannot have a key.
fn illegal(key: &str) -> Option<String> {
    match eventsmith_bus::bucket::check_key(key) {
        Err(BucketError::Key { key, reason }) => Some(format!("{key:?} cannot be the key of a document: {reason}")),
        _ => None,
    }
}

impl<S: State> Writer for DocumentWriter<'_, S> {
    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    fn project<'a>(
        &'a mut self,
        events: Vec<Projected<'a>>,
        to: &'a Checkpoint,
    ) -> BoxFuture<'a, Result<(), ProjectFailure>> {
        async move {
            for _ in 0..=MOST_CONFLICTS {
                match self.attempt(&events).await {
                    Ok(true) => {
                        self.checkpoint.clone_from(to);
                        if self.known.len() > REMEMBERED {
                            self.known.clear();
                        }
                        let Kept { checkpoint, at, .. } = &self.kept;
                        if at.elapsed() >= KEEP_AFTER || to.projected >= checkpoint.projected + KEEP_EVENTS {
                            self.keep().await?;
                        }
                        return Ok(());
                    }
                    Ok(false) => {
                        self.known.clear();
                        self.check_bucket().await?;
                    }
                    Err(failure) => {
                        // What is known may hold what was not written.
                        self.known.clear();
                        return Err(failure);
                    }
                }
            }
            Err(ProjectFailure::Fenced)
        }
        .boxed()
    }

    fn keep(&mut self) -> BoxFuture<'_, Result<(), ProjectFailure>> {
        async move {
            if self.kept.checkpoint == self.checkpoint {
                return Ok(());
            }
            let key = ledger::of(self.of.generation, "checkpoint");
            let checkpoint = Checkpoint { written_to: Some(self.bucket.clone()), ..self.checkpoint.clone() };
            let written = self.ledger.write(&key, &checkpoint, self.kept.revision).await?;
            let revision = written.ok_or(ProjectFailure::Fenced)?;
            self.kept = Kept { checkpoint: self.checkpoint.clone(), revision, at: Instant::now() };
            Ok(())
        }
        .boxed()
    }
}

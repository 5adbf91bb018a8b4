//! What events made of an aggregate, kept in a bucket, so that not all of them are read each time. Never the truth.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eventsmith_bus::bucket::{BucketError, Content, Store};
use eventsmith_bus::bus::Bus;
use eventsmith_bus::publish::PublishError;
use eventsmith_bus::transport::{Headers, StreamMessage};
use eventsmith_event::aggregate::AggregateEvents;
use eventsmith_event::envelope::parse_version;
use eventsmith_event::event::State;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use crate::chain::Known;
use crate::command::Commands;
use crate::confine::confined;
use crate::pauses::{Access, Pauses};

/// Where the history stands of which it is a snapshot: the hash of the schemas, number, sequence, messages passed over, and when its last
/// event was stored, in nanoseconds since 1970.
const SNAPSHOT: &str = "Eventsmith-Snapshot";
/// The last commands before it.
const COMMANDS: &str = "Eventsmith-Commands";

/// What is said of a bucket that does not answer.
const NO_ANSWER: &str = "no answer within 1 s";

/// How long a bucket may take: then it is done without, as the events are there.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where and when snapshots of an aggregate are kept: documents of a bucket, which a schema below `state/` describes, under the
/// aggregate's id.
///
/// A snapshot that was made by other schemas, or another [revision](Self::revision), or of a history that is not this one, is ignored and
/// replaced: all events are read once more.
///
/// ```
/// use eventsmith::State;
/// use eventsmith::state::{Aggregate, Snapshots};
///
/// /// Every 100 events, as documents that the aggregate is made of and again becomes.
/// fn snapshots<A, S>() -> Snapshots<A>
/// where
///     A: Aggregate + From<S>,
///     S: State + for<'a> From<&'a A>,
/// {
///     Snapshots::every(100, |aggregate: &A| S::from(aggregate), |document: S| A::from(document))
/// }
/// ```
pub struct Snapshots<A> {
    pub(crate) every: u64,
    bucket: &'static str,
    described: Described,
    revision: u32,
    take: Box<Take<A>>,
    restore: Box<Restore<A>>,
}

type Take<A> = dyn Fn(&A) -> Result<Option<Vec<u8>>, String> + Send + Sync;
type Restore<A> = dyn Fn(u32, &[u8]) -> Result<A, String> + Send + Sync;

/// Type, version and schema of the documents.
#[derive(Debug, Clone, Copy)]
struct Described {
    of: &'static str,
    version: u32,
    schema: &'static str,
}

impl<A> fmt::Debug for Snapshots<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { every, bucket, revision, .. } = self;
        f.debug_struct("Snapshots").field("every", every).field("bucket", bucket).field("revision", revision).finish()
    }
}

/// A snapshot that was read.
#[derive(Debug)]
pub(crate) struct Snapshot<A> {
    pub(crate) aggregate: A,
    pub(crate) known: Known,
    pub(crate) commands: Commands,
}

/// What a bucket has under the key of an aggregate.
#[derive(Debug)]
pub(crate) struct Found<A> {
    /// The snapshot, if there is one that these schemas made.
    pub(crate) snapshot: Option<Snapshot<A>>,
    /// The revision in the bucket of what is there; 0 for nothing.
    pub(crate) revision: u64,
}

impl<A> Snapshots<A> {
    /// A snapshot after every so many events (at least one), made of the aggregate by one function, and turned into it by another.
    pub fn every<S: State>(
        events: u64,
        take: impl Fn(&A) -> S + Send + Sync + 'static,
        restore: impl Fn(S) -> A + Send + Sync + 'static,
    ) -> Self {
        Self::every_if(events, move |aggregate: &A| Some(take(aggregate)), restore)
    }

    /// [`every`](Self::every), where the function may also say that no snapshot is to be made of the aggregate as it is: of one that its
    /// document cannot describe yet, or any more. Its events are read then, and it is tried again after the next so many.
    pub fn every_if<S: State>(
        events: u64,
        take: impl Fn(&A) -> Option<S> + Send + Sync + 'static,
        restore: impl Fn(S) -> A + Send + Sync + 'static,
    ) -> Self {
        let take = move |aggregate: &A| {
            let Some(document) = take(aggregate) else { return Ok(None) };
            document.validate().map_err(|invalid| invalid.to_string())?;
            serde_json::to_vec(&document).map(Some).map_err(|error| error.to_string())
        };
        let restore =
            move |version, payload: &[u8]| S::decode(version, payload).map(&restore).map_err(|error| error.to_string());
        Self {
            every: events.max(1),
            bucket: S::BUCKET,
            described: Described { of: S::TYPE, version: S::VERSION, schema: S::SCHEMA },
            revision: 0,
            take: Box::new(take),
            restore: Box::new(restore),
        }
    }

    /// The same under another revision: to be raised whenever `apply` makes something else of the same events.
    #[must_use]
    pub fn revision(self, revision: u32) -> Self {
        Self { revision, ..self }
    }

    /// What stands for the schemas and the revision that a snapshot is made by.
    pub(crate) fn hash<E: AggregateEvents>(&self) -> String {
        let mut hash = Sha256::new();
        let events = E::EVENTS.iter().map(|event| (event.event_type, event.version, event.schema));
        let own = (self.described.of, self.described.version, self.described.schema);
        for (of, version, schema) in events.chain([own]) {
            for part in [of, &version.to_string(), schema] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        hash.update(self.revision.to_be_bytes());
        URL_SAFE_NO_PAD.encode(&hash.finalize()[..18])
    }

    /// What the bucket has of an aggregate; nothing is known where the bucket is not there, or does not answer soon.
    pub(crate) async fn read(&self, (bus, pauses): (&Bus, &Pauses), id: &str, hash: &str) -> Option<Found<A>> {
        if pauses.is_on(self.bucket, Access::Read) {
            return None;
        }
        let last = match timeout(PATIENCE, Store::new(bus, self.bucket).last(&key(id))).await {
            Ok(Ok(last)) => last,
            Ok(Err(error)) => {
                self.failed(pauses, Access::Read, &error);
                return None;
            }
            Err(_) => {
                self.failed(pauses, Access::Read, &NO_ANSWER);
                return None;
            }
        };
        self.went_well(pauses, Access::Read);
        let Some(last) = last else { return Some(Found { snapshot: None, revision: 0 }) };
        let snapshot = self.parse(&last, hash).map_err(|reason| {
            tracing::debug!(bucket = self.bucket, id, reason, "the snapshot is not taken; all events are read");
        });
        Some(Found { snapshot: snapshot.ok(), revision: last.sequence })
    }

    /// Whether nothing is to be written for now, as it went wrong.
    pub(crate) fn is_paused(&self, pauses: &Pauses) -> bool {
        pauses.is_on(self.bucket, Access::Write)
    }

    /// The bucket is left alone for a while, and that is told once.
    fn failed(&self, pauses: &Pauses, access: Access, error: &dyn fmt::Display) {
        let (bucket, comes_to) = (
            self.bucket,
            match access {
                Access::Read => "snapshots cannot be read; all events are, and the bucket is asked again after a while",
                Access::Write => "snapshots cannot be kept; it is tried again after a while",
            },
        );
        match pauses.failed(bucket, access) {
            true => tracing::warn!(bucket, %error, "{comes_to}"),
            false => tracing::debug!(bucket, %error, "{comes_to}"),
        }
    }

    fn went_well(&self, pauses: &Pauses, access: Access) {
        if pauses.went_well(self.bucket, access) {
            tracing::info!(bucket = self.bucket, ?access, "the bucket of snapshots does what is asked of it again");
        }
    }

    fn parse(&self, stored: &StreamMessage, hash: &str) -> Result<Snapshot<A>, String> {
        let headers = &stored.message.headers;
        let header = |name: &str| headers.get(name).ok_or_else(|| format!("it has no header {name}"));
        if let Some(malformed) = headers.malformed() {
            return Err(malformed.explanation());
        }
        let mut parts = header(SNAPSHOT)?.split(' ');
        if parts.next() != Some(hash) {
            return Err("other schemas, or another revision, made it".to_owned());
        }
        let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok()).ok_or("its header says no place");
        let (number, sequence, passed) = (number()?, number()?, number()?);
        let time = parts.next().and_then(|part| Timestamp::from_nanosecond(part.parse().ok()?).ok());
        let known = Known { number, sequence, passed, stored: Some(time.ok_or("its header says no time")?) };
        if known.number == 0 || known.sequence < known.number {
            return Err("its header says a place that cannot be".to_owned());
        }
        let commands = headers.get(COMMANDS).map_or(Some(Commands::default()), Commands::read);
        let commands = commands.ok_or("its header of commands cannot be read")?;
        let version = parse_version(header(Headers::VERSION)?).ok_or("its version is none")?;
        let aggregate = confined(|| (self.restore)(version, &stored.message.payload))??;
        Ok(Snapshot { aggregate, known, commands })
    }

    /// Keeps a snapshot, in place of what has that revision. That nobody can is no reason to fail: the events are stored.
    pub(crate) async fn write(
        &self,
        (bus, pauses): (&Bus, &Pauses),
        (id, hash): (&str, &str),
        (aggregate, known, commands): (&A, Known, &Commands),
        revision: u64,
    ) {
        let payload = match confined(|| (self.take)(aggregate)).and_then(|taken| taken) {
            Ok(Some(payload)) => payload,
            Ok(None) => return,
            Err(reason) => {
                tracing::warn!(bucket = self.bucket, id, reason, "no snapshot can be made");
                return;
            }
        };
        let stored = known.stored.map_or(0, Timestamp::as_nanosecond);
        let place = format!("{hash} {} {} {} {stored}", known.number, known.sequence, known.passed);
        let content = Content::of(self.described.of, self.described.version, payload.into())
            .with_header(SNAPSHOT, &place)
            .with_header(COMMANDS, &commands.written());
        match timeout(PATIENCE, Store::new(bus, self.bucket).write(&key(id), content, Some(revision))).await {
            Ok(Ok(revision)) => {
                self.went_well(pauses, Access::Write);
                tracing::debug!(bucket = self.bucket, id, revision, number = known.number, "snapshot");
            }
            // Somebody else has kept a newer one.
            Ok(Err(BucketError::Conflict { .. })) => self.went_well(pauses, Access::Write),
            // That is about this snapshot, and not about the bucket.
            Ok(Err(BucketError::Store(error @ PublishError::TooLarge { .. }))) => {
                tracing::warn!(bucket = self.bucket, id, %error, "no snapshot can be kept");
            }
            Ok(Err(error)) => self.failed(pauses, Access::Write, &error),
            Err(_) => self.failed(pauses, Access::Write, &NO_ANSWER),
        }
    }
}

/// The key of an aggregate: its id, or where that is no legal key, what stands for it.
fn key(id: &str) -> String {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    if id.chars().all(is_legal) && !id.starts_with("_kv") && id.len() <= 1_024 {
        return id.to_owned();
    }
    format!("={}", URL_SAFE_NO_PAD.encode(Sha256::digest(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_id_has_a_key_of_its_own() {
        assert_eq!(key("rul_01KJQ4T9Q6MZ"), "rul_01KJQ4T9Q6MZ");
        for id in ["a=b", "ü", "a:b", "_kv", "a@b"] {
            assert!(key(id).starts_with('=') && key(id).len() == 44, "{id}");
        }
    }
}

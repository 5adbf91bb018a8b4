//! Streams, buckets and services of a catalogue as data, as eventsmith.toml declares them.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Setters for constants: each takes a descriptor and returns it with one field changed.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty $(=> $wrap:ident)?;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub const fn $name(mut self, $name: $type) -> Self {
            self.$name = setters!(@ $name $($wrap)?);
            self
        }
    )*};
    (@ $value:ident) => { $value };
    (@ $value:ident $wrap:ident) => { $wrap($value) };
}

/// A JetStream stream that the catalogue declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamDescriptor {
    /// The stream's name, `RULES_DOMAIN_EVENTS`.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// The subjects it captures, with wildcards.
    pub subjects: &'static [&'static str],
    /// Where messages are kept.
    pub storage: Storage,
    /// When messages are dropped.
    pub retention: Retention,
    /// Messages older than this are dropped.
    pub max_age: Option<Duration>,
    /// How many bytes it holds; [`discard`](Self::discard) says what happens then.
    pub max_bytes: Option<u64>,
    /// How many messages it holds; [`discard`](Self::discard) says what happens then.
    pub max_messages: Option<u64>,
    /// On how many servers of the cluster each message is stored.
    pub replicas: u8,
    /// For how long the stream remembers message ids to drop duplicates.
    pub duplicate_window: Duration,
    /// What happens at the limits of bytes and count.
    pub discard: Discard,
    /// Whether `Bus::publish_atomic` may store into it; needs nats-server 2.12.1.
    pub atomic: bool,
    /// Whether `Bus::publish_bulk` may store into it by fast batches; needs nats-server 2.14.
    pub bulk: bool,
    /// Whether it holds histories of aggregates: then batches may be stored, and nobody may delete, purge or roll up.
    pub aggregates: bool,
    /// The names of the sagas that it holds: then messages may be scheduled in it, and batches be stored; needs nats-server 2.12.1.
    pub sagas: &'static [&'static str],
}

impl StreamDescriptor {
    /// A stream of which nothing is said but its name and the subjects it captures: on disk, without limits, on one server,
    /// with ids remembered for two minutes, as servers and `eventsmith.toml` have it.
    ///
    /// ```
    /// use eventsmith::catalogue::{Storage, StreamDescriptor};
    ///
    /// const ORDERS: StreamDescriptor =
    ///     StreamDescriptor::new("ORDERS", &["shop.domain.order.>"]).storage(Storage::Memory);
    /// assert_eq!(ORDERS.replicas, 1);
    /// ```
    #[must_use]
    pub const fn new(name: &'static str, subjects: &'static [&'static str]) -> Self {
        Self {
            name,
            description: "",
            subjects,
            storage: Storage::File,
            retention: Retention::Limits,
            max_age: None,
            max_bytes: None,
            max_messages: None,
            replicas: 1,
            duplicate_window: Duration::from_secs(120),
            discard: Discard::Old,
            atomic: false,
            bulk: false,
            aggregates: false,
            sagas: &[],
        }
    }

    setters! {
        /// Under another [`name`](field@Self::name).
        name: &'static str;
        /// With other [`subjects`](field@Self::subjects).
        subjects: &'static [&'static str];
        /// With a [`description`](field@Self::description).
        description: &'static str;
        /// With another [`storage`](field@Self::storage).
        storage: Storage;
        /// With another [`retention`](field@Self::retention).
        retention: Retention;
        /// With a limit of age, [`max_age`](field@Self::max_age).
        max_age: Duration => Some;
        /// With a limit of bytes, [`max_bytes`](field@Self::max_bytes).
        max_bytes: u64 => Some;
        /// With a limit of messages, [`max_messages`](field@Self::max_messages).
        max_messages: u64 => Some;
        /// On as many servers, [`replicas`](field@Self::replicas).
        replicas: u8;
        /// With another [`duplicate_window`](field@Self::duplicate_window).
        duplicate_window: Duration;
        /// With another [`discard`](field@Self::discard) policy.
        discard: Discard;
        /// Whether batches may be stored, [`atomic`](field@Self::atomic).
        atomic: bool;
        /// Whether fast batches may be stored, [`bulk`](field@Self::bulk).
        bulk: bool;
        /// Whether it holds histories of aggregates, [`aggregates`](field@Self::aggregates).
        aggregates: bool;
        /// With the [`sagas`](field@Self::sagas) of these names.
        sagas: &'static [&'static str];
    }
}

/// A key-value bucket that the catalogue declares, `[buckets.NAME]` in `eventsmith.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketDescriptor {
    /// The bucket's name, `RULES_COMPILED`. The stream below it is `KV_` and this.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// The type of the documents that it holds, `rule.compiled`.
    pub state: &'static str,
    /// Where documents are kept.
    pub storage: Storage,
    /// How many values of each key are kept, the newest among them: 1 to 64.
    pub history: u8,
    /// A value that was put longer ago is gone.
    pub ttl: Option<Duration>,
    /// For how long a marker stands where a key's own time ended, so that watchers learn of it. Only with this can a value be put with
    /// a time of its own; needs nats-server 2.11.
    pub marker_ttl: Option<Duration>,
    /// How many bytes it holds; beyond them nothing can be put.
    pub max_bytes: Option<u64>,
    /// How many bytes one document has at most.
    pub max_value_bytes: Option<u32>,
    /// On how many servers of the cluster each document is stored.
    pub replicas: u8,
}

impl BucketDescriptor {
    /// A bucket of which nothing is said but its name and what it holds: on disk, on one server, the newest value of each key, for
    /// ever.
    ///
    /// ```
    /// use eventsmith::catalogue::BucketDescriptor;
    ///
    /// const COMPILED: BucketDescriptor = BucketDescriptor::new("RULES_COMPILED", "rule.compiled").history(5);
    /// assert_eq!(COMPILED.history, 5);
    /// ```
    #[must_use]
    pub const fn new(name: &'static str, state: &'static str) -> Self {
        Self {
            name,
            description: "",
            state,
            storage: Storage::File,
            history: 1,
            ttl: None,
            marker_ttl: None,
            max_bytes: None,
            max_value_bytes: None,
            replicas: 1,
        }
    }

    setters! {
        /// With a [`description`](field@Self::description).
        description: &'static str;
        /// With another [`storage`](field@Self::storage).
        storage: Storage;
        /// With as much [`history`](field@Self::history).
        history: u8;
        /// With a time after which values are gone, [`ttl`](field@Self::ttl).
        ttl: Duration => Some;
        /// With times of their own for values, [`marker_ttl`](field@Self::marker_ttl).
        marker_ttl: Duration => Some;
        /// With a limit of bytes, [`max_bytes`](field@Self::max_bytes).
        max_bytes: u64 => Some;
        /// With a limit for each document, [`max_value_bytes`](field@Self::max_value_bytes).
        max_value_bytes: u32 => Some;
        /// On as many servers, [`replicas`](field@Self::replicas).
        replicas: u8;
    }
}

/// Where a stream keeps its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Storage {
    /// On disk.
    File,
    /// In memory: gone when the server restarts.
    Memory,
}

/// What a stream does at its limits of bytes and count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Discard {
    /// Drops its oldest messages.
    Old,
    /// Refuses new ones.
    New,
}

/// When a stream drops messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Retention {
    /// At its limits of age, bytes and count.
    Limits,
    /// Once every consumer has acknowledged them.
    Interest,
    /// Once one consumer has acknowledged them.
    WorkQueue,
}

/// A service that the catalogue declares, with the types of the events that cross its border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceDescriptor {
    /// The service's name, also the name of its durable consumers.
    pub name: &'static str,
    /// Types of the events that it publishes.
    pub publishes: &'static [&'static str],
    /// Types of the events that it consumes.
    pub consumes: &'static [&'static str],
    /// Types of the commands and queries that it answers.
    pub handles: &'static [&'static str],
    /// Types of the commands and queries that it sends to other services.
    pub asks: &'static [&'static str],
    /// Versions of sagas that it runs, `checkout@1`.
    pub runs: &'static [&'static str],
    /// What its durable consumers are like, of which there is one for each stream that it consumes from.
    pub consumer: ConsumerDescriptor,
}

impl ServiceDescriptor {
    /// A service of which nothing is said but its name.
    ///
    /// ```
    /// use eventsmith::catalogue::ServiceDescriptor;
    ///
    /// const LOYALTY: ServiceDescriptor =
    ///     ServiceDescriptor::new("loyalty").publishes(&["points.earned"]).consumes(&["payment.captured"]);
    /// assert_eq!(LOYALTY.consumes, ["payment.captured"]);
    /// ```
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            publishes: &[],
            consumes: &[],
            handles: &[],
            asks: &[],
            runs: &[],
            consumer: ConsumerDescriptor::DEFAULT,
        }
    }

    setters! {
        /// With the events that it [`publishes`](field@Self::publishes).
        publishes: &'static [&'static str];
        /// With the events that it [`consumes`](field@Self::consumes).
        consumes: &'static [&'static str];
        /// With the requests that it [`handles`](field@Self::handles).
        handles: &'static [&'static str];
        /// With the requests that it [`asks`](field@Self::asks) of others.
        asks: &'static [&'static str];
        /// With the versions of sagas that it [`runs`](field@Self::runs).
        runs: &'static [&'static str];
        /// With other settings of its durable [`consumer`](field@Self::consumer)s.
        consumer: ConsumerDescriptor;
    }
}

/// What the durable consumers of a service are like; `[services.NAME.consumer]` in eventsmith.toml.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerDescriptor {
    /// After this long without an in-progress ack an event is redelivered.
    pub ack_wait: Duration,
    /// How many events may be delivered and not acknowledged, over all instances of the service; those that wait to be tried again
    /// count too, and once there are as many no other event is delivered.
    pub max_ack_pending: usize,
    /// After this many deliveries the server stops. It must be more than the service's own attempts, so that the service
    /// decides; what the server no longer delivers is dead-lettered all the same.
    pub max_deliver: u64,
    /// Where a consumer that does not exist yet begins to read.
    pub deliver: DeliverFrom,
    /// Whether one instance at a time consumes, so that events of one key can be handled in order; needs nats-server 2.11.
    pub ordered: bool,
}

impl ConsumerDescriptor {
    /// A consumer of which nothing is said: 15 s, 5,000 unacknowledged, 100 deliveries, from the beginning.
    pub const DEFAULT: Self = Self {
        ack_wait: Duration::from_secs(15),
        max_ack_pending: 5_000,
        max_deliver: 100,
        deliver: DeliverFrom::All,
        ordered: false,
    };

    setters! {
        /// With another [`ack_wait`](field@Self::ack_wait).
        ack_wait: Duration;
        /// With another [`max_ack_pending`](field@Self::max_ack_pending).
        max_ack_pending: usize;
        /// With another [`max_deliver`](field@Self::max_deliver).
        max_deliver: u64;
        /// With another beginning, [`deliver`](field@Self::deliver).
        deliver: DeliverFrom;
        /// Whether it is [`ordered`](field@Self::ordered).
        ordered: bool;
    }
}

impl Default for ConsumerDescriptor {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Where a new durable consumer begins to read its stream. One that exists goes on where it is.
///
/// ```
/// use eventsmith::catalogue::DeliverFrom;
/// use eventsmith::Timestamp;
///
/// let midnight: Timestamp = "2026-11-01T00:00:00Z".parse()?;
/// assert_ne!(DeliverFrom::Time(midnight), DeliverFrom::default()); // All
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliverFrom {
    /// At the first message that the stream holds.
    #[default]
    All,
    /// After the last one: only what is published from now on.
    New,
    /// At this number in the stream.
    Sequence(u64),
    /// At the first message that was stored at this time or later.
    Time(Timestamp),
}

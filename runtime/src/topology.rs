//! What a server should hold: streams and durable consumers, with every setting that a catalogue speaks of.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::filter;
use crate::provision::words;
use crate::{
    ConsumerDescriptor, DeliverFrom, Discard, EventDescriptor, Retention, ServiceDescriptor, Storage, StreamDescriptor,
};

/// The token below the root of all subjects under which dead letters are published.
pub(crate) const DEAD_LETTERS: &str = "dlq";

/// Streams, and the durable consumers that read from them.
///
/// ```
/// # use eventsmith::{Bus, EventDescriptor, ProvisionError, ServiceDescriptor, StreamDescriptor, Topology};
/// # async fn example(
/// #     bus: Bus, CATALOGUE: &[EventDescriptor], STREAMS: &[StreamDescriptor], SERVICES: &[ServiceDescriptor],
/// # ) -> Result<(), ProvisionError> {
/// let plan = bus.plan(Topology::of(CATALOGUE, STREAMS, SERVICES)).await?;
/// println!("{plan}");
/// bus.apply(&plan).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Topology {
    /// The streams.
    pub streams: Vec<StreamSettings>,
    /// The consumers of these streams, or of others.
    pub consumers: Vec<ConsumerSettings>,
}

impl Topology {
    /// The streams of a catalogue with the consumers of its services, from the constants that are generated for it.
    pub fn of(catalogue: &[EventDescriptor], streams: &[StreamDescriptor], services: &[ServiceDescriptor]) -> Self {
        services.iter().fold(Self::from(streams), |topology, service| {
            let newest = service.consumes.iter().filter_map(|consumed| {
                let versions = catalogue.iter().filter(|event| event.event_type == *consumed);
                versions.max_by_key(|event| event.version)
            });
            let subjects: Vec<&str> = newest.map(|event| event.subject).collect();
            topology.with_service(service.name, &subjects, &service.consumer)
        })
    }

    /// Streams without consumers.
    ///
    /// The server tells in advisories of events that a consumer was delivered too often. Those about the other streams are
    /// captured by the stream of the dead letters, if there is one: it has a subject `ROOT.dlq.>`.
    pub fn new(mut streams: Vec<StreamSettings>) -> Self {
        if let Some(at) = streams.iter().position(StreamSettings::holds_dead_letters) {
            let others = streams.iter().enumerate().filter(|(other, _)| *other != at);
            let advisory = |name: &str| format!("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{name}.*");
            let mut advisories: Vec<String> = others.map(|(_, stream)| advisory(&stream.name)).collect();
            advisories.retain(|advisory| !streams[at].subjects.contains(advisory));
            streams[at].subjects.append(&mut advisories);
        }
        Self { streams, consumers: Vec::new() }
    }

    /// The same with the durable consumers of one more service: one for each stream that captures some of the subjects
    /// that it consumes.
    #[must_use]
    pub fn with_service(mut self, name: &str, subjects: &[&str], consumer: &ConsumerDescriptor) -> Self {
        for stream in &self.streams {
            let is_captured = |subject: &&&str| stream.subjects.iter().any(|own| filter::overlap(own, subject));
            let filters: Vec<String> = subjects.iter().filter(is_captured).map(ToString::to_string).collect();
            if filters.is_empty() {
                continue;
            }
            self.consumers.push(ConsumerSettings {
                stream: stream.name.clone(),
                name: name.to_owned(),
                filters: filter::without_covered(filters),
                deliver: consumer.deliver,
                ack_wait: consumer.ack_wait,
                max_ack_pending: consumer.max_ack_pending,
                max_deliver: Some(consumer.max_deliver),
                ordered: consumer.ordered,
            });
        }
        self
    }
}

/// The streams alone.
impl From<&[StreamDescriptor]> for Topology {
    fn from(streams: &[StreamDescriptor]) -> Self {
        Self::new(streams.iter().map(StreamSettings::from).collect())
    }
}

/// The streams alone.
impl<const N: usize> From<&[StreamDescriptor; N]> for Topology {
    fn from(streams: &[StreamDescriptor; N]) -> Self {
        Self::from(streams.as_slice())
    }
}

/// The settings of a stream that a catalogue speaks of, wanted or found. All others are none of our business.
///
/// As JSON durations are texts, such as `30d`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamSettings {
    /// The name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The subjects it captures, with wildcards.
    pub subjects: Vec<String>,
    /// Where messages are kept.
    pub storage: Storage,
    /// When messages are dropped.
    pub retention: Retention,
    /// Messages older than this are dropped.
    #[serde(serialize_with = "in_words")]
    pub max_age: Option<Duration>,
    /// The limit of bytes.
    pub max_bytes: Option<u64>,
    /// The limit of messages.
    pub max_messages: Option<u64>,
    /// On how many servers each message is stored.
    pub replicas: usize,
    /// For how long message ids are remembered.
    #[serde(serialize_with = "in_words")]
    pub duplicate_window: Duration,
    /// What happens at the limits of bytes and count.
    pub discard: Discard,
    /// Whether batches can be published atomically into it.
    pub atomic: bool,
}

impl StreamSettings {
    /// Whether all dead letters of a catalogue come here: it captures `ROOT.dlq.>`.
    pub(crate) fn holds_dead_letters(&self) -> bool {
        let is_below = |subject: &String| {
            let token = subject.strip_suffix(".>").and_then(|above| above.strip_suffix(DEAD_LETTERS));
            token.is_some_and(|root| root.ends_with('.'))
        };
        self.subjects.iter().any(is_below)
    }
}

impl From<&StreamDescriptor> for StreamSettings {
    fn from(stream: &StreamDescriptor) -> Self {
        Self {
            name: stream.name.to_owned(),
            description: stream.description.to_owned(),
            subjects: stream.subjects.iter().map(ToString::to_string).collect(),
            storage: stream.storage,
            retention: stream.retention,
            max_age: stream.max_age,
            max_bytes: stream.max_bytes,
            max_messages: stream.max_messages,
            replicas: usize::from(stream.replicas),
            duplicate_window: stream.duplicate_window,
            discard: stream.discard,
            atomic: stream.atomic,
        }
    }
}

/// The settings of a durable consumer that a catalogue speaks of, wanted or found.
///
/// As JSON durations are texts, such as `15s`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsumerSettings {
    /// The stream that it reads.
    pub stream: String,
    /// Its durable name, that of the service.
    pub name: String,
    /// The subjects that it reads; none covers another.
    pub filters: Vec<String>,
    /// Where it begins if it does not exist yet.
    pub deliver: DeliverFrom,
    /// After this long without a sign of life a message is delivered again.
    #[serde(serialize_with = "in_words")]
    pub ack_wait: Duration,
    /// How many messages may be delivered and not acknowledged, over all who read from the consumer.
    pub max_ack_pending: usize,
    /// After this many deliveries the server gives up on a message; `None` for never.
    pub max_deliver: Option<u64>,
    /// Whether one reader at a time is served, so that it can keep the order of keys.
    pub ordered: bool,
}

/// Writes a duration, or `null` for none.
fn in_words<S: Serializer, D: Copy + Into<Option<Duration>>>(duration: &D, serializer: S) -> Result<S::Ok, S::Error> {
    (*duration).into().map(words::duration).serialize(serializer)
}

/// Whether a stream or a durable consumer may be called so: a name is one token of subjects and a folder on the server's disk.
pub(crate) fn is_legal_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(name: &'static str, subjects: &'static [&'static str]) -> StreamDescriptor {
        StreamDescriptor {
            name,
            description: "",
            subjects,
            storage: Storage::File,
            retention: Retention::Limits,
            max_age: None,
            max_bytes: None,
            max_messages: None,
            replicas: 3,
            duplicate_window: Duration::from_secs(120),
            discard: Discard::Old,
            atomic: false,
        }
    }

    #[test]
    fn a_service_has_a_consumer_on_each_stream_that_it_consumes_from() {
        let streams = [stream("A", &["r.a.>"]), stream("B", &["r.b.>"]), stream("D", &["r.dlq.>"])];

        let topology = Topology::from(&streams)
            .with_service("one", &["r.a.x", "r.a.*", "r.b.x"], &ConsumerDescriptor::DEFAULT)
            .with_service("two", &["r.a.x"], &ConsumerDescriptor::DEFAULT)
            .with_service("idle", &[], &ConsumerDescriptor::DEFAULT);

        let consumers: Vec<_> =
            topology.consumers.iter().map(|c| (c.name.as_str(), c.stream.as_str(), c.filters.join(" "))).collect();
        let expected = [("one", "A", "r.a.*"), ("one", "B", "r.b.x"), ("two", "A", "r.a.x")];
        assert_eq!(consumers, expected.map(|(name, stream, filters)| (name, stream, filters.to_owned())));
        let advisory = |stream| format!("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{stream}.*");
        assert_eq!(topology.streams[2].subjects, ["r.dlq.>".to_owned(), advisory("A"), advisory("B")]);
        assert_eq!(topology.streams[0].subjects, ["r.a.>"]);
    }

    #[test]
    fn the_stream_of_dead_letters_is_known_by_its_subject() {
        for (subject, is) in
            [("r.dlq.>", true), ("a.b.dlq.>", true), ("r.xdlq.>", false), ("dlq.>", false), ("r.>", false)]
        {
            let settings = StreamSettings { subjects: vec![subject.to_owned()], ..(&stream("A", &[])).into() };
            assert_eq!(settings.holds_dead_letters(), is, "{subject}");
        }
    }
}

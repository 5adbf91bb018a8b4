//! What a server should hold: streams and durable consumers.

use std::time::Duration;

use eventsmith_bus::settings::{ConsumerSettings, StreamSettings, saga_consumers, saga_root};
use eventsmith_event::descriptor::EventDescriptor;
use eventsmith_event::filter;
use eventsmith_event::stream::{BucketDescriptor, ConsumerDescriptor, ServiceDescriptor, StreamDescriptor};
use serde::Serialize;

/// For how long claims of requests last at most, where nobody lets handlers take longer than they may by default.
const CLAIMS: Duration = Duration::from_secs(600);

/// Streams, and the durable consumers that read from them.
///
/// ```
/// # use eventsmith::admin::{BusAdmin, ProvisionError, Topology};
/// # use eventsmith::Bus;
/// # use eventsmith::catalogue::{BucketDescriptor, EventDescriptor, ServiceDescriptor, StreamDescriptor};
/// # async fn example(
/// #     bus: Bus, CATALOGUE: &[EventDescriptor], STREAMS: &[StreamDescriptor], SERVICES: &[ServiceDescriptor],
/// #     BUCKETS: &[BucketDescriptor],
/// # ) -> Result<(), ProvisionError> {
/// let plan = bus.plan(Topology::of(CATALOGUE, STREAMS, SERVICES).with_buckets(BUCKETS)).await?;
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
            let handled = catalogue.iter().filter(|event| service.handles.contains(&event.event_type));
            let windows = handled.filter_map(|event| event.idempotent).map(|idempotent| idempotent.window);
            let topology = match windows.max() {
                Some(window) => topology.with_replies(service.name, window),
                None => topology,
            };
            let topology = service.runs.iter().fold(topology, |topology, runs| topology.with_saga(runs));
            topology.with_service(service.name, &subjects, &service.consumer)
        })
    }

    /// The same with the durable consumers of a version of a saga, `checkout@1`; without any, where no stream is for that saga, or the text
    /// is none of that form.
    #[must_use]
    pub fn with_saga(mut self, runs: &str) -> Self {
        let Some((saga, Ok(version))) = runs.split_once('@').map(|(saga, version)| (saga, version.parse())) else {
            return self;
        };
        let home = self
            .streams
            .iter()
            .filter(|stream| stream.schedules)
            .find_map(|stream| Some((stream, saga_root(stream.subjects.iter().map(String::as_str), saga)?)));
        let consumers = home.map(|(stream, root)| saga_consumers(&stream.name, root, saga, version));
        self.consumers.extend(consumers.into_iter().flatten());
        self
    }

    /// The same with the bucket in which a service keeps its answers to idempotent commands, for the longest time of any of them and as much
    /// longer as a claim lasts. It is on as many servers as the stream that is on most.
    #[must_use]
    pub fn with_replies(mut self, service: &str, window: Duration) -> Self {
        let replicas = self.streams.iter().map(|stream| stream.replicas).max().unwrap_or(1);
        self.streams.push(StreamSettings { replicas, ..StreamSettings::of_replies(service, Some(window + CLAIMS)) });
        self
    }

    /// Streams without consumers.
    ///
    /// The server reports in advisories what has reached `max_deliver` of a consumer. Those about the other streams are
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

    /// The same with the key-value buckets of a catalogue, each of which is a stream of its own.
    #[must_use]
    pub fn with_buckets(mut self, buckets: &[BucketDescriptor]) -> Self {
        self.streams.extend(buckets.iter().map(StreamSettings::from));
        self
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

/// The buckets alone.
impl From<&[BucketDescriptor]> for Topology {
    fn from(buckets: &[BucketDescriptor]) -> Self {
        Self::default().with_buckets(buckets)
    }
}

/// The buckets alone.
impl<const N: usize> From<&[BucketDescriptor; N]> for Topology {
    fn from(buckets: &[BucketDescriptor; N]) -> Self {
        Self::from(buckets.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(name: &'static str, subjects: &'static [&'static str]) -> StreamDescriptor {
        StreamDescriptor::new(name, subjects).replicas(3)
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
    fn a_version_of_a_saga_has_two_consumers_on_the_stream_that_is_for_it() {
        let streams = [stream("A", &["r.a.>"]), stream("S", &["r.saga.pay.>"]).sagas(&["pay"])];

        let topology =
            Topology::from(&streams).with_saga("pay@1").with_saga("pay@2").with_saga("ship@1").with_saga("pay");

        let consumers: Vec<_> = topology.consumers.iter().map(|c| (c.name.as_str(), c.filters.join(" "))).collect();
        let expected = [
            ("saga_pay_v1", "r.saga.pay.*.v1.command.*"),
            ("saga_pay_v1_inputs", "r.saga.pay.*.v1.input.* r.saga.pay.*.v1.timeout.*"),
            ("saga_pay_v2", "r.saga.pay.*.v2.command.*"),
            ("saga_pay_v2_inputs", "r.saga.pay.*.v2.input.* r.saga.pay.*.v2.timeout.*"),
        ];
        assert_eq!(consumers, expected.map(|(name, filters)| (name, filters.to_owned())));
        assert!(topology.consumers.iter().all(|consumer| consumer.stream == "S" && consumer.max_deliver.is_none()));
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

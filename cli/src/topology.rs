//! The streams and consumers that a catalogue declares, as the runtime provisions them.

use std::time::Duration;

use eventsmith::admin::{BucketSettings, StreamSettings, Topology};
use eventsmith::catalogue::DeliverFrom;
use eventsmith::catalogue::{ConsumerDescriptor, Discard, Retention, Storage};
use eventsmith_codegen::{Loaded, manifest};

/// The server's own default, which holds where eventsmith.toml is silent; also that of the generated code.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// The topology that the generated `CATALOGUE`, `STREAMS` and `SERVICES` describe, taken from the manifest.
pub(crate) fn topology(loaded: &Loaded) -> Topology {
    let catalogue = &loaded.catalogue;
    let streams = catalogue
        .manifest
        .streams
        .iter()
        .map(|(name, stream)| settings(name.get_ref(), stream, catalogue.holds_aggregates(stream)));
    let streams = streams.collect();
    let buckets: Vec<StreamSettings> =
        catalogue.manifest.buckets.iter().map(|(name, bucket)| bucket_settings(name.get_ref(), bucket)).collect();
    let mut topology = catalogue.manifest.services.iter().fold(Topology::new(streams), |topology, (name, service)| {
        let consumed = service.consumes.iter().filter_map(|event_type| catalogue.event(event_type.get_ref()));
        let subjects: Vec<String> =
            consumed.filter_map(|event| event.versions.last().map(|newest| newest.subject(event))).collect();
        let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
        let handled = service.handles.iter().filter_map(|event_type| catalogue.event(event_type.get_ref()));
        let windows = handled.flat_map(|event| &event.versions).filter_map(|version| version.idempotent);
        let topology = match windows.map(|idempotent| idempotent.window).max() {
            Some(window) => topology.with_replies(name.get_ref(), window),
            None => topology,
        };
        let topology = service.runs.iter().fold(topology, |topology, runs| topology.with_saga(runs.get_ref()));
        topology.with_service(name.get_ref(), &subjects, &consumer(&service.consumer))
    });
    topology.streams.extend(buckets);
    topology
}

fn bucket_settings(name: &str, bucket: &manifest::Bucket) -> StreamSettings {
    let settings = BucketSettings {
        history: bucket.history.into(),
        max_value_bytes: bucket.max_value_bytes,
        marker_ttl: bucket.marker_ttl,
        defects: Vec::new(),
    };
    StreamSettings {
        description: bucket.description.clone(),
        storage: storage(bucket.storage),
        max_bytes: bucket.max_bytes,
        replicas: bucket.replicas.into(),
        ..StreamSettings::of_bucket(name, bucket.ttl, settings)
    }
}

fn storage(storage: manifest::Storage) -> Storage {
    match storage {
        manifest::Storage::File => Storage::File,
        manifest::Storage::Memory => Storage::Memory,
    }
}

fn settings(name: &str, stream: &manifest::Stream, aggregates: bool) -> StreamSettings {
    StreamSettings {
        name: name.to_owned(),
        description: stream.description.clone(),
        subjects: stream.subjects.iter().map(|subject| subject.get_ref().clone()).collect(),
        storage: storage(stream.storage),
        retention: match stream.retention {
            manifest::Retention::Limits => Retention::Limits,
            manifest::Retention::Interest => Retention::Interest,
            manifest::Retention::WorkQueue => Retention::WorkQueue,
        },
        max_age: stream.max_age,
        max_bytes: stream.max_bytes,
        max_messages: stream.max_messages,
        replicas: stream.replicas.into(),
        duplicate_window: stream.duplicate_window.unwrap_or(DUPLICATE_WINDOW),
        discard: match stream.discard {
            manifest::Discard::Old => Discard::Old,
            manifest::Discard::New => Discard::New,
        },
        atomic: stream.atomic || aggregates || !stream.sagas.is_empty(),
        bulk: stream.bulk,
        aggregates,
        schedules: !stream.sagas.is_empty(),
        bucket: None,
    }
}

fn consumer(consumer: &manifest::Consumer) -> ConsumerDescriptor {
    let default = ConsumerDescriptor::DEFAULT;
    // More than a machine can count is as good as no limit.
    let max_ack_pending = consumer.max_ack_pending.map(|max| usize::try_from(max).unwrap_or(usize::MAX));
    default
        .ack_wait(consumer.ack_wait.unwrap_or(default.ack_wait))
        .max_ack_pending(max_ack_pending.unwrap_or(default.max_ack_pending))
        .max_deliver(consumer.max_deliver.map_or(default.max_deliver, u64::from))
        .deliver(match consumer.deliver {
            manifest::Deliver::All => DeliverFrom::All,
            manifest::Deliver::New => DeliverFrom::New,
        })
        .ordered(consumer.ordered)
}

//! What a catalogue declares, as pictures, alerts and dashboards look at it.

use std::collections::BTreeSet;

use eventsmith::admin::{StreamSettings, Topology};
use eventsmith::catalogue::Discard;
use eventsmith_codegen::Loaded;
use eventsmith_operations::{Consumer, Event, Landscape, Saga, Service, Stream};

/// The landscape of a catalogue: its services, and the streams and consumers that are provisioned for it.
pub(crate) fn landscape(loaded: &Loaded, topology: &Topology) -> Landscape {
    let manifest = &loaded.catalogue.manifest;
    let services = manifest.services.iter().map(|(name, service)| Service {
        name: name.get_ref().clone(),
        description: service.description.clone(),
        publishes: service.publishes.iter().map(|event_type| event_type.get_ref().clone()).collect(),
        consumes: service.consumes.iter().map(|event_type| event_type.get_ref().clone()).collect(),
        handles: service.handles.iter().map(|event_type| event_type.get_ref().clone()).collect(),
        asks: service.asks.iter().map(|event_type| event_type.get_ref().clone()).collect(),
        consumers: consumers(topology, name.get_ref()),
    });
    let events = loaded.catalogue.events.iter().filter(|event| !event.kind.is_document()).map(|event| {
        let subjects: BTreeSet<String> = event.versions.iter().map(|version| version.subject(event)).collect();
        Event {
            name: event.event_type.clone(),
            subjects: subjects.into_iter().collect(),
            is_request: event.kind.is_request(),
        }
    });
    let sagas = manifest.sagas().map(|(stream, saga, state)| Saga {
        name: saga.get_ref().clone(),
        stream: stream.get_ref().clone(),
        state: state.get_ref().clone(),
    });
    Landscape {
        root: manifest.root.get_ref().clone(),
        services: services.collect(),
        streams: topology.streams.iter().map(stream).collect(),
        events: events.collect(),
        sagas: sagas.collect(),
    }
}

fn consumers(topology: &Topology, service: &str) -> Vec<Consumer> {
    let own = topology.consumers.iter().filter(|consumer| consumer.name == service);
    let own = own.map(|consumer| Consumer {
        stream: consumer.stream.clone(),
        ack_wait: consumer.ack_wait,
        max_ack_pending: u64::try_from(consumer.max_ack_pending).unwrap_or(u64::MAX),
        max_deliver: consumer.max_deliver.unwrap_or(u64::MAX),
    });
    own.collect()
}

fn stream(settings: &StreamSettings) -> Stream {
    Stream {
        name: settings.name.clone(),
        description: settings.description.clone(),
        is_bucket: settings.bucket.is_some(),
        holds_dead_letters: settings.holds_dead_letters(),
        max_age: settings.max_age,
        max_bytes: settings.max_bytes,
        max_messages: settings.max_messages,
        refuses: settings.discard == Discard::New,
        replicas: u64::try_from(settings.replicas).unwrap_or(u64::MAX),
    }
}

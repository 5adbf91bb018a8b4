//! What a catalogue declares, as pictures, alerts and dashboards look at it.

use std::collections::BTreeSet;

use eventsmith::admin::{StreamSettings, Topology};
use eventsmith::catalogue::{Discard, Storage};
use eventsmith_codegen::Loaded;
use eventsmith_codegen::diagnostic::Position;
use eventsmith_codegen::manifest::{self, Manifest, Named};
use eventsmith_operations::{Consumer, Declared, Event, Landscape, Saga, Service, Stream};

use crate::catalogue::file_from_here;

/// The landscape of a catalogue: its services, and the streams and consumers that are provisioned for it.
pub(crate) fn landscape(loaded: &Loaded, topology: &Topology) -> Landscape {
    let manifest = &loaded.catalogue.manifest;
    let services = manifest.services.iter().map(|(name, declared)| service(loaded, topology, name, declared));
    let events = loaded.catalogue.events.iter().filter(|event| !event.kind.is_document()).map(|event| {
        let subjects: BTreeSet<String> = event.versions.iter().map(|version| version.subject(event)).collect();
        Event {
            name: event.event_type.clone(),
            subjects: subjects.into_iter().collect(),
            is_request: event.kind.is_request(),
            aggregate: event.aggregate().map(ToOwned::to_owned),
        }
    });
    let sagas = manifest.sagas().map(|(stream, saga, state)| Saga {
        name: saga.get_ref().clone(),
        stream: stream.get_ref().clone(),
        state: state.get_ref().clone(),
        run_by: run_by(manifest, saga.get_ref()),
    });
    Landscape {
        manifest: file_from_here(loaded, manifest::FILE_NAME),
        root: manifest.root.get_ref().clone(),
        services: services.collect(),
        streams: topology.streams.iter().map(|settings| stream(manifest, settings)).collect(),
        events: events.collect(),
        sagas: sagas.collect(),
    }
}

fn service(loaded: &Loaded, topology: &Topology, name: &Named, service: &manifest::Service) -> Service {
    let line = |at: &Named| Position::of(&loaded.catalogue.manifest_source, at.span().start).line;
    let names = |all: &[Named]| all.iter().map(|name| name.get_ref().clone()).collect::<Vec<_>>();
    let lists = [
        ("publishes", &service.publishes),
        ("consumes", &service.consumes),
        ("handles", &service.handles),
        ("asks", &service.asks),
        ("runs", &service.runs),
        ("writes", &service.writes),
        ("reads", &service.reads),
    ];
    let listed = lists.into_iter().flat_map(|(list, all)| all.iter().map(move |name| (list, name)));
    let listed = listed.chain(service.projects.keys().map(|document| ("projects", document)));
    let declared = listed.map(|(list, at)| Declared { list, name: at.get_ref().clone(), line: line(at) });
    let of_saga = |consumer: &str| {
        let runs = service.runs.iter().filter_map(|runs| runs.get_ref().split_once('@'));
        runs.map(|(saga, version)| format!("saga_{saga}_v{version}"))
            .any(|own| consumer == own || consumer.strip_suffix("_inputs") == Some(&own))
    };
    Service {
        name: name.get_ref().clone(),
        description: service.description.clone(),
        publishes: names(&service.publishes),
        consumes: names(&service.consumes),
        handles: names(&service.handles),
        asks: names(&service.asks),
        runs: names(&service.runs),
        writes: names(&service.writes),
        reads: names(&service.reads),
        projects: service.projects.iter().map(|(document, of)| (document.get_ref().clone(), names(of))).collect(),
        consumers: consumers(topology, |consumer| consumer == name.get_ref()),
        saga_consumers: consumers(topology, of_saga),
        line: line(name),
        declared: declared.collect(),
    }
}

/// The services that run a saga, each with a version of it.
fn run_by(manifest: &Manifest, saga: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, service) in &manifest.services {
        let versions = service.runs.iter().filter_map(|runs| runs.get_ref().split_once('@'));
        let versions = versions.filter(|(of, _)| *of == saga);
        found.extend(versions.map(|(_, version)| (name.get_ref().clone(), version.to_owned())));
    }
    found
}

fn consumers(topology: &Topology, is_own: impl Fn(&str) -> bool) -> Vec<Consumer> {
    let own = topology.consumers.iter().filter(|consumer| is_own(&consumer.name));
    let own = own.map(|consumer| Consumer {
        name: consumer.name.clone(),
        stream: consumer.stream.clone(),
        ordered: consumer.ordered,
        ack_wait: consumer.ack_wait,
        max_ack_pending: u64::try_from(consumer.max_ack_pending).unwrap_or(u64::MAX),
        max_deliver: consumer.max_deliver,
    });
    own.collect()
}

fn stream(manifest: &Manifest, settings: &StreamSettings) -> Stream {
    let bucket = manifest.buckets.iter().find(|(name, _)| settings.name.strip_prefix("KV_") == Some(name.get_ref()));
    Stream {
        name: settings.name.clone(),
        description: settings.description.clone(),
        subjects: settings.subjects.clone(),
        is_bucket: settings.bucket.is_some(),
        document: bucket.map(|(_, bucket)| bucket.state.get_ref().clone()),
        in_memory: settings.storage == Storage::Memory,
        holds_dead_letters: settings.holds_dead_letters(),
        max_age: settings.max_age,
        max_bytes: settings.max_bytes,
        max_messages: settings.max_messages,
        refuses: settings.discard == Discard::New,
        replicas: u64::try_from(settings.replicas).unwrap_or(u64::MAX),
    }
}

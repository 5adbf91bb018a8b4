//! What a service needs, list by list of what it declares.

use std::collections::{BTreeMap, BTreeSet};

use super::projections::PROJECTIONS;
use super::user::{Grant, Role, User, Why, follow};
use crate::landscape::{Consumer, Event, Landscape, Service, Stream};
use crate::subject;

/// A service as a user.
pub(super) fn user(landscape: &Landscape, service: &Service) -> User {
    let mut user = User::new(Role::Service, &service.name, &service.description);
    publishes(&mut user, landscape, service);
    consumes(&mut user, landscape, service);
    handles(&mut user, landscape, service);
    asks(&mut user, landscape, service);
    runs(&mut user, landscape, service);
    documents(&mut user, landscape, service);
    projects(&mut user, landscape, service);
    user
}

fn why(service: &Service, list: &str, name: &str) -> Why {
    let verb = if list == "runs" { "it runs the saga" } else { &format!("it {list}") };
    Why { reason: format!("{verb} {name}"), line: Some(service.line_of(list, name)) }
}

fn events<'a>(landscape: &'a Landscape, names: &'a [String]) -> impl Iterator<Item = &'a Event> {
    names.iter().filter_map(|name| landscape.event(name))
}

fn publishes(user: &mut User, landscape: &Landscape, service: &Service) {
    for event in events(landscape, &service.publishes) {
        let why = why(service, "publishes", &event.name);
        for subject in &event.subjects {
            user.publish(subject, &why);
        }
        if let Some(aggregate) = &event.aggregate {
            let why =
                Why { reason: format!("{}, of the aggregate {aggregate}, whose history it reads", why.reason), ..why };
            for stream in landscape.streams_of(event) {
                read(user, &stream.name, &why);
            }
        }
    }
}

/// Finding a stream, and reading single messages of it, whatever their subject: no permission speaks of that.
fn read(user: &mut User, stream: &str, why: &Why) {
    user.publish("$JS.API.STREAM.NAMES", why);
    user.publish(&format!("$JS.API.STREAM.INFO.{stream}"), why);
    user.publish(&format!("$JS.API.STREAM.MSG.GET.{stream}"), why);
}

fn consumes(user: &mut User, landscape: &Landscape, service: &Service) {
    for consumer in &service.consumers {
        let is_of_stream = |event: &&Event| landscape.streams_of(event).any(|stream| stream.name == consumer.stream);
        let names: Vec<&str> =
            events(landscape, &service.consumes).filter(is_of_stream).map(|event| event.name.as_str()).collect();
        let Some((first, others)) = names.split_first() else { continue };
        let mut why = why(service, "consumes", first);
        if !others.is_empty() {
            why.reason.push_str(&format!(" and {} more of {}", others.len(), consumer.stream));
        }
        deliveries(user, consumer, &why);
        dead_letters(user, landscape, &consumer.name, &why);
    }
}

/// Reading from a durable consumer that is there, and acknowledging.
fn deliveries(user: &mut User, consumer: &Consumer, why: &Why) {
    let Consumer { stream, name, .. } = consumer;
    read(user, stream, why);
    user.publish(&format!("$JS.API.CONSUMER.INFO.{stream}.{name}"), why);
    user.publish(&format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"), why);
    if consumer.ordered {
        user.publish(&format!("$JS.API.CONSUMER.UNPIN.{stream}.{name}"), why);
    }
    user.publish(&format!("$JS.ACK.{stream}.{name}.*.*.*.*.*"), why);
    // The forms with domain and account, of newer servers. With an open end they would be acks of others in the old form, too.
    user.publish(&format!("$JS.ACK.*.*.{stream}.{name}.*.*.*.*.*"), why);
    user.publish(&format!("$JS.ACK.*.*.{stream}.{name}.*.*.*.*.*.*"), why);
}

/// Storing dead letters and counts of runs under its own name, handling advisories about its own events.
fn dead_letters(user: &mut User, landscape: &Landscape, consumer: &str, why: &Why) {
    let Some(stream) = landscape.streams.iter().find(|stream| stream.holds_dead_letters) else { return };
    user.publish(&format!("{}.dlq.{consumer}.>", landscape.root), why);
    read(user, &stream.name, why);
    user.publish(&format!("$JS.API.STREAM.MSG.DELETE.{}", stream.name), why);
}

fn handles(user: &mut User, landscape: &Landscape, service: &Service) {
    for request in events(landscape, &service.handles) {
        let why = why(service, "handles", &request.name);
        for subject in &request.subjects {
            user.subscribe(subject, &why);
        }
        user.answers.get_or_insert_with(|| Grant {
            subject: "the reply subject of what it was asked".to_owned(),
            reason: why.reason.clone(),
            line: why.line,
        });
        for verb in ["PING", "INFO", "STATS"] {
            for asked in ["", &format!(".{}", service.name), &format!(".{}.*", service.name)] {
                user.subscribe(&format!("$SRV.{verb}{asked}"), &why);
            }
        }
    }
    let replies = format!("KV_REPLIES_{}", service.name);
    if let Some(bucket) = landscape.streams.iter().find(|stream| stream.name == replies) {
        let first = service.handles.first().map_or("", String::as_str);
        let reason = "it keeps answers to idempotent commands".to_owned();
        let why = Why { reason, line: Some(service.line_of("handles", first)) };
        write(user, bucket, &why);
        let keys = keys(bucket);
        user.subscribe(&keys, &why);
    }
}

fn asks(user: &mut User, landscape: &Landscape, service: &Service) {
    for request in events(landscape, &service.asks) {
        let why = why(service, "asks", &request.name);
        for subject in &request.subjects {
            user.publish(subject, &why);
        }
    }
}

fn runs(user: &mut User, landscape: &Landscape, service: &Service) {
    for version in &service.runs {
        let name = version.split('@').next().unwrap_or_default();
        let why = why(service, "runs", version);
        let Some(saga) = landscape.sagas.iter().find(|saga| saga.name == name) else { continue };
        let subjects = format!("{}.saga.{name}.>", landscape.root);
        user.publish(&subjects, &why);
        // Whoever waits for the end of an instance, or lists instances, asks for one message after the other.
        read(user, &saga.stream, &why);
        let number = version.split('@').nth(1).unwrap_or_default();
        let own = [format!("saga_{name}_v{number}"), format!("saga_{name}_v{number}_inputs")];
        for consumer in service.saga_consumers.iter().filter(|consumer| own.contains(&consumer.name)) {
            deliveries(user, consumer, &why);
        }
    }
}

/// The subjects of the keys of a bucket.
fn keys(bucket: &Stream) -> String {
    format!("$KV.{}.>", bucket.name.strip_prefix("KV_").unwrap_or(&bucket.name))
}

/// Reading a bucket: keys by name, and all by consumers.
fn look(user: &mut User, landscape: &Landscape, bucket: &Stream, why: &Why) {
    read(user, &bucket.name, why);
    follow(user, landscape, &bucket.name, &keys(bucket), why);
}

/// Writing a bucket, and reading what is there by asking for it. Whoever makes a consumer chooses where the server delivers to, whatever the
/// permissions of the one who made it: who stores a message and makes a consumer of it sends anything anywhere.
fn write(user: &mut User, bucket: &Stream, why: &Why) {
    user.publish(&keys(bucket), why);
    read(user, &bucket.name, why);
}

fn documents(user: &mut User, landscape: &Landscape, service: &Service) {
    for (list, names) in [("writes", &service.writes), ("reads", &service.reads)] {
        for name in names {
            let Some(bucket) = landscape.bucket_of(name) else { continue };
            let why = why(service, list, name);
            if list == "writes" {
                write(user, bucket, &why);
            } else if !is_written(service, name) {
                look(user, landscape, bucket, &why);
            }
        }
    }
}

/// Whether a service stores documents of a type.
fn is_written(service: &Service, document: &str) -> bool {
    service.writes.iter().any(|own| own == document) || service.projects.contains_key(document)
}

fn projects(user: &mut User, landscape: &Landscape, service: &Service) {
    let own: BTreeSet<&str> = events(landscape, &service.publishes)
        .flat_map(|event| landscape.streams_of(event).map(|stream| stream.name.as_str()))
        .collect();
    for (document, sources) in &service.projects {
        let why = why(service, "projects", document);
        if let Some(bucket) = landscape.bucket_of(document) {
            write(user, bucket, &why);
        }
        let mut filters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for event in events(landscape, sources) {
            for stream in landscape.streams_of(event) {
                filters.entry(&stream.name).or_default().extend(event.subjects.iter().map(String::as_str));
            }
        }
        for (stream, subjects) in filters {
            let Some(filter) = subject::merged(subjects) else { continue };
            read(user, stream, &why);
            // What it stores itself it asks for.
            if !own.contains(stream) {
                follow(user, landscape, stream, &filter, &why);
            }
        }
        let ledger = Stream { name: format!("KV_{PROJECTIONS}"), ..Stream::default() };
        write(user, &ledger, &why);
    }
}

//! People and their tools: each a user of its own, so that a key that was stolen opens one thing.

use super::projections::PROJECTIONS;
use super::user::{Role, User, Why, follow};
use crate::landscape::Landscape;

/// Those that are no services.
pub(super) fn users(landscape: &Landscape) -> [User; 5] {
    [provision(landscape), operator(landscape), backup(landscape), restore(landscape), exporter(landscape)]
}

fn why(reason: &str) -> Why {
    Why { reason: reason.to_owned(), line: None }
}

/// The streams of the catalogue, and the one that projections make.
fn streams(landscape: &Landscape) -> Vec<String> {
    let declared = landscape.streams.iter().map(|stream| stream.name.clone());
    declared.chain([format!("KV_{PROJECTIONS}")]).collect()
}

/// Seeing what is there: settings and figures, no messages.
fn see(user: &mut User, landscape: &Landscape, why: &Why) {
    for subject in ["$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST"] {
        user.publish(subject, why);
    }
    for stream in streams(landscape) {
        for call in ["STREAM.INFO", "CONSUMER.LIST", "CONSUMER.NAMES"] {
            user.publish(&format!("$JS.API.{call}.{stream}"), why);
        }
        user.publish(&format!("$JS.API.CONSUMER.INFO.{stream}.*"), why);
    }
}

/// Reading messages of every stream, one by one and by consumers that are made for it, but not out of those of services.
fn read(user: &mut User, landscape: &Landscape, why: &Why) {
    for stream in streams(landscape) {
        user.publish(&format!("$JS.API.STREAM.MSG.GET.{stream}"), why);
        user.publish(&format!("$JS.API.DIRECT.GET.{stream}"), why);
        user.publish(&format!("$JS.API.DIRECT.GET.{stream}.>"), why);
        read_along(user, landscape, &stream, why);
    }
}

fn read_along(user: &mut User, landscape: &Landscape, stream: &str, why: &Why) {
    follow(user, landscape, stream, ">", why);
    for call in ["MSG.NEXT", "DELETE"] {
        user.publish(&format!("$JS.API.CONSUMER.{call}.{stream}.*"), why);
        for consumer in landscape.durable_consumers().filter(|consumer| consumer.stream == stream) {
            let reason = format!("the durable consumer {} is its service's", consumer.name);
            user.deny(&format!("$JS.API.CONSUMER.{call}.{stream}.{}", consumer.name), &self::why(&reason));
        }
    }
}

fn provision(landscape: &Landscape) -> User {
    let mut user = User::new(Role::Operator, "provision", "Plans and applies streams, buckets and durable consumers.");
    see(&mut user, landscape, &why("it compares what is there with the catalogue"));
    let apply = why("it applies the catalogue");
    for stream in streams(landscape) {
        user.publish(&format!("$JS.API.STREAM.CREATE.{stream}"), &apply);
        user.publish(&format!("$JS.API.STREAM.UPDATE.{stream}"), &apply);
    }
    for consumer in landscape.durable_consumers() {
        for call in ["CREATE", "DELETE"] {
            user.publish(&format!("$JS.API.CONSUMER.{call}.{}.{}", consumer.stream, consumer.name), &apply);
        }
    }
    user
}

fn operator(landscape: &Landscape) -> User {
    let mut user = User::new(
        Role::Operator,
        "operator",
        "Looks at everything, replays and purges dead letters, helps sagas and projections on.",
    );
    see(&mut user, landscape, &why("it looks at streams and consumers"));
    read(&mut user, landscape, &why("it looks at messages"));
    let replay = why("it replays dead letters");
    for event in landscape.events.iter().filter(|event| !event.is_request) {
        for subject in &event.subjects {
            user.publish(subject, &replay);
        }
    }
    for stream in landscape.streams.iter().filter(|stream| stream.holds_dead_letters) {
        let why = why("it replays, purges and recovers dead letters");
        user.publish(&format!("{}.dlq.>", landscape.root), &why);
        user.publish(&format!("$JS.API.STREAM.MSG.DELETE.{}", stream.name), &why);
        user.publish(&format!("$JS.API.STREAM.PURGE.{}", stream.name), &why);
    }
    for consumer in landscape.durable_consumers() {
        let why = why("it terminates what it recovers, and what is no longer delivered");
        user.publish(&format!("$JS.ACK.{}.{}.>", consumer.stream, consumer.name), &why);
    }
    for saga in &landscape.sagas {
        let why = why("it retries, cancels and purges sagas");
        user.publish(&format!("{}.saga.{}.>", landscape.root, saga.name), &why);
        user.publish(&format!("$JS.API.STREAM.PURGE.{}", saga.stream), &why);
    }
    user.publish(&format!("$KV.{PROJECTIONS}.>"), &why("it has read models made anew"));
    user.publish("$SRV.>", &why("it asks which services run"));
    user.subscribe(&format!("{}.>", landscape.root), &why("it reads along what is sent"));
    user
}

fn backup(landscape: &Landscape) -> User {
    let mut user = User::new(Role::Operator, "backup", "Takes snapshots of all streams, and changes nothing.");
    let why = why("it takes snapshots");
    see(&mut user, landscape, &why);
    for stream in streams(landscape) {
        user.publish(&format!("$JS.API.STREAM.SNAPSHOT.{stream}"), &why);
        user.publish(&format!("$JS.SNAPSHOT.ACK.{stream}.>"), &why);
    }
    user
}

fn restore(landscape: &Landscape) -> User {
    let mut user = User::new(
        Role::Operator,
        "restore",
        "Restores snapshots, also under other names, and replaces streams: kept locked away until then.",
    );
    let why = why("it restores snapshots");
    see(&mut user, landscape, &why);
    let safety = self::why("it backs up what it replaces");
    for stream in streams(landscape) {
        user.publish(&format!("$JS.API.STREAM.SNAPSHOT.{stream}"), &safety);
        user.publish(&format!("$JS.SNAPSHOT.ACK.{stream}.>"), &safety);
    }
    let replace = self::why("it replaces streams, and deletes what it tried");
    user.publish("$JS.API.STREAM.DELETE.*", &replace);
    user.publish("$JS.API.STREAM.UPDATE.*", &replace);
    for consumer in landscape.durable_consumers() {
        let why = self::why("it makes the consumers of what it restored");
        user.publish(&format!("$JS.API.CONSUMER.CREATE.{}.{}", consumer.stream, consumer.name), &why);
    }
    user.publish("$JS.API.STREAM.RESTORE.*", &why);
    user.publish("$JS.SNAPSHOT.RESTORE.>", &why);
    user.publish("$JS.API.STREAM.INFO.*", &why);
    user
}

fn exporter(landscape: &Landscape) -> User {
    let mut user =
        User::new(Role::Operator, "exporter", "Exports figures of streams and consumers, and changes nothing.");
    let all = why("it exports figures of every stream, also of those that the catalogue does not have");
    for subject in [
        "$JS.API.STREAM.LIST",
        "$JS.API.STREAM.NAMES",
        "$JS.API.STREAM.INFO.*",
        "$JS.API.CONSUMER.LIST.*",
        "$JS.API.CONSUMER.INFO.*.*",
    ] {
        user.publish(subject, &all);
    }
    for stream in landscape.streams.iter().filter(|stream| stream.holds_dead_letters) {
        let why = why("it counts dead letters");
        user.publish(&format!("$JS.API.STREAM.MSG.GET.{}", stream.name), &why);
        user.publish(&format!("$JS.API.DIRECT.GET.{}.>", stream.name), &why);
        read_along(&mut user, landscape, &stream.name, &why);
    }
    user.subscribe("$JS.EVENT.ADVISORY.>", &why("it counts advisories"));
    user
}

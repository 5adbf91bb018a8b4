//! What an intruder tries, and what of it is declared: both from the constants of the catalogue, not from what is written into
//! configurations.

use std::collections::BTreeSet;

use eventsmith::Kind;
use eventsmith::admin::Topology;
use eventsmith::catalogue::ServiceDescriptor;
use rules_events::{BUCKETS, CATALOGUE, SERVICES, STREAMS};

/// Which bucket is whose.
const OWNERS: &[(&str, &str)] = &[
    ("rules-management", "RULE_SNAPSHOTS"),
    ("rules-evaluation", "RULES_COMPILED"),
    ("promotions", "PROMOTION_SNAPSHOTS"),
    ("loyalty", "LOYALTY_SNAPSHOTS"),
    ("coupons", "COUPON_SNAPSHOTS"),
    ("payments", "PAYMENT_SNAPSHOTS"),
    ("calculator", "CHECKOUT_SUMMARIES"),
    ("calculator", "WEBHOOK_CALLS"),
    ("taxes", "TAX_RATES"),
    ("taxes", "TAX_SYNC"),
];
const LETTERS: &str = "RULES_DEAD_LETTERS";

pub(crate) fn topology() -> Topology {
    Topology::of(CATALOGUE, STREAMS, SERVICES).with_buckets(BUCKETS)
}

/// A subject that a filter stands for.
pub(crate) fn concrete(filter: &str) -> String {
    filter.replace(['*', '>'], "x1")
}

fn stream_calls(stream: &str) -> Vec<String> {
    let api = |call: &str| format!("$JS.API.{call}.{stream}");
    let calls = [
        "STREAM.CREATE",
        "STREAM.UPDATE",
        "STREAM.DELETE",
        "STREAM.INFO",
        "STREAM.PURGE",
        "STREAM.MSG.GET",
        "STREAM.MSG.DELETE",
        "STREAM.SNAPSHOT",
        "STREAM.RESTORE",
        "STREAM.LEADER.STEPDOWN",
        "STREAM.PEER.REMOVE",
        "DIRECT.GET",
        "CONSUMER.LIST",
        "CONSUMER.NAMES",
        "CONSUMER.CREATE",
    ];
    let mut all: Vec<String> = calls.iter().map(|call| api(call)).collect();
    for (call, rest) in [
        ("DIRECT.GET", "rules.domain.x"),
        ("CONSUMER.CREATE", "evil"),
        ("CONSUMER.CREATE", "evil.rules.domain.x"),
        ("CONSUMER.CREATE", "evil.>"),
        ("CONSUMER.DURABLE.CREATE", "evil"),
        ("CONSUMER.DELETE", "evil"),
        ("CONSUMER.MSG.NEXT", "evil"),
        ("CONSUMER.INFO", "evil"),
    ] {
        all.push(format!("{}.{rest}", api(call)));
    }
    all.push(format!("$JS.SNAPSHOT.ACK.{stream}.x"));
    all
}

fn consumer_calls(stream: &str, consumer: &str) -> Vec<String> {
    let calls = ["INFO", "DELETE", "MSG.NEXT", "PAUSE", "LEADER.STEPDOWN", "UNPIN", "CREATE", "DURABLE.CREATE"];
    let mut all: Vec<String> =
        calls.iter().map(|call| format!("$JS.API.CONSUMER.{call}.{stream}.{consumer}")).collect();
    all.push(format!("$JS.API.CONSUMER.CREATE.{stream}.{consumer}.rules.domain.x"));
    all.push(format!("$JS.API.CONSUMER.CREATE.{stream}.{consumer}.>"));
    all.push(format!("$JS.ACK.{stream}.{consumer}.1.1.1.1.1"));
    all.push(format!("$JS.ACK._.hash.{stream}.{consumer}.1.1.1.1.1.token"));
    // An ack of the old form for somebody else, which looks like the new form for this one.
    all.push(format!("$JS.ACK.OTHER.victim.{stream}.{consumer}.1.1.1"));
    all
}

/// Every subject that is tried.
pub(crate) fn subjects() -> Vec<String> {
    let topology = topology();
    let mut all: BTreeSet<String> =
        CATALOGUE.iter().filter(|event| event.kind != Kind::State).map(|event| concrete(event.subject)).collect();
    for service in SERVICES {
        let name = service.name;
        all.insert(format!("rules.dlq.{name}.RULES_RULE.1.domain.x"));
        all.insert(format!("_INBOX.services.{name}.x1"));
        all.insert(format!("$SRV.PING.{name}"));
        all.insert(format!("$KV.REPLIES_{name}.x1"));
    }
    for stream in &topology.streams {
        all.extend(stream_calls(&stream.name));
        all.insert(format!("$JS.FC.{}.evil.x", stream.name));
    }
    all.extend(stream_calls("KV_EVENTSMITH_PROJECTIONS"));
    all.extend(stream_calls("UNKNOWN"));
    for consumer in &topology.consumers {
        all.extend(consumer_calls(&consumer.stream, &consumer.name));
    }
    for bucket in BUCKETS {
        all.insert(format!("$KV.{}.x1", bucket.name));
        all.insert(format!("$JS.API.CONSUMER.CREATE.KV_{0}.evil.$KV.{0}.>", bucket.name));
    }
    for leaf in ["event.started", "command.1", "timer.1", "timeout.1", "input.cancel"] {
        for saga in ["checkout", "activation", "other"] {
            all.insert(format!("rules.saga.{saga}.x1.v1.{leaf}"));
        }
    }
    let others = [
        "$JS.API.INFO",
        "$JS.API.STREAM.NAMES",
        "$JS.API.STREAM.LIST",
        "$JS.API.ACCOUNT.PURGE.APP",
        "$JS.API.META.LEADER.STEPDOWN",
        "$JS.API.SERVER.REMOVE",
        "$JS.API.SERVER.STREAM.MOVE.APP.RULES_RULE",
        "$JS.API.STREAM.TEMPLATE.CREATE.x",
        "$JS.API.CONSUMER.RESET.RULES_RULE.promotions",
        "$JS.hub.API.STREAM.PURGE.RULES_RULE",
        "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.RULES_RULE.promotions",
        "$SYS.REQ.SERVER.PING",
        "$SYS.ACCOUNT.APP.CONNECT",
        "$SRV.PING",
        "$SRV.INFO",
        "_INBOX.x1",
        "_INBOX.operators.operator.x1",
        "_R_.x1",
        "rules.domain.unknown.thing",
        "rules.query.unknown.thing",
        "rules.dlq.x1",
        "rules",
        "other.domain.rule.created",
        "$KV.EVENTSMITH_PROJECTIONS.x1",
        "$G.x",
        "$O.BUCKET.C.x",
        "$MQTT.x",
    ];
    all.extend(others.map(ToOwned::to_owned));
    all.into_iter().collect()
}

/// Subscriptions that are tried beside those to [`subjects`].
pub(crate) fn wildcards() -> Vec<String> {
    let fixed = [
        ">",
        "*",
        "*.>",
        "rules.>",
        "rules.*.>",
        "rules.domain.>",
        "rules.command.>",
        "rules.*.rule.*",
        "rules.dlq.>",
        "_INBOX.>",
        "_INBOX.*",
        "_INBOX.*.*.>",
        "_INBOX.services.>",
        "_INBOX.operators.>",
        "$JS.>",
        "$JS.API.>",
        "$JS.ACK.>",
        "$JS.*.>",
        "$KV.>",
        "$KV.RULES_COMPILED.>",
        "$SRV.>",
        "$SRV.*.>",
        "$SYS.>",
        "$JS.EVENT.ADVISORY.>",
        "$JS.EVENT.>",
    ];
    let inboxes = SERVICES.iter().map(|service| format!("_INBOX.services.{}.>", service.name));
    let replies = SERVICES.iter().map(|service| format!("$KV.REPLIES_{}.>", service.name));
    fixed.into_iter().map(ToOwned::to_owned).chain(inboxes).chain(replies).collect()
}

fn has_replies(service: &ServiceDescriptor) -> bool {
    let idempotent = CATALOGUE.iter().filter(|event| event.idempotent.is_some());
    idempotent.into_iter().any(|event| service.handles.contains(&event.event_type))
}

/// What a service may publish to, of what is tried.
pub(crate) fn may_publish(service: &ServiceDescriptor) -> BTreeSet<String> {
    let (topology, name) = (topology(), service.name);
    let mut all = BTreeSet::new();
    let sent = |event_type: &&str| service.publishes.contains(event_type) || service.asks.contains(event_type);
    for event in CATALOGUE.iter().filter(|event| sent(&event.event_type)) {
        all.insert(concrete(event.subject));
    }
    let mut streams: BTreeSet<String> = BTreeSet::new();
    let sagas: Vec<(&str, &str)> = service.runs.iter().filter_map(|run| run.split_once('@')).collect();
    for consumer in &topology.consumers {
        let runs = |(saga, version): &(&str, &str)| {
            [format!("saga_{saga}_v{version}"), format!("saga_{saga}_v{version}_inputs")].contains(&consumer.name)
        };
        if consumer.name == name || sagas.iter().any(runs) {
            streams.insert(consumer.stream.clone());
            let (stream, consumer) = (&consumer.stream, &consumer.name);
            for call in ["INFO", "MSG.NEXT"] {
                all.insert(format!("$JS.API.CONSUMER.{call}.{stream}.{consumer}"));
            }
            all.insert(format!("$JS.ACK.{stream}.{consumer}.1.1.1.1.1"));
            all.insert(format!("$JS.ACK._.hash.{stream}.{consumer}.1.1.1.1.1.token"));
        }
    }
    if !service.consumes.is_empty() {
        streams.insert(LETTERS.to_owned());
        all.insert(format!("rules.dlq.{name}.RULES_RULE.1.domain.x"));
        all.insert(format!("$JS.API.STREAM.MSG.DELETE.{LETTERS}"));
    }
    for (saga, version) in &sagas {
        for leaf in ["event.started", "command.1", "timer.1", "timeout.1", "input.cancel"] {
            all.insert(format!("rules.saga.{saga}.x1.v{version}.{leaf}"));
        }
    }
    // Whoever appends to an aggregate reads its history, which is in a stream of its own.
    for (token, stream) in [
        ("rule.", "RULES_RULE"),
        ("promotion.", "RULES_PROMOTION"),
        ("coupon.", "RULES_COUPON"),
        ("loyalty.", "RULES_LOYALTY"),
        ("payment.", "RULES_PAYMENT"),
    ] {
        if service.publishes.iter().any(|event_type| event_type.starts_with(token)) {
            streams.insert(stream.to_owned());
        }
    }
    let mut own: Vec<String> =
        OWNERS.iter().filter(|(owner, _)| *owner == name).map(|(_, bucket)| (*bucket).to_owned()).collect();
    own.extend(has_replies(service).then(|| format!("REPLIES_{name}")));
    for bucket in own {
        all.insert(format!("$KV.{bucket}.x1"));
        streams.insert(format!("KV_{bucket}"));
    }
    for stream in streams {
        all.insert(format!("$JS.API.STREAM.INFO.{stream}"));
        all.insert(format!("$JS.API.STREAM.MSG.GET.{stream}"));
    }
    all.insert("$JS.API.STREAM.NAMES".to_owned());
    all.insert(format!("_INBOX.services.{name}.x1"));
    all
}

/// What a service may subscribe to, of what is tried.
pub(crate) fn may_subscribe(service: &ServiceDescriptor) -> BTreeSet<String> {
    let name = service.name;
    let mut all = BTreeSet::from([format!("_INBOX.services.{name}.x1"), format!("_INBOX.services.{name}.>")]);
    for request in CATALOGUE.iter().filter(|request| service.handles.contains(&request.event_type)) {
        all.insert(concrete(request.subject));
    }
    if !service.handles.is_empty() {
        all.extend(["$SRV.PING".to_owned(), "$SRV.INFO".to_owned(), format!("$SRV.PING.{name}")]);
    }
    if has_replies(service) {
        all.extend([format!("$KV.REPLIES_{name}.x1"), format!("$KV.REPLIES_{name}.>")]);
    }
    all
}

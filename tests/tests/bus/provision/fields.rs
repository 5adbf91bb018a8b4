//! Every setting that provisioning knows, tried on a real server.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PriorityPolicy, pull, push};
use async_nats::jetstream::stream;
use eventsmith::Bus;
use eventsmith::admin::{Action, BusAdmin, Effect};
use eventsmith::catalogue::{ConsumerDescriptor, Discard, Retention, Storage};
use eventsmith::testing::{NatsCluster, NatsServer};

use super::{SUBJECT, outside, service};
use crate::common::*;

#[tokio::test]
async fn every_setting_of_a_stream_is_updated_or_refused_as_its_plan_says() -> Outcome {
    let (server, bus) = server().await?;
    let day = Duration::from_secs(86_400);
    let client = async_nats::connect(server.url()).await?;
    let knows_atomic = client.is_server_compatible(2, 12, 0);
    let knows_bulk = client.is_server_compatible(2, 14, 0);
    let cases = [
        ("description", STREAM.description("other"), true),
        ("subjects", STREAM.subjects(&["rules.domain.>", "more.>"]), true),
        ("storage", STREAM.storage(Storage::Memory), false),
        ("retention", STREAM.retention(Retention::Interest), true),
        ("retention", STREAM.retention(Retention::WorkQueue), false),
        ("max_age", STREAM.max_age(day), true),
        ("max_bytes", STREAM.max_bytes(1 << 20), true),
        ("max_messages", STREAM.max_messages(5), true),
        ("duplicate_window", STREAM.duplicate_window(day), true),
        ("discard", STREAM.discard(Discard::New), true),
        ("atomic", STREAM.atomic(true), knows_atomic),
        ("bulk", STREAM.bulk(true), knows_bulk),
    ];
    // The first on three servers, below; the others among the streams without acks, among aggregates, and among sagas.
    let mut tried = BTreeSet::from(["replicas", "no_ack", "aggregates", "max_messages_per_subject", "schedules"]);

    for (name, wanted, is_possible) in cases {
        let plan = bus.plan(&[wanted]).await?;
        let fields: Vec<_> = plan.changes[0].fields.iter().map(|field| (field.field, field.effect)).collect();
        assert_eq!(fields, [(name, if is_possible { Effect::Update } else { Effect::Refuse })], "{plan}");
        tried.insert(name);
        if is_possible {
            for wanted in [wanted, STREAM] {
                bus.provision(&[wanted]).await?;
                let after = bus.plan(&[wanted]).await?;
                assert!(after.is_empty(), "{name}: {after}");
            }
        } else {
            // The plan is right to refuse: so does the server.
            let mut config = outside(&server).await?.get_stream("RULES").await?.cached_info().config.clone();
            match name {
                "storage" => config.storage = stream::StorageType::Memory,
                "atomic" | "bulk" => {
                    let version = if name == "atomic" { "2.12" } else { "2.14" };
                    let refusal = format!("refused: it needs nats-server {version} or later");
                    assert!(plan.to_string().contains(&refusal), "{plan}");
                    continue;
                }
                _ => config.retention = stream::RetentionPolicy::WorkQueue,
            }
            outside(&server).await?.update_stream(config).await.unwrap_err();
        }
    }

    let created = bus.plan(&[STREAM.name("NEW").subjects(&["new.>"])]).await?;
    let all: BTreeSet<_> = created.changes[0].fields.iter().map(|field| field.field).collect();
    assert_eq!(tried, all, "a setting was not tried");
    Ok(())
}

#[tokio::test]
async fn replicas_are_updated_and_those_that_no_cluster_has_are_the_servers_to_refuse() -> Outcome {
    let cluster = NatsCluster::start(3).await?;
    let servers = cluster.urls().into_iter().map(Into::into).collect();
    let bus = Bus::connect(eventsmith::Config { servers, ..config("") }).await?;
    let three = STREAM.replicas(3);
    bus.provision(&[STREAM]).await?;

    let plan = bus.plan(&[three]).await?;
    bus.apply(&plan).await?;
    let after = bus.plan(&[three]).await?;
    let error = bus.provision(&[STREAM.replicas(5)]).await.unwrap_err().to_string();

    assert!(plan.to_string().contains("~ stream RULES: replicas 1 -> 3"), "{plan}");
    assert!(after.is_empty(), "{after}");
    assert!(error.contains("the stream RULES"), "{error}");
    Ok(())
}

#[tokio::test]
async fn every_setting_of_a_consumer_is_updated_or_recreated_as_its_plan_says() -> Outcome {
    let (server, bus) = server().await?;
    let outside = outside(&server).await?;
    let stream = outside.get_stream("RULES").await?;
    let default = ConsumerDescriptor::DEFAULT;
    let ours = || pull::Config {
        name: Some("promotions".to_owned()),
        durable_name: Some("promotions".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: default.ack_wait,
        max_ack_pending: 5_000,
        max_deliver: 100,
        filter_subjects: vec![SUBJECT.to_owned()],
        ..pull::Config::default()
    };
    let seconds = Duration::from_secs;
    let updated = [
        ("filters", pull::Config { filter_subjects: vec!["rules.domain.>".to_owned()], ..ours() }),
        ("ack_wait", pull::Config { ack_wait: seconds(60), ..ours() }),
        ("max_ack_pending", pull::Config { max_ack_pending: 7, ..ours() }),
        ("max_deliver", pull::Config { max_deliver: -1, ..ours() }),
        (
            "ordered",
            pull::Config {
                priority_groups: vec!["other".to_owned()],
                priority_policy: PriorityPolicy::PinnedClient,
                ..ours()
            },
        ),
        ("backoff", pull::Config { backoff: vec![default.ack_wait, seconds(30)], ..ours() }),
        ("headers_only", pull::Config { headers_only: true, ..ours() }),
        ("inactive_threshold", pull::Config { inactive_threshold: seconds(600), ..ours() }),
    ];
    let mut tried = BTreeSet::new();

    for (name, config) in updated {
        if name == "ordered" && !knows_ordered(&server).await? {
            tried.insert(name); // as the test of its own says
            continue;
        }
        stream.create_consumer(config).await?;
        tried.insert(comes_right(&bus, name, Action::Update).await?);
        stream.delete_consumer("promotions").await?;
    }
    stream.create_consumer(pull::Config { ack_policy: AckPolicy::None, ..ours() }).await?;
    tried.insert(comes_right(&bus, "ack_policy", Action::Recreate).await?);
    stream.delete_consumer("promotions").await?;
    let push = push::Config {
        name: Some("promotions".to_owned()),
        durable_name: Some("promotions".to_owned()),
        deliver_subject: "somewhere".to_owned(),
        ack_wait: default.ack_wait,
        max_ack_pending: 5_000,
        max_deliver: 100,
        filter_subjects: vec![SUBJECT.to_owned()],
        ..push::Config::default()
    };
    stream.create_consumer(push).await?;
    tried.insert(comes_right(&bus, "deliver_subject", Action::Recreate).await?);
    stream.delete_consumer("promotions").await?;

    let created = bus.plan(service(&default)).await?;
    let all: BTreeSet<_> = created.changes[1].fields.iter().map(|field| field.field).collect();
    assert_eq!(tried, all, "a setting was not tried");
    Ok(())
}

/// The plan for the consumer is to do this about this one setting, and when it is done there is nothing left to do.
async fn comes_right(bus: &Bus, name: &'static str, action: Action) -> Outcome<&'static str> {
    let topology = service(&ConsumerDescriptor::DEFAULT);
    let plan = bus.plan(topology.clone()).await?;
    let change = &plan.changes[1];
    let fields: Vec<_> = change.fields.iter().map(|field| field.field).collect();
    assert_eq!((fields, change.action), (vec![name], action), "{plan}");
    bus.apply(&plan).await?;
    let after = bus.plan(topology).await?;
    assert!(after.is_empty(), "{name}: {after}");
    Ok(name)
}

async fn knows_ordered(server: &NatsServer) -> Outcome<bool> {
    Ok(async_nats::connect(server.url()).await?.is_server_compatible(2, 11, 0))
}

#[tokio::test]
async fn ordered_is_switched_on_and_off_where_the_server_knows_it() -> Outcome {
    let (server, bus) = server().await?;
    let ordered = service(&ConsumerDescriptor::DEFAULT.ordered(true));
    if !knows_ordered(&server).await? {
        let error = bus.provision(ordered).await.unwrap_err().to_string();
        assert!(error.contains("ordered true: it needs nats-server 2.11 or later"), "{error}");
        return Ok(());
    }

    for (topology, policy) in [
        (ordered.clone(), PriorityPolicy::PinnedClient),
        (service(&ConsumerDescriptor::DEFAULT), PriorityPolicy::None),
        (ordered, PriorityPolicy::PinnedClient),
    ] {
        bus.provision(topology.clone()).await?;
        assert!(bus.plan(topology).await?.is_empty());
        let stream = outside(&server).await?.get_stream("RULES").await?;
        assert_eq!(stream.consumer_info("promotions").await?.config.priority_policy, policy);
    }
    Ok(())
}

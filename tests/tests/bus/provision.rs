//! Streams and consumers of a real server.

mod fields;

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy, pull, push};
use async_nats::jetstream::{self, Context, stream};
use eventsmith::Bus;
use eventsmith::admin::{BusAdmin, Topology};
use eventsmith::catalogue::{ConsumerDescriptor, Discard, Retention, Storage};
use eventsmith::testing::NatsServer;
use futures_util::TryStreamExt;

use crate::common::*;

const SUBJECT: &str = "rules.domain.rule.activated";

/// What a service `promotions` has on [`STREAM`].
fn service(consumer: &ConsumerDescriptor) -> Topology {
    Topology::from(&[STREAM]).with_service("promotions", &[SUBJECT], consumer)
}

async fn outside(server: &NatsServer) -> Outcome<Context> {
    Ok(jetstream::new(async_nats::connect(server.url()).await?))
}

#[tokio::test]
async fn a_recreated_consumer_goes_on_after_what_was_acknowledged() -> Outcome {
    let (server, bus) = server().await?;
    for number in 1..=5 {
        bus.publish(&activated(number)).await?;
    }
    let stream = outside(&server).await?.get_stream("RULES").await?;
    let config = pull::Config {
        durable_name: Some("promotions".to_owned()),
        filter_subject: SUBJECT.to_owned(),
        ack_policy: AckPolicy::All,
        ..pull::Config::default()
    };
    let mut messages = stream.create_consumer(config).await?.fetch().max_messages(3).messages().await?;
    while let Some(message) = messages.try_next().await.map_err(|error| error.to_string())? {
        if message.info().is_ok_and(|info| info.stream_sequence == 2) {
            message.double_ack().await.map_err(|error| error.to_string())?;
        }
    }

    let plan = bus.plan(service(&ConsumerDescriptor::DEFAULT)).await?;
    bus.apply(&plan).await?;
    let status = bus.status(None).await?;

    let text = plan.to_string();
    assert!(text.contains("-+ consumer promotions of RULES: ack_policy all -> explicit"), "{text}");
    assert!(text.contains("goes on after sequence 2: what was delivered up to 3 is redelivered"), "{text}");
    let consumer = &status.streams[0].consumers[0];
    assert_eq!(consumer.lag, 3);
    Ok(())
}

#[tokio::test]
async fn a_recreated_consumer_that_has_settled_nothing_begins_where_it_began() -> Outcome {
    let (server, bus) = server().await?;
    bus.publish(&activated(1)).await?;
    let stream = outside(&server).await?.get_stream("RULES").await?;
    let config = pull::Config {
        durable_name: Some("promotions".to_owned()),
        deliver_policy: consumer::DeliverPolicy::New,
        filter_subject: SUBJECT.to_owned(),
        ack_policy: AckPolicy::All,
        ..pull::Config::default()
    };
    stream.create_consumer(config).await?;
    bus.publish(&activated(2)).await?;

    bus.provision(service(&ConsumerDescriptor::DEFAULT)).await?;

    assert_eq!(bus.status(None).await?.streams[0].consumers[0].lag, 1);
    Ok(())
}

#[tokio::test]
async fn a_consumer_for_which_a_stream_keeps_messages_is_not_recreated() -> Outcome {
    let server = NatsServer::start().await?;
    let bus = Bus::connect(config(server.url())).await?;
    let interest = [STREAM.retention(Retention::Interest)];
    bus.provision(&interest).await?;
    let stream = outside(&server).await?.get_stream("RULES").await?;
    let config = consumer::Config {
        durable_name: Some("promotions".to_owned()),
        ack_policy: AckPolicy::All,
        ..consumer::Config::default()
    };
    stream.create_consumer(config).await?;
    let topology = Topology::from(&interest).with_service("promotions", &[SUBJECT], &ConsumerDescriptor::DEFAULT);

    let error = bus.provision(topology).await.unwrap_err().to_string();

    assert!(error.contains("the consumer promotions of RULES") && error.contains("keeps for it"), "{error}");
    assert_eq!(stream.consumer_info("promotions").await?.config.ack_policy, AckPolicy::All);
    Ok(())
}

#[tokio::test]
async fn a_consumer_on_a_work_queue_is_recreated_with_what_is_left() -> Outcome {
    let server = NatsServer::start().await?;
    let bus = Bus::connect(config(server.url())).await?;
    let queue = [STREAM.retention(Retention::WorkQueue)];
    bus.provision(&queue).await?;
    bus.publish(&activated(1)).await?;
    let stream = outside(&server).await?.get_stream("RULES").await?;
    let push = push::Config {
        durable_name: Some("promotions".to_owned()),
        deliver_subject: "somewhere".to_owned(),
        filter_subject: SUBJECT.to_owned(),
        ..push::Config::default()
    };
    stream.create_consumer(push).await?;

    bus.provision(Topology::from(&queue).with_service("promotions", &[SUBJECT], &ConsumerDescriptor::DEFAULT)).await?;

    assert_eq!(bus.status(None).await?.streams[0].consumers[0].lag, 1);
    Ok(())
}

#[tokio::test]
async fn where_a_consumer_begins_matters_to_new_ones_only() -> Outcome {
    let (_server, bus) = server().await?;
    bus.publish(&activated(1)).await?;
    let from = |deliver| service(&ConsumerDescriptor::DEFAULT.deliver(deliver));

    bus.provision(from(eventsmith::catalogue::DeliverFrom::New)).await?;
    let status = bus.status(None).await?;
    let plan = bus.plan(from(eventsmith::catalogue::DeliverFrom::All)).await?;

    assert_eq!(status.streams[0].consumers[0].lag, 0);
    assert!(plan.is_empty(), "{plan}");
    Ok(())
}

#[tokio::test]
async fn what_the_catalogue_does_not_speak_of_is_left_as_it_is() -> Outcome {
    let (server, bus) = server().await?;
    bus.provision(service(&ConsumerDescriptor::DEFAULT)).await?;
    let outside = outside(&server).await?;
    let mut config = outside.get_stream("RULES").await?.cached_info().config.clone();
    config.max_message_size = 4096;
    outside.update_stream(config).await?;
    let stream = outside.get_stream("RULES").await?;
    let mut config = stream.consumer_info("promotions").await?.config;
    config.description = Some("by hand".to_owned());
    stream.update_consumer(config).await?;

    let wanted = Topology::from(&[STREAM.max_messages(5)]);
    let slower = ConsumerDescriptor::DEFAULT.ack_wait(Duration::from_secs(60));
    bus.provision(wanted.with_service("promotions", &[SUBJECT], &slower)).await?;

    let config = outside.get_stream("RULES").await?.cached_info().config.clone();
    assert_eq!((config.max_message_size, config.max_messages), (4096, 5));
    let config = stream.consumer_info("promotions").await?.config;
    assert_eq!((config.description.as_deref(), config.ack_wait.as_secs()), (Some("by hand"), 60));
    Ok(())
}

#[tokio::test]
async fn a_sealed_stream_is_refused_by_that_name() -> Outcome {
    let (server, bus) = server().await?;
    let outside = outside(&server).await?;
    let config = outside.get_stream("RULES").await?.cached_info().config.clone();
    outside.update_stream(stream::Config { sealed: true, ..config }).await?;

    // Sealing makes a stream refuse new messages, in this setting too.
    let unchanged = bus.plan(&[STREAM.discard(Discard::New)]).await?;
    let error = bus.provision(&[STREAM.max_messages(5)]).await.unwrap_err().to_string();

    assert!(unchanged.is_empty(), "{unchanged}");
    assert!(error.contains("RULES") && error.contains("sealed"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_server_without_room_for_what_a_stream_reserves_is_reported_with_help() -> Outcome {
    let folder = tempfile::tempdir()?;
    let small = format!("jetstream {{ store_dir: {:?}, max_file_store: 1MB }}", folder.path());
    let server = NatsServer::builder().config(small).start().await?;
    let bus = Bus::connect(config(server.url())).await?;

    let error = bus.provision(&[STREAM.max_bytes(2 << 20)]).await.unwrap_err().to_string();

    assert!(error.contains("the stream RULES"), "{error}");
    assert!(error.contains("lower them in eventsmith.toml, or raise max_file_store"), "{error}");
    Ok(())
}

#[tokio::test]
async fn overlapping_subjects_are_refused_before_anything_changes() -> Outcome {
    let (_server, bus) = server().await?;

    let error = bus.provision(&[STREAM.name("OTHER")]).await.unwrap_err().to_string();
    let both = [STREAM.name("A").subjects(&["a.*"]), { STREAM.name("B").subjects(&["a.>"]) }];
    let among_themselves = bus.provision(&both).await.unwrap_err().to_string();

    assert!(error.contains("OTHER") && error.contains("overlaps with those of the stream RULES"), "{error}");
    assert!(among_themselves.contains("the stream A: its subject a.* overlaps"), "{among_themselves}");
    assert_eq!(bus.status(None).await?.streams.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_subject_moves_from_one_stream_to_another() -> Outcome {
    let (_server, bus) = server().await?;
    let first = STREAM.name("A").subjects(&["rules.domain.rule.>"]);
    let rest = STREAM.subjects(&["rules.domain.other.>"]);

    bus.provision(&[first, rest]).await?;
    let published = bus.publish(&activated(1)).await?;

    assert_eq!((published.stream.as_str(), published.sequence), ("A", 1));
    Ok(())
}

#[tokio::test]
async fn an_id_cannot_be_remembered_for_longer_than_its_message() -> Outcome {
    let (_server, bus) = server().await?;

    let plan = bus.plan(&[STREAM.max_age(Duration::from_secs(60))]).await?;

    assert!(plan.is_refused() && plan.to_string().contains("max_age is less than duplicate_window"), "{plan}");
    Ok(())
}

#[tokio::test]
async fn what_a_server_would_take_for_its_default_is_refused() -> Outcome {
    let (_server, bus) = server().await?;
    let zero = [STREAM.subjects(&[]), STREAM.max_messages(0), STREAM.duplicate_window(Duration::ZERO)];

    for wanted in zero {
        let plan = bus.plan(&[wanted]).await?;
        assert!(plan.is_refused() && plan.to_string().contains("for its default"), "{plan}");
    }
    let forever = service(&ConsumerDescriptor::DEFAULT.max_deliver(0));
    assert!(bus.plan(forever).await?.is_refused());
    Ok(())
}

#[tokio::test]
async fn a_consumer_without_its_stream_and_a_name_that_is_none_are_refused() -> Outcome {
    let (_server, bus) = server().await?;
    let mut nowhere = service(&ConsumerDescriptor::DEFAULT);
    nowhere.consumers[0].stream = "NOWHERE".to_owned();
    let dots = Topology::from(&[STREAM]).with_service("a.b", &[SUBJECT], &ConsumerDescriptor::DEFAULT);

    let (nowhere, dots) = (bus.plan(nowhere).await?, bus.plan(dots).await?);

    assert!(nowhere.is_refused() && nowhere.to_string().contains("there is no stream NOWHERE"), "{nowhere}");
    assert!(dots.is_refused() && dots.to_string().contains("the name is not legal"), "{dots}");
    Ok(())
}

#[tokio::test]
async fn a_status_has_all_consumers_however_many() -> Outcome {
    let (server, bus) = server().await?;
    let by_hand = pull::Config { name: Some("by-hand".to_owned()), ..pull::Config::default() };
    outside(&server).await?.get_stream("RULES").await?.create_consumer(by_hand).await?;
    // More than one answer of the server holds, which is 256.
    let mut topology = Topology::from(&[STREAM]);
    for number in 0..300 {
        topology = topology.with_service(&format!("service-{number}"), &[SUBJECT], &ConsumerDescriptor::DEFAULT);
    }

    bus.provision(topology.clone()).await?;
    let status = bus.status(Some(&topology)).await?;

    let names: BTreeSet<_> = status.streams[0].consumers.iter().map(|consumer| consumer.name.as_str()).collect();
    assert_eq!((names.len(), status.missing.len()), (301, 0));
    assert!(names.contains("by-hand"), "{names:?}");
    Ok(())
}

#[tokio::test]
async fn one_replica_in_development_whatever_the_catalogue_says() -> Outcome {
    let server = NatsServer::start().await?;
    let bus = Bus::connect(eventsmith::Config { replicas: Some(1), ..config(server.url()) }).await?;

    bus.provision(&[STREAM.replicas(3).storage(Storage::Memory)]).await?;

    assert_eq!(bus.publish(&activated("r1")).await?.sequence, 1);
    Ok(())
}

/// The permissions are those of docs/provisioning.md.
#[tokio::test]
async fn a_service_consumes_what_was_provisioned_for_it_and_may_create_nothing() -> Outcome {
    let page = include_str!("../../../docs/provisioning.md");
    let users = page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).ok_or("no users")?;
    let users = users.replace("$PROVISION", "p").replace("$PROMOTIONS", "p");
    let server = NatsServer::builder().config(format!("authorization {{ {users} }}")).start().await?;
    let user = |name: &str| eventsmith::Config {
        user: Some(name.to_owned()),
        password: Some("p".into()),
        request_timeout: Duration::from_secs(2),
        create_consumers: false,
        ..config(server.url())
    };
    let (operator, bus) = (Bus::connect(user("provision")).await?, Bus::connect(user("promotions")).await?);
    let streams = Topology::from(&[STREAM, DEAD_LETTERS]);
    operator.provision(streams.clone()).await?;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let consumer = || {
        let tell = tell.clone();
        bus.consumer("promotions").on(move |event: eventsmith::Received<Activated>| {
            let tell = tell.clone();
            async move {
                tell.send(event.rule_id.clone())?;
                if event.rule_id == "bad" { Err(eventsmith::HandlerError::reject("bad")) } else { Ok(()) }
            }
        })
    };

    let missing = run(consumer()).end().await?.unwrap_err();
    operator.provision(streams.clone().with_service("promotions", &[SUBJECT], &ConsumerDescriptor::DEFAULT)).await?;
    let slower = ConsumerDescriptor::DEFAULT.ack_wait(Duration::from_secs(60));
    let denied = bus.provision(streams.with_service("promotions", &[SUBJECT], &slower)).await.unwrap_err();
    let more = consumer().on(|_: eventsmith::Received<Updated>| async { Ok(()) });
    let different = run(more).end().await?.unwrap_err();
    let consumer = run(consumer());
    bus.publish(&activated("bad")).await?;
    bus.publish(&activated("good")).await?;
    let heard = BTreeSet::from([next(&mut told).await?, next(&mut told).await?]);
    let summary = consumer.stop().await?;
    let status = operator.status(None).await?;

    assert!(matches!(missing, eventsmith::ConsumeError::Missing { .. }), "{missing}");
    assert!(matches!(&different, eventsmith::ConsumeError::Different { .. }), "{different}");
    assert!(different.to_string().contains("filters"), "{different}");
    assert!(matches!(denied, eventsmith::admin::ProvisionError::Unavailable { .. }), "{denied}");
    assert_eq!((heard.len(), summary.handled), (2, 1), "{summary:?}");
    let letters = status.streams.iter().find(|stream| stream.settings.name == DEAD_LETTERS.name).ok_or("no stream")?;
    assert_eq!(letters.messages, 1);
    Ok(())
}

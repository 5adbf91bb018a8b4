//! JetStream behind a leaf node, in a domain of its own.

use std::time::Duration;

use eventsmith::admin::{BusAdmin, DeadLetterFilter, ReplayTo};
use eventsmith::config::{ConsumerConfig, Order};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, ConnectError, HandlerError, PublishError, Received};
use eventsmith_tests::running::PATIENCE;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::common::*;
use crate::dead_letters::all;

/// A server and one that is its leaf, each with a JetStream.
pub(crate) struct Scene {
    pub(crate) hub: NatsServer,
    pub(crate) leaf: NatsServer,
    _folder: TempDir,
}

impl Scene {
    async fn new() -> Outcome<Self> {
        Self::through(async |port| Ok(port)).await
    }

    /// The leaf reaches its server by what stands before the server's port.
    pub(crate) async fn through(way: impl AsyncFnOnce(u16) -> Outcome<u16>) -> Outcome<Self> {
        let folder = TempDir::new()?;
        // The last block of a name counts.
        let jetstream = |name: &str| {
            let store = folder.path().join(name).display().to_string();
            format!("jetstream {{ store_dir: {store:?}, domain: {name} }}\n")
        };
        let hub = format!("{}leafnodes {{ listen: \"127.0.0.1:-1\" }}", jetstream("hub"));
        let hub = NatsServer::builder().name("hub").config(hub).start().await?;
        let port = hub.monitor("/varz").await?["leaf"]["port"].as_u64().ok_or("no port")?;
        let port = way(port.try_into()?).await?;
        let remote = format!("leafnodes {{ reconnect: 1, remotes: [ {{ url: \"nats-leaf://127.0.0.1:{port}\" }} ] }}");
        let leaf = NatsServer::builder().name("leaf").config(jetstream("leaf") + &remote).start().await?;
        let scene = Self { hub, leaf, _folder: folder };
        scene.has_leaves(1).await?;
        Ok(scene)
    }

    /// Waits until so many leaves are connected.
    pub(crate) async fn has_leaves(&self, count: u64) -> Outcome {
        let wait = async {
            while self.hub.monitor("/leafz").await?["leafnodes"] != count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Outcome::Ok(())
        };
        tokio::time::timeout(PATIENCE, wait).await?
    }

    /// A bus over the leaf, to the streams of a domain.
    async fn bus(&self, domain: Option<&str>) -> Outcome<Bus> {
        let domain = domain.map(ToOwned::to_owned);
        Ok(Bus::connect(Config { domain, ..config(self.leaf.url()) }).await?)
    }
}

async fn streams(bus: &Bus) -> Outcome<Vec<String>> {
    Ok(bus.status(None).await?.streams.into_iter().map(|stream| stream.settings.name).collect())
}

#[tokio::test]
async fn events_are_published_handled_dead_lettered_and_replayed_in_another_domain() -> Outcome {
    work_in_another_domain(Order::None).await
}

#[tokio::test]
async fn what_a_stream_of_another_domain_has_stored_is_not_taken_for_stored_in_ours() -> Outcome {
    let scene = Scene::new().await?;
    scene.bus(None).await?.provision(&[STREAM, DEAD_LETTERS]).await?;
    let hub = Bus::connect(config(scene.hub.url())).await?;
    hub.provision(&[STREAM, DEAD_LETTERS]).await?;
    let (domain, publish_timeout) = (Some("hub".to_owned()), Duration::from_millis(500));
    let bus = Bus::connect(Config { domain, publish_timeout, ..config(scene.leaf.url()) }).await?;

    // The nearest stream answers first, as a rule.
    let mut errors = Vec::new();
    for number in 0..5 {
        errors.extend(bus.publish(&activated(number)).await.err());
    }

    assert!(!errors.is_empty());
    for error in errors {
        assert!(matches!(&error, PublishError::Unacknowledged { .. }), "{error}");
        assert!(error.to_string().contains(r#"of the domain "leaf" answered"#), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn so_are_those_whose_keys_are_ordered() -> Outcome {
    work_in_another_domain(Order::Key).await
}

async fn work_in_another_domain(order: Order) -> Outcome {
    let scene = Scene::new().await?;
    let bus = scene.bus(Some("hub")).await?;
    bus.provision(&[STREAM, DEAD_LETTERS]).await?;
    assert_eq!(streams(&scene.bus(None).await?).await?, Vec::<String>::new(), "the leaf has none");
    assert_eq!(streams(&Bus::connect(config(scene.hub.url())).await?).await?, [STREAM.name, DEAD_LETTERS.name]);
    let (tell, mut told) = mpsc::unbounded_channel();
    let config = ConsumerConfig { order, handlers: unordered("rule.activated"), ..quick() };
    let consumer = bus.consumer("promotions").config(config);
    let consumer = consumer.on(move |event: Received<Activated>| {
        let tell = tell.clone();
        async move {
            match (event.rule_id.as_str(), event.attempt()) {
                ("again", 1) => Err(HandlerError::retry("not yet")),
                ("bad", _) if event.replay_of().is_none() => Err(HandlerError::reject("bad")),
                _ => Ok(tell.send((event.rule_id.clone(), event.attempt()))?),
            }
        }
    });
    let monitor = consumer.monitor();
    let consumer = Running::start(consumer);

    bus.publish(&activated("again")).await?;
    assert_eq!(next(&mut told).await?, ("again".to_owned(), 2));
    let bad = bus.publish(&activated("bad")).await?;
    until(|| monitor.summary().dead_lettered == 1).await?;
    let letters = bus.dead_letters("rules").await?;
    let dead = all(&letters, &DeadLetterFilter::default()).await?;
    assert_eq!(dead.iter().map(|letter| letter.origin_sequence).collect::<Vec<_>>(), [bad.sequence]);
    letters.replay_all(&DeadLetterFilter::default(), ReplayTo::Consumer).await?;
    assert_eq!(next(&mut told).await?, ("bad".to_owned(), 1));
    consumer.stop().await?;

    let status = bus.status(None).await?;
    let mut consumers = status.streams.iter().flat_map(|stream| &stream.consumers);
    let left = consumers.find(|it| it.name == "promotions").map(|it| (it.ack_pending, it.lag));
    assert_eq!(left, Some((0, 0)), "all is acknowledged");
    bus.transport().terminate(STREAM.name, "promotions", bad.sequence).await?;
    Ok(())
}

#[tokio::test]
async fn a_domain_that_is_no_name_is_refused() -> Outcome {
    let error = Bus::connect(Config { domain: Some("a.b".to_owned()), ..Config::default() }).await.unwrap_err();

    assert!(matches!(&error, ConnectError::Config { setting: "domain", .. }), "{error}");
    Ok(())
}

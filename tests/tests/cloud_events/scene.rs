//! A server with the streams of the catalogue, and consumers that tell what they handle.

use std::time::Duration;

use eventsmith::admin::{BusAdmin as _, DeadLetter, DeadLetterFilter};
use eventsmith::config::{ConsumerConfig, RetryPolicy};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, Event, Received};
use eventsmith_tests::running::{PATIENCE, Running};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// What a handler tells a test.
pub(crate) type Told<E> = mpsc::UnboundedReceiver<Received<E>>;

pub(crate) async fn connected(server: &NatsServer) -> Outcome<Bus> {
    let config = Config {
        servers: vec![server.url().into()],
        name: "rules engine".to_owned(),
        create_consumers: true,
        ..Config::default()
    };
    Ok(Bus::connect(config).await?)
}

pub(crate) async fn server() -> Outcome<(NatsServer, Bus)> {
    let server = NatsServer::start().await?;
    let bus = connected(&server).await?;
    bus.provision(crate::STREAMS).await?;
    Ok((server, bus))
}

/// Runs a consumer of one type.
pub(crate) fn consume<E: Event>(bus: &Bus, name: &'static str) -> (Running, Told<E>) {
    let (tell, told) = mpsc::unbounded_channel();
    let retry = RetryPolicy { first_delay: Duration::from_millis(20), max_attempts: 2, ..RetryPolicy::default() };
    let consumer = bus.consumer(name).config(ConsumerConfig { retry, ..ConsumerConfig::default() }).on(
        move |event: Received<E>| {
            let tell = tell.clone();
            async move {
                // A test that is over hears nothing.
                let _ = tell.send(event);
                Ok(())
            }
        },
    );
    (Running::start(consumer), told)
}

pub(crate) async fn next<E>(told: &mut Told<E>) -> Outcome<Received<E>> {
    Ok(timeout(PATIENCE, told.recv()).await?.ok_or("the handler is gone")?)
}

/// Waits for the dead letters to be that many.
pub(crate) async fn dead_letters(bus: &Bus, many: usize) -> Outcome<Vec<DeadLetter>> {
    let letters = bus.dead_letters("shop").await?;
    let found = async {
        loop {
            let (mut list, mut found) = (letters.list(&DeadLetterFilter::default()), Vec::new());
            while let Some(letter) = list.next().await? {
                found.push(letter);
            }
            if found.len() >= many {
                return Outcome::Ok(found);
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, found).await?
}

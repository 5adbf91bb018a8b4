//! A server, a proxy before it, a journal, and conditions to wait for.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::{self, stream::Stream};
use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::StreamDescriptor;
use eventsmith::config::{ConsumerConfig, RetryPolicy};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config};
use eventsmith_tests::job::{JOBS, Journal, LETTERS, Orders};
use eventsmith_tests::proxy::{End, Frame, Proxy};
pub(crate) use eventsmith_tests::running::{PATIENCE, Running};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Held by tests that leave nothing of a machine to others, so that they run one after the other.
pub(crate) static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// All that a test with workers needs. The bus is connected to the server itself, workers to the proxy.
pub(crate) struct Site {
    pub(crate) server: NatsServer,
    pub(crate) proxy: Proxy,
    pub(crate) bus: Bus,
    pub(crate) journal: Journal,
    _folder: TempDir,
}

impl Site {
    pub(crate) async fn new() -> Outcome<Self> {
        let server = NatsServer::start().await?;
        let proxy = Proxy::start(server.port()).await?;
        let bus = Bus::connect(config(server.url())).await?;
        bus.provision(&[JOBS, LETTERS]).await?;
        let folder = tempfile::tempdir()?;
        let journal = Journal::at(folder.path().join("journal"));
        Ok(Self { server, proxy, bus, journal, _folder: folder })
    }

    pub(crate) fn orders(&self) -> Orders {
        Orders::new(self.proxy.url(), &self.journal)
    }

    /// The stream as the server itself knows it.
    pub(crate) async fn stream(&self, of: &StreamDescriptor) -> Outcome<Stream> {
        stream(&self.server.url(), of).await
    }
}

pub(crate) fn config(url: impl Into<String>) -> Config {
    Config {
        servers: vec![url.into().into()],
        name: "tests".to_owned(),
        create_consumers: true,
        max_reconnect_delay: Duration::from_millis(200),
        ..Config::default()
    }
}

pub(crate) async fn stream(url: &str, of: &StreamDescriptor) -> Outcome<Stream> {
    let context = jetstream::new(async_nats::connect(url).await?);
    // A cluster answers that JetStream is unavailable while leaders change.
    until("the stream", async || Ok(context.get_stream(of.name).await.ok())).await
}

/// Retries soon, and lets others have what is not heard of for long.
pub(crate) fn quick() -> ConsumerConfig {
    let (first_delay, max_delay) = (Duration::from_millis(20), Duration::from_millis(100));
    ConsumerConfig {
        concurrency: 4,
        prefetch: 8,
        ack_wait: Duration::from_millis(400),
        retry: RetryPolicy { first_delay, max_delay, max_attempts: 3 },
        ..ConsumerConfig::default()
    }
}

/// How often each job is in the stream, by its number.
pub(crate) async fn stored(stream: &Stream) -> Outcome<BTreeMap<u64, usize>> {
    let mut found = BTreeMap::new();
    let state = stream.get_info().await?.state;
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await?;
        let envelope: Value = serde_json::from_slice(&message.payload)?;
        *found.entry(envelope["data"]["id"].as_u64().ok_or("no job")?).or_default() += 1;
    }
    Ok(found)
}

/// The number under which a stream stored a message, if this is its acknowledgement to the publisher.
pub(crate) fn stored_as(frame: &Frame) -> Option<u64> {
    if frame.from != End::Server || !frame.subject.starts_with("_INBOX.") {
        return None;
    }
    let answer: Value = serde_json::from_slice(frame.payload).ok()?;
    if answer["stream"] == JOBS.name { answer["seq"].as_u64() } else { None }
}

/// Looks again and again until there is something, and says what there was not.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Outcome<Option<T>>) -> Outcome<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {PATIENCE:?}").into());
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// The consumer of the workers has nothing left to deliver and nothing that waits for its acknowledgement. What it says of
/// that may lag behind what was stored, so it must have delivered the last there is, too.
pub(crate) async fn settled(stream: &Stream, consumer: &str) -> Outcome<Option<()>> {
    let last = stream.get_info().await?.state.last_sequence;
    let Ok(info) = stream.consumer_info(consumer).await else { return Ok(None) };
    let is_idle = info.num_pending == 0 && info.num_ack_pending == 0;
    Ok((is_idle && info.delivered.stream_sequence >= last).then_some(()))
}

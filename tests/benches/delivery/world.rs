//! What both sides work with: the server, a connection each, the events, and streams for them.

use std::sync::Arc;

use async_nats::jetstream::{self, stream};
use eventsmith::admin::BusAdmin;
use eventsmith::catalogue::{Storage, StreamDescriptor};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, Event, StoredMessage};
use rules_events::evaluation::EvaluationCompleted;

use crate::{Outcome, events};

pub(crate) const STREAM: &str = "BENCH";
pub(crate) const SUBJECT: &str = EvaluationCompleted::SUBJECT;
pub(crate) const STORAGES: [stream::StorageType; 2] = [stream::StorageType::Memory, stream::StorageType::File];

pub(crate) fn name_of(storage: stream::StorageType) -> &'static str {
    match storage {
        stream::StorageType::Memory => "memory",
        stream::StorageType::File => "file",
    }
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) url: String,
    /// How many messages are sent ahead of their acknowledgements, by both.
    pub(crate) window: usize,
    pub(crate) bus: Bus,
    pub(crate) context: jetstream::Context,
    pub(crate) typed: Arc<Vec<EvaluationCompleted>>,
    pub(crate) written: Arc<Vec<Written>>,
}

/// A message as the bus writes it.
pub(crate) struct Written {
    pub(crate) id: String,
    pub(crate) message: StoredMessage,
}

impl World {
    pub(crate) async fn new(server: &NatsServer, count: usize) -> Outcome<Self> {
        let config = config(server.url());
        let window = config.max_in_flight;
        let bus = Bus::connect(config).await?;
        let typed = events::typed(count)?;
        let written = events::written(&typed).await?.into_iter().map(|message| {
            let id = message.envelope().ok_or("a message without an envelope")?.id;
            Ok(Written { id, message })
        });
        let written = written.collect::<Outcome<Vec<_>>>()?;
        let context = jetstream::new(async_nats::connect(server.url()).await?);
        // Our consumers want one to be there. Nothing comes here.
        let dead_letters =
            stream::Config { name: "DEAD".to_owned(), subjects: vec!["rules.dlq.>".to_owned()], ..Default::default() };
        context.create_stream(dead_letters).await?;
        Ok(Self { url: server.url(), window, bus, context, typed: Arc::new(typed), written: Arc::new(written) })
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.typed.len()
    }

    /// The size of a message in bytes, without headers.
    pub(crate) fn payload_len(&self) -> usize {
        self.written.first().map_or(0, |written| written.message.payload.len())
    }

    /// A stream without messages, and without memory of the ids of those that the last one had.
    pub(crate) async fn new_stream(&self, storage: stream::StorageType) -> Outcome<stream::Stream> {
        if self.context.get_stream(STREAM).await.is_ok() {
            self.context.delete_stream(STREAM).await?;
        }
        let config = stream::Config {
            name: STREAM.to_owned(),
            subjects: vec!["rules.domain.>".to_owned()],
            storage,
            ..stream::Config::default()
        };
        self.context.create_stream(config).await?;
        // The client's configuration has no fast batches.
        let storage = if storage == stream::StorageType::File { Storage::File } else { Storage::Memory };
        let descriptor = StreamDescriptor::new(STREAM, &["rules.domain.>"]).storage(storage).bulk(true);
        self.bus.provision(&[descriptor]).await?;
        Ok(self.context.get_stream(STREAM).await?)
    }

    /// A new stream with this many messages, which are the events over and over again, as the bus publishes them.
    pub(crate) async fn full_stream(&self, storage: stream::StorageType, count: usize) -> Outcome {
        let mut stream = self.new_stream(storage).await?;
        let bus = Bus::connect(Config { max_in_flight: 4_096, ..config(&self.url) }).await?;
        let mut left = count;
        while left > 0 {
            let part = left.min(self.len());
            bus.publish_all(self.typed.iter().take(part)).await?;
            left -= part;
        }
        bus.shutdown().await?;
        assert_eq!(stream.info().await?.state.messages, count as u64, "the stream is not as full as it should be");
        Ok(())
    }
}

pub(crate) fn config(url: impl Into<String>) -> Config {
    Config { servers: vec![url.into().into()], create_consumers: true, ..Config::default() }
}

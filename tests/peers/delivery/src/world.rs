//! What all sides work with: the server, the events, and a stream for them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use eventsmith::admin::BusAdmin;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, Event, StoredMessage};
use rules_events::evaluation::EvaluationCompleted;
use ruststream::Broker;
use ruststream_nats::{JetStreamPublish, JetStreamPublisher, NatsBroker};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::Outcome;

pub const STREAM: &str = "PEERS";
pub const SUBJECT: &str = EvaluationCompleted::SUBJECT;
/// Messages sent ahead of their acknowledgements.
pub const WINDOW: usize = 256;
/// Messages in one pull request, or on their way. ruststream has this figure from its client and offers no other.
pub const BATCH: usize = 200;
pub const MAX_ACK_PENDING: usize = 1_000;

#[derive(Clone)]
pub struct World {
    pub url: String,
    pub bus: Bus,
    pub context: jetstream::Context,
    /// ruststream's.
    pub publisher: JetStreamPublisher,
    pub typed: Arc<Vec<EvaluationCompleted>>,
    pub written: Arc<Vec<Written>>,
    pub seen: &'static Seen,
}

/// A message as the bus writes it.
pub struct Written {
    pub id: String,
    pub message: StoredMessage,
}

impl World {
    pub async fn new(server: &NatsServer, count: usize) -> Outcome<Self> {
        let config = Config {
            servers: vec![server.url().into()],
            max_in_flight: WINDOW,
            create_consumers: true,
            ..Config::default()
        };
        let typed = typed(count)?;
        let seen = SEEN.get_or_init(|| Seen::new(count));
        let context = jetstream::new(async_nats::connect(server.url()).await?);
        // Our consumers want one to be there. Nothing comes here.
        let dead_letters =
            stream::Config { name: "DEAD".to_owned(), subjects: vec!["rules.dlq.>".to_owned()], ..Default::default() };
        context.create_stream(dead_letters).await?;
        Ok(Self {
            url: server.url(),
            bus: Bus::connect(config).await?,
            context,
            publisher: NatsBroker::new(server.url()).connect().await?.publisher(JetStreamPublish::default()),
            written: Arc::new(written(&typed).await?),
            typed: Arc::new(typed),
            seen,
        })
    }

    pub fn payload_len(&self) -> usize {
        self.written.first().map_or(0, |written| written.message.payload.len())
    }

    /// A stream without messages, and without memory of the ids of those that the last one had.
    pub async fn new_stream(&self) -> Outcome {
        if self.context.get_stream(STREAM).await.is_ok() {
            self.context.delete_stream(STREAM).await?;
        }
        let config = stream::Config {
            name: STREAM.to_owned(),
            subjects: vec!["rules.domain.>".to_owned()],
            ..stream::Config::default()
        };
        self.context.create_stream(config).await?;
        Ok(())
    }

    pub async fn fill(&self) -> Outcome {
        crate::eventsmith_side::publish(self.clone()).await?;
        self.check_stored().await
    }

    pub async fn check_stored(&self) -> Outcome {
        let stored = self.context.get_stream(STREAM).await?.get_info().await?.state.messages;
        assert_eq!(stored, self.typed.len() as u64, "not all is stored");
        Ok(())
    }

    /// Waits until the server has all acknowledgements, and removes the consumer.
    pub async fn check_acknowledged(&self, durable: &str) -> Outcome {
        assert!(self.acknowledged(durable).await, "not all that {durable} was delivered is acknowledged");
        self.context.get_stream(STREAM).await?.delete_consumer(durable).await?;
        Ok(())
    }

    /// Whether the server has all acknowledgements, if need be in a while.
    pub async fn acknowledged(&self, durable: &str) -> bool {
        let patience = Instant::now() + Duration::from_secs(10);
        while Instant::now() < patience {
            if let Ok(stream) = self.context.get_stream(STREAM).await
                && let Ok(info) = stream.consumer_info(durable).await
                && (info.ack_floor.stream_sequence, info.num_ack_pending) == (self.typed.len() as u64, 0)
            {
                return true;
            }
        }
        false
    }
}

/// `evaluation.completed` as the catalogue has it, with less of a result; the times of execution count from 1.
fn typed(count: usize) -> Outcome<Vec<EvaluationCompleted>> {
    let schema: Value = serde_json::from_str(EvaluationCompleted::SCHEMA)?;
    let mut payload = schema["examples"][1].clone();
    payload["final_result"] = payload["final_result"]["shipping"].take();
    let event = |number| {
        payload["execution_time"] = json!(number);
        Ok(EvaluationCompleted::decode(EvaluationCompleted::VERSION, payload.to_string().as_bytes())?)
    };
    (1..=count).map(event).collect()
}

async fn written(typed: &[EvaluationCompleted]) -> Outcome<Vec<Written>> {
    let bus = Bus::in_memory();
    bus.provision(rules_events::STREAMS).await?;
    bus.publish_all(typed).await?;
    let written = bus.published().into_iter().map(|message| {
        let id = message.envelope().ok_or("a message without an envelope")?.id;
        Ok(Written { id, message })
    });
    written.collect()
}

/// Which events were seen. There is one of it, as ruststream's handlers are functions that capture nothing.
pub static SEEN: OnceLock<Seen> = OnceLock::new();

pub struct Seen {
    each: Vec<AtomicBool>,
    count: AtomicUsize,
    completed_at: RwLock<Option<Instant>>,
    pub complete: Notify,
}

impl Seen {
    fn new(events: usize) -> Self {
        Self {
            each: std::iter::repeat_with(AtomicBool::default).take(events).collect(),
            count: AtomicUsize::new(0),
            completed_at: RwLock::default(),
            complete: Notify::new(),
        }
    }

    pub fn reset(&self) {
        self.each.iter().for_each(|seen| seen.store(false, Ordering::Relaxed));
        self.count.store(0, Ordering::Relaxed);
        *self.completed_at.write().unwrap() = None;
    }

    /// Notes an event by its number, from 0.
    pub fn add(&self, index: usize) {
        self.each[index].store(true, Ordering::Relaxed);
        if self.count.fetch_add(1, Ordering::Relaxed) + 1 == self.each.len() {
            *self.completed_at.write().unwrap() = Some(Instant::now());
            self.complete.notify_one();
        }
    }

    /// When the last event was seen, if all were.
    pub fn completed_at(&self) -> Option<Instant> {
        let all = self.each.iter().all(|seen| seen.load(Ordering::Relaxed));
        self.completed_at.read().unwrap().filter(|_| all)
    }
}

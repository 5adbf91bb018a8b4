//! Consuming: decoded, validated, routed, handled and acknowledged, beside received and acknowledged.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::StorageType;
use eventsmith::config::ConsumerConfig;
use eventsmith::{Bus, Consumer, Received};
use futures_util::{StreamExt, TryStreamExt};
use rules_events::evaluation::EvaluationCompleted;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::rounds::{Rounds, Sample};
use crate::world::{STREAM, SUBJECT, World};
use crate::{Outcome, events};

/// How many events are fetched ahead of the handlers, by both.
pub(crate) const PREFETCH: usize = 256;
/// How many may be delivered and not acknowledged, by both.
const MAX_ACK_PENDING: usize = 1_000;

/// What is done with the events.
#[derive(Clone, Copy)]
pub(crate) struct Handlers {
    /// How many run at the same time.
    pub(crate) count: usize,
    /// Whether they give way once, as everything does that waits for something else.
    pub(crate) waiting: bool,
}

impl fmt::Display for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "{} handler{plural}{}", self.count, if self.waiting { ", waiting" } else { "" })
    }
}

impl Handlers {
    async fn work(self) {
        if self.waiting {
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) async fn rounds(world: &World, storage: StorageType, handlers: Handlers, rounds: usize) -> Outcome<Rounds> {
    world.full_stream(storage, world.len()).await?;
    let ours = async || side(world, "ours", ours(world.clone(), handlers)).await;
    let raw = async || side(world, "raw", raw(world.clone(), handlers)).await;
    Rounds::interleaved(rounds, world.len(), ours, raw).await
}

/// One round by a consumer of its own, which must have had everything acknowledged.
async fn side(world: &World, durable: &str, work: impl Future<Output = Outcome> + Send + 'static) -> Outcome<Sample> {
    let stream = world.context.get_stream(STREAM).await?;
    // A task of its own, as in a service: the main thread is no place to be quick.
    let sample = Sample::of(async { tokio::spawn(work).await? }).await?;
    // The server takes acknowledgements in by a queue of its own, so this may take a moment.
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        let info = stream.consumer_info(durable).await?;
        let floor = info.ack_floor.stream_sequence;
        if (floor, info.num_ack_pending, info.num_pending) == (world.len() as u64, 0, 0) {
            break;
        }
        assert!(Instant::now() < patience, "not all is acknowledged: {info:?}");
    }
    stream.delete_consumer(durable).await?;
    Ok(sample)
}

/// A consumer of ours that fetches as far ahead as the raw one.
pub(crate) fn consumer(bus: &Bus, handlers: usize) -> Consumer {
    let max_ack_pending = MAX_ACK_PENDING;
    let config = ConsumerConfig { concurrency: handlers, prefetch: PREFETCH, max_ack_pending, ..Default::default() };
    bus.consumer("ours").config(config)
}

async fn ours(world: World, handlers: Handlers) -> Outcome {
    let seen = Arc::new(Seen::new(world.len()));
    let handler = {
        let seen = Arc::clone(&seen);
        move |event: Received<EvaluationCompleted>| {
            let seen = Arc::clone(&seen);
            async move {
                handlers.work().await;
                seen.add(events::index(&event));
                Ok(())
            }
        }
    };
    let summary = consumer(&world.bus, handlers.count).on(handler).run(seen.complete.notified()).await?;
    assert_eq!(summary.handled, world.len() as u64, "not each event was handled once");
    assert!(seen.all(), "an event was not handled");
    Ok(())
}

/// Which events were handled.
struct Seen {
    each: Vec<AtomicBool>,
    count: AtomicUsize,
    complete: Notify,
}

impl Seen {
    fn new(events: usize) -> Self {
        let each = std::iter::repeat_with(AtomicBool::default).take(events).collect();
        Self { each, count: AtomicUsize::new(0), complete: Notify::new() }
    }

    fn add(&self, index: usize) {
        self.each[index].store(true, Ordering::Relaxed);
        if self.count.fetch_add(1, Ordering::Relaxed) + 1 == self.each.len() {
            self.complete.notify_one();
        }
    }

    fn all(&self) -> bool {
        self.each.iter().all(|seen| seen.load(Ordering::Relaxed))
    }
}

/// A durable consumer as ours are.
pub(crate) async fn raw_consumer(context: &async_nats::jetstream::Context) -> Outcome<PullConsumer> {
    let config = pull::Config {
        durable_name: Some("raw".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(15),
        max_ack_pending: i64::try_from(MAX_ACK_PENDING)?,
        filter_subject: SUBJECT.to_owned(),
        ..pull::Config::default()
    };
    Ok(context.get_stream(STREAM).await?.create_consumer(config).await?)
}

async fn raw(world: World, handlers: Handlers) -> Outcome {
    let mut consumer = raw_consumer(&world.context).await?;
    let messages = consumer.stream().max_messages_per_batch(PREFETCH + handlers.count).messages().await?;
    let mut messages = messages.take(world.len());
    if handlers.waiting {
        // A task for each, as one would write it for handlers that have something to do.
        let mut tasks = JoinSet::new();
        while let Some(message) = messages.next().await {
            if tasks.len() >= handlers.count
                && let Some(acknowledged) = tasks.join_next().await
            {
                acknowledged??;
            }
            let message = message?;
            tasks.spawn(async move {
                handlers.work().await;
                message.ack().await
            });
        }
        while let Some(acknowledged) = tasks.join_next().await {
            acknowledged??;
        }
    } else if handlers.count == 1 {
        while let Some(message) = messages.next().await {
            message?.ack().await?;
        }
    } else {
        // Several at a time in one task: the quickest that the client has to offer.
        let each = |message: Message| async move { message.ack().await };
        messages.map_err(Into::into).try_for_each_concurrent(handlers.count, each).await?;
    }
    // The server has heard of all acknowledgements when it answers; ours waits for that, too.
    consumer.info().await?;
    Ok(())
}

//! How fast state is made of events, beside the client that eventsmith is built on.
//!
//! - projection, own store: a stream is projected into a store that keeps checkpoints alone: what reading, decoding, validating and calling handlers cost
//! - projection, bucket: the same into documents of a bucket, of 1,000 keys
//! - raw: a pull consumer of async-nats reads the same stream and acks every message; nothing is decoded or stored
//!
//! They take turns, round by round, in one process, against one server. What counts is the ratio: the median over the rounds of one round's
//! rates. `cargo bench -p eventsmith-tests --bench projections`. The variables `PROJECTION_BENCH_EVENTS` and `PROJECTION_BENCH_ROUNDS` change how many events
//! a round has, and how many rounds there are.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::collections::HashMap;
use std::env;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, consumer::pull};
use eventsmith::admin::BusAdmin;
use eventsmith::state::{Generation, PROJECTIONS, Projection, ProjectionStore};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, HandlerError, Received};
use futures_util::{FutureExt, StreamExt};
use rules_events::checkout::CheckoutSummary;
use rules_events::evaluation::EvaluationStarted;
use rules_events::{BUCKETS, STREAMS};
use serde_json::Value;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const STREAM: &str = "RULES_DOMAIN_EVENTS";
/// The part of a raw pull loop's rate that a projection is to reach.
const TARGET: f64 = 0.90;
const KEYS: usize = 1_000;

/// Checkpoints of read models that are nowhere.
#[derive(Clone, Default)]
struct Nowhere(Arc<Mutex<HashMap<String, String>>>);

impl ProjectionStore for Nowhere {
    type Transaction = u64;

    async fn checkpoint(&self, name: &str, _: Generation) -> Result<Option<String>, HandlerError> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    async fn begin(&self, _: &str, _: Generation) -> Result<u64, HandlerError> {
        Ok(0)
    }

    async fn commit(&self, _: u64, name: &str, _: Generation, _: Option<&str>, to: &str) -> Result<bool, HandlerError> {
        self.0.lock().unwrap().insert(name.to_owned(), to.to_owned());
        Ok(true)
    }
}

struct World {
    bus: Bus,
    client: async_nats::Client,
    events: usize,
    summary: CheckoutSummary,
}

#[tokio::main]
async fn main() -> Outcome {
    let server = NatsServer::start().await?;
    let (events, rounds) = (number("PROJECTION_BENCH_EVENTS", 50_000), number("PROJECTION_BENCH_ROUNDS", 5));
    let config = Config { servers: vec![server.url().into()], replicas: Some(1), ..Config::default() };
    let bus = Bus::connect(config).await?;
    bus.provision(STREAMS).await?;
    bus.provision(BUCKETS).await?;
    bus.provision(PROJECTIONS).await?;
    let started: EvaluationStarted = example(include_str!("../../schemas/domain/evaluation/started.v1.json"))?;
    let summary = example(include_str!("../../schemas/state/checkout/summary.v1.json"))?;
    let of_key = |number: usize| -> Outcome<EvaluationStarted> {
        Ok(EvaluationStarted { customer_id: format!("cus_{:08}", number % KEYS).parse()?, ..started.clone() })
    };
    let all = (0..events).map(of_key).collect::<Outcome<Vec<_>>>()?;
    bus.publish_all(&all).await.map_err(|error| error.to_string())?;
    let world = World { bus, client: async_nats::connect(server.url()).await?, events, summary };

    println!("{rounds} rounds of {events} events, {} cores", std::thread::available_parallelism()?);
    println!("{:<24} {:>10} {:>10} {:>8} {:>8} {:>6}", "", "ours/s", "raw/s", "to raw", "target", "met");
    let (mut store, mut bucket, mut pulled) = (Vec::new(), Vec::new(), Vec::new());
    raw(&world, "warm").await?;
    into_store(&world, "warm".to_owned()).await?;
    for round in 0..rounds {
        // Each begins as often as the others.
        for offset in 0..3 {
            match (round + offset) % 3 {
                0 => store.push(into_store(&world, format!("store{round}")).await?),
                1 => bucket.push(into_bucket(&world, format!("bucket{round}")).await?),
                _ => pulled.push(raw(&world, &format!("raw{round}")).await?),
            }
        }
    }
    print("projection, own store", events, &store, &pulled);
    print("projection, bucket", events, &bucket, &pulled);
    println!(
        "memory: {} MiB of this process",
        resident().map_or_else(|| "?".to_owned(), |bytes| (bytes >> 20).to_string())
    );
    Ok(())
}

async fn into_store(world: &World, name: String) -> Outcome<Duration> {
    let projection =
        Projection::in_store(name, 1, Nowhere::default()).on(|seen: &mut u64, event: Received<EvaluationStarted>| {
            *seen += u64::from(event.rule_count);
            async { Ok(()) }.boxed()
        });
    let begun = Instant::now();
    projection.catch_up(&world.bus).await?;
    check(projection.monitor().serving().map(|status| status.projected), world.events)?;
    Ok(begun.elapsed())
}

async fn into_bucket(world: &World, name: String) -> Outcome<Duration> {
    let summary = world.summary.clone();
    let projection = Projection::in_bucket::<CheckoutSummary>(name, 1).on(
        |event: &EvaluationStarted| [event.customer_id.to_string()],
        move |document: &mut Option<CheckoutSummary>, event: &Received<EvaluationStarted>| {
            let document = document.get_or_insert_with(|| summary.clone());
            document.customer_id.clone_from(&event.customer_id);
            Ok(())
        },
    );
    let begun = Instant::now();
    projection.catch_up(&world.bus).await?;
    check(projection.monitor().serving().map(|status| status.projected), world.events)?;
    Ok(begun.elapsed())
}

async fn raw(world: &World, name: &str) -> Outcome<Duration> {
    let begun = Instant::now();
    let stream = jetstream::new(world.client.clone()).get_stream(STREAM).await?;
    let config = pull::Config { name: Some(name.to_owned()), max_ack_pending: 10_000, ..pull::Config::default() };
    let consumer = stream.create_consumer(config).await?;
    let mut messages = consumer.stream().max_messages_per_batch(500).messages().await?;
    for _ in 0..world.events {
        let message = messages.next().await.ok_or("the stream ended")??;
        message.ack().await?;
    }
    Ok(begun.elapsed())
}

fn check(projected: Option<u64>, events: usize) -> Outcome {
    match projected {
        Some(projected) if projected == events as u64 => Ok(()),
        projected => Err(format!("{projected:?} of {events} events were projected").into()),
    }
}

fn print(name: &str, events: usize, ours: &[Duration], raw: &[Duration]) {
    let rate = |took: &[Duration]| median(took.iter().map(|took| events as f64 / took.as_secs_f64()).collect());
    let ratio = median(ours.iter().zip(raw).map(|(ours, raw)| raw.as_secs_f64() / ours.as_secs_f64()).collect());
    let met = if ratio >= TARGET { "yes" } else { "NO" };
    println!("{name:<24} {:>10.0} {:>10.0} {ratio:>8.2} {TARGET:>8.2} {met:>6}", rate(ours), rate(raw));
}

/// The first example of a schema file.
fn example<T: serde::de::DeserializeOwned>(schema: &str) -> Outcome<T> {
    let schema: Value = serde_json::from_str(schema)?;
    Ok(serde_json::from_value(schema["examples"][0].clone())?)
}

fn resident() -> Option<u64> {
    let pages: u64 = fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4_096)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn number(variable: &str, default: usize) -> usize {
    env::var(variable).map_or(default, |text| text.parse().unwrap())
}

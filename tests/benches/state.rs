//! How fast aggregates are loaded and appended to, beside the client that eventsmith is built on.
//!
//! - ours: `Aggregates::load` and `Aggregates::execute`, which decode, validate, apply and check the history
//! - raw: the same requests by async-nats, with events that were written beforehand, and nothing decoded
//!
//! A stream holds the histories of 10, then 10,000, then 1,000,000 loyalty accounts. Those that are measured have ten events each, with
//! those of the others between them. Both sides take turns, round by round, in one process, against one server, each with a connection
//! of its own. What counts is the ratio, the median over the rounds of one round's rates; and that rates stay as they are while the
//! stream grows.
//!
//! `cargo bench -p eventsmith-tests --bench state`. The variables `STATE_BENCH_AGGREGATES` and `STATE_BENCH_ROUNDS` change how many
//! accounts there are at the most, and how many rounds.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::collections::VecDeque;
use std::env;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use async_nats::{Client, HeaderMap};
use eventsmith::admin::BusAdmin;
use eventsmith::state::{Aggregate, Aggregates, Snapshots};
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config};
use futures_util::future::join;
use rules_events::aggregates::LoyaltyEvent;
use rules_events::loyalty::{LoyaltyPointsEarned, LoyaltySnapshot};
use serde_json::{Value, json};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The part of the raw client's rate that ours is to reach. (Design, section 14.)
const TARGET: f64 = 0.90;
const STREAM: &str = "RULES_LOYALTY";
const EARNED: &str = "rules.domain.loyalty.points_earned";
/// How many accounts are measured, and how many events each has.
const MEASURED: usize = 32;
const EVENTS: usize = 10;
/// Messages sent ahead of their acknowledgements while the stream is filled.
const WINDOW: usize = 1_024;

/// What the events make of an account: as little as may be. With snapshots there is one of all ten events.
#[derive(Debug, Default)]
struct Account<const KEPT: bool> {
    balance: i64,
}

impl<const KEPT: bool> Aggregate for Account<KEPT> {
    type Event = LoyaltyEvent;

    fn apply(&mut self, event: &LoyaltyEvent) {
        if let LoyaltyEvent::PointsEarned(earned) = event {
            self.balance += earned.points;
        }
    }

    fn snapshots() -> Option<Snapshots<Self>> {
        let take = |account: &Self| {
            let account_id = "loy_1".parse().unwrap();
            let (redemptions, earnings) = Default::default();
            let (tier, tier_valid_until) = (None, None);
            LoyaltySnapshot { account_id, balance: account.balance, tier, tier_valid_until, redemptions, earnings }
        };
        let restore = |snapshot: LoyaltySnapshot| Self { balance: snapshot.balance };
        KEPT.then(|| Snapshots::every(EVENTS as u64, take, restore))
    }
}

struct World {
    aggregates: Aggregates,
    client: Client,
    context: jetstream::Context,
    stream: stream::Stream,
    snapshots: stream::Stream,
    /// An event as the bus writes it.
    written: Vec<u8>,
}

#[tokio::main]
async fn main() -> Outcome {
    let server = NatsServer::start().await?;
    let (most, rounds) = (number("STATE_BENCH_AGGREGATES", 1_000_000), number("STATE_BENCH_ROUNDS", 7));
    let config = Config { servers: vec![server.url().into()], replicas: Some(1), ..Config::default() };
    let bus = Bus::connect(config).await?;
    bus.provision(rules_events::STREAMS).await?;
    bus.provision(rules_events::BUCKETS).await?;
    let client = async_nats::connect(server.url()).await?;
    let context = jetstream::new(client.clone());
    let (stream, snapshots) = (context.get_stream(STREAM).await?, context.get_stream("KV_LOYALTY_SNAPSHOTS").await?);
    let aggregates = Aggregates::of(&bus);
    let mut world = World { aggregates, client, context, stream, snapshots, written: Vec::new() };
    append(&world, "first").await?;
    world.written = world.stream.get_raw_message(1).await?.payload.to_vec();

    println!(
        "{rounds} rounds of {MEASURED} accounts of {EVENTS} events, {} cores",
        std::thread::available_parallelism()?
    );
    println!("events of {} bytes", world.written.len());
    println!(
        "{:<12} {:<24} {:>9} {:>9} {:>6} {:>7} {:>4}",
        "accounts", "", "ours/s", "raw/s", "ratio", "target", "met"
    );
    let mut filled = 0;
    for size in [10, 10_000, 1_000_000].into_iter().filter(|size| *size <= most) {
        let ids: Vec<String> = (0..MEASURED).map(|number| format!("m{size}-{number}")).collect();
        for part in 0..EVENTS {
            for id in &ids {
                append(&world, id).await?;
            }
            let until = size * (part + 1) / EVENTS;
            fill(&world, filled, until).await?;
            filled = filled.max(until);
        }
        for id in &ids {
            world.aggregates.load::<Account<true>>(id).await?;
        }
        measure(
            size,
            "load",
            rounds,
            async |_| load_all::<false>(&world, &ids).await,
            async |_| raw_load_all(&world, &ids, false).await,
        )
        .await?;
        measure(
            size,
            "load with snapshot",
            rounds,
            async |_| load_all::<true>(&world, &ids).await,
            async |_| raw_load_all(&world, &ids, true).await,
        )
        .await?;
        let new = |side: &'static str, round: usize| move |number| format!("{side}{size}-{round}-{number}");
        measure(
            size,
            "first event",
            rounds,
            async |round| {
                for id in (0..MEASURED).map(new("o", round)) {
                    append(&world, &id).await?;
                }
                Ok(())
            },
            async |round| {
                for id in (0..MEASURED).map(new("r", round)) {
                    raw_append(&world, &id).await?;
                }
                Ok(())
            },
        )
        .await?;
    }
    Ok(())
}

/// Lets both sides take turns, after a round that does not count, and prints what comes of it.
async fn measure(
    size: usize,
    name: &str,
    rounds: usize,
    ours: impl AsyncFn(usize) -> Outcome,
    raw: impl AsyncFn(usize) -> Outcome,
) -> Outcome {
    let (mut of_ours, mut of_raw) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let (ours_took, raw_took) = if round % 2 == 0 {
            let ours_took = timed(ours(round)).await?;
            (ours_took, timed(raw(round)).await?)
        } else {
            let raw_took = timed(raw(round)).await?;
            (timed(ours(round)).await?, raw_took)
        };
        if round > 0 {
            of_ours.push(ours_took.as_secs_f64());
            of_raw.push(raw_took.as_secs_f64());
        }
    }
    let ratio = median(of_ours.iter().zip(&of_raw).map(|(ours, raw)| raw / ours).collect());
    let rate = |seconds| MEASURED as f64 / median(seconds);
    let met = if ratio >= TARGET { "yes" } else { "NO" };
    let (ours, raw) = (rate(of_ours), rate(of_raw));
    println!("{size:<12} {name:<24} {ours:>9.0} {raw:>9.0} {ratio:>6.2} {TARGET:>7.2} {met:>4}");
    Ok(())
}

async fn timed(work: impl Future<Output = Outcome>) -> Outcome<Duration> {
    let started = Instant::now();
    work.await?;
    Ok(started.elapsed())
}

async fn load_all<const KEPT: bool>(world: &World, ids: &[String]) -> Outcome {
    for id in ids {
        let account = world.aggregates.load::<Account<KEPT>>(id).await?;
        assert_eq!(account.number, EVENTS as u64);
    }
    Ok(())
}

/// What a load asks for: the snapshot, the end of the history and how many messages it has, and each event before the last.
async fn raw_load_all(world: &World, ids: &[String], is_kept: bool) -> Outcome {
    for id in ids {
        if is_kept {
            world.snapshots.get_last_raw_message_by_subject(&format!("$KV.LOYALTY_SNAPSHOTS.{id}")).await?;
        }
        let mut last = raw_end(world, id).await?.ok_or("it has no event")?;
        for _ in 1..EVENTS {
            if !is_kept {
                let predecessor =
                    last.headers.get("Eventsmith-Predecessor").ok_or("no predecessor")?.as_str().parse()?;
                last = world.stream.get_raw_message(predecessor).await?;
            }
        }
    }
    Ok(())
}

async fn raw_end(world: &World, id: &str) -> Outcome<Option<jetstream::message::StreamMessage>> {
    let filter = format!("rules.domain.loyalty.*.{id}");
    let info = json!({"subjects_filter": filter}).to_string();
    let count = world.client.request(format!("$JS.API.STREAM.INFO.{STREAM}"), info.into());
    let (last, count) = join(world.stream.get_last_raw_message_by_subject(&filter), count).await;
    serde_json::from_slice::<Value>(&count?.payload)?;
    Ok(last.ok())
}

/// Appends an event to the history of an account.
async fn append(world: &World, id: &str) -> Outcome {
    let mut earned = example()?;
    earned["customer_id"] = json!(id);
    let earned: LoyaltyPointsEarned = serde_json::from_value(earned)?;
    let decide = |_: &Account<false>| Ok::<_, String>(vec![earned.clone().into()]);
    world.aggregates.execute(id, decide).await?;
    Ok(())
}

async fn raw_append(world: &World, id: &str) -> Outcome {
    assert!(raw_end(world, id).await?.is_none());
    let mut headers = headers(id);
    headers.insert("Nats-Expected-Last-Subject-Sequence", "0");
    headers.insert("Nats-Expected-Last-Subject-Sequence-Subject", format!("rules.domain.loyalty.*.{id}"));
    let payload = world.written.clone().into();
    world.context.publish_with_headers(format!("{EARNED}.{id}"), headers, payload).await?.await?;
    Ok(())
}

/// The accounts of others, of one event each.
async fn fill(world: &World, from: usize, until: usize) -> Outcome {
    let mut window = VecDeque::with_capacity(WINDOW);
    for number in from..until {
        let (id, payload) = (format!("c{number}"), world.written.clone().into());
        window.push_back(world.context.publish_with_headers(format!("{EARNED}.{id}"), headers(&id), payload).await?);
        if window.len() == WINDOW {
            window.pop_front().unwrap().await?;
        }
    }
    for left in window {
        left.await?;
    }
    Ok(())
}

/// Those of the first event of a history.
fn headers(id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("Nats-Msg-Id", id),
        ("Eventsmith-Type", "loyalty.points_earned"),
        ("Eventsmith-Version", "1"),
        ("Eventsmith-Number", "1"),
        ("Eventsmith-Predecessor", "0"),
        ("Eventsmith-Command", id),
    ] {
        headers.insert(name, value);
    }
    headers
}

fn example() -> Outcome<Value> {
    let schema: Value = serde_json::from_str(include_str!("../../schemas/domain/loyalty/points_earned.v1.json"))?;
    Ok(schema["examples"][0].clone())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn number(variable: &str, default: usize) -> usize {
    env::var(variable).map_or(default, |text| text.parse().unwrap())
}

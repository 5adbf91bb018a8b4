//! How fast requests are answered, beside the client that eventsmith is built on.
//!
//! - ours: `Bus::request` and `Bus::service`, which validate the request and its reply on both sides, in an envelope
//! - raw: request and reply of async-nats with bodies that were written beforehand, and nothing decoded
//! - module: the service module of async-nats with the same bodies
//!
//! All take turns, round by round, in one process, against one server; callers and answerers have a connection each. What counts is
//! the ratio: the median over the rounds of one round's rates.
//!
//! Then a service is offered twice as much as it can do, whose handlers wait for something: what it does in spite of that, and how long those
//! wait that it takes on.
//!
//! `cargo bench -p eventsmith-tests --bench requests`. The variables `REQUESTS_BENCH_COUNT` and `REQUESTS_BENCH_ROUNDS` change how many
//! requests a round has, and how many rounds there are.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Client;
use async_nats::service::ServiceExt as _;
use bytes::Bytes;
use eventsmith::config::ServiceConfig;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, Received, RequestError, RequestOptions};
use futures_util::StreamExt as _;
use rules_events::rule::{RuleDelete, RuleGet, RuleGetReply};
use serde_json::Value;
use tokio::task::JoinSet;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The part of the raw client's rate that requests are to reach. (Design, section 14.)
const TARGET: f64 = 0.90;
/// How many requests are under way at a time.
const AT_A_TIME: [usize; 2] = [1, 64];

const RAW: &str = "raw.rule.get";
const MODULE: &str = "module.rule.get";

/// Who answers.
#[derive(Clone, Copy)]
enum Side {
    Ours,
    Raw,
    Module,
}

#[derive(Clone)]
struct World {
    bus: Bus,
    client: Client,
    request: Arc<RuleGet>,
    body: Bytes,
}

/// What a round came to: the whole time, and that of each request.
struct Round {
    elapsed: Duration,
    each: Vec<Duration>,
}

#[tokio::main]
async fn main() -> Outcome {
    let server = NatsServer::start().await?;
    let (count, rounds) = (number("REQUESTS_BENCH_COUNT", 20_000), number("REQUESTS_BENCH_ROUNDS", 7));
    let request: RuleGet = example(include_str!("../../schemas/query/rule/get.v1.json"))?;
    let reply: RuleGetReply = example(include_str!("../../schemas/query/rule/get.v1.reply.json"))?;
    let body = Bytes::from(serde_json::to_vec(&request)?);
    answer(&server, reply).await?;
    let bus = Bus::connect(config(&server)).await?;
    let client = async_nats::connect(server.url()).await?;
    let world = World { bus, client, request: Arc::new(request), body };

    println!("{rounds} rounds of {count} requests, {} cores", std::thread::available_parallelism()?);
    println!(
        "{:<14} {:>10} {:>10} {:>10} {:>8} {:>8} {:>6}   p50 and p99 in us: ours, raw, module",
        "at a time", "ours/s", "raw/s", "module/s", "to raw", "target", "met"
    );
    for at_a_time in AT_A_TIME {
        let count = if at_a_time == 1 { count / 4 } else { count };
        let sides = [Side::Ours, Side::Raw, Side::Module];
        for side in sides {
            round(&world, side, at_a_time, count / 10).await?;
        }
        let mut all: [Vec<Round>; 3] = Default::default();
        for number in 0..rounds {
            // Each begins as often as the others.
            for offset in 0..3 {
                let index = (number + offset) % 3;
                all[index].push(round(&world, sides[index], at_a_time, count).await?);
            }
        }
        print(at_a_time, count, &all);
    }
    load(&server).await
}

/// How many requests of the slow service run at a time, how many wait, and how long each takes.
const SLOTS: usize = 8;
const QUEUE: usize = 32;
const WORK: Duration = Duration::from_millis(20);
/// For how long it is overloaded.
const OVERLOAD: Duration = Duration::from_secs(10);
/// The part of what it can do that a service still does when twice as much is asked.
const GOODPUT_TARGET: f64 = 0.90;

/// What came of requests that were asked at a rate, whatever became of those before.
#[derive(Default)]
struct Offered {
    replied: Vec<Duration>,
    turned_away: usize,
    failed: usize,
}

async fn load(server: &NatsServer) -> Outcome {
    let answering = Bus::connect(config(server)).await?;
    let limits = ServiceConfig { concurrency: SLOTS, max_queued: QUEUE, ..ServiceConfig::default() };
    let service = answering.service("slow").config(limits).answer(async |_: Received<RuleDelete>| {
        tokio::time::sleep(WORK).await;
        Ok(example(include_str!("../../schemas/command/rule/delete.v1.reply.json"))?)
    });
    tokio::spawn(service.run(std::future::pending::<()>()));
    let bus = Bus::connect(config(server)).await?;
    let request: Arc<RuleDelete> = Arc::new(example(include_str!("../../schemas/command/rule/delete.v1.json"))?);
    bus.request(&*request).await?;

    // As many at a time as it has slots: so much it can do.
    let (started, mut asking) = (Instant::now(), JoinSet::new());
    for _ in 0..SLOTS {
        let (bus, request) = (bus.clone(), Arc::clone(&request));
        asking.spawn(async move {
            let mut done = 0;
            while started.elapsed() < OVERLOAD / 2 {
                bus.request(&*request).await.unwrap();
                done += 1;
            }
            done
        });
    }
    let capacity = asking.join_all().await.into_iter().sum::<usize>() as f64 / started.elapsed().as_secs_f64();

    let offered = offer(&bus, &request, capacity * 2.0).await;
    let goodput = offered.replied.len() as f64 / OVERLOAD.as_secs_f64();
    let mut waited = offered.replied;
    waited.sort_unstable();
    let part = |percent: usize| waited[waited.len() * percent / 100].as_millis();
    let ratio = goodput / capacity;
    println!(
        "\noverload: {capacity:.0}/s can be done, {:.0}/s are asked, {goodput:.0}/s replied ({ratio:.2}, target {GOODPUT_TARGET:.2}, met: \
         {}), {} turned away, {} failed; those replied to waited p50 {} ms, p99 {} ms",
        capacity * 2.0,
        if ratio >= GOODPUT_TARGET { "yes" } else { "NO" },
        offered.turned_away,
        offered.failed,
        part(50),
        part(99),
    );
    Ok(())
}

/// Asks at a rate, each with a second to be answered in.
async fn offer(bus: &Bus, request: &Arc<RuleDelete>, rate: f64) -> Offered {
    let (started, mut asking) = (Instant::now(), JoinSet::new());
    for number in 0.. {
        let due = Duration::from_secs_f64(f64::from(number) / rate);
        if due >= OVERLOAD {
            break;
        }
        tokio::time::sleep_until((started + due).into()).await;
        let (bus, request) = (bus.clone(), Arc::clone(request));
        asking.spawn(async move {
            let asked = Instant::now();
            let options = RequestOptions { timeout: Some(Duration::from_secs(1)), ..RequestOptions::default() };
            (bus.request_with(&*request, options).await, asked.elapsed())
        });
    }
    let mut offered = Offered::default();
    for (reply, took) in asking.join_all().await {
        match reply {
            Ok(_) => offered.replied.push(took),
            Err(RequestError::Failed { code: 429, .. }) => offered.turned_away += 1,
            Err(_) => offered.failed += 1,
        }
    }
    offered
}

fn print(at_a_time: usize, count: usize, all: &[Vec<Round>; 3]) {
    let rates = |rounds: &[Round]| median(rounds.iter().map(|it| count as f64 / it.elapsed.as_secs_f64()).collect());
    let [ours, raw, module] = all.each_ref().map(|rounds| rates(rounds));
    let ratios = all[0].iter().zip(&all[1]).map(|(ours, raw)| raw.elapsed.as_secs_f64() / ours.elapsed.as_secs_f64());
    let ratio = median(ratios.collect());
    let times = all.each_ref().map(|rounds| {
        let mut each: Vec<Duration> = rounds.iter().flat_map(|round| round.each.iter().copied()).collect();
        each.sort_unstable();
        let part = |percent: usize| each[each.len() * percent / 100].as_micros();
        format!("{} {}", part(50), part(99))
    });
    println!(
        "{at_a_time:<14} {ours:>10.0} {raw:>10.0} {module:>10.0} {ratio:>8.2} {TARGET:>8.2} {:>6}   {}",
        if ratio >= TARGET { "yes" } else { "NO" },
        times.join(", ")
    );
}

/// Asks so often, with so many under way at a time.
async fn round(world: &World, side: Side, at_a_time: usize, count: usize) -> Outcome<Round> {
    let started = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..at_a_time {
        let (world, share) = (world.clone(), count / at_a_time);
        asking.spawn(async move {
            let mut each = Vec::with_capacity(share);
            for _ in 0..share {
                let started = Instant::now();
                ask(&world, side).await?;
                each.push(started.elapsed());
            }
            Outcome::Ok(each)
        });
    }
    let mut each = Vec::with_capacity(count);
    while let Some(asked) = asking.join_next().await {
        each.append(&mut asked??);
    }
    Ok(Round { elapsed: started.elapsed(), each })
}

async fn ask(world: &World, side: Side) -> Outcome {
    match side {
        Side::Ours => drop(world.bus.request(&*world.request).await?),
        Side::Raw => drop(world.client.request(RAW, world.body.clone()).await?),
        Side::Module => drop(world.client.request(MODULE, world.body.clone()).await?),
    }
    Ok(())
}

/// Begins to answer, each over a connection of its own.
async fn answer(server: &NatsServer, reply: RuleGetReply) -> Outcome {
    let body = Bytes::from(serde_json::to_vec(&reply)?);
    let bus = Bus::connect(config(server)).await?;
    let service = bus.service("rules").answer(move |_: Received<RuleGet>| {
        let reply = reply.clone();
        async { Ok(reply) }
    });
    tokio::spawn(service.run(std::future::pending::<()>()));
    let client = async_nats::connect(server.url()).await?;
    let (mut requests, answers) = (client.subscribe(RAW).await?, body.clone());
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            if let Some(reply) = request.reply {
                client.publish(reply, answers.clone()).await.unwrap();
            }
        }
    });
    let client = async_nats::connect(server.url()).await?;
    let service = client.service_builder().start("module", "1.0.0").await?;
    let mut requests = service.endpoint(MODULE).await?;
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            request.respond(Ok(body.clone())).await.unwrap();
        }
        drop(service);
    });
    // Whoever is asked first must be there.
    let client = async_nats::connect(server.url()).await?;
    for subject in [RAW, MODULE, "rules.query.rule.get"] {
        while client.request(subject, "{}".into()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(())
}

fn config(server: &NatsServer) -> Config {
    Config { servers: vec![server.url().into()], ..Config::default() }
}

/// The first example of a schema file.
fn example<T: serde::de::DeserializeOwned>(schema: &str) -> Outcome<T> {
    let schema: Value = serde_json::from_str(schema)?;
    Ok(serde_json::from_value(schema["examples"][0].clone())?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn number(variable: &str, default: usize) -> usize {
    env::var(variable).map_or(default, |text| text.parse().unwrap())
}

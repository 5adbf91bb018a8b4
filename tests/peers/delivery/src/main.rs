//! Delivers the same events through eventsmith, through ruststream and through async-nats itself, and prints their rates.
//!
//! The three take turns in one process, against one server; ratios are medians over the rounds. See the README for what
//! each of them does and leaves undone.

mod eventsmith_side;
mod raw_side;
mod ruststream_side;
mod world;

use std::time::{Duration, Instant};

use eventsmith::testing::NatsServer;

use world::World;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ROUNDS: usize = 9;
const EVENTS: usize = 20_000;
const SIDES: [&str; 3] = ["eventsmith", "ruststream", "raw"];

#[tokio::main]
async fn main() -> Outcome {
    let events = std::env::args().nth(1).map_or(Ok(EVENTS), |text| text.parse())?;
    let server = NatsServer::start().await?;
    let world = World::new(&server, events).await?;
    println!("{ROUNDS} rounds of {events} events of {} bytes, file storage", world.payload_len());
    println!(
        "{:<20} {:>11} {:>11} {:>11} {:>13} {:>13} {:>13}",
        "events/s", SIDES[0], SIDES[1], SIDES[2], "ours/rusts.", "ours/raw", "rusts./raw"
    );
    print("publish", events, rounds(async |side| publish(&world, side).await).await?);
    world.new_stream().await?;
    world.fill().await?;
    for handlers in [1, 8] {
        let name = format!("consume, {handlers} handler{}", if handlers == 1 { "" } else { "s" });
        print(&name, events, rounds(async |side| consume(&world, side, handlers).await).await?);
    }
    Ok(())
}

/// What each side took, round by round.
async fn rounds(round: impl AsyncFn(usize) -> Outcome<Duration>) -> Outcome<[Vec<f64>; 3]> {
    let mut seconds = [Vec::new(), Vec::new(), Vec::new()];
    for side in 0..SIDES.len() {
        round(side).await?;
    }
    for first in 0..ROUNDS {
        // Another one begins each time.
        for side in (0..SIDES.len()).map(|offset| (first + offset) % SIDES.len()) {
            seconds[side].push(round(side).await?.as_secs_f64());
        }
    }
    Ok(seconds)
}

/// Until everything is acknowledged.
async fn publish(world: &World, side: usize) -> Outcome<Duration> {
    world.new_stream().await?;
    let start = Instant::now();
    match side {
        0 => tokio::spawn(eventsmith_side::publish(world.clone())).await??,
        1 => tokio::spawn(ruststream_side::publish(world.clone())).await??,
        _ => tokio::spawn(raw_side::publish(world.clone())).await??,
    }
    let elapsed = start.elapsed();
    world.check_stored().await?;
    Ok(elapsed)
}

/// From the start of the consumer to its last event: each of the three ends in its own way, which is not compared.
async fn consume(world: &World, side: usize, handlers: usize) -> Outcome<Duration> {
    world.seen.reset();
    let start = Instant::now();
    match side {
        0 => tokio::spawn(eventsmith_side::consume(world.clone(), handlers)).await??,
        1 => tokio::spawn(ruststream_side::consume(world.clone(), handlers)).await??,
        _ => tokio::spawn(raw_side::consume(world.clone(), handlers)).await??,
    }
    let elapsed = world.seen.completed_at().ok_or("not every event was seen")?.duration_since(start);
    world.check_acknowledged(SIDES[side]).await?;
    Ok(elapsed)
}

fn print(name: &str, events: usize, seconds: [Vec<f64>; 3]) {
    let rate = |side: usize| events as f64 / median(seconds[side].clone());
    let ratio = |side: usize, other: usize| {
        median(seconds[side].iter().zip(&seconds[other]).map(|(side, other)| other / side).collect())
    };
    println!(
        "{name:<20} {:>11.0} {:>11.0} {:>11.0} {:>13.2} {:>13.2} {:>13.2}",
        rate(0),
        rate(1),
        rate(2),
        ratio(0, 1),
        ratio(0, 2),
        ratio(1, 2)
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

//! How fast events are delivered, beside loops over the client that eventsmith is built on, and in how much memory.
//!
//! - ours: `Bus::publish_all` and `Bus::bulk`, which validate; a `Consumer`, which decodes, validates, routes and acknowledges
//! - raw: async-nats with payloads that were written beforehand, the same windows, and nothing decoded
//!
//! Both take turns, round by round, in one process, against one server. What counts is the ratio: the median over the
//! rounds of one round's rates. The times of the processor are this process' alone, without the server's.
//!
//! `cargo bench -p eventsmith-tests --bench delivery`, and the words of a case's name to run that case alone. The variables
//! `DELIVERY_BENCH_EVENTS`, `DELIVERY_BENCH_ROUNDS` and `DELIVERY_BENCH_BACKLOG` change how many events a round has, how
//! many rounds there are, and how large the backlog is before which memory is measured. `DELIVERY_BENCH_ALONE=ours`, or
//! `=raw`, lets one side work alone, for a profiler. What an event costs beyond what every round costs is the difference
//! between two numbers of rounds:
//!
//! `DELIVERY_BENCH_ALONE=ours DELIVERY_BENCH_ROUNDS=3 valgrind --tool=callgrind target/release/deps/delivery-* publish memory`

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

mod backlog;
mod consume;
mod events;
mod publish;
mod rounds;
mod world;

use std::env;

use eventsmith::testing::NatsServer;

use consume::Handlers;
use publish::Way;
use world::{STORAGES, World};

/// What a bench returns when it cannot be carried out.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The part of the raw client's rate that publishing and consuming are to reach. (Design, section 9.)
const PUBLISH_TARGET: f64 = 0.95;
const BULK_TARGET: f64 = 1.5;
const CONSUME_TARGET: f64 = 0.90;

/// The handlers of a service: one, the default number, and as many that have something to wait for.
const HANDLERS: [Handlers; 3] = [
    Handlers { count: 1, waiting: false },
    Handlers { count: 8, waiting: false },
    Handlers { count: 8, waiting: true },
];

#[tokio::main]
async fn main() -> Outcome {
    if let Some(child) = backlog::Child::from_arguments() {
        return child.run().await;
    }
    let server = NatsServer::start().await?;
    let world = World::new(&server, number("DELIVERY_BENCH_EVENTS", 20_000)).await?;
    let rounds = number("DELIVERY_BENCH_ROUNDS", 9);

    println!(
        "{rounds} rounds of {} events of {} bytes, {} cores",
        world.len(),
        world.payload_len(),
        std::thread::available_parallelism()?
    );
    rounds::print_head();
    for (way, target) in [(Way::Publish, PUBLISH_TARGET), (Way::Bulk, BULK_TARGET)] {
        for storage in STORAGES {
            let name = format!("{way} {}", world::name_of(storage));
            if is_wanted(&name) {
                publish::rounds(&world, storage, way, rounds).await?.print(&name, target);
            }
        }
    }
    for storage in STORAGES {
        for handlers in HANDLERS {
            let name = format!("consume {} {handlers}", world::name_of(storage));
            if is_wanted(&name) {
                consume::rounds(&world, storage, handlers, rounds).await?.print(&name, CONSUME_TARGET);
            }
        }
    }
    if is_wanted("backlog") {
        backlog::measure(&world, number("DELIVERY_BENCH_BACKLOG", 1_000_000)).await?;
    }
    Ok(())
}

fn number(variable: &str, default: usize) -> usize {
    env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// Whether a case has all the words of the command line in its name.
fn is_wanted(name: &str) -> bool {
    env::args().skip(1).filter(|argument| !argument.starts_with('-')).all(|word| name.contains(&word))
}

//! What telemetry costs: publishing and consuming over a real server, with and without.
//!
//! `cargo bench -p eventsmith-telemetry-tests` prints a table. Each figure is the median of some rounds, in which the variants take turns,
//! each in a process of its own, as a process has one subscriber. Ratios count, not the figures themselves.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use eventsmith::admin::BusAdmin;
use eventsmith::observe::{Observer, Occurrence};
use eventsmith::telemetry::Telemetry;
use eventsmith::testing::NatsServer;
use eventsmith::{Bus, Config, HandlerError, Received};
use eventsmith_telemetry_tests::{Placed, STREAMS};
use futures_util::StreamExt;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::sync::Notify;

/// How many events a round publishes and consumes.
const EVENTS: usize = 20_000;
const ROUNDS: usize = 5;

/// Nobody listens; an observer that counts; metrics; metrics and traces of which none, one in a hundred, or all are sampled.
const VARIANTS: [&str; 6] = ["none", "observer", "metrics", "unsampled", "sampled 1 %", "sampled 100 %"];

/// Drops what it is given.
#[derive(Debug)]
struct Dropped;

impl SpanExporter for Dropped {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

#[derive(Default)]
struct Counter(AtomicU64);

impl Observer for Counter {
    fn observe(&self, _: &Occurrence<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn main() {
    match std::env::var("TELEMETRY_VARIANT") {
        Ok(variant) => tokio::runtime::Runtime::new().unwrap().block_on(one(&variant)),
        Err(_) => tokio::runtime::Runtime::new().unwrap().block_on(all()),
    }
}

async fn all() {
    let mut figures = vec![[Vec::new(), Vec::new()]; VARIANTS.len()];
    for _ in 0..ROUNDS {
        for (variant, figures) in VARIANTS.iter().zip(&mut figures) {
            let server = NatsServer::start().await.unwrap();
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.env("TELEMETRY_VARIANT", variant).env("TELEMETRY_SERVER", server.url());
            let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let mut words = text.split_whitespace();
            for figure in figures.iter_mut() {
                figure.push(words.next().unwrap().parse::<f64>().unwrap());
            }
        }
    }
    let median = |of: &[f64]| {
        let mut sorted = of.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    let medians: Vec<[f64; 2]> = figures.iter().map(|[sent, handled]| [median(sent), median(handled)]).collect();
    println!("{:<14} {:>14} {:>6} {:>14} {:>6}", "", "published / s", "ratio", "handled / s", "ratio");
    for (variant, [sent, handled]) in VARIANTS.iter().zip(&medians) {
        let [first_sent, first_handled] = medians[0];
        println!(
            "{variant:<14} {sent:>14.0} {:>6.2} {handled:>14.0} {:>6.2}",
            sent / first_sent,
            handled / first_handled
        );
    }
}

/// One round of a variant: prints how many events it published in a second, and how many it handled.
async fn one(variant: &str) {
    let url = std::env::var("TELEMETRY_SERVER").unwrap();
    let config = Config { servers: vec![url.as_str().into()], create_consumers: true, ..Config::default() };
    let plain = Bus::connect(config).await.unwrap();
    plain.provision(STREAMS).await.unwrap();
    let builder = Telemetry::builder("bench");
    let bus = match variant {
        "none" => plain,
        "observer" => plain.observed_by(Arc::new(Counter::default())),
        "metrics" => plain.observed_by(builder.build().unwrap().observer()),
        traced => {
            let share = match traced {
                "unsampled" => 0.0,
                "sampled 1 %" => 0.01,
                _ => 1.0,
            };
            let telemetry = builder.sampled(share).span_exporter(Dropped).build().unwrap();
            telemetry.init().unwrap();
            plain.observed_by(telemetry.observer())
        }
    };
    let event = Placed::of("o-1");
    let begun = Instant::now();
    // Many at a time, each with a span of its own.
    let each = futures_util::stream::iter(0..EVENTS).map(|_| bus.publish(&event));
    let stored = each.buffer_unordered(256).filter(|stored| std::future::ready(stored.is_ok())).count().await;
    assert_eq!(stored, EVENTS);
    let publishing = begun.elapsed();
    let (handled, done) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let (counter, last) = (Arc::clone(&handled), Arc::clone(&done));
    let placed = move |_: Received<Placed>| {
        if counter.fetch_add(1, Ordering::Relaxed) + 1 == EVENTS as u64 {
            last.notify_one();
        }
        std::future::ready(Ok::<_, HandlerError>(()))
    };
    let begun = Instant::now();
    let ended = async {
        done.notified().await;
        begun.elapsed()
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let consumer = bus.consumer("bench").on(placed);
    let (consumed, handling) = tokio::join!(consumer.run(stopped), async {
        let handling = ended.await;
        drop(stop);
        handling
    });
    consumed.unwrap();
    let rate = |took: Duration| EVENTS as f64 / took.as_secs_f64();
    println!("{} {}", rate(publishing), rate(handling));
}

//! A service that does [`Job`]s, for tests that kill it: `delivery_worker ORDERS`, with [`Orders`] in JSON.
//!
//! It says `READY` once it is about to consume, `HANDLING id attempt` when a handler begins and `DONE id attempt` when one
//! has completed. On SIGTERM it finishes what it has begun, says `STOPPED handled failed released cut_off` and exits with
//! 0.

use std::error::Error;
use std::time::Duration;

use eventsmith::config::{ConsumerConfig, Order, RetryPolicy};
use eventsmith::monitor::Summary;
use eventsmith::{Bus, Config, HandlerError, Received};
use eventsmith_tests::job::{Deed, Job, Journal, Orders, What};
use eventsmith_tests::worker::{end_with_parent, say};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    end_with_parent();
    let orders = std::env::args().nth(1).ok_or("usage: delivery_worker ORDERS")?;
    let orders: Orders = serde_json::from_str(&orders)?;
    let config = Config {
        servers: vec![orders.url.as_str().into()],
        name: "delivery-worker".to_owned(),
        max_reconnect_delay: Duration::from_millis(200),
        create_consumers: true,
        ..Config::default()
    };
    let bus = Bus::connect(config).await?;
    let journal = Journal::at(orders.journal);
    let first_delay = Duration::from_millis(orders.retry_delay_ms);
    let config = ConsumerConfig {
        concurrency: orders.concurrency,
        prefetch: orders.prefetch,
        ack_wait: Duration::from_millis(orders.ack_wait_ms),
        order: if orders.ordered { Order::Key } else { Order::None },
        retry: RetryPolicy { first_delay, max_delay: first_delay * 5, max_attempts: orders.max_attempts },
        shutdown_timeout: Duration::from_millis(orders.shutdown_timeout_ms),
        ..ConsumerConfig::default()
    };
    let consumer =
        bus.consumer(orders.consumer).config(config).on(move |job: Received<Job>| handle(job, journal.clone()));
    say("READY")?;
    let summary = consumer.run(eventsmith::shutdown_signal()).await?;
    bus.shutdown().await?;
    let Summary { handled, failed, released, cut_off, .. } = summary;
    say(&format!("STOPPED {handled} {failed} {released} {cut_off}"))?;
    // Returning would wait for handlers that block their threads.
    std::process::exit(0);
}

async fn handle(job: Received<Job>, journal: Journal) -> Result<(), HandlerError> {
    let (id, attempt, (_, delivery)) = (job.id, job.attempt(), job.fencing_token());
    journal.append(What::Begun, id, attempt, delivery)?;
    say(&format!("HANDLING {id} {attempt}"))?;
    match job.deed(attempt) {
        Deed::Complete => {}
        Deed::Work(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        Deed::Hang => std::future::pending().await,
        Deed::Block => {
            tokio::time::sleep(Duration::from_millis(20)).await;
            loop {
                std::thread::park();
            }
        }
        Deed::Fail => return Err(HandlerError::retry("told to fail")),
        Deed::Reject => return Err(HandlerError::reject("told to reject")),
        #[expect(clippy::panic, reason = "it was told to")]
        Deed::Panic => panic!("told to panic"),
        Deed::Abort => std::process::abort(),
    }
    journal.append(What::Done, id, attempt, delivery)?;
    Ok(say(&format!("DONE {id} {attempt}"))?)
}

//! How much memory a consumer takes that has a large backlog before it. Each side is a process of its own, as the most
//! that a process ever had cannot be reset.

use std::env;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::stream::StorageType;
use eventsmith::{Bus, Received};
use futures_util::{StreamExt, TryStreamExt};
use rules_events::evaluation::EvaluationCompleted;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::Outcome;
use crate::consume::{self, PREFETCH};
use crate::world::{self, World};

/// How many events are consumed until the memory is looked at.
const CONSUMED: usize = 50_000;
const HANDLERS: usize = 32;
/// What a handler takes: long enough for the server to be quicker.
const PACE: Duration = Duration::from_millis(1);

pub(crate) async fn measure(world: &World, backlog: usize) -> Outcome {
    world.full_stream(StorageType::File, backlog).await?;
    let consumed = CONSUMED.min(backlog / 2);
    println!("\npeak memory with a backlog of {backlog} events, after {consumed} of them, {HANDLERS} handlers");
    for side in ["ours", "raw"] {
        let output =
            Command::new(env::current_exe()?).args([CHILD, side, &world.url, &consumed.to_string()]).output()?;
        let (printed, errors) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        assert!(output.status.success(), "the process of {side} failed: {printed}{errors}");
        println!("{side:<6}{}", printed.trim_end());
    }
    Ok(())
}

const CHILD: &str = "--consume-backlog";

/// What a child process is told.
pub(crate) struct Child {
    side: String,
    url: String,
    count: usize,
}

impl Child {
    /// `None` in the parent.
    pub(crate) fn from_arguments() -> Option<Self> {
        let mut arguments = env::args().skip_while(|argument| argument != CHILD).skip(1);
        let (side, url) = (arguments.next()?, arguments.next()?);
        Some(Self { side, url, count: arguments.next()?.parse().ok()? })
    }

    pub(crate) async fn run(self) -> Outcome {
        match self.side.as_str() {
            "ours" => self.ours().await,
            _ => self.raw().await,
        }
    }

    async fn ours(self) -> Outcome {
        let bus = Bus::connect(world::config(&self.url)).await?;
        let before = Memory::now();
        let (handled, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let handler = {
            let enough = Arc::clone(&enough);
            move |_: Received<EvaluationCompleted>| {
                let (handled, enough) = (Arc::clone(&handled), Arc::clone(&enough));
                async move {
                    sleep(PACE).await;
                    if handled.fetch_add(1, Ordering::Relaxed) + 1 == self.count {
                        enough.notify_one();
                    }
                    Ok(())
                }
            }
        };
        let summary = consume::consumer(&bus, HANDLERS).on(handler).run(enough.notified()).await?;
        assert!(summary.handled >= self.count as u64, "{summary:?}");
        before.print();
        Ok(())
    }

    async fn raw(self) -> Outcome {
        let context = jetstream::new(async_nats::connect(&self.url).await?);
        let before = Memory::now();
        let mut consumer = consume::raw_consumer(&context).await?;
        let messages = consumer.stream().max_messages_per_batch(PREFETCH + HANDLERS).messages().await?;
        let each = |message: jetstream::Message| async move {
            sleep(PACE).await;
            message.ack().await
        };
        messages.take(self.count).map_err(Into::into).try_for_each_concurrent(HANDLERS, each).await?;
        consumer.info().await?;
        before.print();
        Ok(())
    }
}

/// What this process has of the machine's memory.
struct Memory {
    resident: String,
}

impl Memory {
    fn now() -> Self {
        Self { resident: status("VmRSS") }
    }

    /// Says how much there was then and at the most since.
    fn print(&self) {
        println!("{} at its peak, {} before it consumed", status("VmHWM"), self.resident);
    }
}

/// A line of what the system says about this process.
fn status(name: &str) -> String {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.map_or_else(|| "unknown".to_owned(), |value| value.trim().to_owned())
}

//! What code of the user's may do beside handling: panic where nobody expects it, and take its time.

#![expect(clippy::panic, reason = "that is what is tried")]

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use eventsmith::config::{ConsumerConfig, Order, RetryPolicy};
use eventsmith::generated::{Schema, Token};
use eventsmith::{Bus, DecodeError, Event, HandlerError, Invalid, Kind, Received};
use serde::{Deserialize, Serialize};

use crate::common::*;
use crate::dead_lettering::letters;

/// An error that cannot be displayed.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("an error that panics")
    }
}

impl std::error::Error for Unspeakable {}

/// Panics when it is dropped, as an error or as what a handler holds.
#[derive(Debug)]
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a panic while dropping");
    }
}

impl fmt::Display for Explosive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("explosive")
    }
}

impl std::error::Error for Explosive {}

/// How the first attempt of an event ends.
#[derive(Debug, Clone, Copy)]
enum End {
    UnspeakableRetry,
    ExplosiveRetry,
    ExplosivePanic,
    TimeoutWithExplosive,
}

async fn end(how: End) -> Result<(), HandlerError> {
    match how {
        End::UnspeakableRetry => Err(HandlerError::retry(Unspeakable)),
        End::ExplosiveRetry => Err(HandlerError::retry(Explosive)),
        End::ExplosivePanic => std::panic::panic_any(Explosive),
        End::TimeoutWithExplosive => {
            let _explosive = Explosive;
            std::future::pending().await
        }
    }
}

/// However it ends: the next attempt comes before the events behind it with the same key.
#[tokio::test]
async fn an_event_whose_end_panics_keeps_its_place_in_the_order_of_its_key() -> Outcome {
    for how in [End::UnspeakableRetry, End::ExplosiveRetry, End::ExplosivePanic, End::TimeoutWithExplosive] {
        let (_server, bus) = server().await?;
        let moved = |number| Moved { key: "k".to_owned(), number };
        bus.publish_all(&(0..4).map(moved).collect::<Vec<_>>()).await?;
        let journal = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&journal);
        let config = ConsumerConfig { order: Order::Key, timeout: Duration::from_millis(200), ..quick() };

        let consumer = run(bus.consumer("promotions").config(config).on(move |event: Received<Moved>| {
            notes.lock().unwrap().push((event.number, event.attempt()));
            let is_first = (event.number, event.attempt()) == (1, 1);
            async move { if is_first { end(how).await } else { Ok(()) } }
        }));
        until(|| journal.lock().unwrap().len() >= 5).await.map_err(|_| format!("{how:?} {journal:?}"))?;
        let summary = consumer.stop().await?;

        assert_eq!(*journal.lock().unwrap(), [(0, 1), (1, 1), (1, 2), (2, 1), (3, 1)], "{how:?}");
        assert_eq!((summary.handled, summary.failed), (4, 1), "{how:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_rejection_counts_also_if_its_error_cannot_be_displayed_or_dropped() -> Outcome {
    let (_server, bus) = server().await?;
    for number in 0..2 {
        bus.publish(&activated(number)).await?;
    }

    let consumer = run(bus.consumer("promotions").on(|event: Received<Activated>| async move {
        Err(if event.rule_id == "0" { HandlerError::reject(Unspeakable) } else { HandlerError::reject(Explosive) })
    }));
    let found = letters(&bus, 2).await?;
    let summary = consumer.stop().await?;

    let errors: Vec<_> = found.iter().map(|letter| (letter.attempts, letter.error.as_str())).collect();
    assert_eq!(errors, [(1, "an error that panics when it is displayed"), (1, "explosive")]);
    assert_eq!((summary.failed, summary.dead_lettered), (0, 2));
    Ok(())
}

/// An event of which a part is code of the user's.
#[derive(Debug, Serialize, Deserialize)]
struct Odd<P: Part> {
    key: String,
    number: u32,
    #[serde(skip)]
    part: PhantomData<P>,
}

trait Part: fmt::Debug + Send + Sync + 'static {
    fn decode() {}
    fn key(_number: u32) {}
    fn drop(_number: u32) {}
}

impl<P: Part> Drop for Odd<P> {
    fn drop(&mut self) {
        P::drop(self.number);
    }
}

impl<P: Part> Event for Odd<P> {
    const TOKEN: Token = Token::of_generated_code();
    const KIND: Kind = Kind::Domain;
    const TYPE: &'static str = "rule.moved";
    const VERSION: u32 = 1;
    const SUBJECT: &'static str = "rules.domain.rule.moved";
    const SCHEMA: &'static str = "true";
    const KEY: Option<&'static str> = Some("/key");

    fn key(&self) -> Option<String> {
        P::key(self.number);
        Some(self.key.clone())
    }

    fn payload_schema() -> &'static Schema {
        static SCHEMA: Schema = Schema::new("rule.moved", 1, "true");
        &SCHEMA
    }

    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }

    fn decode(_: u32, data: &[u8]) -> Result<Self, DecodeError> {
        P::decode();
        Ok(serde_json::from_slice(data).unwrap())
    }
}

#[derive(Debug)]
struct KeyPanics;

impl Part for KeyPanics {
    fn key(number: u32) {
        assert_ne!(number, 1, "the key panics");
    }
}

#[derive(Debug)]
struct DropPanics;

impl Part for DropPanics {
    fn drop(number: u32) {
        assert!(number != 1 || std::thread::panicking(), "dropping the event panics");
    }
}

const EVENTS: u32 = 12;

async fn publish(bus: &Bus) -> Outcome {
    let moved = |number| Moved { key: format!("k{}", number % 3), number };
    bus.publish_all(&(0..EVENTS).map(moved).collect::<Vec<_>>()).await?;
    Ok(())
}

/// All others are handled, and in the order of their keys.
async fn goes_on<P: Part>(order: Order) -> Outcome {
    let (_server, bus) = server().await?;
    publish(&bus).await?;
    let journal = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&journal);
    let config = ConsumerConfig { order, ..quick() };

    let consumer = run(bus.consumer("promotions").config(config).on(move |event: Received<Odd<P>>| {
        notes.lock().unwrap().push(event.number);
        async { Ok(()) }
    }));
    let others = EVENTS as usize - 1;
    let is_done = || journal.lock().unwrap().iter().filter(|number| **number != 1).count() >= others;
    until(is_done).await.map_err(|_| format!("{order:?} {journal:?}"))?;
    consumer.stop().await?;

    for key in [0, 2].into_iter().filter(|_| order == Order::Key) {
        let of_key: Vec<u32> = journal.lock().unwrap().iter().copied().filter(|it| it % 3 == key).collect();
        assert!(of_key.is_sorted(), "{of_key:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_key_that_panics_ends_no_consumer() -> Outcome {
    goes_on::<KeyPanics>(Order::None).await
}

#[tokio::test]
async fn a_key_that_panics_ends_no_consumer_that_is_ordered_by_key() -> Outcome {
    goes_on::<KeyPanics>(Order::Key).await
}

#[tokio::test]
async fn an_event_that_panics_when_it_is_dropped_ends_no_consumer() -> Outcome {
    goes_on::<DropPanics>(Order::None).await
}

#[tokio::test]
async fn an_event_that_panics_when_it_is_dropped_ends_no_consumer_that_is_ordered_by_key() -> Outcome {
    goes_on::<DropPanics>(Order::Key).await
}

const SLOW: Duration = Duration::from_millis(200);

/// How often one was decoded.
static DECODED: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct SlowlyDecoded;

impl Part for SlowlyDecoded {
    fn decode() {
        DECODED.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(SLOW);
    }
}

/// An upcast may block, too: what was fetched ahead is not decoded when the consumer stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decoding_that_blocks_holds_up_no_stop_of_what_is_ordered_by_key() -> Outcome {
    let (_server, bus) = server().await?;
    for _ in 0..5 {
        publish(&bus).await?;
    }
    let config = ConsumerConfig { order: Order::Key, shutdown_timeout: SLOW, ..quick() };
    let consumer = Running::start(
        bus.consumer("promotions").config(config).on(|_: Received<Odd<SlowlyDecoded>>| async { Ok(()) }),
    );
    until(|| DECODED.load(Ordering::Relaxed) >= 2).await?;

    let stopping = Instant::now();
    consumer.stop().await?;
    let (stopped, decoded) = (stopping.elapsed(), DECODED.load(Ordering::Relaxed));

    assert!(stopped < SLOW * 15, "{stopped:?} for {decoded}");
    Ok(())
}

/// What is said of an event is a line, however much its handler says.
#[tokio::test]
async fn an_error_without_end_is_cut_where_it_is_written() -> Outcome {
    struct Endless;

    impl fmt::Debug for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Endless")
        }
    }

    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("and on ")?;
            }
        }
    }

    impl std::error::Error for Endless {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(self)
        }
    }

    let (_server, bus) = server().await?;
    bus.publish(&activated("r1")).await?;
    let retry = RetryPolicy { max_attempts: 2, ..QUICK };

    let consumer =
        Running::start(bus.consumer("promotions").retry(retry).on(|_: Received<Activated>| async { Err(Endless)? }));
    let letter = letters(&bus, 1).await?.remove(0);
    consumer.stop().await?;

    assert_eq!(letter.attempts, 2);
    assert!(letter.error.starts_with("and on and on") && letter.error.len() <= 1_000, "{}", letter.error);
    Ok(())
}

//! Waiting until nothing is left to be done.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::durable::Durable;
use super::log::Log;
use super::reading::Place;
use super::state::Memory;

/// What a consumer that somebody reads still has to do.
enum RemainingWork {
    None,
    /// Only what is to be tried again at this instant or later.
    Delayed(Instant),
    /// Something that is delivered or can be.
    Ready,
}

/// A consumer that has been made and does not read yet.
#[derive(Debug)]
#[must_use = "dropped, it waits no more"]
pub struct Starting(Memory);

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.shared.starting.fetch_sub(1, Ordering::SeqCst);
        self.0.shared.changed.send_replace(());
    }
}

/// Somebody who reads a stream in its order, and is to be waited for until all that it holds was taken in.
#[derive(Debug)]
pub struct Reading {
    memory: Memory,
    id: u64,
}

impl Reading {
    /// Everything up to a number of the stream was taken in.
    pub fn at(&self, sequence: u64) {
        self.memory.shared.readings.at(self.id, sequence);
        self.memory.shared.changed.send_replace(());
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.memory.shared.readings.end(self.id);
        self.memory.shared.changed.send_replace(());
    }
}

impl Memory {
    /// Says that somebody reads a subject of a stream, from behind a number on, so that it is waited for.
    pub(crate) fn reading(&self, stream: &str, subject: &str, sequence: u64) -> Reading {
        let place = Place { stream: stream.to_owned(), subject: subject.to_owned(), sequence };
        Reading { memory: self.clone(), id: self.shared.readings.begin(place) }
    }

    /// Says that a consumer is about to read, so that it is waited for.
    pub(crate) fn starting(&self) -> Starting {
        self.shared.starting.fetch_add(1, Ordering::SeqCst);
        Starting(self.clone())
    }

    /// Waits until every consumer that runs has settled all it can get: handled or dead-lettered. What waits to
    /// be tried again is not waited for; the clock is put forward instead.
    pub async fn settle(&self) {
        let mut changed = self.shared.changed.subscribe();
        loop {
            changed.borrow_and_update();
            match self.remaining_work() {
                RemainingWork::None => return,
                RemainingWork::Delayed(due) => {
                    self.shared.clock.advance_to(due);
                    self.shared.changed.send_replace(());
                    // Whoever reads takes what is due now before anybody looks again.
                    tokio::task::yield_now().await;
                }
                // Fails only without a sender, and we hold one.
                RemainingWork::Ready => drop(changed.changed().await),
            }
        }
    }

    fn remaining_work(&self) -> RemainingWork {
        if self.shared.starting.load(Ordering::SeqCst) > 0 {
            return RemainingWork::Ready;
        }
        let now = self.shared.clock.now();
        let mut streams = self.streams();
        // What is due now is stored before anybody is asked how far they are.
        streams.values_mut().for_each(|stream| stream.log.trim());
        let is_behind = |Place { stream, subject, sequence }: &Place| {
            streams
                .get(stream)
                .is_some_and(|stream| stream.log.first_from(sequence + 1, std::slice::from_ref(subject)).is_some())
        };
        if self.shared.readings.any(is_behind) {
            return RemainingWork::Ready;
        }
        let mut first: Option<Instant> = None;
        for stream in streams.values() {
            if stream.consumers.values().any(|durable| !durable.readers.is_empty()) {
                first = first.into_iter().chain(stream.log.next_schedule()).min();
            }
            for durable in stream.consumers.values().filter(|durable| !durable.readers.is_empty()) {
                match remaining_work(durable, &stream.log, now) {
                    RemainingWork::None => {}
                    RemainingWork::Delayed(due) => first = Some(first.map_or(due, |first| first.min(due))),
                    RemainingWork::Ready => return RemainingWork::Ready,
                }
            }
        }
        first.map_or(RemainingWork::None, RemainingWork::Delayed)
    }
}

fn remaining_work(durable: &Durable, log: &Log, now: Instant) -> RemainingWork {
    let kept = || durable.pending.iter().filter(|(sequence, _)| log.message(**sequence).is_some());
    let is_at_work = kept().any(|(_, pending)| !pending.is_nak || pending.due <= now);
    if is_at_work || durable.next_new(log).is_some() {
        return RemainingWork::Ready;
    }
    kept().map(|(_, pending)| pending.due).min().map_or(RemainingWork::None, RemainingWork::Delayed)
}

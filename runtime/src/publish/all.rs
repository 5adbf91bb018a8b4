//! Publishing many events in a bounded window of unacknowledged ones, in order.

use std::collections::VecDeque;

use futures_util::future;
use tokio::time::Instant;

use super::{Prepared, PublishError, PublishOptions, Published, Publisher, prepare};
use crate::Event;
use crate::transport::{Ack, SendFailure, Stored};

type Outcome = Result<Published, PublishError>;

impl Publisher {
    pub(crate) async fn publish_all<'a, E: Event>(&self, events: impl Iterator<Item = &'a E>) -> Vec<Outcome> {
        let mut batch = Batch {
            publisher: self,
            options: PublishOptions::default(),
            outcomes: Vec::new(),
            window: VecDeque::new(),
            broken: false,
        };
        for event in events {
            batch.publish(event).await;
        }
        batch.finish().await
    }
}

/// A call of `publish_all` under way.
struct Batch<'p> {
    publisher: &'p Publisher,
    options: PublishOptions,
    /// One per event so far; `None` while it is in the window.
    outcomes: Vec<Option<Outcome>>,
    /// Sent and not acknowledged, in order.
    window: VecDeque<InFlight>,
    /// Whether an event is not known to be stored, so that none may follow.
    broken: bool,
}

/// A message on its way.
struct InFlight {
    index: usize,
    prepared: Prepared,
    sent: Instant,
    ack: Result<Ack, SendFailure>,
}

impl Batch<'_> {
    /// Sends an event as soon as the window has room.
    async fn publish<E: Event>(&mut self, event: &E) {
        while self.window.len() >= self.publisher.window.max(1) {
            self.settle_first().await;
        }
        let index = self.outcomes.len();
        if self.broken {
            self.outcomes.push(Some(Err(PublishError::NotSent)));
            return;
        }
        match prepare(&self.publisher.source, event, &self.options) {
            Ok(prepared) => {
                let sent = Instant::now();
                let ack = self.publisher.transport.send(&prepared.message).await;
                let failed = ack.is_err();
                self.outcomes.push(None);
                self.window.push_back(InFlight { index, prepared, sent, ack });
                if failed {
                    self.settle_all().await;
                }
            }
            Err(error) => self.outcomes.push(Some(Err(error))),
        }
    }

    async fn finish(mut self) -> Vec<Outcome> {
        while !self.window.is_empty() {
            self.settle_first().await;
        }
        // Nothing is in flight any more, so every event has its outcome.
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or(Err(PublishError::NotSent))).collect()
    }

    /// Waits for the first acknowledgement of the window. If it fails, the whole window is settled before anything else
    /// is sent, so that an event overtakes at most those that were in flight with it.
    async fn settle_first(&mut self) {
        let Some(mut first) = self.window.pop_front() else { return };
        match acknowledged(&mut first.ack).await {
            Err(failure @ SendFailure::Transient(_)) => {
                first.ack = Err(failure);
                self.window.push_front(first);
                self.settle_all().await;
            }
            outcome => self.record(&first, outcome),
        }
    }

    /// Waits for all acknowledgements of the window, then sends again what failed, one by one and in order.
    async fn settle_all(&mut self) {
        let mut window: Vec<InFlight> = self.window.drain(..).collect();
        let outcomes = future::join_all(window.iter_mut().map(|in_flight| acknowledged(&mut in_flight.ack))).await;
        for (in_flight, outcome) in window.into_iter().zip(outcomes) {
            match outcome {
                Err(failure @ SendFailure::Transient(_)) if !self.broken => {
                    let before = Some((in_flight.sent, failure));
                    let outcome = self.publisher.store(&in_flight.prepared, before).await;
                    self.broken = matches!(outcome, Err(PublishError::Unacknowledged { .. } | PublishError::Closed));
                    self.set(in_flight.index, outcome);
                }
                outcome => self.record(&in_flight, outcome),
            }
        }
    }

    fn record(&mut self, in_flight: &InFlight, outcome: Result<Stored, SendFailure>) {
        let outcome = match outcome {
            Ok(stored) => Ok(in_flight.prepared.stored(stored)),
            Err(failure) => {
                self.broken |= matches!(failure, SendFailure::Closed | SendFailure::QueueFull { .. });
                Err(in_flight.prepared.failed(failure, 1, in_flight.sent.elapsed()))
            }
        };
        self.set(in_flight.index, outcome);
    }

    fn set(&mut self, index: usize, outcome: Outcome) {
        if let Some(slot) = self.outcomes.get_mut(index) {
            *slot = Some(outcome);
        }
    }
}

/// Waits for an acknowledgement, and leaves a failure in its place.
async fn acknowledged(ack: &mut Result<Ack, SendFailure>) -> Result<Stored, SendFailure> {
    match std::mem::replace(ack, Err(SendFailure::Closed)) {
        Ok(ack) => ack.outcome().await,
        Err(failure) => Err(failure),
    }
}

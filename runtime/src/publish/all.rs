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
    /// Its acknowledgement, until that was waited for.
    ack: Option<Ack>,
    outcome: Result<Stored, SendFailure>,
}

impl InFlight {
    /// Waits until the outcome is known.
    async fn wait(&mut self) {
        if let Some(ack) = self.ack.take() {
            self.outcome = ack.outcome().await;
        }
    }
}

impl Batch<'_> {
    /// Sends an event as soon as the window has room.
    async fn publish<E: Event>(&mut self, event: &E) {
        if self.window.len() >= self.publisher.window.max(1) {
            // Waking for each acknowledgement, to write one message, costs more than everything else. So room is made for
            // several: acknowledgements come in order, and with the last of these the others are there.
            let several = self.window.len().div_ceil(4);
            if let Some(last) = self.window.get_mut(several - 1) {
                last.wait().await;
            }
            for _ in 0..several {
                self.settle_first().await;
            }
        }
        let index = self.outcomes.len();
        if self.broken {
            self.outcomes.push(Some(Err(PublishError::NotSent)));
            return;
        }
        match prepare(&self.publisher.source, event, &self.options) {
            Ok(prepared) => {
                let sent = Instant::now();
                let (ack, outcome) = match self.publisher.transport.send(&prepared.message).await {
                    Ok(ack) => (Some(ack), Err(SendFailure::Closed)),
                    Err(failure) => (None, Err(failure)),
                };
                let failed = ack.is_none();
                self.outcomes.push(None);
                self.window.push_back(InFlight { index, prepared, sent, ack, outcome });
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
        let Some(first) = self.window.front_mut() else { return };
        first.wait().await;
        if let Err(SendFailure::Transient(_)) = first.outcome {
            self.settle_all().await;
        } else if let Some(first) = self.window.pop_front() {
            self.record(first);
        }
    }

    /// Waits for all acknowledgements of the window, then sends again what failed, one by one and in order.
    async fn settle_all(&mut self) {
        future::join_all(self.window.iter_mut().map(|in_flight| in_flight.wait())).await;
        while let Some(in_flight) = self.window.pop_front() {
            match in_flight.outcome {
                Err(failure @ SendFailure::Transient(_)) if !self.broken => {
                    let before = Some((in_flight.sent, failure));
                    let outcome = self.publisher.store(&in_flight.prepared, before).await;
                    self.broken = matches!(outcome, Err(PublishError::Unacknowledged { .. } | PublishError::Closed));
                    self.set(in_flight.index, outcome);
                }
                _ => self.record(in_flight),
            }
        }
    }

    fn record(&mut self, in_flight: InFlight) {
        let InFlight { index, prepared, sent, outcome, .. } = in_flight;
        self.broken |= matches!(outcome, Err(SendFailure::Closed | SendFailure::QueueFull { .. }));
        let outcome = match outcome {
            Ok(stored) => Ok(prepared.stored(stored)),
            Err(failure) => Err(prepared.failed(failure, 1, sent.elapsed())),
        };
        self.set(index, outcome);
    }

    fn set(&mut self, index: usize, outcome: Outcome) {
        if let Some(slot) = self.outcomes.get_mut(index) {
            *slot = Some(outcome);
        }
    }
}

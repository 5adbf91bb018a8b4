//! Publishing many events in a bounded window of unacknowledged ones, in order.

use std::collections::VecDeque;
use std::fmt;

use eventsmith_event::event::Event;
use futures_util::future;
use tokio::time::Instant;

use super::error::PublishError;
use super::options::{PublishOptions, Published};
use super::prepare::{Prepared, prepare};
use super::publisher::Publisher;
use crate::transport::{PendingAck, PublishAck, SendFailure};

/// Why not all events of one call of [`Bus::publish_all`](crate::bus::Bus::publish_all) are known to be stored.
///
/// ```
/// # async fn example<E: eventsmith::Event>(bus: &eventsmith::Bus, events: &[E]) {
/// if let Err(error) = bus.publish_all(events).await {
///     println!("{} of {} are stored", error.stored().count(), events.len());
///     for (index, reason) in error.failures() {
///         println!("event {index}: {reason}");
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct PublishAllError {
    /// One per event, in order. At least one is an error.
    results: Vec<Result<Published, PublishError>>,
}

impl PublishAllError {
    /// The events that are stored, each with its place among those that were given.
    pub fn stored(&self) -> impl Iterator<Item = (usize, &Published)> {
        self.results.iter().enumerate().filter_map(|(index, result)| Some((index, result.as_ref().ok()?)))
    }

    /// The events that are not known to be stored, each with its place among those that were given and the reason.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &PublishError)> {
        self.results.iter().enumerate().filter_map(|(index, result)| Some((index, result.as_ref().err()?)))
    }

    /// What became of each event, in order.
    pub fn into_results(self) -> Vec<Result<Published, PublishError>> {
        self.results
    }
}

impl fmt::Display for PublishAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stored, all) = (self.stored().count(), self.results.len());
        write!(f, "{stored} of {all} events are stored")?;
        match self.failures().next() {
            Some((index, reason)) if all - stored == 1 => {
                write!(f, "; event {index}, counted from 0, is not: {reason}")
            }
            Some((index, reason)) => {
                write!(f, "; {} are not, the first is event {index}, counted from 0: {reason}", all - stored)
            }
            None => Ok(()),
        }
    }
}

impl std::error::Error for PublishAllError {
    /// The reason of the first that is not stored.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failures().next().map(|(_, error)| error as _)
    }
}

impl Publisher {
    pub(crate) async fn publish_all<'a, E: Event>(
        &self,
        events: impl Iterator<Item = &'a E>,
    ) -> Result<Vec<Published>, PublishAllError> {
        let mut window = PublishWindow {
            publisher: self,
            options: PublishOptions::default(),
            results: Vec::new(),
            in_flight: VecDeque::new(),
            broken: false,
        };
        for event in events {
            window.publish(event).await;
        }
        let results = window.finish().await;
        if results.iter().any(Result::is_err) {
            return Err(PublishAllError { results });
        }
        Ok(results.into_iter().flatten().collect())
    }
}

/// A call of `publish_all` under way.
struct PublishWindow<'p> {
    publisher: &'p Publisher,
    options: PublishOptions,
    /// One per event so far; `None` while it is in the window.
    results: Vec<Option<Result<Published, PublishError>>>,
    /// Sent and not acknowledged, in order.
    in_flight: VecDeque<InFlight>,
    /// Whether an event is not known to be stored, so that none may follow.
    broken: bool,
}

/// A message on its way.
struct InFlight {
    index: usize,
    prepared: Prepared,
    sent: Instant,
    /// Its acknowledgement, until that was waited for.
    ack: Option<PendingAck>,
    result: Result<PublishAck, SendFailure>,
}

impl InFlight {
    /// Waits until the result is known.
    async fn wait(&mut self) {
        if let Some(ack) = self.ack.take() {
            self.result = ack.await;
        }
    }
}

impl PublishWindow<'_> {
    /// Sends an event as soon as the window has room.
    async fn publish<E: Event>(&mut self, event: &E) {
        if self.in_flight.len() >= self.publisher.max_in_flight.max(1) {
            // Waking for each acknowledgement, to write one message, costs more than everything else. So room is made for
            // several: acknowledgements come in order, and with the last of these the others are there.
            let several = self.in_flight.len().div_ceil(4);
            if let Some(last) = self.in_flight.get_mut(several - 1) {
                last.wait().await;
            }
            for _ in 0..several {
                self.settle_first().await;
            }
        }
        let index = self.results.len();
        if self.broken {
            self.results.push(Some(Err(PublishError::NotSent)));
            return;
        }
        match prepare(&self.publisher.source, event, &self.options) {
            Ok(prepared) => {
                let sent = Instant::now();
                let (ack, result) = match self.publisher.transport.send(&prepared.message).await {
                    Ok(ack) => (Some(ack), Err(SendFailure::Closed)),
                    Err(failure) => (None, Err(failure)),
                };
                let failed = ack.is_none();
                self.results.push(None);
                self.in_flight.push_back(InFlight { index, prepared, sent, ack, result });
                if failed {
                    self.settle_all().await;
                }
            }
            Err(error) => self.results.push(Some(Err(error))),
        }
    }

    async fn finish(mut self) -> Vec<Result<Published, PublishError>> {
        while !self.in_flight.is_empty() {
            self.settle_first().await;
        }
        // Nothing is in flight any more, so every event has its result.
        self.results.into_iter().map(|result| result.unwrap_or(Err(PublishError::NotSent))).collect()
    }

    /// Waits for the first acknowledgement of the window. If it fails, the whole window is settled before anything else
    /// is sent, so that an event overtakes at most those that were in flight with it.
    async fn settle_first(&mut self) {
        let Some(first) = self.in_flight.front_mut() else { return };
        first.wait().await;
        if let Err(SendFailure::Transient(_)) = first.result {
            self.settle_all().await;
        } else if let Some(first) = self.in_flight.pop_front() {
            self.record(first);
        }
    }

    /// Waits for all acknowledgements of the window, then sends again what failed, one by one and in order.
    async fn settle_all(&mut self) {
        future::join_all(self.in_flight.iter_mut().map(InFlight::wait)).await;
        while let Some(in_flight) = self.in_flight.pop_front() {
            match in_flight.result {
                Err(failure @ SendFailure::Transient(_)) if !self.broken => {
                    let before = Some((in_flight.sent, failure));
                    let result = self.publisher.store(&in_flight.prepared, before).await;
                    self.broken = matches!(result, Err(PublishError::Unacknowledged { .. } | PublishError::Closed));
                    self.set(in_flight.index, result);
                }
                _ => self.record(in_flight),
            }
        }
    }

    fn record(&mut self, in_flight: InFlight) {
        let InFlight { index, prepared, sent, result, .. } = in_flight;
        self.broken |= matches!(result, Err(SendFailure::Closed | SendFailure::QueueFull { .. }));
        let result = match result {
            Ok(stored) => Ok(prepared.stored(stored)),
            Err(failure) => Err(prepared.failed(failure, 1, sent.elapsed())),
        };
        self.set(index, result);
    }

    fn set(&mut self, index: usize, result: Result<Published, PublishError>) {
        if let Some(slot) = self.results.get_mut(index) {
            *slot = Some(result);
        }
    }
}

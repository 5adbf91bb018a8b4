//! Publishing many events in a bounded window of unacknowledged ones, in order.

use std::collections::VecDeque;
use std::fmt;

use eventsmith_event::event::Event;
use futures_util::future;
use tokio::time::Instant;
use tracing::Instrument;

use super::error::PublishError;
use super::observed::publishing;
use super::options::{PublishOptions, Published};
use super::prepare::{Prepared, prepare, type_of};
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

/// How many messages are handed to the transport together: each time it costs about as much as a message.
const TOGETHER: usize = 32;

impl Publisher {
    pub(crate) async fn publish_all<'a, E: Event>(
        &self,
        events: impl Iterator<Item = &'a E>,
    ) -> Result<Vec<Published>, PublishAllError> {
        if self.sender.observers.is_listening() {
            // All carry the context of one span: they are sent together.
            let span = publishing(type_of::<E>(), "producer");
            return Box::pin(self.publish_in_window(events)).instrument(span).await;
        }
        self.publish_in_window(events).await
    }

    async fn publish_in_window<'a, E: Event>(
        &self,
        events: impl Iterator<Item = &'a E>,
    ) -> Result<Vec<Published>, PublishAllError> {
        let (options, mut window) = (PublishOptions::default(), PublishWindow::new(self.clone()));
        for event in events {
            window.make_room().await;
            if window.broken {
                window.results.push_back(Some(Err(PublishError::NotSent)));
                continue;
            }
            match prepare(&self.sender, event, &options) {
                Ok(prepared) => window.send(prepared, None).await,
                Err(error) => {
                    self.tell(type_of::<E>(), None, Err(&error));
                    window.results.push_back(Some(Err(error)));
                }
            }
        }
        window.settle_all_in_turn().await;
        // Nothing is in flight any more, so every event has its result.
        let results: Vec<_> = window.results().collect();
        if results.iter().any(Result::is_err) {
            return Err(PublishAllError { results });
        }
        Ok(results.into_iter().flatten().collect())
    }
}

/// Messages on their way, each with an acknowledgement of its own.
pub(super) struct PublishWindow {
    publisher: Publisher,
    /// One per event whose result was not taken yet, in order; `None` while it is in the window.
    results: VecDeque<Option<Result<Published, PublishError>>>,
    /// How many results were taken.
    taken: usize,
    /// To be sent together, in order.
    outgoing: Vec<Outgoing>,
    /// Sent and not acknowledged, in order.
    in_flight: VecDeque<InFlight>,
    /// Whether an event is not known to be stored, so that none may follow.
    broken: bool,
}

impl fmt::Debug for PublishWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishWindow").field("in_flight", &self.in_flight.len()).finish_non_exhaustive()
    }
}

/// A message to be sent.
struct Outgoing {
    index: usize,
    prepared: Prepared,
    before: Option<Instant>,
}

/// A message on its way.
struct InFlight {
    index: usize,
    prepared: Prepared,
    /// How often it was sent.
    attempts: u32,
    /// When it was sent first.
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

impl PublishWindow {
    pub(super) fn new(publisher: Publisher) -> Self {
        Self {
            publisher,
            results: VecDeque::new(),
            taken: 0,
            outgoing: Vec::new(),
            in_flight: VecDeque::new(),
            broken: false,
        }
    }

    /// The results that are known, each behind those before it.
    pub(super) fn results(&mut self) -> impl Iterator<Item = Result<Published, PublishError>> {
        std::iter::from_fn(|| {
            self.results.front()?.as_ref()?;
            self.taken += 1;
            self.results.pop_front().flatten()
        })
    }

    /// Waits until the window has room.
    async fn make_room(&mut self) {
        if self.in_flight.len() + self.outgoing.len() < self.publisher.max_in_flight.max(1) {
            return;
        }
        self.send_outgoing().await;
        // Waking for each acknowledgement, to write one message, costs more than everything else. So room is made for
        // several: acknowledgements come in order, and with the last of these the others are there.
        let several = self.in_flight.len().div_ceil(4);
        if let Some(last) = several.checked_sub(1).and_then(|last| self.in_flight.get_mut(last)) {
            last.wait().await;
        }
        for _ in 0..several {
            self.settle_first().await;
        }
    }

    /// Sends a message as soon as the window has room. If it was sent before, otherwise than from here and so long ago that its stream need
    /// not remember that, it is not sent again.
    pub(super) async fn send(&mut self, prepared: Prepared, before: Option<Instant>) {
        self.make_room().await;
        if self.broken {
            self.results.push_back(Some(Err(PublishError::NotSent)));
            return;
        }
        let index = self.taken + self.results.len();
        self.results.push_back(None);
        if let Some(sent) = before.filter(|sent| sent.elapsed() >= self.publisher.budget) {
            self.send_outgoing().await;
            let result = Err(SendFailure::Transient("it was sent too long ago to be sent again".into()));
            self.in_flight.push_back(InFlight { index, prepared, attempts: 1, sent, ack: None, result });
            return self.settle_all().await;
        }
        self.outgoing.push(Outgoing { index, prepared, before });
        if self.outgoing.len() >= TOGETHER {
            self.send_outgoing().await;
        }
    }

    async fn send_outgoing(&mut self) {
        if self.broken {
            for Outgoing { index, .. } in std::mem::take(&mut self.outgoing) {
                self.set(index, Err(PublishError::NotSent));
            }
        }
        if self.outgoing.is_empty() {
            return;
        }
        let now = Instant::now();
        let messages = self.outgoing.iter().map(|outgoing| &outgoing.prepared.message).collect();
        let acks = self.publisher.transport.send_all(messages).await;
        let mut failed = false;
        for (Outgoing { index, prepared, before }, ack) in self.outgoing.drain(..).zip(acks) {
            let (ack, result) = match ack {
                Ok(ack) => (Some(ack), Err(SendFailure::Closed)),
                Err(failure) => (None, Err(failure)),
            };
            failed |= ack.is_none();
            let (attempts, sent) = (1 + u32::from(before.is_some()), before.unwrap_or(now));
            self.in_flight.push_back(InFlight { index, prepared, attempts, sent, ack, result });
        }
        if failed {
            self.settle_all().await;
        }
    }

    /// Waits for all results.
    pub(super) async fn settle_all_in_turn(&mut self) {
        self.send_outgoing().await;
        while !self.in_flight.is_empty() {
            self.settle_first().await;
        }
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
                    self.publisher.tell(in_flight.prepared.kind, Some(in_flight.sent.elapsed()), result.as_ref());
                    self.broken = matches!(
                        result,
                        Err(PublishError::Unacknowledged { .. } | PublishError::NoAck { .. } | PublishError::Closed)
                    );
                    self.set(in_flight.index, result);
                }
                _ => self.record(in_flight),
            }
        }
    }

    fn record(&mut self, in_flight: InFlight) {
        let InFlight { index, prepared, attempts, sent, result, .. } = in_flight;
        self.broken |=
            matches!(result, Err(SendFailure::Closed | SendFailure::QueueFull { .. } | SendFailure::NoAck { .. }));
        let result = match result {
            Ok(stored) => Ok(prepared.stored(stored)),
            Err(failure) => Err(prepared.failed(failure, attempts, sent.elapsed())),
        };
        if self.publisher.sender.observers.is_listening() {
            self.publisher.tell(prepared.kind, Some(sent.elapsed()), result.as_ref());
        }
        self.set(index, result);
    }

    fn set(&mut self, index: usize, result: Result<Published, PublishError>) {
        if let Some(slot) = index.checked_sub(self.taken).and_then(|index| self.results.get_mut(index)) {
            *slot = Some(result);
        }
    }
}

//! Publishing many events with few acknowledgements, in order.

mod report;

use std::collections::VecDeque;

use eventsmith_event::event::Event;
use tokio::time::Instant;
use uuid::Uuid;

use super::all::PublishWindow;
use super::error::PublishError;
use super::options::{PublishOptions, Published};
use super::prepare::{Prepared, prepare};
use super::publisher::Publisher;
use crate::transport::{BulkAck, BulkBatch, BulkEnd, SendFailure};

pub use report::{BulkError, BulkPlace, BulkPublished};

/// How many times wider the window of a batch is: the server is the quicker the fewer acks it sends, and the more it finds
/// when it looks for messages.
const WIDER: usize = 16;
/// After so many batches in a row that stored nothing no other one is tried.
const FRUITLESS: u32 = 3;

/// Publishes events one after the other with few acknowledgements: for imports and replays. See
/// [`Bus::bulk`](crate::bus::Bus::bulk).
///
/// A future of [`push`](Self::push) that was polled may be dropped: the event is pushed, and what was on its way is sent again
/// with the next one, under the same ids. Where a `BulkPublisher` or the future of [`finish`](Self::finish) is dropped, nothing says what is stored.
///
/// ```
/// use eventsmith::bulk::BulkError;
/// use eventsmith::{Bus, Event, PublishError};
///
/// /// Stores what is valid, and returns how many events are.
/// async fn import<E: Event>(bus: &Bus, events: impl Iterator<Item = E>) -> Result<u64, BulkError> {
///     let mut bulk = bus.bulk();
///     for event in events {
///         match bulk.push(&event).await {
///             Ok(_) => {}
///             Err(PublishError::Invalid(invalid)) => eprintln!("left out: {invalid}"),
///             // Nothing can be sent any more; `finish` says why, and what is stored.
///             Err(_) => break,
///         }
///     }
///     Ok(bulk.finish().await?.events)
/// }
/// ```
#[derive(Debug)]
#[must_use = "events are known to be stored only after `finish`"]
pub struct BulkPublisher {
    publisher: Publisher,
    route: Route,
    /// Pushed and not sent, in order. The last one is sent when it is known whether another one follows.
    held: VecDeque<Prepared>,
    /// Sent and not known to be stored, in order, and when each was sent first.
    in_flight: VecDeque<(Prepared, Instant)>,
    published: BulkPublished,
    /// Why nothing is sent any more.
    failure: Option<PublishError>,
    /// Whether something is under way, and was not finished if it is found so.
    is_busy: bool,
    /// How many batches in a row stored nothing.
    fruitless: u32,
    /// The stream of the last event with an acknowledgement of its own, and whether others belong into another one.
    stream: Option<String>,
    is_scattered: bool,
}

/// How events are sent.
#[derive(Debug)]
enum Route {
    /// By a fast batch that is yet to begin.
    NextBatch,
    /// By a fast batch, of whose messages so many are known to be stored and were counted.
    Batch { batch: Box<dyn BulkBatch>, counted: u64 },
    /// Each with an acknowledgement of its own.
    Single(Box<PublishWindow>),
}

impl BulkPublisher {
    pub(crate) fn new(publisher: &Publisher) -> Self {
        Self {
            publisher: publisher.clone(),
            route: Route::NextBatch,
            held: VecDeque::new(),
            in_flight: VecDeque::new(),
            published: BulkPublished::default(),
            failure: None,
            is_busy: false,
            fruitless: 0,
            stream: None,
            is_scattered: false,
        }
    }

    /// Validates an event and sends it behind those before it; waits while too many are on their way. Returns its id.
    ///
    /// # Errors
    /// As [`push_with`](Self::push_with).
    pub async fn push<E: Event>(&mut self, event: &E) -> Result<Uuid, PublishError> {
        self.push_with(event, PublishOptions::default()).await
    }

    /// [`push`](Self::push) with an id of one's own, a correlation, or other members of the envelope.
    ///
    /// # Errors
    /// [`PublishError::NotSent`] when an event before this one is not known to be stored: then nothing is sent any more, and
    /// [`finish`](Self::finish) says why. All other errors are about this event alone, and the next one can be pushed.
    pub async fn push_with<E: Event>(&mut self, event: &E, options: PublishOptions) -> Result<Uuid, PublishError> {
        if self.failure.is_some() {
            return Err(PublishError::NotSent);
        }
        let prepared = prepare(&self.publisher.sender, event, &options)?;
        if prepared.expect.is_some() {
            let reason = "expectations need an acknowledgement for each event; use publish_with or publish_atomic";
            return Err(PublishError::Batch { subject: prepared.message.subject, reason });
        }
        let id = prepared.id;
        // From here on it is pushed, whether somebody waits or not.
        self.held.push_back(prepared);
        self.take_up().await;
        while self.held.len() > 1 && self.failure.is_none() {
            let Some(before) = self.held.pop_front() else { break };
            self.send(before, false).await;
        }
        self.is_busy = false;
        if self.failure.is_some() { Err(PublishError::NotSent) } else { Ok(id) }
    }

    /// Waits until all events are stored.
    ///
    /// # Errors
    /// [`BulkError`] when an event is not known to be stored; it says how many are.
    pub async fn finish(mut self) -> Result<BulkPublished, BulkError> {
        self.take_up().await;
        while self.failure.is_none()
            && let Some(next) = self.held.pop_front()
        {
            self.send(next, self.held.is_empty()).await;
        }
        match &mut self.route {
            _ if self.failure.is_some() => {}
            Route::NextBatch => {}
            Route::Batch { batch, .. } => match batch.finish().await {
                Ok(ack) => self.complete(ack),
                Err(end) => self.recover(end).await,
            },
            Route::Single(window) => {
                window.settle_all_in_turn().await;
                self.record().await;
            }
        }
        match self.failure {
            None => Ok(self.published),
            Some(reason) => {
                let left = self.in_flight.iter().map(|(prepared, _)| prepared).chain(&self.held);
                let ids = left.map(|prepared| prepared.id).collect();
                Err(BulkError { stored: self.published.events, ids, reason: Box::new(reason) })
            }
        }
    }

    /// Begins to work, and first ends what was under way when a future was dropped.
    async fn take_up(&mut self) {
        if std::mem::replace(&mut self.is_busy, true) && self.failure.is_none() {
            let uncertain = self.in_flight.len() as u64;
            let is_supported = !matches!(self.route, Route::Single(_));
            let reason = "nobody waited for it any more".into();
            self.recover(BulkEnd { reason, uncertain, is_supported }).await;
        }
    }

    async fn send(&mut self, prepared: Prepared, is_last: bool) {
        self.in_flight.push_back((prepared, Instant::now()));
        let Some((prepared, _)) = self.in_flight.back() else { return };
        if let Route::NextBatch = self.route {
            let window = self.publisher.max_in_flight.saturating_mul(WIDER);
            match self.publisher.transport.begin_bulk(window).await {
                Ok(batch) => self.route = Route::Batch { batch, counted: 0 },
                Err(end) => return self.recover(end).await,
            }
        }
        match &mut self.route {
            Route::NextBatch => {}
            Route::Batch { batch, .. } => match batch.send(&prepared.message, is_last).await {
                Ok(()) => self.count(),
                Err(end) => self.recover(end).await,
            },
            Route::Single(window) => {
                window.send(prepared.clone(), None).await;
                self.record().await;
            }
        }
    }

    /// Counts what the batch says is stored.
    fn count(&mut self) {
        let Route::Batch { batch, counted } = &mut self.route else { return };
        let stored = batch.stored();
        for _ in *counted..stored {
            if let Some((prepared, _)) = self.in_flight.pop_front() {
                self.publisher.tell_batched(prepared.kind);
            }
        }
        self.published.events += stored - *counted;
        self.published.batched += stored - *counted;
        *counted = stored;
    }

    /// Counts a whole batch.
    fn complete(&mut self, BulkAck { stream, sequence }: BulkAck) {
        self.count();
        self.route = Route::NextBatch;
        if let Some(sequence) = sequence {
            self.published.last = Some(BulkPlace { stream, sequence });
        }
    }

    /// Counts an event that has an acknowledgement of its own.
    fn count_single(&mut self, Published { stream, sequence, duplicate, .. }: Published) {
        self.in_flight.pop_front();
        self.published.events += 1;
        self.is_scattered |= self.stream.as_ref().is_some_and(|other| *other != stream);
        if !duplicate {
            self.published.last = Some(BulkPlace { stream: stream.clone(), sequence });
        }
        self.stream = Some(stream);
    }

    /// Takes in the results of events with acknowledgements of their own. After the first failure nothing is sent any more,
    /// and what is on its way is waited for.
    async fn record(&mut self) {
        let Route::Single(window) = &mut self.route else { return };
        let results: Vec<_> = window.results().collect();
        for result in results {
            match result {
                Ok(_) if self.failure.is_some() => {}
                Ok(published) => self.count_single(published),
                Err(error) => drop(self.failure.get_or_insert(error)),
            }
        }
        if self.failure.is_some()
            && let Route::Single(window) = &mut self.route
        {
            window.settle_all_in_turn().await;
        }
    }

    /// Publishes what a batch left behind, under the same ids: first the event at which it ended, which is the most likely to
    /// fail again.
    async fn recover(&mut self, BulkEnd { reason, uncertain, is_supported }: BulkEnd) {
        self.count();
        tracing::info!(%reason, is_supported, left = self.in_flight.len(), "a fast batch ended before its last event");
        let made_progress = matches!(self.route, Route::Batch { counted: 1.., .. });
        self.fruitless = if made_progress { 0 } else { self.fruitless + 1 };
        self.route = Route::NextBatch;
        if let Some((first, sent)) = self.in_flight.front() {
            let before = (uncertain > 0).then(|| (*sent, SendFailure::Transient(reason)));
            match self.publisher.store(first, before).await {
                Ok(published) => self.count_single(published),
                Err(error) => {
                    self.failure = Some(error);
                    return;
                }
            }
        }
        let mut window = PublishWindow::new(self.publisher.clone());
        for ((prepared, sent), place) in self.in_flight.iter().zip(1..) {
            window.send(prepared.clone(), (place < uncertain).then_some(*sent)).await;
        }
        window.settle_all_in_turn().await;
        self.route = Route::Single(Box::new(window));
        self.record().await;
        // Events of several streams end every batch.
        if is_supported && self.fruitless < FRUITLESS && !self.is_scattered {
            self.route = Route::NextBatch;
        }
    }
}

impl Publisher {
    pub(crate) async fn publish_bulk<E: Event>(
        &self,
        events: impl Iterator<Item = E>,
    ) -> Result<BulkPublished, BulkError> {
        let mut bulk = BulkPublisher::new(self);
        let mut refused = None;
        for event in events {
            match bulk.push(&event).await {
                Ok(_) => {}
                Err(PublishError::NotSent) => break,
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        let published = bulk.finish().await?;
        match refused {
            None => Ok(published),
            Some(reason) => Err(BulkError { stored: published.events, ids: Vec::new(), reason: Box::new(reason) }),
        }
    }
}

//! Side effects: what others notice of an event, such as a mail. They come once the event is in the read model that serves, in the order of
//! their stream, at least once, and never for history.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::handler::{HandlerError, Received};
use eventsmith_event::clip::clip;
use eventsmith_event::event::Event;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::Instrument;

use super::checkpoint::{Checkpoint, StreamPosition};
use super::config::ProjectionConfig;
use super::error::ProjectionError;
use super::lease::Lease;
use super::ledger::Ledger;
use super::monitor::Doing;
use super::route::{EventFailure, Incoming, Sorted, Wanted, sort};
use super::source::{Source, next_of};
use super::spans;
use super::status::EffectsProgress;
use crate::confine::confined_future;

/// After so many events it is noted how far the side effects are.
const NOTED_AFTER: usize = 64;

/// The side effects of a projection.
#[derive(Default)]
pub(crate) struct Effects {
    routes: Vec<Route>,
}

struct Route {
    wanted: Wanted,
    call: Box<Call>,
}

type Call = dyn Fn(&Incoming, &Bus) -> BoxFuture<'static, Result<(), EventFailure>> + Send + Sync;

impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.routes.iter().map(|route| route.wanted.event_type)).finish()
    }
}

/// How far side effects are, as the ledger has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Done {
    streams: BTreeMap<String, StreamPosition>,
    /// How many were done. Programs of before did not count them.
    #[serde(default)]
    done: u64,
    skipped: u64,
}

impl Done {
    fn progress(&self, error: Option<String>) -> EffectsProgress {
        let streams = self.streams.iter().map(|(stream, position)| (stream.clone(), position.sequence)).collect();
        EffectsProgress { streams, done: self.done, skipped: self.skipped, error }
    }
}

/// The read model that side effects follow: how far it is in each stream, and what it left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leader {
    sequences: BTreeMap<String, u64>,
    left_out: BTreeMap<String, BTreeSet<u64>>,
}

impl Leader {
    pub(crate) fn of(checkpoint: &Checkpoint) -> Self {
        let streams = checkpoint.streams.iter();
        let sequences = streams.map(|(stream, position)| (stream.clone(), position.sequence)).collect();
        Self { sequences, left_out: checkpoint.left_out.clone() }
    }

    /// Whether it has done with a message.
    fn has_passed(&self, stream: &str, sequence: u64) -> bool {
        self.sequences.get(stream).is_some_and(|at| *at >= sequence)
    }

    /// Whether it has done with it by leaving it out.
    fn has_left_out(&self, stream: &str, sequence: u64) -> bool {
        self.left_out.get(stream).is_some_and(|sequences| sequences.contains(&sequence))
    }
}

/// What side effects need of the projection that they belong to.
pub(crate) struct Circumstances<'a> {
    pub(crate) bus: &'a Bus,
    pub(crate) name: &'a str,
    pub(crate) config: &'a ProjectionConfig,
    pub(crate) ledger: &'a Ledger,
    /// The streams, and by which subject each is read.
    pub(crate) streams: &'a BTreeMap<String, String>,
    pub(crate) doing: &'a watch::Sender<Doing>,
}

impl Effects {
    pub(crate) fn on<E, F>(&mut self, handler: impl Fn(Received<E>) -> F + Send + Sync + 'static)
    where
        E: Event,
        F: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let call = move |event: &Incoming, bus: &Bus| {
            let (decoded, handler) = (event.decode::<E>(bus, false), Arc::clone(&handler));
            async move {
                let event = decoded?;
                let handled = confined_future(|| handler(event)).await;
                handled.map_err(|panic| EventFailure::panicked(&panic))?.map_err(EventFailure::of)
            }
            .boxed()
        };
        self.routes.push(Route { wanted: Wanted::of::<E>(), call: Box::new(call) });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    pub(crate) fn wanted(&self) -> Vec<Wanted> {
        self.routes.iter().map(|route| route.wanted).collect()
    }

    /// Notes that what the streams hold has no side effects, where there were none before.
    pub(crate) async fn begin(
        &self,
        ledger: &Ledger,
        ends: &BTreeMap<String, StreamPosition>,
    ) -> Result<(), ProjectionError> {
        while !self.routes.is_empty() {
            let found = ledger.read::<Done>("effects").await?;
            let mut done = found.value.unwrap_or_default();
            let known = done.streams.len();
            for (stream, end) in ends {
                done.streams.entry(stream.clone()).or_insert_with(|| end.clone());
            }
            if done.streams.len() == known || ledger.write("effects", &done, found.revision).await?.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Has the side effects of what is projected once no other instance does, until it is told to stop.
    pub(crate) async fn perform_alone(
        &self,
        of: Circumstances<'_>,
        mut lease: Lease,
        leader: watch::Receiver<Leader>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), ProjectionError> {
        if self.routes.is_empty() {
            of.doing.send_modify(|doing| doing.are_effects_done = true);
            return Ok(());
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
            acquired = lease.acquire() => acquired?,
        }
        let ended = tokio::select! {
            biased;
            () = lease.keep() => Err(another_has_them()),
            ended = self.run(of, leader, stop) => ended,
        };
        lease.release().await;
        ended
    }

    /// Has the side effects of what is projected, until it is told to stop.
    async fn run(
        &self,
        of: Circumstances<'_>,
        mut leader: watch::Receiver<Leader>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), ProjectionError> {
        let found = of.ledger.read::<Done>("effects").await?;
        let (mut done, mut revision) = (found.value.unwrap_or_default(), found.revision);
        let (mut sources, mut readings) = (Vec::new(), BTreeMap::new());
        for (stream, filter) in of.streams {
            let position = done.streams.entry(stream.clone()).or_default();
            sources.push(Source::open_for_effects(of.bus, of.name, (stream, filter), position).await?);
            // For those who wait until all is done, where that can be known.
            readings
                .extend(of.bus.reading(stream, filter, position.sequence).map(|reading| (stream.as_str(), reading)));
        }
        of.doing.send_modify(|doing| doing.have(done.progress(None)));
        let (wanted, mut turn) = (self.wanted(), 0);
        loop {
            if sources.iter().all(|source| source.is_current) {
                of.doing.send_modify(|doing| doing.are_effects_done = true);
            }
            let (index, first) = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                next = next_of(&mut sources, &mut turn) => next?,
            };
            let Some(first) = first else { continue };
            let source = &mut sources[index];
            let messages = source.arrived(first, NOTED_AFTER)?;
            let (stream, created) = (Arc::clone(&source.stream), source.created);
            let mut is_stopped = false;
            for message in messages {
                let sequence = message.sequence;
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => is_stopped = true,
                    waited = leader.wait_for(|leader| leader.has_passed(&stream, sequence)) => is_stopped = waited.is_err(),
                }
                if is_stopped {
                    break;
                }
                let is_left_out = leader.borrow().has_left_out(&stream, sequence);
                match sort(&wanted, &stream, message) {
                    Sorted::Event(event) if is_left_out => {
                        let (projection, subject) = (of.name, event.subject());
                        tracing::warn!(projection, %stream, sequence, subject, "no side effect of what the read model left out");
                        done.skipped += 1;
                    }
                    Sorted::Event(event) => match self.perform(&of, (&wanted, &event), &done, &mut stop).await {
                        Some(true) => done.done += 1,
                        Some(false) => done.skipped += 1,
                        None => {
                            is_stopped = true;
                            break;
                        }
                    },
                    Sorted::Foreign | Sorted::Unreadable(_) => {}
                }
                let position = StreamPosition { sequence, time: None, created };
                done.streams.insert(stream.to_string(), position);
            }
            revision = of.ledger.write("effects", &done, revision).await?.ok_or_else(another_has_them)?;
            // Told only now: what is noted is where they go on after a crash.
            of.doing.send_modify(|doing| doing.have(done.progress(None)));
            if let (Some(reading), Some(position)) = (readings.get(&*stream), done.streams.get(&*stream)) {
                reading.at(position.sequence);
            }
            if is_stopped {
                return Ok(());
            }
        }
    }

    /// Has the side effect of one event, however often it takes. Says whether it is done, or left out; nothing if it is to stop.
    async fn perform(
        &self,
        of: &Circumstances<'_>,
        (wanted, event): (&[Wanted], &Incoming),
        before: &Done,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<bool> {
        let mut attempt = 0;
        loop {
            let span = spans::effect(of.bus, of.name, wanted, event, u64::from(attempt) + 1);
            let performed = (self.routes[event.index].call)(event, of.bus).instrument(span.clone()).await;
            spans::performed(&span, &performed);
            drop(span);
            let failure = match performed {
                Ok(()) => return Some(true),
                Err(failure) => failure,
            };
            attempt += 1;
            let (projection, stream, sequence) = (of.name, &event.place.stream, event.place.sequence);
            let (subject, reason) = (event.subject(), failure.reason());
            match failure {
                EventFailure::Failed(_) | EventFailure::Newer(_) => {
                    tracing::warn!(projection, %stream, sequence, subject, attempt, reason, "a side effect is tried again");
                    let error = format!("attempt {attempt} at message {sequence} of {stream} ({subject}): {reason}");
                    of.doing.send_modify(|doing| {
                        let noted = doing.effects.as_ref().map(|effects| effects.streams.clone()).unwrap_or_default();
                        doing.have(EffectsProgress { streams: noted, ..before.progress(Some(clip(error))) });
                    });
                }
                EventFailure::Unreadable(_) | EventFailure::Rejected(_) => {
                    tracing::error!(projection, %stream, sequence, subject, reason, "a side effect is left out");
                    return Some(false);
                }
            }
            tokio::select! {
                () = sleep(of.config.delay(attempt)) => {}
                _ = stop.wait_for(|stop| *stop) => return None,
            }
        }
    }
}

fn another_has_them() -> ProjectionError {
    ProjectionError::unavailable("the side effects", "another instance has them")
}

//! One instance that makes one read model: it holds the lease, reads the streams, and projects what comes.

use std::collections::BTreeMap;
use std::time::Duration;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::memory::Reading;
use futures_util::future::try_join;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::Instrument;

use super::checkpoint::{Checkpoint, StreamPosition};
use super::chunk::{Chunk, Halt, Next};
use super::config::ProjectionConfig;
use super::effects::{Circumstances, Effects, Leader};
use super::error::ProjectionError;
use super::generation::Generation;
use super::lease::Lease;
use super::ledger::{Ledger, Serving};
use super::monitor::Doing;
use super::report::Report;
use super::route::Wanted;
use super::source::{Source, extent, last_of, next_of};
use super::spans;
use super::status::Phase;
use super::target::{Opening, ProjectFailure, Projected, Target, Writer};

/// A read model serves once it has come to where the streams ended no longer ago than this.
const FRESH: Duration = Duration::from_secs(1);

/// What a read model is to readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// They read it.
    Serves,
    /// It is to take the place of the one that serves, if one does.
    Builds,
    /// They read that of a later revision.
    Superseded,
}

/// Why an instance no longer makes a read model, without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was told to stop.
    Stopped,
    /// What serves has changed.
    Switched,
}

/// What all read models of a projection have in common.
pub(crate) struct Common<'a> {
    pub(crate) bus: &'a Bus,
    pub(crate) name: &'a str,
    pub(crate) config: ProjectionConfig,
    pub(crate) ledger: Ledger,
    pub(crate) instance: String,
    pub(crate) target: &'a dyn Target,
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) effects: &'a Effects,
    /// The streams, and by which subject each is read.
    pub(crate) streams: BTreeMap<String, String>,
    pub(crate) doing: &'a watch::Sender<Doing>,
}

/// One instance that makes one read model.
pub(crate) struct Pipeline<'a> {
    common: &'a Common<'a>,
    serving: Serving,
    role: Role,
    opening: Opening,
    report: Report<'a>,
    stop: watch::Receiver<bool>,
    /// How far the read model is in each stream, for side effects.
    projected: watch::Sender<Leader>,
    /// Where the streams ended, and when, if it is to come so far.
    goal: Option<(Instant, BTreeMap<String, u64>)>,
    has_tidied: bool,
    /// For those who wait until all is projected, where that can be known.
    readings: BTreeMap<String, Reading>,
}

impl<'a> Pipeline<'a> {
    pub(crate) fn new(
        common: &'a Common<'a>,
        serving: &Serving,
        (generation, role): (Generation, Role),
        stop: watch::Receiver<bool>,
    ) -> Self {
        let Common { bus, name, ledger, doing, instance, .. } = common;
        Self {
            common,
            serving: serving.clone(),
            role,
            opening: Opening { bus: (*bus).clone(), name: (*name).to_owned(), generation },
            report: Report::new((ledger, doing), (name, generation, instance)),
            stop,
            projected: watch::Sender::default(),
            goal: None,
            has_tidied: false,
            readings: BTreeMap::new(),
        }
    }

    /// Makes the read model, whenever it is this instance's turn, until it is told to stop or what serves has changed.
    pub(crate) async fn run(mut self) -> Result<Ended, ProjectionError> {
        let Common { ledger, instance, config, .. } = self.common;
        let mut lease = Lease::of(ledger, self.opening.generation, instance, config.lease);
        let mut stop = self.stop.clone();
        loop {
            self.report.phase(Phase::Waiting);
            tokio::select! {
                biased;
                () = told(&mut stop) => return Ok(Ended::Stopped),
                acquired = lease.acquire() => acquired?,
            }
            let ended = tokio::select! {
                biased;
                () = lease.keep() => None,
                ended = self.lead() => Some(ended),
            };
            let Some(ended) = ended else {
                let (projection, generation) = (self.common.name, self.opening.generation);
                tracing::warn!(projection, %generation, "the lease of a read model was lost; another instance makes it");
                continue;
            };
            match &ended {
                // Whether it is made again, in which role whatever, is for what comes next to say.
                Ok(_) => self.report.phase(Phase::Stopped),
                Err(error) => {
                    self.report.error(Some(error.to_string()));
                    self.report.phase(Phase::Failed);
                }
            }
            self.report.write().await;
            lease.release().await;
            return ended;
        }
    }

    /// Makes the read model, again from its checkpoint after what passes.
    async fn lead(&mut self) -> Result<Ended, ProjectionError> {
        self.report.phase(match self.role {
            Role::Serves => Phase::Running,
            Role::Builds => Phase::Rebuilding,
            Role::Superseded => Phase::Superseded,
        });
        let mut attempt = 0;
        loop {
            let projected = self.report.status.projected;
            let error = match self.attempt().await {
                Err(error) if error.may_pass() => error,
                ended => return ended,
            };
            attempt = if self.report.status.projected == projected { attempt + 1 } else { 1 };
            self.report.error(Some(error.to_string()));
            self.report.write().await;
            let mut stop = self.stop.clone();
            tokio::select! {
                () = sleep(self.common.config.delay(attempt)) => {}
                () = told(&mut stop) => return Ok(Ended::Stopped),
            }
        }
    }

    /// Makes the read model from its checkpoint on.
    async fn attempt(&mut self) -> Result<Ended, ProjectionError> {
        let Common { bus, name, config, ledger, target, effects, streams, doing, instance, .. } = self.common;
        let (opening, serving, stop) = (self.opening.clone(), self.serving.clone(), self.stop.clone());
        let mut writer = target.open(&opening).await?;
        let mut sources = Vec::with_capacity(streams.len());
        for (stream, filter) in streams {
            let position = writer.checkpoint().streams.get(stream).cloned().unwrap_or_default();
            sources.push(Source::open(bus, name, (stream, filter), &position).await?);
            let progress = self.report.status.streams.entry(stream.clone()).or_default();
            progress.filter.clone_from(filter);
            progress.end = last_of(bus, stream, filter).await?;
            self.readings
                .extend(bus.reading(stream, filter, position.sequence).map(|reading| (stream.clone(), reading)));
        }
        self.goal = None;
        self.is_at(writer.checkpoint());
        let projected = self.projected.subscribe();
        let projecting = self.project(&mut *writer, &mut sources);
        let circumstances = Circumstances { bus, name, config, ledger, streams, doing };
        let performing = async {
            match serving.generation {
                Some(generation) if generation == opening.generation => {
                    let lease = Lease::of_effects(ledger, instance, config.lease);
                    effects.perform_alone(circumstances, lease, projected, stop).await
                }
                _ => Ok(()),
            }
        };
        try_join(projecting, performing).await.map(|(ended, ())| ended)
    }

    /// Tells how far it is.
    fn is_at(&mut self, checkpoint: &Checkpoint) {
        self.report.at(checkpoint);
        for (stream, reading) in &self.readings {
            reading.at(checkpoint.sequence(stream));
        }
        self.projected.send_replace(Leader::of(checkpoint));
    }

    /// Up to where side effects are noted to be done, where there are some: none yet of what does not serve.
    fn effects(&self) -> Option<BTreeMap<String, u64>> {
        let Common { effects, doing, .. } = self.common;
        let noted = || doing.borrow().effects.as_ref().map(|effects| effects.streams.clone()).unwrap_or_default();
        let serves = self.serving.generation == Some(self.opening.generation);
        (!effects.is_empty()).then(|| if serves { noted() } else { BTreeMap::new() })
    }

    async fn project(&mut self, writer: &mut dyn Writer, sources: &mut [Source]) -> Result<Ended, ProjectionError> {
        let mut ticks = interval(self.common.config.status_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut stop, mut turn) = (self.stop.clone(), 0);
        loop {
            self.complete(writer, sources).await?;
            if sources.iter().all(|source| source.is_complete)
                && let Some(ended) = self.is_current(writer).await?
            {
                return Ok(ended);
            }
            tokio::select! {
                biased;
                () = told(&mut stop) => {
                    kept(writer.keep().await)?;
                    return Ok(Ended::Stopped);
                }
                _ = ticks.tick() => {
                    for source in sources.iter_mut().filter(|source| !source.is_complete) {
                        // What was last may have been deleted since.
                        if let Some(goal) = source.goal {
                            source.goal = Some(goal.min(last_of(self.common.bus, &source.stream, &source.filter).await?));
                        }
                    }
                    let current = sources.iter().filter(|source| source.is_complete);
                    let current = current.map(|source| (source.stream.to_string(), source.created)).collect();
                    self.look_around(writer, current).await?;
                }
                next = next_of(sources, &mut turn) => {
                    let (index, first) = next?;
                    let source = &mut sources[index];
                    let Some(first) = first else { continue };
                    let messages = source.arrived(first, self.common.config.max_chunk)?;
                    let on_poison = self.common.config.on_poison;
                    let chunk = Chunk::of(&self.common.wanted, &source.stream, source.created, messages, on_poison);
                    if let Some(ended) = self.take_in(writer, chunk).await? {
                        return Ok(ended);
                    }
                }
            }
        }
    }

    /// Believes of streams that all which was there when reading began has come, once the last of it has.
    async fn complete(&mut self, writer: &mut dyn Writer, sources: &mut [Source]) -> Result<(), ProjectionError> {
        let Common { bus, .. } = self.common;
        for source in sources.iter_mut().filter(|source| source.is_current && !source.is_complete) {
            let goal = match source.goal {
                Some(goal) => goal,
                None => *source.goal.insert(last_of(bus, &source.stream, &source.filter).await?),
            };
            if writer.checkpoint().sequence(&source.stream) >= goal {
                source.is_complete = true;
                let (stream, end) = (source.stream.to_string(), source.end_at_begin);
                self.pass_over(writer, &stream, end, source.created).await?;
            }
        }
        Ok(())
    }

    /// Projects messages, whatever it takes; says if it was told to stop meanwhile.
    async fn take_in(&mut self, writer: &mut dyn Writer, mut chunk: Chunk) -> Result<Option<Ended>, ProjectionError> {
        let Common { bus, name, config, wanted, .. } = self.common;
        let history = self.serving.history_of(chunk.stream(), chunk.created());
        let serves = self.role == Role::Serves;
        let mut attempt = 0;
        while !chunk.is_empty() {
            if let Some(Halt { sequence, subject, failure }) = chunk.halt() {
                kept(writer.keep().await)?;
                return Err(ProjectionError::Event {
                    name: (*name).to_owned(),
                    stream: chunk.stream().to_owned(),
                    sequence,
                    subject: subject.to_owned(),
                    reason: failure.reason().to_owned(),
                    way_out: failure.way_out(),
                });
            }
            let to = chunk.behind(writer.checkpoint(), self.effects().as_ref());
            let projected = |event| Projected { event, is_replay: !serves || event.place.sequence <= history };
            let events: Vec<Projected<'_>> = chunk.events().map(projected).collect();
            let skipped = writer.checkpoint().skipped;
            let span = spans::projecting(bus, name, wanted, &events);
            let outcome = writer.project(events, &to).instrument(span.clone()).await;
            spans::projected(&span, &outcome);
            drop(span);
            match outcome {
                Ok(()) => {
                    // That it is left out was decided by what is there now: it must not be decided again by what comes behind it.
                    if to.skipped > skipped {
                        kept(writer.keep().await)?;
                    }
                    chunk.advance(name);
                    attempt = 0;
                    self.report.error(None);
                    self.is_at(&to);
                }
                Err(ProjectFailure::Event(event, failure)) => {
                    let Next::Later(failure) = chunk.failed(event, failure, config.on_poison) else { continue };
                    attempt += 1;
                    let reason = failure.reason().to_owned();
                    if attempt >= config.max_attempts {
                        chunk.give_up(failure);
                        continue;
                    }
                    chunk.first_alone();
                    self.report.error(Some(format!("attempt {attempt} of {}: {reason}", config.max_attempts)));
                    let mut stop = self.stop.clone();
                    tokio::select! {
                        () = sleep(config.delay(attempt)) => {}
                        () = told(&mut stop) => {
                            kept(writer.keep().await)?;
                            return Ok(Some(Ended::Stopped));
                        }
                    }
                }
                Err(ProjectFailure::OneByOne) => chunk.first_alone(),
                Err(ProjectFailure::Fenced) => return Err(fenced()),
                Err(ProjectFailure::Store(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Everything up to a number of a stream is projected or is none of its events: so nobody takes that for missing once the stream drops it.
    async fn pass_over(
        &mut self,
        writer: &mut dyn Writer,
        stream: &str,
        sequence: u64,
        created: Option<Timestamp>,
    ) -> Result<(), ProjectionError> {
        let mut to = writer.checkpoint().clone();
        let position = to.streams.entry(stream.to_owned()).or_default();
        if position.sequence >= sequence && position.created == created {
            return Ok(());
        }
        *position = StreamPosition { sequence: position.sequence.max(sequence), time: position.time, created };
        kept(writer.project(Vec::new(), &to).await)?;
        self.is_at(&to);
        Ok(())
    }

    /// Looks where the streams end, and says how far it is. Of those that are current all has come which was there once.
    async fn look_around(
        &mut self,
        writer: &mut dyn Writer,
        current: BTreeMap<String, Option<Timestamp>>,
    ) -> Result<(), ProjectionError> {
        let Common { bus, name, streams, .. } = self.common;
        for (stream, filter) in streams {
            // What is of the projection's subjects and not seen below was stored behind this.
            let extent = extent(bus, name, stream, filter).await?;
            let end = last_of(bus, stream, filter).await?;
            if let Some(progress) = self.report.status.streams.get_mut(stream) {
                progress.end = end;
            }
            if let Some(created) = current.get(stream)
                && end <= writer.checkpoint().sequence(stream)
            {
                self.pass_over(writer, stream, extent.last, *created).await?;
            }
        }
        kept(writer.keep().await)?;
        self.report.tell();
        self.report.write().await;
        Ok(())
    }

    /// All that was there when reading began is projected. One that is built serves, if it has come to an end of the streams that is not old.
    async fn is_current(&mut self, writer: &mut dyn Writer) -> Result<Option<Ended>, ProjectionError> {
        let Common { bus, ledger, target, streams, doing, .. } = self.common;
        match self.role {
            Role::Superseded => {
                // Readers read another, which this instance does not make: there is nothing to wait for.
                if !doing.borrow().is_current {
                    let projection = self.common.name;
                    tracing::warn!(projection, generation = %self.opening.generation, "readers read a later read model");
                    doing.send_modify(|doing| (doing.is_current, doing.are_effects_done) = (true, true));
                }
                Ok(None)
            }
            Role::Serves => {
                if !doing.borrow().is_current {
                    doing.send_modify(|doing| doing.is_current = true);
                }
                if !self.has_tidied {
                    self.has_tidied = true;
                    // Whoever switched may have died before the store knew, or another may have told it otherwise.
                    if ledger.serves().await? == Some(self.opening.generation) {
                        target.serve(&self.opening).await?;
                    }
                    self.tidy().await;
                }
                Ok(None)
            }
            Role::Builds => {
                let at = writer.checkpoint().clone();
                let is_there =
                    |goal: &BTreeMap<String, u64>| goal.iter().all(|(stream, end)| at.sequence(stream) >= *end);
                match &self.goal {
                    Some((_, goal)) if !is_there(goal) => return Ok(None),
                    Some((since, _)) if since.elapsed() < FRESH => {}
                    _ => {
                        let mut ends = BTreeMap::new();
                        for (stream, filter) in streams {
                            ends.insert(stream.clone(), last_of(bus, stream, filter).await?);
                        }
                        let is_there = is_there(&ends);
                        self.goal = Some((Instant::now(), ends));
                        if !is_there {
                            return Ok(None);
                        }
                    }
                }
                kept(writer.keep().await)?;
                let (from, to) = (self.serving.generation, self.opening.generation);
                if ledger.serves().await? != from {
                    return Ok(Some(Ended::Switched));
                }
                target.serve(&self.opening).await?;
                if ledger.switch(from, to).await? {
                    let projection = self.common.name;
                    tracing::info!(projection, generation = %to, "a read model serves");
                    self.report.phase(Phase::Running);
                } else if let Some(generation) = ledger.serves().await? {
                    // Somebody else was quicker, and a store may have let this one serve since.
                    target.serve(&Opening { generation, ..self.opening.clone() }).await?;
                }
                Ok(Some(Ended::Switched))
            }
        }
    }

    /// Forgets read models that nobody reads any more. If that fails, the next who leads does it.
    async fn tidy(&self) {
        let Common { bus, name, ledger, target, .. } = self.common;
        let generations = ledger.generations().await.unwrap_or_default();
        let is_old = |generation: &Generation| {
            *generation < self.opening.generation && Some(*generation) != self.serving.previous
        };
        for generation in generations.into_iter().filter(is_old) {
            let opening = Opening { bus: (*bus).clone(), name: (*name).to_owned(), generation };
            let forgotten = match target.discard(&opening).await {
                Ok(()) => ledger.forget(generation).await,
                error => error,
            };
            if let Err(error) = forgotten {
                tracing::warn!(projection = name, %generation, %error, "an old read model is not dropped yet");
            }
        }
    }
}

/// Waits until it is to stop.
pub(crate) async fn told(stop: &mut watch::Receiver<bool>) {
    // Whoever could tell is gone otherwise, and that comes to the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn fenced() -> ProjectionError {
    ProjectionError::unavailable("the read model", "another instance writes it")
}

/// Without an event none fails.
fn kept(outcome: Result<(), ProjectFailure>) -> Result<(), ProjectionError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(ProjectFailure::Store(error)) => Err(error),
        Err(ProjectFailure::Fenced | ProjectFailure::OneByOne | ProjectFailure::Event(..)) => Err(fenced()),
    }
}

//! Looks at the server again and again. Whatever takes too long ends, and is not read.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use eventsmith::admin::{Action, BusAdmin as _, Survey, Topology};
use eventsmith::{Bus, Timestamp};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::advisories::{self, Advisory};
use super::figures::{Drift, Figures, What};
use crate::output::note;

/// How many requests one look makes at most to find the ages of what is not handled.
const MOST_FOR_AGES: u64 = 128;
/// How many dead letters are counted.
const MOST_DEAD_LETTERS: u64 = 100_000;
/// After how many looks dead letters and the catalogue are looked at again: they cost more.
const SELDOM: u32 = 4;
/// How long one look may take at least, however often it is wanted.
const PATIENCE: Duration = Duration::from_secs(10);
/// After how long advisories are listened for again, where that was refused.
const AGAIN: Duration = Duration::from_secs(30);

/// Looks at a server.
pub(super) struct Watch {
    pub(super) topology: Topology,
    pub(super) root: String,
    pub(super) every: Duration,
    pub(super) figures: Arc<Mutex<Figures>>,
}

/// What is known of a consumer whose oldest event was looked up: its acknowledgements ended there.
type Ages = BTreeMap<(String, String), (u64, Option<Timestamp>)>;

impl Watch {
    /// Looks until the bus is gone, which it never is.
    pub(super) async fn run(&self, bus: &Bus) {
        tokio::join!(self.listen(bus), self.look(bus));
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        // A panic cannot leave a figure half written.
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look(&self, bus: &Bus) {
        let (mut ticks, mut ages, mut round) = (interval(self.every), Ages::new(), 0_u32);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut letters_at = None;
        loop {
            ticks.tick().await;
            let survey = self.read(What::Streams, bus.survey()).await;
            if let Some(survey) = survey {
                self.figures().survey(&survey, Instant::now());
                self.read_ages(bus, &survey, &mut ages).await;
                let letters = self.letters_at(&survey);
                if round.is_multiple_of(SELDOM) || letters != letters_at {
                    let counted =
                        self.read(What::DeadLetters, bus.count_dead_letters(&self.root, MOST_DEAD_LETTERS)).await;
                    if let Some(counted) = counted {
                        letters_at = letters;
                        self.figures().dead_letters(counted, Instant::now());
                    }
                }
            }
            if round.is_multiple_of(SELDOM) {
                let planned = async { bus.plan(self.topology.clone()).await };
                if let Some(plan) = self.read(What::Catalogue, planned).await {
                    let changes = plan.changes.iter().filter(|change| change.action != Action::Keep);
                    let drift = changes.map(|change| Drift {
                        stream: change.stream.clone(),
                        consumer: change.consumer.clone().unwrap_or_default(),
                        action: action(change.action),
                    });
                    self.figures().drift(drift.collect(), Instant::now());
                }
            }
            round = round.wrapping_add(1);
        }
    }

    /// Waits for what is read, no longer than a while. What fails is said once, and is a figure of its own.
    async fn read<T, E: std::fmt::Display>(
        &self,
        what: What,
        reading: impl Future<Output = Result<T, E>>,
    ) -> Option<T> {
        let patience = PATIENCE.max(self.every);
        let failure = match timeout(patience, reading).await {
            Ok(Ok(read)) => return Some(read),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it takes longer than {patience:?}"),
        };
        self.failed(what, &failure);
        None
    }

    fn failed(&self, what: What, failure: &str) {
        if self.figures().failed(what, failure) {
            note(format_args!("cannot read {}: {failure}", what.as_str()));
        }
    }

    /// Finds the ages of what is not handled, of a bounded number of consumers at a time. Those that have gone on since come first.
    async fn read_ages(&self, bus: &Bus, survey: &Survey, ages: &mut Ages) {
        let (mut left, mut known) = (MOST_FOR_AGES, Ages::new());
        let started = Instant::now();
        let mut failure = None;
        for (stream, found) in &survey.streams {
            for (name, consumer) in found.consumers.iter().flatten().filter(|(_, consumer)| consumer.has_leader) {
                let key = (stream.clone(), name.clone());
                if consumer.is_done() {
                    known.insert(key, (consumer.ack_floor, None));
                    continue;
                }
                // The oldest that is not acknowledged stays the oldest as long as nothing before it is.
                if let Some((floor, Some(stored))) = ages.get(&key).filter(|(floor, _)| *floor == consumer.ack_floor) {
                    known.insert(key, (*floor, Some(*stored)));
                    continue;
                }
                let is_in_time = started.elapsed() < PATIENCE && failure.is_none();
                if left == 0 || !is_in_time {
                    // What was known a look ago is a bound: nothing that is unhandled now is older.
                    if let Some(before) = ages.get(&key).filter(|(_, stored)| stored.is_some()) {
                        known.insert(key, *before);
                    }
                    failure.get_or_insert_with(|| {
                        format!("{MOST_FOR_AGES} requests are made at a time, and more would be needed")
                    });
                    continue;
                }
                match timeout(PATIENCE, bus.oldest_unhandled(stream, consumer)).await {
                    Ok(Ok((stored, requests))) => {
                        left = left.saturating_sub(requests);
                        self.figures().count_requests(requests);
                        known.insert(key, (consumer.ack_floor, stored));
                    }
                    Ok(Err(error)) => failure = Some(error.to_string()),
                    Err(_) => failure = Some(format!("it takes longer than {PATIENCE:?}")),
                }
            }
        }
        let stored = known.iter().map(|(key, (_, stored))| (key.clone(), *stored)).collect();
        self.figures().ages(stored, failure.is_none(), Instant::now());
        if let Some(failure) = failure {
            self.failed(What::Ages, &failure);
        }
        *ages = known;
    }

    /// Where the stream of the dead letters stands: nothing in it has changed while that is the same.
    fn letters_at(&self, survey: &Survey) -> Option<(u64, u64)> {
        let letters = self.topology.streams.iter().find(|stream| stream.holds_dead_letters())?;
        let stream = survey.streams.get(&letters.name)?;
        Some((stream.messages, stream.last))
    }

    /// Counts what the server reports by itself.
    async fn listen(&self, bus: &Bus) {
        loop {
            let failure = match bus.tail(advisories::subjects(), None).await {
                Err(error) => error,
                Ok(mut tail) => {
                    self.figures().listening(Instant::now());
                    loop {
                        match tail.next().await {
                            Some(Ok(message)) => {
                                let missed = tail.missed();
                                let advisory = Advisory::of(&message.subject);
                                self.figures().advisory(advisory, missed);
                            }
                            Some(Err(error)) => break error,
                            None => pending::<()>().await,
                        };
                    }
                }
            };
            self.failed(What::Advisories, &failure.to_string());
            sleep(AGAIN).await;
        }
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Keep => "keep",
        Action::Create => "create",
        Action::Update => "update",
        Action::Recreate => "recreate",
        Action::Refuse => "refuse",
        _ => "other",
    }
}

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
/// After how many looks dead letters and the catalogue may be looked at again: they cost more.
const SELDOM: u32 = 4;
/// What takes no longer than this may be done at each look.
const QUICK: Duration = Duration::from_secs(1);
/// How long one look may take at least, however often it is wanted.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the search for the oldest event of one consumer may take.
const PATIENCE_FOR_ONE: Duration = Duration::from_secs(3);
/// After how long advisories are listened for again, where that was refused.
const AGAIN: Duration = Duration::from_secs(30);

/// Looks at a server.
pub(super) struct Watch {
    pub(super) topology: Topology,
    pub(super) root: String,
    pub(super) every: Duration,
    pub(super) figures: Arc<Mutex<Figures>>,
}

/// What is known of the consumers whose oldest event was looked up.
type Ages = BTreeMap<(String, String), Age>;
/// When others were looked at in vain.
type Unread = BTreeMap<(String, String), Instant>;

/// The oldest event that a consumer has not handled.
#[derive(Debug, Clone, Copy)]
struct Age {
    /// Up to here everything was acknowledged.
    floor: u64,
    stored: Option<Timestamp>,
    /// When that was looked up.
    read: Instant,
}

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
        let (mut ticks, mut ages, mut round) = (interval(self.every), (Ages::new(), Unread::new()), 0_u32);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Where their stream stood when dead letters were counted, and the round in which they may be counted again.
        let (mut letters_at, mut letters_due) = (None, 0_u32);
        loop {
            ticks.tick().await;
            let survey = self.read(What::Streams, bus.survey()).await;
            if let Some(survey) = survey {
                self.figures().survey(&survey, Instant::now());
                self.read_ages(bus, &survey, &mut ages).await;
                let letters = self.letters_at(&survey);
                if round >= letters_due && (letters != letters_at || letters.is_none()) {
                    let begun = Instant::now();
                    let counted =
                        self.read(What::DeadLetters, bus.count_dead_letters(&self.root, MOST_DEAD_LETTERS)).await;
                    if let Some(counted) = counted {
                        letters_at = letters;
                        self.figures().dead_letters(counted, Instant::now());
                    }
                    // As long as they are few they may be counted at each look.
                    let is_quick = begun.elapsed() < QUICK;
                    letters_due = round.saturating_add(if is_quick { 1 } else { SELDOM });
                } else if letters.is_some() && letters == letters_at {
                    self.figures().same_dead_letters(Instant::now());
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
            round = round.saturating_add(1);
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

    /// Finds the ages of what is not handled, by a bounded number of requests at a time. Consumers of the catalogue come first, and of those
    /// the ones that were looked at longest ago. What cannot be read of one keeps nothing from the others.
    async fn read_ages(&self, bus: &Bus, survey: &Survey, (ages, unread): &mut (Ages, Unread)) {
        let (mut left, mut known) = (MOST_FOR_AGES, Ages::new());
        let started = Instant::now();
        let mut due = Vec::new();
        for (stream, found) in &survey.streams {
            for (name, consumer) in found.consumers.iter().flatten().filter(|(_, consumer)| consumer.has_leader) {
                let key = (stream.clone(), name.clone());
                match ages.get(&key) {
                    _ if consumer.is_done() => {
                        known.insert(key, Age { floor: consumer.ack_floor, stored: None, read: started });
                    }
                    // The oldest that is not acknowledged stays the oldest as long as nothing before it is.
                    Some(age) if age.floor == consumer.ack_floor && age.stored.is_some() => {
                        known.insert(key, *age);
                    }
                    before => {
                        let read = before.map(|age| age.read).or_else(|| unread.get(&key).copied());
                        due.push((self.is_of_catalogue(&key), read, key, consumer));
                    }
                }
            }
        }
        due.sort_by_key(|(is_ours, read, ..)| (!is_ours, *read));
        let (mut failure, mut not_read) = (None, 0_usize);
        for (_, _, key, consumer) in due {
            if left == 0 || started.elapsed() >= PATIENCE {
                not_read += 1;
                continue;
            }
            let patience = PATIENCE.saturating_sub(started.elapsed()).min(PATIENCE_FOR_ONE);
            let read = match timeout(patience, bus.oldest_unhandled(&key.0, consumer)).await {
                Ok(Ok((stored, requests))) => {
                    left = left.saturating_sub(requests);
                    self.figures().count_requests(requests);
                    known.insert(key, Age { floor: consumer.ack_floor, stored, read: Instant::now() });
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("it takes longer than {patience:?}"),
            };
            left = left.saturating_sub(1);
            let (stream, name) = &key;
            failure.get_or_insert_with(|| format!("that of {name} of {stream}: {read}"));
            // Nothing is known of it; but it is not the first again.
            unread.insert(key, Instant::now());
        }
        let stored = known.iter().map(|(key, age)| (key.clone(), age.stored));
        let failure = failure.or_else(|| {
            let reason =
                format!("{MOST_FOR_AGES} requests are made at a time, and {not_read} consumers wait for the next look");
            (not_read > 0).then_some(reason)
        });
        self.figures().ages(stored.collect(), failure.is_none(), Instant::now());
        if let Some(failure) = failure {
            self.failed(What::Ages, &failure);
        }
        *ages = known;
    }

    fn is_of_catalogue(&self, (stream, name): &(String, String)) -> bool {
        self.topology.consumers.iter().any(|consumer| consumer.stream == *stream && consumer.name == *name)
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

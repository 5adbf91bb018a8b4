//! What went over the wire about each job, and whether it adds up with what was done and dead-lettered.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use eventsmith_tests::job::{Deed, Entry, Job, What};
use eventsmith_tests::proxy::{Frame, Verdict};

use crate::common::Outcome;

/// What the proxy saw, in order.
#[derive(Debug)]
pub(crate) struct Ledger {
    seen: Mutex<Vec<(Instant, Seen)>>,
    ack_wait: Duration,
}

/// A frame that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Delivered { sequence: u64, delivery: u64 },
    Acknowledged { sequence: u64, delivery: u64 },
}

impl Ledger {
    pub(crate) fn new(ack_wait: Duration) -> Self {
        Self { seen: Mutex::default(), ack_wait }
    }

    /// Notes a frame if it passes. To be called before it does, so that what it causes is noted behind it.
    pub(crate) fn note(&self, frame: &Frame, verdict: Verdict) {
        if matches!(verdict, Verdict::Drop | Verdict::Cut) {
            return;
        }
        let delivered = frame.delivers().map(|it| Seen::Delivered { sequence: it.sequence, delivery: it.attempt });
        let acknowledged = frame.word_about().filter(|_| frame.payload == b"+ACK");
        let acknowledged = acknowledged.map(|it| Seen::Acknowledged { sequence: it.sequence, delivery: it.attempt });
        let seen = delivered.or(acknowledged).map(|seen| (Instant::now(), seen));
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).extend(seen);
    }

    /// All that is wrong, a sentence for each.
    ///
    /// - Every job was completed or dead-lettered. None was dead-lettered twice.
    /// - A job that completes at its first attempt is dead-lettered only if it was delivered as often as it may be.
    /// - No job is delivered again once word that it is done has passed, and none done again without being delivered.
    /// - What can never be completed was not.
    pub(crate) fn audit(
        &self,
        jobs: &[Job],
        journal: &[Entry],
        buried: &BTreeMap<u64, usize>,
        max_attempts: u64,
    ) -> Vec<String> {
        let mut done = HashMap::<u64, Vec<u64>>::new();
        for entry in journal.iter().filter(|entry| entry.what == What::Done) {
            done.entry(entry.id).or_default().push(entry.delivery);
        }
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut attempts, mut acknowledged) = (HashMap::new(), HashMap::new());
        let mut wrong = Vec::new();
        for (when, seen) in seen.iter() {
            match *seen {
                Seen::Delivered { sequence, delivery } => {
                    attempts
                        .entry(sequence)
                        .and_modify(|most: &mut u64| *most = delivery.max(*most))
                        .or_insert(delivery);
                    // On a machine that stands still for `ack_wait`, a delivery and an acknowledgement may cross. One that
                    // was lost is followed by a delivery a whole `ack_wait` later.
                    if let Some((before, then)) = acknowledged.get(&sequence)
                        && when.duration_since(*then) > self.ack_wait / 2
                    {
                        wrong.push(format!("{sequence} was delivered as {delivery} after {before} was acknowledged"));
                    }
                }
                Seen::Acknowledged { sequence, delivery } => {
                    acknowledged.entry(sequence).or_insert((delivery, *when));
                    if !done.get(&sequence).is_some_and(|done| done.iter().any(|at| *at <= delivery)) {
                        wrong.push(format!("{sequence} was acknowledged at {delivery}, and is not done"));
                    }
                }
            }
        }
        for job in jobs {
            let id = job.id;
            let letters = buried.get(&id).copied().unwrap_or(0);
            let done = done.get(&id).map(Vec::as_slice).unwrap_or_default();
            let attempts = attempts.get(&id).copied().unwrap_or(0);
            let mut each = done.to_vec();
            each.sort_unstable();
            each.dedup();
            if done.is_empty() && letters == 0 {
                wrong.push(format!("{id} is lost after {attempts} attempts: {job:?}"));
            }
            if letters > 1 {
                wrong.push(format!("{id} has {letters} dead letters: {job:?}"));
            }
            if letters > 0 && acknowledged.contains_key(&id) {
                wrong.push(format!("{id} was buried and acknowledged: {job:?}"));
            }
            let gives_up_at_once = job.deeds.is_empty() || job.deeds.contains(&Deed::Reject);
            if letters > 0 && attempts < max_attempts && !gives_up_at_once {
                wrong.push(format!("{id} was buried after {attempts} attempts: {job:?}"));
            }
            if each.len() < done.len() {
                wrong.push(format!("{id} was done twice at one delivery: {done:?}"));
            }
            if !done.is_empty() && job.deeds.iter().all(|deed| !matches!(deed, Deed::Complete | Deed::Work(_))) {
                wrong.push(format!("{id} cannot be done, and was: {job:?}"));
            }
        }
        for (id, _) in buried.iter().filter(|(id, _)| !jobs.iter().any(|job| job.id == **id)) {
            wrong.push(format!("{id} is buried, and was never published"));
        }
        wrong
    }

    /// For whoever wants to know that much happened.
    pub(crate) fn summary(&self) -> String {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let deliveries = seen.iter().filter(|seen| matches!(seen.1, Seen::Delivered { .. })).count();
        format!("{deliveries} deliveries, {} acknowledgements", seen.len() - deliveries)
    }
}

/// Whether a subject is that of a count of runs, `ROOT.dlq.CONSUMER.STREAM.SEQUENCE._runs`.
fn is_run_count(subject: &str) -> bool {
    subject.ends_with("._runs")
}

/// The origin's number, if a subject is that of a dead letter: `ROOT.dlq.CONSUMER.STREAM.SEQUENCE.SUBJECT`.
pub(crate) fn dead_letter(subject: &str) -> Option<u64> {
    if is_run_count(subject) {
        return None;
    }
    let mut tokens = subject.strip_prefix("rules.dlq.")?.split('.');
    tokens.nth(2)?.parse().ok()
}

/// How many dead letters there are, by the number of their origin.
pub(crate) async fn buried(letters: &Stream) -> Outcome<BTreeMap<u64, usize>> {
    let mut found = BTreeMap::new();
    let state = letters.get_info().await?.state;
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        let letter = match letters.get_raw_message(sequence).await {
            Ok(letter) => letter,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => continue,
            Err(error) => return Err(error.into()),
        };
        // The stream holds advisories of the server, too, and counts of runs that are deleted later.
        if letter.subject.starts_with("rules.") && !is_run_count(&letter.subject) {
            let origin = dead_letter(&letter.subject).ok_or("a dead letter of nothing")?;
            *found.entry(origin).or_default() += 1;
        }
    }
    Ok(found)
}

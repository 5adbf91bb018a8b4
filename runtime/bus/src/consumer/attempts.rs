//! Which attempt a delivery is. An attempt is a run that began; the server counts deliveries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::note_deletion::{NoteDeletion, Noted};
use super::pause::Pause;
use crate::cause::Cause;
use crate::dead_letters::runs::{LastNote, RunCount, RunCounts};
use crate::transport::{Delivery, SendFailure, Transport};

/// Of how many events that failed or were not run the number of runs is kept: as many as may be unacknowledged at most.
const REMEMBERED: usize = 65_536;
const UNNOTED: &str = "how often events were run can be neither read nor noted beside the dead letters";
/// Of how many events what is unsaid is said at a time.
const SAID_AT_ONCE: usize = 32;
/// How many of those that are handed back together are noted at a time: the server drops all questions when there are too many.
const NOTED_AT_ONCE: usize = 64;
/// Of how many deliveries of one event it is remembered that they were not run.
const MOST_UNRUN: usize = 64;

/// Counts the runs of the events of one stream.
///
/// A delivery of which nothing is known counts as a run, as its process may have died of it; unless events may have been
/// lost on their way to this process. But no event is taken for exhausted unless it is known to have been run: before the
/// last attempt, and when events are nakked that were not run, the number of runs is noted beside the dead letters.
#[derive(Debug)]
pub(super) struct Attempts {
    transport: Arc<dyn Transport>,
    counts: RunCounts,
    deletion: NoteDeletion,
    known: Mutex<BTreeMap<u64, Known>>,
    lost: Mutex<Lost>,
    /// What is to be said of events that were not run, and could not be said yet.
    unsaid: Mutex<BTreeMap<u64, (Timestamp, Unsaid)>>,
    /// Whether notes are read and written.
    noting: Pause,
}

/// Which deliveries may have been lost on their way to this process.
#[derive(Debug, Clone, Copy, Default)]
struct Lost {
    /// Those of events up to this number.
    up_to: u64,
    /// And those of any others that were delivered until now.
    is_open: bool,
    /// How often some may have been lost.
    losses: u64,
}

/// The number of an attempt as far as anybody knows now; more may be known at the next delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsure(pub(super) u64);

/// How often an event was run, and whose word that is.
#[derive(Debug, Clone, Copy, Default)]
struct Note {
    count: RunCount,
    /// Whether another process noted it.
    is_of_another: bool,
}

/// What is known of an event that is not done.
#[derive(Debug, Clone)]
struct Known {
    stored: Timestamp,
    note: Note,
    /// Whether it is noted beside the dead letters.
    is_noted: bool,
    /// The number of the note in the stream of the dead letters, if it was stored from here.
    number: Option<u64>,
    /// Later deliveries that were not run.
    unrun: Vec<u64>,
}

/// What is to be said of an event that was not run.
#[derive(Debug, Clone, Copy)]
enum Unsaid {
    /// The run that was noted before it began did not begin.
    Withdrawn {
        count: RunCount,
        /// Whether its consumer is gone: what is noted now may be about the next one of its name.
        is_gone: bool,
    },
    /// A delivery was handed back.
    HandedBack {
        delivery: u64,
        /// What was known here before it.
        before: RunCount,
        /// Whether no delivery before it need have been run.
        is_lost: bool,
        /// Whether it may have been nakked by now. Before that nobody has a later delivery, and what is noted of one is about an earlier
        /// consumer of this name.
        is_late: bool,
        /// What was sent, and may be stored.
        sent: Option<RunCount>,
    },
}

impl Attempts {
    pub(super) fn new(transport: Arc<dyn Transport>, counts: RunCounts) -> Self {
        let (known, lost, unsaid) = Default::default();
        let deletion = NoteDeletion::new(Arc::clone(&transport), counts.clone());
        Self { transport, counts, deletion, known, lost, unsaid, noting: Pause::default() }
    }

    /// Events may have been lost on their way to this process, so that a delivery need not have been run.
    pub(super) fn may_have_lost(&self) {
        let mut lost = lock(&self.lost);
        lost.is_open = true;
        lost.losses += 1;
    }

    /// A delivery of this event was not run.
    pub(super) fn lost_one(&self, sequence: u64) {
        let mut lost = lock(&self.lost);
        lost.up_to = lost.up_to.max(sequence);
    }

    /// How often events may have been lost, if it is to be found out which.
    pub(super) fn asks_what_was_lost(&self) -> Option<u64> {
        let lost = lock(&self.lost);
        lost.is_open.then_some(lost.losses)
    }

    /// What was lost by then is among the events up to this number: no later one had been delivered.
    pub(super) fn lost_up_to(&self, delivered: u64, losses: u64) {
        let mut lost = lock(&self.lost);
        if lost.losses == losses {
            (lost.up_to, lost.is_open) = (lost.up_to.max(delivered), false);
        }
    }

    /// The number of the attempt that a run of this delivery would be, counted from 1: more than `max_attempts` if it must
    /// not run any more. The last attempt is to be [noted](Self::note_last) before it begins.
    ///
    /// # Errors
    /// [`Unsure`] where the event is to be handed back for a while. A last attempt that another process noted need not have come to a
    /// run: the note may have been acknowledged after its lease had ended, and then it is [withdrawn](Self::withdraw) as soon as that
    /// can be said. So such a note is believed at the second delivery after it. And where notes cannot be read for the moment,
    /// deliveries of which nothing is known make none the last attempt.
    pub(super) async fn number(&self, delivery: &Delivery, max_attempts: u64) -> Result<u64, Unsure> {
        let Delivery { deliveries, .. } = *delivery;
        if deliveries <= 1 && max_attempts > 1 {
            return Ok(1);
        }
        let (known, is_fresh) = if deliveries > 1 { self.known(delivery).await } else { (None, true) };
        let Note { count, is_of_another } = known.as_ref().map(|known| known.note).unwrap_or_default();
        if count.runs < max_attempts {
            let before = self.runs_before(known.as_ref(), delivery);
            let attempt = (before + 1).min(max_attempts);
            let is_guess = !is_fresh && before > count.runs && attempt == max_attempts && self.noting.is_passing();
            return if is_guess { Err(Unsure(attempt)) } else { Ok(attempt) };
        }
        match !is_of_another || is_fresh && count.deliveries + 1 < deliveries {
            true => Ok(count.runs + 1),
            false => Err(Unsure(count.runs + 1)),
        }
    }

    /// Notes that the last attempt is about to begin. If this is dropped, what was on its way may be stored.
    pub(super) async fn note_last(&self, delivery: &Delivery, attempt: u64) {
        let deliveries = delivery.deliveries;
        self.note(delivery, RunCount { deliveries, runs: attempt, ahead: Some(deliveries) }).await;
    }

    /// An attempt failed, or was cut off. That is noted only where others could not infer it from the deliveries.
    pub(super) async fn failed(&self, delivery: &Delivery, attempt: u64) {
        if self.may_be_lost(delivery.sequence) {
            self.note(delivery, ran(delivery, attempt)).await;
        } else {
            self.given_up(delivery, attempt);
        }
    }

    /// A run was given up whose lease had ended. Others infer it from the deliveries.
    pub(super) fn given_up(&self, delivery: &Delivery, attempt: u64) {
        self.learn(delivery, ran(delivery, attempt));
    }

    /// A delivery came while an earlier one of the same event ran, and will not be run.
    pub(super) fn passed_over(&self, delivery: &Delivery) {
        self.update(delivery.sequence, delivery.stored, |known| known.note.count.deliveries = delivery.deliveries);
    }

    /// A delivery is nakked, as it is not known whether it may be run.
    pub(super) fn put_off(&self, delivery: &Delivery) {
        self.update(delivery.sequence, delivery.stored, |known| {
            known.unrun.push(delivery.deliveries);
            if known.unrun.len() > MOST_UNRUN {
                known.unrun.remove(0);
            }
        });
    }

    /// No handler here is for an event, so that the attempt that has a [number](Self::number) was none.
    pub(super) async fn handed_back(&self, delivery: &Delivery) {
        self.not_run(std::slice::from_ref(delivery)).await;
    }

    /// An attempt that has a [number](Self::number) did not come to a run, although that may be noted. It is said until it is heard.
    pub(super) async fn withdraw(&self, delivery: &Delivery, attempt: u64) {
        let (count, is_gone) = (ran(delivery, attempt.saturating_sub(1)), delivery.acker.is_gone());
        self.learn(delivery, count);
        self.keep_unsaid(delivery, Unsaid::Withdrawn { count, is_gone });
        self.say(delivery.sequence).await;
    }

    /// Whether something could not be said.
    pub(super) fn has_unsaid(&self) -> bool {
        !lock(&self.unsaid).is_empty()
    }

    /// Says once more what could not be said.
    pub(super) async fn say_again(&self) {
        let unsaid: Vec<u64> = lock(&self.unsaid).keys().copied().take(SAID_AT_ONCE).collect();
        for sequence in unsaid {
            if let Some((_, Unsaid::HandedBack { is_late, .. })) = lock(&self.unsaid).get_mut(&sequence) {
                *is_late = true;
            }
            self.say(sequence).await;
        }
    }

    /// Notes that deliveries are nakked without a run. What is not noted by the time at which this is dropped is known here, and said later.
    pub(super) async fn not_run(&self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            let here = self.here(delivery);
            let (before, is_lost) = (here.unwrap_or_default(), self.may_be_lost(delivery.sequence));
            let (deliveries, is_late, sent) = (delivery.deliveries, false, None);
            let handed_back = Unsaid::HandedBack { delivery: deliveries, before: before.count, is_lost, is_late, sent };
            let note = Note { count: without(before.count, deliveries, is_lost), ..before };
            self.update(delivery.sequence, delivery.stored, |known| known.note = note);
            self.keep_unsaid(delivery, handed_back);
        }
        stream::iter(deliveries).for_each_concurrent(NOTED_AT_ONCE, |delivery| self.say(delivery.sequence)).await;
    }

    /// Forgets an event that is done.
    pub(super) fn done(&self, delivery: &Delivery) {
        let known = lock(&self.known).remove(&delivery.sequence);
        lock(&self.unsaid).remove(&delivery.sequence);
        if let Some(known) = known.filter(|known| known.is_noted) {
            // Of a first delivery nobody else noted anything.
            let once = known.number.filter(|_| delivery.deliveries <= 1);
            let of = delivery.sequence;
            self.deletion.begin(once.map_or(Noted::Of(of), |number| Noted::Once { of, number }));
        }
    }

    /// How often an event was run before this delivery.
    fn runs_before(&self, known: Option<&Known>, delivery: &Delivery) -> u64 {
        let count = known.map(|known| known.note.count).unwrap_or_default();
        if self.may_be_lost(delivery.sequence) {
            return count.runs;
        }
        let is_later = |unrun: &&u64| (count.deliveries + 1..delivery.deliveries).contains(*unrun);
        let unrun = known.map_or(0, |known| known.unrun.iter().filter(is_later).count() as u64);
        count.runs + delivery.deliveries.saturating_sub(1).saturating_sub(count.deliveries).saturating_sub(unrun)
    }

    /// What is known here of the deliveries before this one.
    fn here(&self, delivery: &Delivery) -> Option<Note> {
        lock(&self.known).get(&delivery.sequence).filter(|known| known.is_before(delivery)).map(|known| known.note)
    }

    /// What is known here, or was noted by somebody else; and whether what is noted was read. What is known here may be older.
    async fn known(&self, delivery: &Delivery) -> (Option<Known>, bool) {
        let Delivery { deliveries, sequence, stored, .. } = *delivery;
        let here = lock(&self.known).get(&sequence).filter(|known| known.is_before(delivery)).cloned();
        let accounted = here.as_ref().map_or(0, |here| here.note.count.deliveries);
        if here.is_some() && accounted + 1 >= deliveries || self.noting.is_on() {
            return (here, false);
        }
        match self.counts.get(&*self.transport, sequence, stored).await {
            Ok(noted) => {
                let unrun = here.as_ref().map(|here| here.unrun.clone()).unwrap_or_default();
                let known = |count| {
                    let note = Note { count, is_of_another: true };
                    Known { stored, note, is_noted: true, number: None, unrun }
                };
                let noted = noted.count.filter(|noted| noted.deliveries >= accounted).map(known);
                let known = noted.filter(|noted| noted.is_before(delivery)).or(here);
                if let Some(known) = &known {
                    self.update(sequence, stored, |before| *before = known.clone());
                }
                (known, true)
            }
            Err(error) => {
                self.noting.begin(&error, UNNOTED);
                (here, false)
            }
        }
    }

    /// Notes what happened here.
    async fn note(&self, delivery: &Delivery, count: RunCount) {
        let Delivery { sequence, stored, .. } = *delivery;
        self.learn(delivery, count);
        if self.noting.is_on() {
            return;
        }
        match self.counts.put(&*self.transport, sequence, stored, count, None).await {
            Ok(ack) => self.noted(sequence, stored, ack.sequence),
            Err(error) => self.noting.begin(&error, UNNOTED),
        }
    }

    fn noted(&self, sequence: u64, stored: Timestamp, number: u64) {
        self.update(sequence, stored, |known| (known.is_noted, known.number) = (true, Some(number)));
    }

    fn keep_unsaid(&self, delivery: &Delivery, what: Unsaid) {
        let mut unsaid = lock(&self.unsaid);
        unsaid.insert(delivery.sequence, (delivery.stored, what));
        if unsaid.len() > REMEMBERED {
            unsaid.pop_first();
        }
    }

    /// Says what is unsaid of an event, unless a later note does not count it any more.
    async fn say(&self, sequence: u64) {
        let Some((stored, what)) = lock(&self.unsaid).get(&sequence).copied() else { return };
        if self.noting.is_on() {
            return;
        }
        // Before an event came a second time nobody noted anything of it, as a rule.
        let is_first = matches!(what, Unsaid::HandedBack { delivery: ..=1, is_late: false, .. });
        let said = async {
            if is_first && self.say_behind(LastNote::default(), what, (sequence, stored)).await? {
                return Ok(true);
            }
            let last = self.counts.get(&*self.transport, sequence, stored).await.map_err(Cause::of)?;
            self.say_behind(last, what, (sequence, stored)).await
        };
        match said.await {
            Ok(true) => drop(lock(&self.unsaid).remove(&sequence)),
            Ok(false) => {}
            Err(error) => self.noting.begin(&error, UNNOTED),
        }
    }

    /// The same where this was noted last. `Ok(false)` if it was not.
    async fn say_behind(
        &self,
        last: LastNote,
        what: Unsaid,
        (sequence, stored): (u64, Timestamp),
    ) -> Result<bool, Cause> {
        let Some(note) = what.corrected(last.count) else { return Ok(true) };
        if let Some((_, Unsaid::HandedBack { sent, .. })) = lock(&self.unsaid).get_mut(&sequence) {
            *sent = Some(note.count);
        }
        match self.counts.put(&*self.transport, sequence, stored, note.count, Some(last.number)).await {
            Ok(ack) => {
                self.update(sequence, stored, |known| {
                    if known.note.count.deliveries <= note.count.deliveries {
                        known.note = note;
                    }
                });
                self.noted(sequence, stored, ack.sequence);
                Ok(true)
            }
            // Something was noted meanwhile.
            Err(SendFailure::WrongSequence { .. } | SendFailure::Refused { .. }) => Ok(false),
            Err(error) => Err(Cause::of(error)),
        }
    }

    /// Takes note here of what happened here.
    fn learn(&self, delivery: &Delivery, count: RunCount) {
        self.update(delivery.sequence, delivery.stored, |known| known.note = Note { count, is_of_another: false });
    }

    fn update(&self, sequence: u64, stored: Timestamp, change: impl FnOnce(&mut Known)) {
        let new = || Known { stored, note: Note::default(), is_noted: false, number: None, unrun: Vec::new() };
        let mut all = lock(&self.known);
        let known = all.entry(sequence).or_insert_with(new);
        if known.stored != stored {
            *known = new();
        }
        change(known);
        let accounted = known.note.count.deliveries;
        known.unrun.retain(|unrun| *unrun > accounted);
        if all.len() > REMEMBERED {
            all.pop_first();
        }
    }

    fn may_be_lost(&self, sequence: u64) -> bool {
        let Lost { up_to, is_open, .. } = *lock(&self.lost);
        is_open || sequence <= up_to
    }
}

impl Known {
    /// Whether it is about an earlier delivery of this event. What is about a later one was said of an earlier consumer of this name, which
    /// counted anew.
    fn is_before(&self, delivery: &Delivery) -> bool {
        self.stored == delivery.stored && self.note.count.deliveries < delivery.deliveries
    }
}

impl Unsaid {
    /// What is to be noted where this was noted last; nothing if that counts it already, or not any more.
    fn corrected(self, noted: Option<RunCount>) -> Option<Note> {
        match (self, noted) {
            // Also where somebody took it over in a later note.
            (Self::Withdrawn { count, .. }, Some(noted)) if noted.ahead == Some(count.deliveries) => {
                let is_of_another = noted.deliveries > count.deliveries;
                let count = RunCount { runs: noted.runs.saturating_sub(1), ahead: None, ..noted };
                Some(Note { count, is_of_another })
            }
            (Self::Withdrawn { is_gone: true, .. }, _) => None,
            (Self::Withdrawn { count, .. }, Some(noted)) if noted.deliveries > count.deliveries => None,
            (Self::Withdrawn { count, .. }, _) => Some(Note { count, is_of_another: false }),
            (Self::HandedBack { sent: Some(_), .. }, noted @ Some(_)) if self.sent() == noted => None,
            (Self::HandedBack { delivery, before, is_lost, is_late, .. }, noted) => {
                let is_newer = |noted: &RunCount| noted.deliveries >= before.deliveries;
                let newer = noted.filter(|noted| is_newer(noted) && (is_late || noted.deliveries < delivery));
                let last = newer.unwrap_or(before);
                let count = without(last, delivery, is_lost);
                // What another process noted stays its word.
                (last.deliveries < delivery).then_some(Note { count, is_of_another: newer.is_some() })
            }
        }
    }

    fn sent(self) -> Option<RunCount> {
        match self {
            Self::HandedBack { sent, .. } => sent,
            Self::Withdrawn { .. } => None,
        }
    }
}

/// What is to be counted of an event of which a delivery was not run. Those before it of which nothing is known stay unknown: noted as
/// runs, they would exhaust an event that was never run.
fn without(before: RunCount, delivery: u64, is_lost: bool) -> RunCount {
    let accounted = if is_lost { delivery } else { before.deliveries + 1 };
    RunCount { deliveries: accounted.min(delivery), ..before }
}

/// That so many attempts were run up to this delivery.
fn ran(delivery: &Delivery, runs: u64) -> RunCount {
    RunCount { deliveries: delivery.deliveries, runs, ahead: None }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

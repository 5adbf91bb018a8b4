//! Which attempt a delivery is. An attempt is a run that began; the server counts deliveries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    unsaid: Mutex<BTreeMap<u64, (Timestamp, RunCount)>>,
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

/// What is known of an event that is not done.
#[derive(Debug, Clone, Copy)]
struct Known {
    stored: Timestamp,
    count: RunCount,
    /// Whether it is noted beside the dead letters.
    is_noted: bool,
    /// Whether its runs are what another process noted.
    is_of_another: bool,
    /// The number of the note in the stream of the dead letters, if it was stored from here.
    number: Option<u64>,
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
        let runs = known.map_or(0, |known| known.count.runs);
        if runs < max_attempts {
            let before = self.runs_before(known, delivery);
            let attempt = (before + 1).min(max_attempts);
            let is_guess = !is_fresh && before > runs && attempt == max_attempts && self.noting.is_passing();
            return if is_guess { Err(Unsure(attempt)) } else { Ok(attempt) };
        }
        let is_certain = |known: Known| is_fresh && known.count.deliveries + 1 < deliveries;
        match known.is_none_or(|known| !known.is_of_another || is_certain(known)) {
            true => Ok(runs + 1),
            false => Err(Unsure(runs + 1)),
        }
    }

    /// Notes that the last attempt is about to begin. If this is dropped, what was on its way may be stored.
    pub(super) async fn note_last(&self, delivery: &Delivery, attempt: u64) {
        let deliveries = delivery.deliveries;
        self.note(delivery, RunCount { deliveries, runs: attempt, ahead: Some(deliveries) }, false).await;
    }

    /// An attempt failed, or was cut off. That is noted only where others could not infer it from the deliveries.
    pub(super) async fn failed(&self, delivery: &Delivery, attempt: u64) {
        if self.may_be_lost(delivery.sequence) {
            self.note(delivery, ran(delivery, attempt), false).await;
        } else {
            self.given_up(delivery, attempt);
        }
    }

    /// A run was given up whose lease had ended. Others infer it from the deliveries.
    pub(super) fn given_up(&self, delivery: &Delivery, attempt: u64) {
        self.learn(delivery, ran(delivery, attempt), false);
    }

    /// A delivery came while an earlier one of the same event ran, and will not be run.
    pub(super) fn passed_over(&self, delivery: &Delivery) {
        self.update(delivery, |known| known.count.deliveries = delivery.deliveries);
    }

    /// No handler here is for an event, so that the attempt that has a [number](Self::number) was none.
    pub(super) async fn handed_back(&self, delivery: &Delivery) {
        let known = lock(&self.known).get(&delivery.sequence).copied().filter(|known| known.is_before(delivery));
        self.pass_on(known, delivery).await;
    }

    /// An attempt that has a [number](Self::number) did not come to a run, although that may be noted. It is said until it is heard.
    pub(super) async fn withdraw(&self, delivery: &Delivery, attempt: u64) {
        let count = ran(delivery, attempt.saturating_sub(1));
        self.learn(delivery, count, false);
        {
            let mut unsaid = lock(&self.unsaid);
            unsaid.insert(delivery.sequence, (delivery.stored, count));
            if unsaid.len() > REMEMBERED {
                unsaid.pop_first();
            }
        }
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
            self.say(sequence).await;
        }
    }

    /// Notes that deliveries are nakked without a run.
    pub(super) async fn not_run(&self, deliveries: &[Delivery]) {
        let notes = deliveries.iter().map(async |delivery| {
            let known = if delivery.deliveries > 1 { self.known(delivery).await.0 } else { None };
            self.pass_on(known, delivery).await;
        });
        futures_util::future::join_all(notes).await;
    }

    /// Notes that a delivery was not run, of an event of which this is known. What another process noted stays its word.
    async fn pass_on(&self, known: Option<Known>, delivery: &Delivery) {
        let is_of_another = known.is_some_and(|known| known.is_of_another);
        self.note(delivery, self.without(known, delivery), is_of_another).await;
    }

    /// Forgets an event that is done.
    pub(super) fn done(&self, delivery: &Delivery) {
        let known = lock(&self.known).remove(&delivery.sequence);
        lock(&self.unsaid).remove(&delivery.sequence);
        if let Some(known) = known.filter(|known| known.is_noted) {
            // Of a first delivery nobody else noted anything.
            let once = known.number.filter(|_| delivery.deliveries <= 1);
            self.deletion.begin(once.map_or(Noted::Of(delivery.sequence), Noted::Once));
        }
    }

    /// How often an event was run before this delivery.
    fn runs_before(&self, known: Option<Known>, delivery: &Delivery) -> u64 {
        let count = known.map(|known| known.count).unwrap_or_default();
        let unknown = if self.may_be_lost(delivery.sequence) { 0 } else { delivery.deliveries.saturating_sub(1) };
        count.runs + unknown.saturating_sub(count.deliveries)
    }

    /// What is known of an event of which this delivery was not run. Those before it of which nothing is known stay unknown: noted
    /// as runs, they would exhaust an event that was never run.
    fn without(&self, known: Option<Known>, delivery: &Delivery) -> RunCount {
        let Delivery { deliveries, sequence, .. } = *delivery;
        let count = known.map(|known| known.count).unwrap_or_default();
        let accounted = if self.may_be_lost(sequence) { deliveries } else { count.deliveries + 1 };
        RunCount { deliveries: accounted.min(deliveries), ..count }
    }

    /// What is known here, or was noted by somebody else; and whether what is noted was read. What is known here may be older.
    async fn known(&self, delivery: &Delivery) -> (Option<Known>, bool) {
        let Delivery { deliveries, sequence, stored, .. } = *delivery;
        let here = lock(&self.known).get(&sequence).copied().filter(|known| known.is_before(delivery));
        if here.is_some_and(|here| here.count.deliveries + 1 >= deliveries) || self.noting.is_on() {
            return (here, false);
        }
        match self.counts.get(&*self.transport, sequence, stored).await {
            Ok(noted) => {
                let known = |count| Known { stored, count, is_noted: true, is_of_another: true, number: None };
                let noted = noted.count.map(known).filter(|noted| noted.is_before(delivery));
                let is_newer = |noted: &Known| here.is_none_or(|here| here.count.deliveries <= noted.count.deliveries);
                let known = noted.filter(is_newer).or(here);
                if let Some(known) = known {
                    self.update(delivery, |before| *before = known);
                }
                (known, true)
            }
            Err(error) => {
                self.noting.begin(&error, UNNOTED);
                (here, false)
            }
        }
    }

    async fn note(&self, delivery: &Delivery, count: RunCount, is_of_another: bool) {
        self.learn(delivery, count, is_of_another);
        if self.noting.is_on() {
            return;
        }
        match self.counts.put(&*self.transport, delivery.sequence, delivery.stored, count, None).await {
            Ok(ack) => self.update(delivery, |known| (known.is_noted, known.number) = (true, Some(ack.sequence))),
            Err(error) => self.noting.begin(&error, UNNOTED),
        }
    }

    /// Says what is unsaid of an event: its run is taken out of what was noted, also where somebody took that over in a later note. Unless
    /// a later note does not count it any more.
    async fn say(&self, sequence: u64) {
        let Some((stored, count)) = lock(&self.unsaid).get(&sequence).copied() else { return };
        if self.noting.is_on() {
            return;
        }
        let said = async {
            let LastNote { count: noted, number } =
                self.counts.get(&*self.transport, sequence, stored).await.map_err(Cause::of)?;
            let corrected = match noted {
                Some(noted) if noted.ahead == Some(count.deliveries) => {
                    Some(RunCount { runs: noted.runs.saturating_sub(1), ahead: None, ..noted })
                }
                Some(noted) if noted.deliveries > count.deliveries => None,
                _ => Some(count),
            };
            let Some(corrected) = corrected else { return Ok(true) };
            match self.counts.put(&*self.transport, sequence, stored, corrected, Some(number)).await {
                Ok(_) => Ok(true),
                // Something was noted meanwhile.
                Err(SendFailure::Refused { .. }) => Ok(false),
                Err(error) => Err(Cause::of(error)),
            }
        };
        match said.await {
            Ok(true) => drop(lock(&self.unsaid).remove(&sequence)),
            Ok(false) => {}
            Err(error) => self.noting.begin(&error, UNNOTED),
        }
    }

    /// Takes note here of what happened here.
    fn learn(&self, delivery: &Delivery, count: RunCount, is_of_another: bool) {
        self.update(delivery, |known| (known.count, known.is_of_another) = (count, is_of_another));
    }

    fn update(&self, delivery: &Delivery, change: impl FnOnce(&mut Known)) {
        let (stored, count) = (delivery.stored, RunCount::default());
        let new = Known { stored, count, is_noted: false, is_of_another: false, number: None };
        let mut all = lock(&self.known);
        let known = all.entry(delivery.sequence).or_insert(new);
        if known.stored != delivery.stored {
            *known = new;
        }
        change(known);
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
        self.stored == delivery.stored && self.count.deliveries < delivery.deliveries
    }
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

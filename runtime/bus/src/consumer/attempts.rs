//! Which attempt a delivery is. An attempt is a run that began; the server counts deliveries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::note_deletion::{NoteDeletion, Noted};
use super::pause::Pause;
use crate::cause::Cause;
use crate::dead_letters::runs::{RunCount, RunCounts};
use crate::transport::{Delivery, Transport};

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

/// What is known of an event that is not done.
#[derive(Debug, Clone, Copy)]
struct Known {
    stored: Timestamp,
    count: RunCount,
    /// Whether it is noted beside the dead letters.
    is_noted: bool,
    /// Whether another process noted it.
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
    /// A last attempt that another process noted need not have come to a run: the note may have been acknowledged after its lease
    /// had ended, and then it is [withdrawn](Self::withdraw) as soon as that can be said. So such a note is believed at the second
    /// delivery after it, and at the first there is no number: the event is to be handed back for a while.
    pub(super) async fn number(&self, delivery: &Delivery, max_attempts: u64) -> Option<u64> {
        let Delivery { deliveries, .. } = *delivery;
        if deliveries <= 1 && max_attempts > 1 {
            return Some(1);
        }
        let (known, is_fresh) = if deliveries > 1 { self.known(delivery).await } else { (None, true) };
        let runs = known.map_or(0, |known| known.count.runs);
        if runs < max_attempts {
            return Some((self.runs_before(known, delivery) + 1).min(max_attempts));
        }
        let is_certain = |known: Known| is_fresh && known.count.deliveries + 1 < deliveries;
        known.is_none_or(|known| !known.is_of_another || is_certain(known)).then_some(runs + 1)
    }

    /// Notes that the last attempt is about to begin. If this is dropped, what was on its way may be stored.
    pub(super) async fn note_last(&self, delivery: &Delivery, attempt: u64) {
        self.note(delivery, RunCount { deliveries: delivery.deliveries, runs: attempt }).await;
    }

    /// An attempt failed, or was cut off. That is noted only where others could not infer it from the deliveries.
    pub(super) async fn failed(&self, delivery: &Delivery, attempt: u64) {
        if self.may_be_lost(delivery.sequence) {
            self.note(delivery, RunCount { deliveries: delivery.deliveries, runs: attempt }).await;
        } else {
            self.given_up(delivery, attempt);
        }
    }

    /// A run was given up whose lease had ended. Others infer it from the deliveries.
    pub(super) fn given_up(&self, delivery: &Delivery, attempt: u64) {
        self.learn(delivery, RunCount { deliveries: delivery.deliveries, runs: attempt });
    }

    /// A delivery came while an earlier one of the same event ran, and will not be run.
    pub(super) fn passed_over(&self, delivery: &Delivery) {
        self.update(delivery, |known| known.count.deliveries = delivery.deliveries);
    }

    /// No handler here is for an event, so that the attempt that has a [number](Self::number) was none.
    pub(super) async fn handed_back(&self, delivery: &Delivery, attempt: u64) {
        self.note(delivery, before(delivery, attempt)).await;
    }

    /// An attempt that has a [number](Self::number) did not come to a run, although that may be noted. It is said until it is heard.
    pub(super) async fn withdraw(&self, delivery: &Delivery, attempt: u64) {
        let count = before(delivery, attempt);
        self.learn(delivery, count);
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
            self.note(delivery, self.without(known, delivery)).await;
        });
        futures_util::future::join_all(notes).await;
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
        RunCount { deliveries: accounted.min(deliveries), runs: count.runs }
    }

    /// What is known here, or was noted by somebody else; and whether what is noted was read. What is known here may be older.
    async fn known(&self, delivery: &Delivery) -> (Option<Known>, bool) {
        let Delivery { deliveries, sequence, stored, .. } = *delivery;
        // What is about a later delivery was said of an earlier consumer of this name, which counted anew.
        let is_of_this_life = |known: &Known| known.count.deliveries < deliveries;
        let here = lock(&self.known).get(&sequence).copied();
        let here = here.filter(|known| known.stored == stored && is_of_this_life(known));
        if here.is_some_and(|here| here.count.deliveries + 1 >= deliveries) || self.noting.is_on() {
            return (here, false);
        }
        match self.counts.get(&*self.transport, sequence, stored).await {
            Ok(count) => {
                let noted =
                    count.map(|count| Known { stored, count, is_noted: true, is_of_another: true, number: None });
                let is_newer = |noted: &Known| here.is_none_or(|here| here.count.deliveries <= noted.count.deliveries);
                let known = noted.filter(is_of_this_life).filter(is_newer).or(here);
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

    async fn note(&self, delivery: &Delivery, count: RunCount) {
        self.learn(delivery, count);
        if self.noting.is_on() {
            return;
        }
        match self.counts.put(&*self.transport, delivery.sequence, delivery.stored, count).await {
            Ok(ack) => self.update(delivery, |known| (known.is_noted, known.number) = (true, Some(ack.sequence))),
            Err(error) => self.noting.begin(&error, UNNOTED),
        }
    }

    /// Says what is unsaid of an event, unless somebody else has noted something since, who has it by now.
    async fn say(&self, sequence: u64) {
        let Some((stored, count)) = lock(&self.unsaid).get(&sequence).copied() else { return };
        if self.noting.is_on() {
            return;
        }
        let said = async {
            let noted = self.counts.get(&*self.transport, sequence, stored).await.map_err(Cause::of)?;
            if noted.is_none_or(|noted| noted.deliveries <= count.deliveries) {
                self.counts.put(&*self.transport, sequence, stored, count).await.map_err(Cause::of)?;
            }
            Ok::<(), Cause>(())
        };
        match said.await {
            Ok(()) => drop(lock(&self.unsaid).remove(&sequence)),
            Err(error) => self.noting.begin(&error, UNNOTED),
        }
    }

    /// Takes note here of what happened here.
    fn learn(&self, delivery: &Delivery, count: RunCount) {
        self.update(delivery, |known| (known.count, known.is_of_another) = (count, false));
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

/// That this attempt of a delivery was none.
fn before(delivery: &Delivery, attempt: u64) -> RunCount {
    RunCount { deliveries: delivery.deliveries, runs: attempt.saturating_sub(1) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use eventsmith_event::stream::StreamDescriptor;

    use super::*;
    use crate::memory::Memory;
    use crate::settings::StreamSettings;
    use crate::transport::MessageSelector;

    #[tokio::test]
    async fn nothing_stays_noted_of_events_that_are_done() {
        let memory = Memory::default();
        let dead_letters = StreamDescriptor::new("DEAD", &["rules.dlq.>"]);
        memory.put_stream(&StreamSettings::from(&dead_letters)).unwrap();
        let attempts =
            Attempts::new(Arc::new(memory.clone()), RunCounts::new("DEAD".to_owned(), "rules", "shop", "EVENTS"));
        let delivered = |sequence, deliveries| Delivery { deliveries, ..Delivery::for_test(sequence) };

        // Where there is one attempt only, each is noted before it begins.
        for sequence in 1..=200 {
            attempts.note_last(&delivered(sequence, 1), 1).await;
        }
        attempts.not_run(&[delivered(201, 1)]).await;
        attempts.note_last(&delivered(201, 2), 1).await;
        for sequence in 1..=200 {
            attempts.done(&delivered(sequence, 1));
        }
        attempts.done(&delivered(201, 2));

        while memory.message("DEAD", MessageSelector::LastOf("rules.dlq.>")).await.unwrap().is_some() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn deliveries_of_which_nothing_is_known_exhaust_no_event_that_is_nakked_unrun() {
        let counts = RunCounts::new("DEAD".to_owned(), "rules", "shop", "EVENTS");
        let attempts = Attempts::new(Arc::new(Memory::default()), counts);
        let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };

        attempts.not_run(&[delivered(5)]).await;

        assert_eq!(attempts.number(&delivered(6), 2).await, Some(2), "its last attempt");
        attempts.note_last(&delivered(6), 2).await;
        assert_eq!(attempts.number(&delivered(7), 2).await, Some(3), "no further one");
    }

    #[tokio::test]
    async fn a_note_of_another_process_is_believed_once_it_had_time_to_withdraw_it() {
        let memory = Memory::default();
        let dead_letters = StreamDescriptor::new("DEAD", &["rules.dlq.>"]);
        memory.put_stream(&StreamSettings::from(&dead_letters)).unwrap();
        let transport: Arc<dyn Transport> = Arc::new(memory);
        let process =
            || Attempts::new(Arc::clone(&transport), RunCounts::new("DEAD".to_owned(), "rules", "shop", "EVENTS"));
        let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };
        let (one, other) = (process(), process());

        // The note is stored, and its acknowledgement comes too late.
        one.note_last(&delivered(2), 2).await;
        assert_eq!(other.number(&delivered(3), 2).await, None, "it may not have begun");
        one.withdraw(&delivered(2), 2).await;
        assert_eq!(other.number(&delivered(4), 2).await, Some(2), "it did not");

        // This process dies.
        other.note_last(&delivered(4), 2).await;
        assert_eq!(process().number(&delivered(5), 2).await, None);
        assert_eq!(process().number(&delivered(6), 2).await, Some(3), "it did, as far as anybody can know");
        // What the first has to say is about an earlier delivery.
        one.withdraw(&delivered(2), 2).await;
        assert_eq!(process().number(&delivered(6), 2).await, Some(3));
    }

    #[tokio::test]
    async fn only_what_had_been_delivered_before_a_loss_may_have_been_lost() {
        let attempts =
            Attempts::new(Arc::new(Memory::default()), RunCounts::new("DEAD".to_owned(), "rules", "shop", "EVENTS"));
        let third = |sequence| Delivery { deliveries: 3, ..Delivery::for_test(sequence) };

        attempts.may_have_lost();
        assert_eq!(attempts.number(&third(20), 5).await, Some(1));
        attempts.lost_up_to(10, 0);
        assert_eq!(attempts.number(&third(11), 5).await, Some(1), "that was asked before the loss");
        attempts.lost_up_to(10, 1);

        assert_eq!((attempts.number(&third(10), 5).await, attempts.number(&third(11), 5).await), (Some(1), Some(3)));
    }

    #[tokio::test]
    async fn what_was_noted_of_a_consumer_that_was_deleted_is_not_about_the_one_that_was_made_anew() {
        let attempts =
            Attempts::new(Arc::new(Memory::default()), RunCounts::new("DEAD".to_owned(), "rules", "shop", "EVENTS"));
        let delivered = |deliveries| Delivery { deliveries, ..Delivery::for_test(7) };

        attempts.note_last(&delivered(4), 4).await;

        assert_eq!(attempts.number(&delivered(5), 4).await, Some(5));
        assert_eq!(attempts.number(&delivered(2), 4).await, Some(2), "its deliveries count from 1 again");
        attempts.not_run(&[delivered(2)]).await;
        assert_eq!(attempts.number(&delivered(3), 4).await, Some(2));
    }
}

//! Acknowledgements of what was published, and answers to requests, over one subscription of our own.
//!
//! The client's own requests cost a random inbox, a slot in a map, a permit and a task that looks after it. Here a reply
//! subject is a number, and who waits for it has a slot in a queue.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Message, Subject};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::denials::{DenialLog, Denials, keeps_answers_out};
use super::link::Link;
use super::wire::{Subscriber, Wire};
use crate::environment::{of_program, watch};
use crate::transport::{Denied, DeniedAction};

/// What comes in answer to what was published; an error where the server does not let it in, or the answer out.
pub(super) type Reply = Result<Message, Denied>;

/// Hands each acknowledgement to the one who waits for it. Those who wait when the connection is lost learn that at once:
/// what was on its way is gone.
#[derive(Debug)]
pub(super) struct Acks {
    /// The subject of all replies, up to their numbers.
    prefix: String,
    waiting: Arc<Mutex<Waiting>>,
    reader: JoinHandle<()>,
}

/// Who waits for replies, in the order of their numbers.
#[derive(Debug, Default)]
struct Waiting {
    /// The number of the first slot.
    first: u64,
    slots: VecDeque<Option<Slot>>,
    /// Those who have waited for so long that they would keep the slots of all behind them, as requests may.
    patient: HashMap<u64, Slot>,
    /// Why no answers come: as long as the connection lasts, nobody need wait.
    denied: Option<Denied>,
}

/// How many slots there are at most while the first is taken.
const MOST_SLOTS: usize = 16_384;

/// One who waits.
#[derive(Debug)]
struct Slot {
    /// Where it was published to: denials name nothing else.
    subject: Subject,
    sender: oneshot::Sender<Reply>,
}

impl Acks {
    pub(super) async fn listen(
        client: &Wire,
        link: watch::Receiver<Link>,
        denials: Denials,
    ) -> Result<Self, async_nats::SubscribeError> {
        let prefix = format!("{}.", client.new_inbox());
        let subscriber = client.subscribe(format!("{prefix}*")).await?;
        let waiting = Arc::default();
        let reader = tokio::spawn(of_program(read(subscriber, prefix.len(), Arc::clone(&waiting), link, denials)));
        Ok(Self { prefix, waiting, reader })
    }

    /// A reply subject that was not used before, and what comes there: nothing any more if the connection is lost.
    ///
    /// # Errors
    /// [`Denied`] when nothing can come there.
    pub(super) fn expect(&self, subject: &Subject) -> Result<(String, oneshot::Receiver<Reply>), Denied> {
        let (sender, receiver) = oneshot::channel();
        let mut reply = String::with_capacity(self.prefix.len() + 20);
        reply.push_str(&self.prefix);
        let mut waiting = lock(&self.waiting);
        if let Some(denied) = &waiting.denied {
            return Err(denied.clone());
        }
        // Nobody answers those who stopped waiting, so their slots are freed here.
        while waiting.slots.front().is_some_and(|slot| slot.as_ref().is_none_or(|slot| slot.sender.is_closed())) {
            waiting.slots.pop_front();
            waiting.first += 1;
        }
        if waiting.slots.len() >= MOST_SLOTS {
            waiting.set_aside();
        }
        let number = waiting.first + waiting.slots.len() as u64;
        waiting.slots.push_back(Some(Slot { subject: subject.clone(), sender }));
        drop(waiting);
        // Writing into a text cannot fail.
        let _ = write!(reply, "{number}");
        Ok((reply, receiver))
    }
}

impl Drop for Acks {
    fn drop(&mut self) {
        // The subscription keeps the client alive.
        self.reader.abort();
    }
}

impl Waiting {
    fn take(&mut self, number: u64) -> Option<oneshot::Sender<Reply>> {
        let Some(slot) = number.checked_sub(self.first) else {
            return Some(self.patient.remove(&number)?.sender);
        };
        Some(self.slots.get_mut(usize::try_from(slot).ok()?)?.take()?.sender)
    }

    /// Frees all slots, and keeps those apart who still wait.
    fn set_aside(&mut self) {
        self.patient.retain(|_, slot| !slot.sender.is_closed());
        let numbered = (self.first..).zip(self.slots.drain(..));
        self.patient.extend(numbered.filter_map(|(number, slot)| {
            let slot = slot.filter(|slot| !slot.sender.is_closed())?;
            Some((number, slot))
        }));
        self.first += MOST_SLOTS as u64;
    }

    /// Tells those who published to a subject that the server does not let them, or all that no answers come.
    fn deny(&mut self, denied: &Denied) {
        let concerns = |slot: &mut Slot| match denied.action {
            DeniedAction::Publish => *slot.subject == *denied.subject,
            DeniedAction::Subscribe => keeps_answers_out(denied),
            // This subscription is an early one.
            DeniedAction::SubscribeMore => false,
        };
        let patient = self.patient.extract_if(|_, slot| concerns(slot)).map(|(_, slot)| slot);
        for slot in self.slots.iter_mut().filter_map(|slot| slot.take_if(concerns)).chain(patient) {
            // Whoever stopped waiting does not want it.
            let _ = slot.sender.send(Err(denied.clone()));
        }
    }

    /// Takes in what was denied after a number.
    fn take_denials(&mut self, log: &DenialLog, after: u64) {
        log.after(after).for_each(|denied| self.deny(denied));
        self.denied = log.inbox().cloned();
    }

    fn abandon(&mut self) {
        self.first += self.slots.len() as u64;
        self.slots.clear();
        self.patient.clear();
    }
}

async fn read(
    mut subscriber: Subscriber,
    prefix: usize,
    waiting: Arc<Mutex<Waiting>>,
    mut link: watch::Receiver<Link>,
    Denials(mut denials): Denials,
) {
    let mut denied = 0;
    let mut losses = link.borrow_and_update().losses;
    loop {
        tokio::select! {
            biased;
            message = subscriber.next() => {
                let Some(message) = message else { break };
                let number = message.subject.get(prefix..).and_then(|number| number.parse().ok());
                if let Some(sender) = number.and_then(|number| lock(&waiting).take(number)) {
                    // Whoever stopped waiting does not want it.
                    let _ = sender.send(Ok(message));
                }
            }
            // Its sender lives as long as that of the link.
            Ok(()) = denials.changed() => {
                let log = denials.borrow_and_update();
                lock(&waiting).take_denials(&log, denied);
                denied = log.count();
            }
            changed = link.changed() => {
                let now = *link.borrow_and_update();
                if changed.is_err() || now.closed {
                    break;
                }
                if now.losses != losses {
                    losses = now.losses;
                    lock(&waiting).abandon();
                }
            }
        }
    }
    lock(&waiting).abandon();
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    // A panic cannot leave it half changed: nothing between lock and unlock panics.
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(waiting: &mut Waiting, subject: &'static str) -> oneshot::Receiver<Reply> {
        let (sender, receiver) = oneshot::channel();
        waiting.slots.push_back(Some(Slot { subject: Subject::from_static(subject), sender }));
        receiver
    }

    fn denied(error: &str) -> DenialLog {
        let mut log = DenialLog::default();
        assert!(log.record(error));
        log
    }

    #[test]
    fn only_those_who_published_to_a_subject_learn_that_it_is_denied() {
        let mut waiting = Waiting::default();
        let (mut denied_one, mut other) = (wait(&mut waiting, "a"), wait(&mut waiting, "b"));

        waiting.take_denials(&denied("Permissions Violation for Publish to \"a\""), 0);

        assert!(denied_one.try_recv().is_ok_and(|reply| reply.is_err_and(|denied| denied.subject == "a")));
        assert!(other.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
        assert!(waiting.denied.is_none() && waiting.take(1).is_some());
    }

    #[test]
    fn nobody_waits_where_no_answers_come_until_the_connection_is_another() {
        let mut waiting = Waiting::default();
        let mut receiver = wait(&mut waiting, "a");
        let mut log = denied("Permissions Violation for Subscription to \"_INBOX.x.*\"");

        waiting.take_denials(&log, 0);

        assert!(receiver.try_recv().is_ok_and(|reply| reply.is_err()));
        assert!(waiting.denied.is_some());
        log.clear();
        waiting.take_denials(&log, 1);
        assert!(waiting.denied.is_none());
    }

    #[test]
    fn a_number_is_answered_once_and_only_if_somebody_waits_for_it() {
        let mut waiting = Waiting { first: 7, ..Waiting::default() };
        let _receiver = wait(&mut waiting, "a");

        assert!(waiting.take(6).is_none() && waiting.take(8).is_none());
        assert!(waiting.take(7).is_some());
        assert!(waiting.take(7).is_none());
    }

    #[test]
    fn who_waits_for_long_keeps_no_slots_of_others() {
        let mut waiting = Waiting::default();
        let (mut patient, _) = (wait(&mut waiting, "a"), wait(&mut waiting, "b"));
        waiting.slots.extend((2..MOST_SLOTS).map(|_| None));

        waiting.set_aside();
        let mut next = wait(&mut waiting, "c");

        assert_eq!((waiting.slots.len(), waiting.patient.len()), (1, 1), "the second does not wait any more");
        assert_eq!(waiting.first, MOST_SLOTS as u64);
        waiting.take_denials(&denied("Permissions Violation for Publish to \"a\""), 0);
        assert!(patient.try_recv().is_ok_and(|reply| reply.is_err()));
        assert!(waiting.take(0).is_none() && waiting.take(MOST_SLOTS as u64).is_some());
        assert!(next.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Closed));
    }

    #[test]
    fn numbers_are_not_used_again_after_a_loss() {
        let mut waiting = Waiting::default();
        let mut receiver = wait(&mut waiting, "a");

        waiting.abandon();

        assert_eq!(waiting.first, 1);
        assert!(receiver.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Closed));
    }
}

//! Acknowledgements of what was published, over one subscription of our own.
//!
//! The client's own requests cost a random inbox, a place in a map, a permit and a task that looks after it. Here a reply
//! subject is a number, and who waits for it has a slot in a queue.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Client, Message, Subscriber};
use futures_util::StreamExt;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::link::Link;

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
    slots: VecDeque<Option<oneshot::Sender<Message>>>,
}

impl Acks {
    pub(super) async fn listen(
        client: &Client,
        link: watch::Receiver<Link>,
    ) -> Result<Self, async_nats::SubscribeError> {
        let prefix = format!("{}.", client.new_inbox());
        let subscriber = client.subscribe(format!("{prefix}*")).await?;
        let waiting = Arc::default();
        let reader = tokio::spawn(read(subscriber, prefix.len(), Arc::clone(&waiting), link));
        Ok(Self { prefix, waiting, reader })
    }

    /// A reply subject that was not used before, and what comes there: nothing any more if the connection is lost.
    pub(super) fn expect(&self) -> (String, oneshot::Receiver<Message>) {
        let (sender, receiver) = oneshot::channel();
        let mut reply = String::with_capacity(self.prefix.len() + 20);
        reply.push_str(&self.prefix);
        let mut waiting = lock(&self.waiting);
        // Nobody answers those who stopped waiting, so their slots are freed here.
        while waiting.slots.front().is_some_and(|slot| slot.as_ref().is_none_or(oneshot::Sender::is_closed)) {
            waiting.slots.pop_front();
            waiting.first += 1;
        }
        let number = waiting.first + waiting.slots.len() as u64;
        waiting.slots.push_back(Some(sender));
        drop(waiting);
        // Writing into a text cannot fail.
        let _ = write!(reply, "{number}");
        (reply, receiver)
    }
}

impl Drop for Acks {
    fn drop(&mut self) {
        // The subscription keeps the client alive.
        self.reader.abort();
    }
}

impl Waiting {
    fn take(&mut self, number: u64) -> Option<oneshot::Sender<Message>> {
        let slot = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(slot)?.take()
    }

    fn abandon(&mut self) {
        self.first += self.slots.len() as u64;
        self.slots.clear();
    }
}

async fn read(
    mut subscriber: Subscriber,
    prefix: usize,
    waiting: Arc<Mutex<Waiting>>,
    mut link: watch::Receiver<Link>,
) {
    let mut losses = link.borrow_and_update().losses;
    loop {
        tokio::select! {
            biased;
            message = subscriber.next() => {
                let Some(message) = message else { break };
                let number = message.subject.get(prefix..).and_then(|number| number.parse().ok());
                if let Some(sender) = number.and_then(|number| lock(&waiting).take(number)) {
                    // Whoever stopped waiting does not want it.
                    let _ = sender.send(message);
                }
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

    #[test]
    fn a_number_is_answered_once_and_only_if_somebody_waits_for_it() {
        let mut waiting = Waiting { first: 7, slots: VecDeque::new() };
        let (sender, _receiver) = oneshot::channel();
        waiting.slots.push_back(Some(sender));

        assert!(waiting.take(6).is_none() && waiting.take(8).is_none());
        assert!(waiting.take(7).is_some());
        assert!(waiting.take(7).is_none());
    }

    #[test]
    fn numbers_are_not_used_again_after_a_loss() {
        let mut waiting = Waiting::default();
        let (sender, mut receiver) = oneshot::channel();
        waiting.slots.push_back(Some(sender));

        waiting.abandon();

        assert_eq!(waiting.first, 1);
        assert!(receiver.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Closed));
    }
}

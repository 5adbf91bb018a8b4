//! Messages that no stream keeps, in memory: who listens to which subject.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eventsmith_event::filter;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending, ready};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use crate::transport::{LiveMessage, Message, PendingReply, RequestFailure, Subscription, Unavailable, Unheard};

/// What the subjects of answers begin with.
const INBOX: &str = "_INBOX.memory.";
/// Why nothing can be asked any more.
pub(super) const SHUT_DOWN: &str = "the bus is shut down";

/// Who listens, and who waits for an answer.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// In the order in which they came.
    listeners: Vec<Listener>,
    /// By the number of the answer's subject.
    asking: HashMap<u64, oneshot::Sender<Message>>,
    asked: u64,
    /// How many messages went to queues: each goes to the next of its queue.
    turns: usize,
    is_closed: bool,
}

#[derive(Debug)]
struct Listener {
    subjects: Vec<String>,
    queue: Option<String>,
    sender: mpsc::Sender<LiveMessage>,
    missed: Arc<AtomicU64>,
}

impl Listeners {
    /// Ends all subscriptions, and takes no more. Whoever waits for an answer is told.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.listeners.clear();
        state.asking.clear();
    }

    pub(super) fn subscribe(
        &self,
        subjects: &[String],
        queue: Option<&str>,
        room: usize,
    ) -> Result<Listening, Unavailable> {
        let (sender, messages) = mpsc::channel(room.clamp(1, Semaphore::MAX_PERMITS));
        let missed = Arc::new(AtomicU64::new(0));
        let queue = queue.map(ToOwned::to_owned);
        let listener = Listener { subjects: subjects.to_vec(), queue, sender, missed: Arc::clone(&missed) };
        let mut state = self.state();
        if state.is_closed {
            return Err(Unavailable(SHUT_DOWN.into()));
        }
        state.listeners.push(listener);
        Ok(Listening { messages, missed })
    }

    /// Sends a message that is to be answered.
    pub(super) fn request(&self, message: &Message) -> Result<PendingReply, RequestFailure> {
        let mut state = self.state();
        if state.is_closed {
            return Err(RequestFailure::Closed);
        }
        let number = state.asked;
        state.asked += 1;
        let (sender, answer) = oneshot::channel();
        // Nobody answers those who stopped waiting.
        state.asking.retain(|_, sender| !sender.is_closed());
        state.asking.insert(number, sender);
        let pending = match state.deliver(message, Some(format!("{INBOX}{number}"))) {
            0 => ready(Err(RequestFailure::NoResponders)).boxed(),
            _ => answer.map(|answer| answer.map_err(|_| RequestFailure::Closed)).boxed(),
        };
        Ok(pending)
    }

    /// Sends a message to all who listen, or to the one who waits for it as an answer.
    pub(super) fn tell(&self, message: &Message, reply: Option<&str>) {
        let mut state = self.state();
        let asking = message.subject.strip_prefix(INBOX).and_then(|number| number.parse().ok());
        match asking.and_then(|number| state.asking.remove(&number)) {
            // Whoever stopped waiting does not want it.
            Some(sender) => drop(sender.send(message.clone())),
            None => drop(state.deliver(message, reply.map(ToOwned::to_owned))),
        }
    }

    /// A subject for answers that nobody else uses.
    pub(super) fn inbox(&self) -> String {
        let mut state = self.state();
        state.asked += 1;
        format!("{INBOX}{}", state.asked - 1)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave it half changed: nothing between lock and unlock panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives a message to all who listen, of each queue to one. Returns to how many.
    fn deliver(&mut self, message: &Message, reply: Option<String>) -> usize {
        self.listeners.retain(|listener| !listener.sender.is_closed());
        let wants = |listener: &&Listener| listener.subjects.iter().any(|own| filter::covers(own, &message.subject));
        let mut chosen = Vec::new();
        let mut queues: Vec<(&str, Vec<&Listener>)> = Vec::new();
        for listener in self.listeners.iter().filter(wants) {
            match &listener.queue {
                None => chosen.push(listener),
                Some(queue) => match queues.iter_mut().find(|(name, _)| name == queue) {
                    Some((_, members)) => members.push(listener),
                    None => queues.push((queue, vec![listener])),
                },
            }
        }
        self.turns = self.turns.wrapping_add(usize::from(!queues.is_empty()));
        let turns = self.turns;
        chosen.extend(queues.iter().filter_map(|(_, members)| members.get(turns % members.len()).copied()));
        for listener in &chosen {
            let (message, reply) = (message.clone(), reply.clone());
            let live = LiveMessage { message, reply, arrived: Instant::now(), is_unanswered: false };
            if listener.sender.try_send(live).is_err() {
                listener.missed.fetch_add(1, Ordering::Relaxed);
            }
        }
        chosen.len()
    }
}

/// What comes on subjects.
#[derive(Debug)]
pub(super) struct Listening {
    messages: mpsc::Receiver<LiveMessage>,
    missed: Arc<AtomicU64>,
}

impl Subscription for Listening {
    fn next(&mut self) -> BoxFuture<'_, Option<LiveMessage>> {
        self.messages.recv().boxed()
    }

    fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn end(&mut self) -> BoxFuture<'_, Result<(), Unavailable>> {
        self.messages.close();
        ready(Ok(())).boxed()
    }

    fn unheard(&self) -> BoxFuture<'static, Unheard> {
        pending().boxed()
    }
}

//! A program that runs, as the network sees it: the state of its client.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use async_nats::Message;
use async_nats::message::OutboundMessage;
use eventsmith::simulation::{ClientEvent, Program};
use tokio::sync::{Notify, oneshot};

use crate::clock::Time;

/// Takes in the events of a client.
pub type Listener = Arc<dyn Fn(&ClientEvent) + Send + Sync>;

/// A program.
#[derive(Default)]
pub struct Process {
    /// Which instance it is.
    pub instance: usize,
    /// All its tasks, to let them stand still.
    pub program: Program,
    /// Since when it stands still, if it does.
    pub still_since: Option<Time>,
    /// Whether it ever did.
    pub has_stood_still: bool,
    /// When it was asked to stop, and could hear it.
    pub asked_to_stop: Option<Time>,
    /// Whether it has crashed.
    pub is_dead: bool,
    /// Wakes whoever looks after it when it crashes.
    pub crashed: Arc<Notify>,
    /// Asks it to stop.
    pub stop: Arc<Notify>,
    /// Whether it was asked.
    pub is_stopped: bool,
    /// Whether its client is closed for good.
    pub is_closed: bool,
    /// Its connection, as long as it knows of no loss.
    pub connection: Option<u64>,
    /// Whether nothing comes through that connection although nobody knows.
    pub is_cut: bool,
    /// Until when the server refuses its login.
    pub refused_until: Time,
    /// Whether the server has refused its login.
    pub was_refused: bool,
    /// Whether each login is refused that comes next, and how often that was so.
    pub attempts: u32,
    /// What the server does not let it publish to.
    pub denied: Vec<&'static str>,
    /// What waits for a connection.
    pub queue: VecDeque<Frame>,
    /// Its subscriptions.
    pub subscriptions: BTreeMap<u64, Subscription>,
    /// How many subscriptions it had.
    pub subscribed: u64,
    /// Who waits for answers, by where they come.
    pub requests: BTreeMap<String, oneshot::Sender<Message>>,
    /// The subscription to which all answers come.
    pub answers: Option<u64>,
    /// How often it lost its connection.
    pub losses: usize,
    /// How many subjects of its own it had.
    pub inboxes: u64,
    /// Takes in its client's events.
    pub listener: Option<Listener>,
    /// When what was sent last arrives at either end: nothing overtakes it.
    pub arrives: [Time; 2],
    /// How many messages it has sent.
    pub sent: u64,
    /// With which message it crashes, and whether that is lost.
    pub crash_at: Option<(u64, bool)>,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("instance", &self.instance).field("is_dead", &self.is_dead).finish()
    }
}

/// A subscription of a client.
#[derive(Debug, Default)]
pub struct Subscription {
    /// Its subject.
    pub subject: String,
    /// With whom it shares what comes.
    pub queue: Option<String>,
    /// How many messages came.
    pub received: u64,
    /// After how many it ends.
    pub most: Option<u64>,
    /// What came and was not taken.
    pub buffer: VecDeque<Message>,
    /// Who waits.
    pub waker: Option<Waker>,
    /// Whether nothing comes any more.
    pub is_ended: bool,
}

/// What a client sends.
#[derive(Debug)]
pub enum Frame {
    /// A message.
    Publish(OutboundMessage),
    /// Begins to receive what comes to a subject, or a share of it with those who name the same queue.
    Subscribe(u64, String, Option<String>),
    /// Ends that, at once or after so many messages.
    Unsubscribe(u64, Option<u64>),
}

impl Subscription {
    /// Takes a message in. Returns whether it was the last.
    pub fn take(&mut self, message: Message) -> bool {
        self.received += 1;
        self.buffer.push_back(message);
        let is_last = self.most.is_some_and(|most| most <= self.received);
        self.is_ended |= is_last;
        self.wake();
        is_last
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.is_ended = true;
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

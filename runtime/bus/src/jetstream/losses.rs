//! What is done when the connection is lost while messages are on their way.
//!
//! It may be one of these messages that the client cannot read. Then all that were fetched with it are lost as well, and
//! would be again and again. So a search tells whether there is such a message. It is handed to the consumer as the stream
//! keeps it, and until all is well the messages are fetched in small numbers.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::ack::{ReplyAcker, reply_of};
use super::blind::Blind;
use super::life::Position;
use super::search::{Access, Looked, Scope, Searched};
use crate::environment::of_program;
use crate::transport::{AckKind, Acker, Delivery, Lease, StreamMessage};

/// More than is ever fetched at a time.
const ENOUGH: usize = 32_768;
/// How many messages that arrived are remembered; no more are unacked, as a rule.
const REMEMBERED: usize = 4_096;
/// After how long to try again to read single messages.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// Looks after the messages of one consumer that the client cannot read.
#[derive(Debug)]
pub(super) struct LossWatch {
    scope: Arc<Scope>,
    /// How many messages may be on their way. One after a loss, one more for each that arrives.
    window: usize,
    /// Whether to search as soon as there is a connection.
    is_due: bool,
    /// When the connection was lost, if a pin that is ours may have been lost with it.
    pinned_until: Option<Instant>,
    /// The search, if one is under way. It ends when this is dropped.
    searching: JoinSet<Searched>,
    /// What led to the last search.
    after: Loss,
    known: Option<Looked>,
    /// Whether the last search found nothing.
    was_in_vain: bool,
    found: VecDeque<Delivery>,
    /// The numbers of the messages that arrived last.
    arrived: VecDeque<u64>,
    /// When single messages cannot be read.
    blind: Option<Blind>,
    /// When to try that again.
    search_at: Instant,
}

/// What was lost with the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// Nothing: the consumer has just begun.
    None,
    OfMany,
    OfOne,
}

impl LossWatch {
    /// Begins with a search: what a process could not read that is no more, this one cannot read either.
    pub(super) fn begin(scope: Scope) -> Self {
        Self {
            scope: Arc::new(scope),
            window: usize::MAX,
            is_due: true,
            pinned_until: None,
            searching: JoinSet::new(),
            after: Loss::None,
            known: None,
            was_in_vain: false,
            found: VecDeque::new(),
            arrived: VecDeque::with_capacity(REMEMBERED),
            blind: None,
            search_at: Instant::now(),
        }
    }

    /// The connection was lost while so many messages were on their way, the first of them perhaps with a new pin.
    pub(super) fn note_loss(&mut self, outstanding: usize, may_be_pinned: bool) {
        if outstanding == 0 {
            // No message led to this. A search under way would wait for answers that do not come; the next loss leads to
            // another. Only the first must be over before anything is fetched.
            self.is_due |= self.after == Loss::None && !self.searching.is_empty();
            self.searching = JoinSet::new();
            return;
        }
        if self.was_in_vain && self.window != usize::MAX {
            // It happened again soon, and nothing was found: something that was known has changed.
            self.known = None;
            self.arrived.clear();
        }
        self.window = 1;
        self.is_due = true;
        self.pinned_until = may_be_pinned.then(Instant::now);
        // A pinned reader that waits asks for one from time to time, so that more are outstanding than are on their way.
        let was_one = outstanding == 1 || self.is_wary();
        self.after = if was_one { Loss::OfOne } else { Loss::OfMany };
    }

    /// Begins the search that is due, as there is a connection.
    pub(super) fn search_if_due(&mut self) {
        if !std::mem::take(&mut self.is_due) {
            return;
        }
        self.searching = JoinSet::new();
        let (scope, known) = (Arc::clone(&self.scope), self.known.clone());
        if self.may_read() {
            let arrived = self.arrived.iter().copied().collect();
            self.searching.spawn(of_program(scope.search(known, arrived, self.pinned_until)));
        } else {
            self.searching.spawn(of_program(scope.look(known)));
        }
    }

    /// How many messages may be on their way.
    pub(super) fn allowed(&self) -> usize {
        match self.is_due || !self.searching.is_empty() {
            true => 0,
            false if self.is_wary() => 1,
            false => self.window,
        }
    }

    fn is_wary(&self) -> bool {
        self.blind.as_ref().is_some_and(|blind| blind.is_wary(Instant::now()))
    }

    /// A message has arrived.
    pub(super) fn note_arrival(&mut self, sequence: u64) {
        if self.window != usize::MAX {
            self.window = if self.window < ENOUGH { self.window + 1 } else { usize::MAX };
        }
        if self.arrived.len() == REMEMBERED {
            self.arrived.pop_front();
        }
        self.arrived.push_back(sequence);
        if let Some(blind) = &mut self.blind {
            blind.note_arrival(sequence);
        }
    }

    /// How many messages are delivered again and again, and cannot be read.
    pub(super) fn put_off_for_good(&self) -> usize {
        self.blind.as_ref().map_or(0, Blind::confirmed)
    }

    /// A message that the client cannot read.
    pub(super) fn found(&mut self) -> Option<Delivery> {
        self.found.pop_front()
    }

    /// Waits for the end of the search that is under way; without one, for ever. Nothing is lost if this is dropped.
    pub(super) async fn searched(&mut self) -> Searched {
        match self.searching.join_next().await {
            Some(Ok(searched)) => searched,
            // Nothing in it panics, but if it did the next loss would lead to another.
            Some(Err(error)) => {
                tracing::error!(%error, "a search for malformed messages is gone");
                Searched { known: self.known.take(), ..Searched::default() }
            }
            None => pending().await,
        }
    }

    /// Takes in what a search came to.
    pub(super) async fn take(&mut self, searched: Searched) {
        let Searched { position, malformed, known, access } = searched;
        self.known = known;
        let Some(position) = position else { return };
        match access {
            Access::Denied(reason) => return self.go_blind(position, &reason).await,
            Access::Untried if self.blind.is_some() => return self.put_off(position).await,
            Access::Untried => {}
            Access::Granted => self.blind = None,
        }
        self.was_in_vain = malformed.is_empty();
        for message in malformed {
            let StreamMessage { sequence, stored, message } = message;
            tracing::error!(
                stream = self.scope.life.stream,
                consumer = self.scope.life.durable,
                sequence,
                subject = %message.subject,
                "no client can read a message; it goes to the dead letters"
            );
            let acker = Arc::new(self.acker(position, sequence));
            self.found.push_back(Delivery { message, sequence, deliveries: 0, stored, acker });
        }
    }

    /// Whether to try to read single messages.
    fn may_read(&self) -> bool {
        self.blind.is_none() || self.search_at <= Instant::now()
    }

    /// Goes on without reading single messages.
    async fn go_blind(&mut self, position: Position, reason: &str) {
        let Scope { life, ack_wait, .. } = &*self.scope;
        let (stream, consumer, api) = (&life.stream, &life.durable, &life.jetstream.api);
        self.search_at = Instant::now() + TRY_AGAIN;
        tracing::error!(
            stream,
            consumer,
            reason,
            "messages that no client can read are not searched for, as single messages cannot be read: permit this user to \
             publish to {api}.STREAM.MSG.GET.{stream}. Until then what the connection is lost over is put off"
        );
        self.blind.get_or_insert_with(|| Blind::new(position, *ack_wait, self.arrived.iter().copied()));
        self.put_off(position).await;
    }

    /// Lets the message wait that the connection was lost over, as far as it can be told which it is.
    async fn put_off(&mut self, position: Position) {
        let Some(blind) = self.blind.as_mut().filter(|_| self.after != Loss::None) else { return };
        let (stream, consumer) = (&self.scope.life.stream, &self.scope.life.durable);
        for (sequence, delay) in blind.suspects(position, self.after == Loss::OfOne, Instant::now()) {
            tracing::warn!(stream, consumer, sequence, ?delay, "the connection was lost over a message; it is put off");
            if let Err(error) = self.acker(position, sequence).send(AckKind::Nak(Some(delay))).await {
                tracing::warn!(stream, consumer, sequence, %error, "it cannot be put off");
            }
        }
    }

    /// Acknowledges a message that did not arrive.
    fn acker(&self, position: Position, sequence: u64) -> ReplyAcker {
        let life = Arc::clone(&self.scope.life);
        // The server compares the number of the delivery with those that may be unacked: the last may be.
        let reply = reply_of(&life.stream, &life.durable, sequence, position.deliveries);
        ReplyAcker { life, reply, lease: Lease::new(Instant::now()) }
    }
}

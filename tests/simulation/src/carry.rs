//! What is on its way, and what happens when it arrives.

mod faults;

use async_nats::message::OutboundMessage;
use async_nats::{ConnectErrorKind, Message, ServerError};
use eventsmith::simulation::ClientEvent;

use crate::bank::detail;
use crate::clock::Time;
use crate::mutation::Mutation;
use crate::parcel::Parcel;
use crate::process::{Frame, Listener, Process};
use crate::server::consumer::MALFORMED;
use crate::server::sagas::SAGAS;
use crate::server::{Connection, Loss, Output};
use crate::state::State;

/// How long a reconnecting client waits between attempts.
const RECONNECT: Time = 400;
/// After how long a server takes a connection for lost whose other end is gone.
const UNHEARD: Time = 12_000;
/// How long the longest late ack takes.
const LATEST: u64 = 6_000;

impl State {
    /// Begins a program, which is to be connected.
    pub fn begin_process(&mut self, instance: usize) -> usize {
        self.processes.push(Process { instance, ..Process::default() });
        self.instances[instance] = Some(self.processes.len() - 1);
        self.processes.len() - 1
    }

    /// Connects a program. Returns whether the server is there and lets it in.
    pub fn connect(&mut self, process: usize) -> bool {
        let now = self.now;
        let found = &mut self.processes[process];
        if self.down_until > now || found.refused_until > now || found.is_dead || found.is_closed {
            return false;
        }
        self.connections += 1;
        let connection = self.connections;
        found.connection = Some(connection);
        found.is_cut = false;
        found.arrives = [now, now];
        let denied = found.denied.clone();
        let seen = Connection::new(process, denied);
        self.server.connections.insert(connection, seen);
        let again: Vec<Frame> = found
            .subscriptions
            .iter()
            .filter(|(_, it)| !it.is_ended)
            .flat_map(|(number, it)| {
                let most = it.most.map(|most| Frame::Unsubscribe(*number, Some(most.saturating_sub(it.received))));
                [Some(Frame::Subscribe(*number, it.subject.clone(), it.queue.clone())), most].into_iter().flatten()
            })
            .collect();
        let queued = std::mem::take(&mut found.queue);
        for frame in again.into_iter().chain(queued) {
            self.put_on_the_way(process, frame);
        }
        self.tell(process, ClientEvent::Connected);
        true
    }

    /// Sends something. Returns whether the client takes anything.
    pub fn send(&mut self, process: usize, mut frame: Frame) -> bool {
        let found = &mut self.processes[process];
        if found.is_closed || found.is_dead {
            return false;
        }
        if let Frame::Publish(message) = &mut frame {
            self.history.asks.sent(message);
            if let Some(mutation) = self.mutation {
                mutation.change(message);
            }
            found.sent += 1;
            if let Some((_, is_lost)) = found.crash_at.filter(|(at, _)| *at <= found.sent) {
                if !is_lost {
                    self.put_on_the_way(process, frame);
                }
                self.crash(process, true);
                return false;
            }
        }
        if found.connection.is_none() {
            found.queue.push_back(frame);
        } else {
            self.put_on_the_way(process, frame);
        }
        true
    }

    fn put_on_the_way(&mut self, process: usize, frame: Frame) {
        let Some(connection) = self.processes[process].connection else { return };
        let at = self.arrival(process, 0);
        self.schedule_at(at, Parcel::Up { connection, frame });
    }

    /// When what is sent now arrives at the server (0) or the client (1), behind all that was sent before.
    fn arrival(&mut self, process: usize, end: usize) -> Time {
        let at = self.now + [0, 0, 1, 1, 2, 5][self.random.below(6) as usize];
        let last = &mut self.processes[process].arrives[end];
        *last = at.max(*last);
        *last
    }

    /// Whether something is on its way to the server, or waits.
    pub fn is_waiting(&self, process: usize) -> bool {
        let process = &self.processes[process];
        !process.queue.is_empty() && !process.is_closed && !process.is_dead
    }

    /// Closes a client.
    pub fn close(&mut self, process: usize) {
        let found = &mut self.processes[process];
        if found.is_closed {
            return;
        }
        found.is_closed = true;
        found.subscriptions.values_mut().for_each(crate::process::Subscription::end);
        found.requests.clear();
        if let (Some(connection), false) = (found.connection.take(), found.is_dead || found.is_cut) {
            // Behind all that was sent before.
            let at = self.arrival(process, 0);
            self.schedule_at(at, Parcel::ServerLearns { connection });
        }
        self.tell(process, ClientEvent::Closed);
    }

    /// Ends a program without notice. Its machine may be gone with it, so that the server learns nothing for a while.
    pub fn crash(&mut self, process: usize, is_noticed: bool) {
        self.note("crash", process as u64, u64::from(is_noticed));
        let found = &mut self.processes[process];
        if found.is_dead {
            return;
        }
        found.is_dead = true;
        found.crashed.notify_one();
        let connection = found.connection.take();
        self.history.crashed(process, self.now);
        let after = if is_noticed { self.arrival(process, 0) - self.now } else { UNHEARD };
        if let Some(connection) = connection {
            self.schedule(after, Parcel::ServerLearns { connection });
        }
    }

    fn tell(&mut self, process: usize, event: ClientEvent) {
        let after = self.random.below(2);
        self.schedule(after, Parcel::Tell { process, event });
    }

    /// Something arrives. Returns the event that a client has to be told of.
    pub(crate) fn deliver(&mut self, parcel: Parcel) -> Option<(Listener, ClientEvent)> {
        let now = self.now;
        match parcel {
            Parcel::Up { connection, frame } => self.arrive(connection, frame),
            Parcel::Down { process, connection, subscription, message } => {
                self.receive(process, connection, subscription, message);
            }
            Parcel::Tell { process, event } => {
                let listener = self.processes[process].listener.clone()?;
                return (!self.processes[process].is_dead).then_some((listener, event));
            }
            Parcel::Ack(ack) => self.server.process(ack, now),
            Parcel::Work => {
                self.work_at = None;
                self.server.work(now);
            }
            Parcel::Connect { process } => self.reconnect(process),
            Parcel::ClientLearns { process, connection } => self.lose(process, connection),
            Parcel::ServerLearns { connection } => self.server.disconnect(connection, now),
            Parcel::Begin(number) => self.begin_fault(number),
            Parcel::End(fault) => self.end_fault(&fault),
            Parcel::GoOn { process } => self.go_on(process),
        }
        self.dispatch();
        None
    }

    fn arrive(&mut self, connection: u64, frame: Frame) {
        let Some(process) = self.server.connections.get(&connection).map(|it| it.process) else { return };
        let found = &self.processes[process];
        if found.is_cut && (found.connection == Some(connection) || found.is_dead) {
            return;
        }
        match frame {
            Frame::Publish(message) => {
                self.note_frame("up", process, &message);
                self.server.receive(connection, message, self.now);
            }
            Frame::Subscribe(number, subject, queue) => self.server.subscribe(connection, number, subject, queue),
            Frame::Unsubscribe(number, most) => self.server.unsubscribe(connection, number, most),
        }
    }

    fn receive(&mut self, process: usize, connection: u64, subscription: u64, message: Message) {
        let found = &mut self.processes[process];
        if found.connection != Some(connection) || found.is_cut || found.is_dead {
            return;
        }
        if message.status.is_some_and(|status| status.as_u16() == MALFORMED) {
            // The client cannot read it, and gives up its connection.
            self.schedule(0, Parcel::ServerLearns { connection });
            return self.lose(process, connection);
        }
        let to = message.subject.to_string();
        if found.answers == Some(subscription) {
            if let Some(waiting) = found.requests.remove(&to) {
                // Whoever stopped waiting does not want it.
                let _ = waiting.send(message);
            }
        } else if let Some(found) = found.subscriptions.get_mut(&subscription) {
            let ack = message.reply.clone().filter(|reply| reply.starts_with("$JS.ACK."));
            let status = message.status.map_or(0, |status| status.as_u16());
            self.history.asks.arrived(process, &message, self.now);
            found.take(message);
            self.note("down", process as u64, u64::from(status));
            if let (Some(Mutation::AckEarly), Some(subject)) = (self.mutation, ack) {
                let message = OutboundMessage { subject, reply: None, payload: "+ACK".into(), headers: None };
                self.put_on_the_way(process, Frame::Publish(message));
            }
        }
    }

    fn reconnect(&mut self, process: usize) {
        let found = &self.processes[process];
        if found.is_dead || found.is_closed || found.connection.is_some() || self.connect(process) {
            return;
        }
        let kind = match self.processes[process].refused_until > self.now {
            true => ConnectErrorKind::AuthorizationViolation,
            false => ConnectErrorKind::Io,
        };
        self.processes[process].was_refused |= kind == ConnectErrorKind::AuthorizationViolation;
        self.tell(process, ClientEvent::ClientError(async_nats::ClientError::Other(kind.to_string())));
        let after = RECONNECT / 2 + self.random.below(RECONNECT);
        self.schedule(after, Parcel::Connect { process });
    }

    /// A client learns that its connection is gone.
    fn lose(&mut self, process: usize, connection: u64) {
        let found = &mut self.processes[process];
        if found.connection != Some(connection) {
            return;
        }
        self.note("lose", process as u64, connection);
        let found = &mut self.processes[process];
        found.connection = None;
        found.is_cut = false;
        found.losses += 1;
        self.tell(process, ClientEvent::Disconnected);
        let after = 2 + self.random.below(20);
        self.schedule(after, Parcel::Connect { process });
    }

    /// Puts on their way what the server sends.
    pub(crate) fn dispatch(&mut self) {
        for stored in std::mem::take(&mut self.server.stored) {
            if stored.stream == SAGAS {
                self.log(|| {
                    format!("{}: {}", stored.stored.subject, detail(&stored.stored.payload).unwrap_or_default())
                });
            }
            self.history.stored(&stored);
        }
        for output in std::mem::take(&mut self.server.outputs) {
            match output {
                Output::Message { connection, subscription, message, loss } => {
                    let Some(process) = self.server.connections.get(&connection).map(|it| it.process) else { continue };
                    for after in self.fates(loss) {
                        let at = if after == 0 { self.arrival(process, 1) } else { self.now + after };
                        let message = message.clone();
                        self.schedule_at(at, Parcel::Down { process, connection, subscription, message });
                    }
                }
                Output::Denied { connection, subject } => {
                    let Some(process) = self.server.connections.get(&connection).map(|it| it.process) else { continue };
                    let text = format!("Permissions Violation for Publish to \"{subject}\"");
                    let after = self.arrival(process, 1) - self.now;
                    let event = ClientEvent::ServerError(ServerError::Other(text));
                    self.schedule(after, Parcel::Tell { process, event });
                }
                Output::Ack(mut ack) => {
                    for (copy, after) in self.fates(Loss::Any).into_iter().enumerate() {
                        ack.is_late = after > 0 || copy > 0;
                        self.schedule(after, Parcel::Ack(ack.clone()));
                    }
                }
            }
        }
    }

    /// After how long something arrives, as often as it does.
    fn fates(&mut self, loss: Loss) -> Vec<Time> {
        let [lost, late, doubled] = match loss {
            Loss::Answer if self.has_late_answers => [0, 700, 0],
            Loss::Never | Loss::Answer => [0; 3],
            Loss::NotTwice => [self.chaos[0], self.chaos[1], 0],
            Loss::Any => self.chaos,
        };
        if self.happens(lost) {
            return Vec::new();
        }
        let mut after = Vec::with_capacity(1);
        for _ in 0..=u64::from(self.happens(doubled)) {
            let delay = if self.happens(late) { 1 + self.random.below(LATEST) } else { 0 };
            after.push(delay);
        }
        after
    }
}

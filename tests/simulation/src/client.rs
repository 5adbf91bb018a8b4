//! A client as the transport sees it. It behaves as async-nats does: what is published without a connection waits for one, all
//! is subscribed again over a new one, and answers to requests come to one subscription.

use std::future::pending;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::client::{
    FlushError, PublishError, PublishErrorKind, RequestError, RequestErrorKind, SubscribeError, SubscribeErrorKind,
};
use async_nats::message::OutboundMessage;
use async_nats::{Message, ServerInfo, StatusCode, Subject};
use bytes::Bytes;
use eventsmith::simulation::{SimulatedClient, SimulatedSubscriber};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use crate::process::{Frame, Subscription};
use crate::world::World;

/// How long the client waits for an answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How much may wait for a connection. Real clients have more room, and are without a connection for longer.
const ROOM: usize = 64;
/// How often to look whether there is room.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The client of one process, which ends with it.
#[derive(Debug)]
pub struct Client {
    world: World,
    process: usize,
}

#[derive(Debug)]
struct Incoming {
    world: World,
    process: usize,
    number: u64,
}

impl Client {
    /// The client of a process that is connected.
    pub fn new(world: World, process: usize) -> Self {
        Self { world, process }
    }

    /// Lets other tasks run as often as the seed says, and for ever if the process is dead.
    async fn give_way(&self) {
        let yields = {
            let mut state = self.world.state();
            let yields = state.random.below(8).saturating_sub(5);
            if state.processes[self.process].is_dead { None } else { Some(yields) }
        };
        match yields {
            Some(yields) => {
                for _ in 0..yields {
                    yield_now().await;
                }
            }
            None => pending().await,
        }
    }

    async fn send(&self, frame: Frame) -> bool {
        self.give_way().await;
        wait_for_room(&self.world, self.process).await;
        let is_open = self.world.state().send(self.process, frame);
        self.world.wake();
        is_open
    }

    async fn listen(&self, subject: String, queue: Option<String>) -> u64 {
        let number = self.world.state().processes[self.process].subscribe(subject.clone(), queue.clone());
        self.send(Frame::Subscribe(number, subject, queue)).await;
        number
    }

    async fn receive(
        &self,
        subject: Subject,
        queue: Option<String>,
    ) -> Result<Box<dyn SimulatedSubscriber>, SubscribeError> {
        if self.world.state().processes[self.process].is_closed {
            return Err(SubscribeError::new(SubscribeErrorKind::Other));
        }
        let number = self.listen(subject.to_string(), queue).await;
        let (world, process) = (self.world.clone(), self.process);
        Ok(Box::new(Incoming { world, process, number }))
    }

    async fn ask(&self, subject: Subject, payload: Bytes) -> Result<Message, RequestError> {
        let prefix = format!("_INBOX.{}.answers", self.process);
        let is_listening = self.world.state().processes[self.process].answers.is_some();
        if !is_listening {
            let number = self.listen(format!("{prefix}.*"), None).await;
            self.world.state().processes[self.process].answers = Some(number);
        }
        let (answer, answered) = oneshot::channel();
        let reply = {
            let mut state = self.world.state();
            let process = &mut state.processes[self.process];
            process.inboxes += 1;
            let reply = format!("{prefix}.{}", process.inboxes);
            process.requests.insert(reply.clone(), answer);
            reply
        };
        let message = OutboundMessage { subject, reply: Some(reply.into()), payload, headers: None };
        if !self.send(Frame::Publish(message)).await {
            return Err(RequestError::new(RequestErrorKind::Other));
        }
        match timeout(REQUEST_TIMEOUT, answered).await {
            Ok(Ok(answer)) if answer.status == Some(StatusCode::NO_RESPONDERS) => {
                Err(RequestError::new(RequestErrorKind::NoResponders))
            }
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(RequestError::new(RequestErrorKind::Other)),
            Err(_) => Err(RequestError::new(RequestErrorKind::TimedOut)),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.world.state().close(self.process);
        self.world.wake();
    }
}

impl SimulatedClient for Client {
    fn publish(&self, message: OutboundMessage) -> BoxFuture<'_, Result<(), PublishError>> {
        async move {
            match self.send(Frame::Publish(message)).await {
                true => Ok(()),
                false => Err(PublishError::new(PublishErrorKind::Send)),
            }
        }
        .boxed()
    }

    fn request(&self, subject: Subject, payload: Bytes) -> BoxFuture<'_, Result<Message, RequestError>> {
        self.ask(subject, payload).boxed()
    }

    fn subscribe(&self, subject: Subject) -> BoxFuture<'_, Result<Box<dyn SimulatedSubscriber>, SubscribeError>> {
        self.receive(subject, None).boxed()
    }

    fn queue_subscribe(
        &self,
        subject: Subject,
        queue: String,
    ) -> BoxFuture<'_, Result<Box<dyn SimulatedSubscriber>, SubscribeError>> {
        self.receive(subject, Some(queue)).boxed()
    }

    fn new_inbox(&self) -> String {
        let mut state = self.world.state();
        let process = &mut state.processes[self.process];
        process.inboxes += 1;
        format!("_INBOX.{}.{}", self.process, process.inboxes)
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), FlushError>> {
        async move {
            self.give_way().await;
            while self.world.state().is_waiting(self.process) {
                sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        }
        .boxed()
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        async move {
            self.give_way().await;
            self.world.state().close(self.process);
            self.world.wake();
        }
        .boxed()
    }

    fn server_info(&self) -> ServerInfo {
        ServerInfo {
            server_id: self.world.state().server.starts.to_string(),
            server_name: "simulated".to_owned(),
            version: "2.12.1".to_owned(),
            max_payload: 1 << 20,
            jetstream: true,
            headers: true,
            ..ServerInfo::default()
        }
    }
}

impl SimulatedSubscriber for Incoming {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut state = self.world.state();
        let process = &mut state.processes[self.process];
        let Some(subscription) = process.subscriptions.get_mut(&self.number) else { return Poll::Ready(None) };
        match subscription.buffer.pop_front() {
            Some(message) => Poll::Ready(Some(message)),
            None if subscription.is_ended => Poll::Ready(None),
            None => {
                subscription.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn unsubscribe_after(&mut self, count: u64) -> BoxFuture<'_, ()> {
        async move {
            wait_for_room(&self.world, self.process).await;
            let mut state = self.world.state();
            let process = &mut state.processes[self.process];
            if let Some(subscription) = process.subscriptions.get_mut(&self.number) {
                subscription.most = Some(count);
                if subscription.received >= count {
                    subscription.end();
                }
            }
            state.send(self.process, Frame::Unsubscribe(self.number, Some(count)));
            drop(state);
            self.world.wake();
        }
        .boxed()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let mut state = self.world.state();
        state.processes[self.process].subscriptions.remove(&self.number);
        // Where there is no room it is not said.
        if !state.processes[self.process].is_full() {
            state.send(self.process, Frame::Unsubscribe(self.number, None));
        }
        drop(state);
        self.world.wake();
    }
}

/// Waits while too much waits for a connection, as the client does that has one place for each of so many commands.
async fn wait_for_room(world: &World, process: usize) {
    while world.state().processes[process].is_full() {
        sleep(LOOK_AGAIN).await;
    }
}

impl crate::process::Process {
    /// Whether as much waits for a connection as there is room for.
    fn is_full(&self) -> bool {
        self.connection.is_none() && !self.is_closed && !self.is_dead && self.queue.len() >= ROOM
    }

    fn subscribe(&mut self, subject: String, queue: Option<String>) -> u64 {
        self.subscribed += 1;
        self.subscriptions.insert(self.subscribed, Subscription { subject, queue, ..Subscription::default() });
        self.subscribed
    }
}

//! The transport over NATS JetStream. Only this module and those below it name `async_nats`.

mod ack;
mod acks;
pub mod batch;
mod beside;
mod blind;
mod bulk;
mod client;
mod clock;
mod connect;
pub mod consumers;
mod convert;
mod denials;
mod follow;
mod header_block;
mod inbox;
mod life;
mod link;
mod listen;
mod live;
mod login;
mod losses;
mod outbox;
mod pinned;
mod polled;
mod probe;
mod pull;
mod pull_limits;
mod search;
mod send;
mod silence;
pub mod snapshot;
mod stored;
mod thread;
mod upkeep;
mod wire;

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use crate::settings::{ConsumerSettings, FoundConsumer};
use crate::transport::{
    BulkBatch, BulkEnd, ConnectionState, ConsumerPhase, Deliveries, Denied, DeniedAction, Follow, Follower, Message,
    MessageSelector, PendingAck, PendingReply, RequestFailure, SendFailure, ServerFailure, StreamExtent, StreamMessage,
    Subscription, Transport, Unavailable,
};
use bulk::FastBatch;
use follow::Following;
use link::Link;
use live::NOT_CONNECTED;
use pull::PullDeliveries;

pub use client::{JetStream, Settings, nanos};
pub use connect::{ConnectError, ShutdownError};
#[cfg(feature = "simulation")]
pub use {
    async_nats::Event as ClientEvent,
    wire::simulated::{SimulatedClient, SimulatedSubscriber},
};

impl Transport for Arc<JetStream> {
    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<PendingAck, SendFailure>> {
        send::send(self, message).boxed()
    }

    fn send_all<'a>(&'a self, messages: Vec<&'a Message>) -> BoxFuture<'a, Vec<Result<PendingAck, SendFailure>>> {
        send::send_all(self, messages).boxed()
    }

    fn send_batch<'a>(
        &'a self,
        messages: &'a [Message],
        id: &'a str,
    ) -> BoxFuture<'a, Result<PendingAck, SendFailure>> {
        send::send_batch(self, messages, id).boxed()
    }

    fn begin_bulk(&self, max_in_flight: usize) -> BoxFuture<'_, Result<Box<dyn BulkBatch>, BulkEnd>> {
        async move {
            let batch: Box<dyn BulkBatch> = Box::new(FastBatch::begin(self, max_in_flight).await?);
            Ok(batch)
        }
        .boxed()
    }

    fn message<'a>(
        &'a self,
        stream: &'a str,
        select: MessageSelector<'a>,
    ) -> BoxFuture<'a, Result<Option<StreamMessage>, Unavailable>> {
        self.stored_message(stream, select).boxed()
    }

    fn count<'a>(&'a self, stream: &'a str, subject: &'a str) -> BoxFuture<'a, Result<u64, Unavailable>> {
        self.count_of(stream, subject).boxed()
    }

    fn without_filtered_expectations(&self) -> Option<String> {
        (!self.supports(2, 11)).then(|| self.version())
    }

    fn without_schedules(&self) -> Option<String> {
        JetStream::without_schedules(self)
    }

    fn follow<'a>(&'a self, wanted: &'a Follow) -> BoxFuture<'a, Result<Box<dyn Follower>, ServerFailure>> {
        async move {
            let following: Box<dyn Follower> = Box::new(Following::begin(Arc::clone(self), wanted.clone()).await?);
            Ok(following)
        }
        .boxed()
    }

    fn extent<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<Option<StreamExtent>, Unavailable>> {
        self.find_extent(stream).boxed()
    }

    fn delete_message<'a>(&'a self, stream: &'a str, sequence: u64) -> BoxFuture<'a, Result<(), Unavailable>> {
        self.remove_message(stream, sequence).boxed()
    }

    fn purge<'a>(&'a self, stream: &'a str, subject: &'a str, up_to: u64) -> BoxFuture<'a, Result<u64, ServerFailure>> {
        self.purge_subject(stream, subject, up_to).boxed()
    }

    fn streams_of<'a>(&'a self, subject: &'a str) -> BoxFuture<'a, Result<Vec<String>, Unavailable>> {
        self.find_streams(subject).boxed()
    }

    fn consumer<'a>(
        &'a self,
        stream: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<FoundConsumer>, ServerFailure>> {
        self.find_consumer(stream, name).boxed()
    }

    fn put_consumer<'a>(
        &'a self,
        wanted: &'a ConsumerSettings,
        exists: bool,
    ) -> BoxFuture<'a, Result<(), ServerFailure>> {
        self.write_consumer(wanted, exists).boxed()
    }

    fn read<'a>(&'a self, consumer: &'a ConsumerSettings) -> BoxFuture<'a, Result<Box<dyn Deliveries>, Unavailable>> {
        async move {
            let deliveries: Box<dyn Deliveries> = Box::new(PullDeliveries::new(Arc::clone(self), consumer).await?);
            Ok(deliveries)
        }
        .boxed()
    }

    fn terminate<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        sequence: u64,
    ) -> BoxFuture<'a, Result<(), Unavailable>> {
        self.send_term(stream, consumer, sequence).boxed()
    }

    fn request<'a>(
        &'a self,
        message: &'a Message,
        latest: Instant,
    ) -> BoxFuture<'a, Result<PendingReply, RequestFailure>> {
        async move {
            let not_connected = || Err(RequestFailure::NotSent(NOT_CONNECTED.into()));
            let beside = timeout_at(latest, listen::asking(self)).await.unwrap_or_else(|_| not_connected());
            beside?.send_request(message, latest).await
        }
        .boxed()
    }

    fn tell<'a>(&'a self, message: &'a Message, reply: Option<&'a str>) -> BoxFuture<'a, Result<(), RequestFailure>> {
        async move {
            match reply {
                // That nobody listens is told to the connection alone over which the answer is expected.
                Some(_) => listen::asking(self).await?.send_core(message, reply).await,
                None => self.answering().await.send_core(message, reply).await,
            }
        }
        .boxed()
    }

    fn inbox(&self) -> String {
        self.client.new_inbox()
    }

    fn subscribe<'a>(
        &'a self,
        subjects: &'a [String],
        queue: Option<&'a str>,
        room: usize,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, Unavailable>> {
        listen::listen(self, subjects, queue, room).boxed()
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        async move {
            let beside = self.answering().await;
            if !Arc::ptr_eq(&beside, self) {
                beside.write_out().await?;
            }
            self.write_out().await
        }
        .boxed()
    }

    fn background(&self) -> Handle {
        self.thread.handle().clone()
    }

    fn time(&self) -> Timestamp {
        self.clock.time()
    }

    fn max_payload(&self) -> usize {
        self.client.server_info().max_payload
    }

    fn denied<'a>(&'a self, consumer: &'a str, phase: ConsumerPhase) -> BoxFuture<'a, Denied> {
        let (subscribed, link) = (Instant::now(), self.link.clone());
        let concerns = move |denied: &Denied| match denied.action {
            // What is refused later is another's: nothing says whose.
            DeniedAction::SubscribeMore => link.borrow().may_refuse(subscribed, Instant::now()),
            _ => denials::concerns_consumer(denied, consumer, phase),
        };
        self.denials.wait(concerns).boxed()
    }

    fn connection(&self) -> ConnectionState {
        let Link { connected, closed, losses, .. } = *self.link.borrow();
        ConnectionState { is_connected: connected && !closed, is_closed: closed, losses }
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        async move {
            // Held until both are closed, so that nobody makes another meanwhile.
            let mut beside = self.beside.lock().await;
            let known = beside.take();
            let close_beside = async {
                match known {
                    Some(known) => known.shut_down().await,
                    None => Ok(()),
                }
            };
            let (closed, closed_beside) = join(self.shut_down(), close_beside).await;
            closed.and(closed_beside)
        }
        .boxed()
    }
}

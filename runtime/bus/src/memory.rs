//! The transport without a server: streams and durable consumers in memory, on tokio's clock.

mod clock;
mod deliveries;
mod durable;
mod follow;
mod live;
mod log;
mod reading;
mod schedules;
mod settle;
mod state;
mod stream;
mod subjects;
#[cfg(test)]
mod tests;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::settings::{ConsumerSettings, FoundConsumer, FoundStream};
use crate::transport::{
    AckKind, BulkBatch, BulkEnd, ConsumerPhase, Deliveries, Denied, Follow, Follower, Message, MessageSelector,
    PendingAck, PendingReply, PublishAck, RequestFailure, SendFailure, ServerFailure, StreamExtent, StreamMessage,
    Subscription, Transport, Unavailable, check_subject,
};
use deliveries::MemoryDeliveries;
use follow::MemoryFollower;

pub use settle::{Reading, Starting};
pub use state::{Memory, StoredMessage};

/// What a server takes unless its `max_payload` says otherwise, in bytes, headers included.
const MAX_PAYLOAD: usize = 1 << 20;

/// As over a connection, nothing happens before a future is polled.
impl Transport for Memory {
    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<PendingAck, SendFailure>> {
        async move { self.send_one(message) }.boxed()
    }

    fn send_all<'a>(&'a self, messages: Vec<&'a Message>) -> BoxFuture<'a, Vec<Result<PendingAck, SendFailure>>> {
        async move { messages.into_iter().map(|message| self.send_one(message)).collect() }.boxed()
    }

    fn send_batch<'a>(&'a self, messages: &'a [Message], _: &'a str) -> BoxFuture<'a, Result<PendingAck, SendFailure>> {
        async move {
            messages.iter().try_for_each(|message| self.check(message))?;
            self.store_batch(messages).map(stored)
        }
        .boxed()
    }

    fn begin_bulk(&self, _: usize) -> BoxFuture<'_, Result<Box<dyn BulkBatch>, BulkEnd>> {
        ready(Err(BulkEnd::unsupported("memory stores one by one"))).boxed()
    }

    fn message<'a>(
        &'a self,
        stream: &'a str,
        select: MessageSelector<'a>,
    ) -> BoxFuture<'a, Result<Option<StreamMessage>, Unavailable>> {
        async move {
            self.check_open()?;
            Memory::message(self, stream, select)
        }
        .boxed()
    }

    fn count<'a>(&'a self, stream: &'a str, subject: &'a str) -> BoxFuture<'a, Result<u64, Unavailable>> {
        async move {
            self.check_open()?;
            Ok(self.with_log(stream, |log| log.count(subject))?)
        }
        .boxed()
    }

    fn without_filtered_expectations(&self) -> Option<String> {
        None
    }

    fn without_schedules(&self) -> Option<String> {
        None
    }

    fn follow<'a>(&'a self, wanted: &'a Follow) -> BoxFuture<'a, Result<Box<dyn Follower>, ServerFailure>> {
        async move {
            self.check_open()?;
            let follower: Box<dyn Follower> = Box::new(MemoryFollower::begin(self.clone(), wanted.clone())?);
            Ok(follower)
        }
        .boxed()
    }

    fn extent<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<Option<StreamExtent>, Unavailable>> {
        async move {
            let extent = |FoundStream { settings, first_sequence, last_sequence, .. }: FoundStream| StreamExtent {
                first: first_sequence,
                last: last_sequence,
                created: None,
                max_age: settings.max_age,
                replicas: 1,
                duplicate_window: settings.duplicate_window,
                marker_ttl: settings.bucket.and_then(|bucket| bucket.marker_ttl),
                subjects: settings.subjects,
                retention: settings.retention,
            };
            self.check_open()?;
            Ok(self.stream(stream).map(extent))
        }
        .boxed()
    }

    fn delete_message<'a>(&'a self, stream: &'a str, sequence: u64) -> BoxFuture<'a, Result<(), Unavailable>> {
        async move {
            self.check_open()?;
            match self.streams().get_mut(stream) {
                Some(stream) if stream.log.settings.aggregates => {
                    Err(Unavailable("message delete not permitted".into()))
                }
                Some(stream) => {
                    stream.log.remove(sequence);
                    Ok(())
                }
                None => Ok(()),
            }
        }
        .boxed()
    }

    fn purge<'a>(&'a self, stream: &'a str, subject: &'a str, up_to: u64) -> BoxFuture<'a, Result<u64, ServerFailure>> {
        async move {
            self.check_open()?;
            self.purge_subject(stream, subject, up_to)
        }
        .boxed()
    }

    fn streams_of<'a>(&'a self, subject: &'a str) -> BoxFuture<'a, Result<Vec<String>, Unavailable>> {
        async move {
            self.check_open()?;
            Ok(self.capturing(subject))
        }
        .boxed()
    }

    fn consumer<'a>(
        &'a self,
        stream: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<FoundConsumer>, ServerFailure>> {
        async move {
            self.check_open()?;
            Ok(Memory::consumer(self, stream, name))
        }
        .boxed()
    }

    fn put_consumer<'a>(
        &'a self,
        wanted: &'a ConsumerSettings,
        _exists: bool,
    ) -> BoxFuture<'a, Result<(), ServerFailure>> {
        async move {
            self.check_open()?;
            Memory::put_consumer(self, wanted)
        }
        .boxed()
    }

    fn read<'a>(&'a self, consumer: &'a ConsumerSettings) -> BoxFuture<'a, Result<Box<dyn Deliveries>, Unavailable>> {
        async move {
            self.check_open()?;
            let deliveries: Box<dyn Deliveries> =
                Box::new(MemoryDeliveries::new(self.clone(), &consumer.stream, &consumer.name));
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
        async move {
            self.check_open()?;
            self.acknowledge(stream, consumer, sequence, AckKind::Term("dead letter"));
            Ok(())
        }
        .boxed()
    }

    fn request<'a>(
        &'a self,
        message: &'a Message,
        latest: Instant,
    ) -> BoxFuture<'a, Result<PendingReply, RequestFailure>> {
        async move {
            check_subject(&message.subject)?;
            self.shared.listeners.request(&message.with_timeout(latest))
        }
        .boxed()
    }

    fn tell<'a>(&'a self, message: &'a Message, reply: Option<&'a str>) -> BoxFuture<'a, Result<(), RequestFailure>> {
        async move {
            if self.is_closed() {
                return Err(RequestFailure::Closed);
            }
            check_subject(&message.subject)?;
            self.shared.listeners.tell(message, reply);
            Ok(())
        }
        .boxed()
    }

    fn inbox(&self) -> String {
        self.shared.listeners.inbox()
    }

    fn subscribe<'a>(
        &'a self,
        subjects: &'a [String],
        queue: Option<&'a str>,
        room: usize,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, Unavailable>> {
        async move {
            let subscription: Box<dyn Subscription> = Box::new(self.shared.listeners.subscribe(subjects, queue, room)?);
            Ok(subscription)
        }
        .boxed()
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        ready(self.check_open()).boxed()
    }

    fn background(&self) -> Handle {
        // There is nothing beside the tests that run on it.
        Handle::current()
    }

    fn time(&self) -> Timestamp {
        self.shared.clock.time(self.shared.clock.now())
    }

    fn max_payload(&self) -> usize {
        MAX_PAYLOAD
    }

    fn denied<'a>(&'a self, _: &'a str, _: ConsumerPhase) -> BoxFuture<'a, Denied> {
        std::future::pending().boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        async move {
            self.shut_down();
            Ok(())
        }
        .boxed()
    }
}

impl Memory {
    fn send_one(&self, message: &Message) -> Result<PendingAck, SendFailure> {
        self.check(message)?;
        self.store(message).map(stored)
    }

    /// Whether a server would take a message.
    fn check(&self, message: &Message) -> Result<(), SendFailure> {
        let size = message.headers.size() + message.payload.len();
        match () {
            () if self.is_closed() => Err(SendFailure::Closed),
            () if size > MAX_PAYLOAD => Err(SendFailure::TooLarge { size, limit: MAX_PAYLOAD }),
            () => Ok(()),
        }
    }
}

/// What is stored is acknowledged at once.
fn stored(ack: PublishAck) -> PendingAck {
    ready(Ok(ack)).boxed()
}

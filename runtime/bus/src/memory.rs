//! The transport without a server: streams and durable consumers in memory, on tokio's clock.

mod clock;
mod deliveries;
mod durable;
mod log;
mod settle;
mod state;
mod stream;
#[cfg(test)]
mod tests;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use crate::settings::{ConsumerSettings, FoundConsumer};
use crate::transport::{
    AckKind, ConsumerPhase, Deliveries, Denied, Message, MessageSelector, PendingAck, SendFailure, ServerFailure,
    StreamMessage, Transport, Unavailable,
};
use deliveries::MemoryDeliveries;

pub(crate) use settle::Starting;
pub use state::{Memory, StoredMessage};

impl Transport for Memory {
    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<PendingAck, SendFailure>> {
        ready(self.store(message).map(|ack| ready(Ok(ack)).boxed())).boxed()
    }

    fn send_batch<'a>(&'a self, messages: &'a [Message], _: &'a str) -> BoxFuture<'a, Result<PendingAck, SendFailure>> {
        ready(self.store_batch(messages).map(|ack| ready(Ok(ack)).boxed())).boxed()
    }

    fn message<'a>(
        &'a self,
        stream: &'a str,
        select: MessageSelector<'a>,
    ) -> BoxFuture<'a, Result<Option<StreamMessage>, Unavailable>> {
        let mut streams = self.streams();
        let found = streams.get_mut(stream).map(|stream| {
            stream.log.trim();
            stream.log.find(select)
        });
        ready(found.ok_or_else(|| Unavailable(format!("there is no stream {stream}")))).boxed()
    }

    fn delete_message<'a>(&'a self, stream: &'a str, sequence: u64) -> BoxFuture<'a, Result<(), Unavailable>> {
        if let Some(stream) = self.streams().get_mut(stream) {
            stream.log.remove(sequence);
        }
        ready(Ok(())).boxed()
    }

    fn streams_of<'a>(&'a self, subject: &'a str) -> BoxFuture<'a, Result<Vec<String>, Unavailable>> {
        ready(Ok(self.capturing(subject))).boxed()
    }

    fn consumer<'a>(
        &'a self,
        stream: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<FoundConsumer>, ServerFailure>> {
        ready(Ok(Memory::consumer(self, stream, name))).boxed()
    }

    fn put_consumer<'a>(
        &'a self,
        wanted: &'a ConsumerSettings,
        _exists: bool,
    ) -> BoxFuture<'a, Result<(), ServerFailure>> {
        ready(Memory::put_consumer(self, wanted)).boxed()
    }

    fn read<'a>(&'a self, consumer: &'a ConsumerSettings) -> BoxFuture<'a, Result<Box<dyn Deliveries>, Unavailable>> {
        let deliveries: Box<dyn Deliveries> =
            Box::new(MemoryDeliveries::new(self.clone(), &consumer.stream, &consumer.name));
        ready(Ok(deliveries)).boxed()
    }

    fn terminate<'a>(
        &'a self,
        stream: &'a str,
        consumer: &'a str,
        sequence: u64,
    ) -> BoxFuture<'a, Result<(), Unavailable>> {
        self.acknowledge(stream, consumer, sequence, AckKind::Term("dead letter"));
        ready(Ok(())).boxed()
    }

    fn denied<'a>(&'a self, _: &'a str, _: ConsumerPhase) -> BoxFuture<'a, Denied> {
        std::future::pending().boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        ready(Ok(())).boxed()
    }
}

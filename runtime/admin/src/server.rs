//! What a server holds, and changes to it: over JetStream or in memory.

use std::sync::Arc;

use eventsmith_bus::bus::{Backend, Bus};
use eventsmith_bus::cause::Cause;
use eventsmith_bus::jetstream::JetStream;
use eventsmith_bus::jetstream::batch::BatchFailure;
use eventsmith_bus::settings::{ConsumerSettings, FoundConsumer, FoundStream, StreamSettings};
use eventsmith_bus::transport::{ServerFailure, StreamMessage, Transport};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::jetstream;

/// The server of a bus, as operators see it.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    backend: Backend,
    transport: Arc<dyn Transport>,
}

impl Server {
    pub(crate) fn of(bus: &Bus) -> Self {
        Self { backend: bus.backend().clone(), transport: bus.shared_transport() }
    }

    pub(crate) fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    /// A stream as it is, if there is one.
    pub(crate) async fn stream(&self, name: &str) -> Result<Option<FoundStream>, ServerFailure> {
        match &self.backend {
            Backend::JetStream(server) => jetstream::stream(server, name).await,
            Backend::Memory(memory) => Ok(memory.stream(name)),
        }
    }

    /// All streams.
    pub(crate) async fn streams(&self) -> Result<Vec<FoundStream>, ServerFailure> {
        match &self.backend {
            Backend::JetStream(server) => jetstream::streams(server).await,
            Backend::Memory(memory) => Ok(memory.all()),
        }
    }

    /// Creates a stream, or brings one that exists to these settings and leaves all others as they are.
    pub(crate) async fn put_stream(&self, wanted: &StreamSettings, exists: bool) -> Result<(), ServerFailure> {
        match &self.backend {
            Backend::JetStream(server) => jetstream::put_stream(server, wanted, exists).await,
            Backend::Memory(memory) => memory.put_stream(wanted),
        }
    }

    /// All consumers of a stream.
    pub(crate) async fn consumers(&self, stream: &str) -> Result<Vec<FoundConsumer>, ServerFailure> {
        match &self.backend {
            Backend::JetStream(server) => jetstream::consumers(server, stream).await,
            Backend::Memory(memory) => Ok(memory.consumers(stream)),
        }
    }

    /// A durable consumer as it is, if there is one.
    pub(crate) async fn consumer(&self, stream: &str, name: &str) -> Result<Option<FoundConsumer>, ServerFailure> {
        self.transport.consumer(stream, name).await
    }

    /// Creates a durable consumer, or brings one that exists to these settings and leaves all others as they are.
    pub(crate) async fn put_consumer(&self, wanted: &ConsumerSettings, exists: bool) -> Result<(), ServerFailure> {
        match &self.backend {
            Backend::JetStream(_) => self.transport.put_consumer(wanted, exists).await,
            Backend::Memory(memory) => memory.provision_consumer(wanted),
        }
    }

    /// Deletes a durable consumer, and with it its place in the stream.
    pub(crate) async fn delete_consumer(&self, stream: &str, name: &str) -> Result<(), ServerFailure> {
        match &self.backend {
            Backend::JetStream(server) => jetstream::delete_consumer(server, stream, name).await,
            Backend::Memory(memory) => {
                memory.delete_consumer(stream, name);
                Ok(())
            }
        }
    }

    /// Asks the server's JetStream API. Memory has none.
    pub(crate) async fn raw<T: DeserializeOwned>(&self, subject: String, request: &Value) -> Result<T, ServerFailure> {
        match &self.backend {
            Backend::JetStream(server) => JetStream::request(server, subject, request).await,
            Backend::Memory(_) => Err(ServerFailure::Unavailable("a bus in memory has no server to ask".into())),
        }
    }

    /// The server itself, if there is one: memory is none.
    pub(crate) fn jetstream(&self) -> Option<&JetStream> {
        match &self.backend {
            Backend::JetStream(server) => Some(server),
            Backend::Memory(_) => None,
        }
    }

    /// The next messages of a stream on a subject, many at a time. See [`JetStream::read_batch`].
    ///
    /// They come over a connection of their own, as its client may end over one that it cannot read. What went wrong there takes
    /// the connection along.
    pub(crate) async fn batch(
        &self,
        connection: &mut Option<Arc<JetStream>>,
        stream: &str,
        subject: &str,
        from: u64,
    ) -> Result<Vec<StreamMessage>, BatchFailure> {
        let Backend::JetStream(server) = &self.backend else {
            return Err(BatchFailure::Refused("nothing is asked of memory".into()));
        };
        let apart = match connection.take() {
            Some(apart) => apart,
            None => server.connect_again().await.map_err(|error| BatchFailure::Incomplete(Cause::of(error)))?,
        };
        let batch = apart.read_batch(stream, subject, from).await;
        if !matches!(batch, Err(BatchFailure::Incomplete(_))) {
            *connection = Some(apart);
        }
        batch
    }

    /// The names of the streams that capture a subject, which may have wildcards, or a part of it.
    pub(crate) async fn streams_of(&self, subject: &str) -> Result<Vec<String>, ServerFailure> {
        Ok(self.transport.streams_of(subject).await?)
    }

    /// Whether the server is of this version, or a later one.
    pub(crate) fn supports(&self, major: u8, minor: u8) -> bool {
        match &self.backend {
            Backend::JetStream(server) => server.supports(major, minor),
            Backend::Memory(_) => true,
        }
    }

    /// The version of a server that is too old for the time-outs of sagas.
    pub(crate) fn without_schedules(&self) -> Option<String> {
        match &self.backend {
            Backend::JetStream(server) => server.without_schedules(),
            Backend::Memory(_) => None,
        }
    }

    /// The version of the server.
    pub(crate) fn version(&self) -> String {
        match &self.backend {
            Backend::JetStream(server) => server.version(),
            Backend::Memory(_) => env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

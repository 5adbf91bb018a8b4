//! What operators do with a bus.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use eventsmith_bus::bus::Bus;
use eventsmith_bus::transport::Unavailable;
use jiff::Timestamp;
use serde_json::Value;

use crate::backup::{
    self, BackedUpStream, BackupError, BackupRequest, Created, Progress, ReadStream, RestoreRequest, RestoredStream,
};
use crate::buckets::RawBucket;
use crate::dead_letters::{DeadLetterError, DeadLetters};
use crate::provision::{Plan, ProvisionError, Status};
use crate::requests::{self, AskError, RawReply, ServiceQuestion};
use crate::server::Server;
use crate::survey::{self, CountedDeadLetters, Survey, SurveyedConsumer};
use crate::tail::{PassedMessage, Tail};
use crate::topology::Topology;
use crate::trace::{Trace, TraceQuery, trace};

/// What operators do with a [`Bus`], and services do not: provisioning, and looking after dead letters.
///
/// ```
/// use eventsmith::admin::BusAdmin;
/// use eventsmith::Bus;
/// use eventsmith::catalogue::StreamDescriptor;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), eventsmith::admin::ProvisionError> {
/// const ORDERS: StreamDescriptor = StreamDescriptor::new("ORDERS", &["shop.domain.order.>"]);
///
/// let bus = Bus::in_memory();
/// bus.provision(&[ORDERS]).await?;
/// assert_eq!(bus.status(None).await?.streams.len(), 1);
/// # Ok(())
/// # }
/// ```
pub trait BusAdmin: sealed::Sealed {
    /// Creates and updates streams and consumers until they are as the topology says: [`plan`](Self::plan) and
    /// [`apply`](Self::apply) in one.
    ///
    /// # Errors
    /// As [`plan`](Self::plan) and [`apply`](Self::apply).
    fn provision(
        &self,
        topology: impl Into<Topology> + Send,
    ) -> impl Future<Output = Result<(), ProvisionError>> + Send;

    /// What would have to change for streams and consumers to be as the topology says; changes nothing.
    ///
    /// Settings that the topology does not speak of are none of its business and stay as they are, and so does what it
    /// does not name. With [`Config::replicas`](eventsmith_bus::config::Config::replicas) streams get that many replicas.
    ///
    /// # Errors
    /// [`ProvisionError::Server`] and [`ProvisionError::Unavailable`]. What cannot be changed is no error: it is in the plan.
    fn plan(&self, topology: impl Into<Topology> + Send) -> impl Future<Output = Result<Plan, ProvisionError>> + Send;

    /// Does what a plan says, or nothing at all if it has something that cannot be done. Applied twice it changes nothing.
    ///
    /// # Errors
    /// [`ProvisionError::Refused`], with every setting and the reason. Another error ends it, and what came before it is done.
    fn apply(&self, plan: &Plan) -> impl Future<Output = Result<(), ProvisionError>> + Send;

    /// How streams and consumers are doing: those of a topology, or all that this user may see. Consumers that the topology does
    /// not have are among them, and marked.
    ///
    /// # Errors
    /// [`ProvisionError::Server`] and [`ProvisionError::Unavailable`].
    fn status(&self, topology: Option<&Topology>) -> impl Future<Output = Result<Status, ProvisionError>> + Send;

    /// The dead letters of the catalogue whose subjects begin with this root. They are in the stream that captures
    /// `{root}.dlq.>`.
    ///
    /// # Errors
    /// [`DeadLetterError::NoStream`] when there is no such stream, [`DeadLetterError::Unavailable`] when the server does not
    /// answer.
    fn dead_letters(&self, root: &str) -> impl Future<Output = Result<DeadLetters, DeadLetterError>> + Send;

    /// A key-value bucket by its name, with values as they are: for tools, which know no types. Nothing is asked of the server yet.
    fn raw_bucket(&self, name: &str) -> RawBucket;

    /// Backs up streams and buckets into a new folder, whose name is the time. What was acknowledged before is in it, and so may be what
    /// came later; the streams are not of one moment. Memory used does not depend on their sizes. While it is made, its folder has a name
    /// that says so; an error removes it.
    ///
    /// # Errors
    /// [`BackupError`]; also for a bus in memory.
    fn back_up(
        &self,
        request: &BackupRequest,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> impl Future<Output = Result<Created, BackupError>> + Send;

    /// Makes streams of a backup, with their consumers, which go on behind what they had acknowledged when it began. Nothing is done unless
    /// all files are what the manifest says, and nothing is in the way. An error on the way leaves what was restored before it, and says so.
    ///
    /// # Errors
    /// [`BackupError`]; also for a bus in memory.
    fn restore(
        &self,
        request: &RestoreRequest,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> impl Future<Output = Result<Vec<RestoredStream>, BackupError>> + Send;

    /// Reads every message of a backup, by streams that this server makes of it for a while; [`check_backup`](crate::backup::check) comes
    /// before it. Before nats-server 2.15 the streams have their own names, and there must be none of these.
    ///
    /// # Errors
    /// [`BackupError`]; also for a bus in memory.
    fn read_backup(
        &self,
        backup: &Path,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
        look_at: &mut (dyn FnMut(&BackedUpStream, PassedMessage) + Send),
    ) -> impl Future<Output = Result<Vec<ReadStream>, BackupError>> + Send;

    /// What passes on subjects, which may have wildcards: from now on, or with what streams hold since a time. For tools, which know no
    /// types. From streams each message comes once and without gaps; what passes may be missed, and comes as often as it is sent.
    ///
    /// # Errors
    /// [`AskError::Unavailable`] when the server does not answer, or no stream holds what is wanted.
    fn tail(
        &self,
        subjects: Vec<String>,
        since: Option<Timestamp>,
    ) -> impl Future<Output = Result<Tail, AskError>> + Send;

    /// Everything that is stored under a correlation in the streams of a root, dead letters and sagas included, by reading headers alone.
    /// What cannot be read is no error, but in the [`Trace`].
    ///
    /// # Errors
    /// [`AskError::Unavailable`] when the server does not say which streams there are.
    fn trace(&self, query: &TraceQuery) -> impl Future<Output = Result<Trace, AskError>> + Send;

    /// How all streams and durable consumers are doing, for whoever looks again and again: one request for each 256 streams and for each
    /// 256 consumers of a stream.
    ///
    /// # Errors
    /// [`AskError::Unavailable`] when the server does not list its streams, and of a bus in memory. Streams whose consumers cannot be read
    /// are in the [`Survey`].
    fn survey(&self) -> impl Future<Output = Result<Survey, AskError>> + Send;

    /// When the oldest message was stored that a consumer of a survey has not handled, and how many requests that took: one for each
    /// of its filters. `None` if there is no such message.
    ///
    /// # Errors
    /// [`AskError::Unavailable`].
    fn oldest_unhandled(
        &self,
        stream: &str,
        consumer: &SurveyedConsumer,
    ) -> impl Future<Output = Result<(Option<Timestamp>, u64), AskError>> + Send;

    /// Counts the dead letters of the catalogue whose subjects begin with this root, by their headers, up to `most` of them. `None` if no
    /// stream captures them.
    ///
    /// # Errors
    /// [`AskError::Unavailable`].
    fn count_dead_letters(
        &self,
        root: &str,
        most: u64,
    ) -> impl Future<Output = Result<Option<CountedDeadLetters>, AskError>> + Send;

    /// Asks whoever answers on a subject, with a body as it is, once: for tools, which know no types.
    ///
    /// # Errors
    /// [`AskError`] when nothing comes back; an error that comes back is in the [`RawReply`].
    fn ask_raw(
        &self,
        subject: &str,
        payload: Bytes,
        timeout: Duration,
    ) -> impl Future<Output = Result<RawReply, AskError>> + Send;

    /// What the services that run say of themselves, those of a name or all, each instance once. (ADR-32.)
    ///
    /// # Errors
    /// [`AskError::Unavailable`]. That no service runs is no error.
    fn services(
        &self,
        question: ServiceQuestion,
        name: Option<&str>,
        timeout: Duration,
    ) -> impl Future<Output = Result<Vec<Value>, AskError>> + Send;

    /// [`services`](Self::services), and where nobody answers for a while, it goes on to the end of `timeout` unless what has come is
    /// complete: for whoever says what is missing, as a service that is busy answers late.
    ///
    /// # Errors
    /// As [`services`](Self::services).
    fn services_until(
        &self,
        question: ServiceQuestion,
        name: Option<&str>,
        timeout: Duration,
        is_complete: impl Fn(&[Value]) -> bool + Send,
    ) -> impl Future<Output = Result<Vec<Value>, AskError>> + Send;
}

impl BusAdmin for Bus {
    async fn provision(&self, topology: impl Into<Topology> + Send) -> Result<(), ProvisionError> {
        let plan = self.plan(topology).await?;
        self.apply(&plan).await
    }

    async fn plan(&self, topology: impl Into<Topology> + Send) -> Result<Plan, ProvisionError> {
        let mut topology = topology.into();
        let latest = self.longest_publish();
        for stream in &mut topology.streams {
            stream.replicas = self.replicas().map_or(stream.replicas, usize::from);
            if stream.duplicate_window <= latest {
                tracing::warn!(
                    stream = stream.name,
                    duplicate_window = ?stream.duplicate_window,
                    ?latest,
                    "the duplicate window is no longer than publishing may take: a late retry could be stored twice"
                );
            }
        }
        Server::of(self).plan(&topology).await
    }

    async fn apply(&self, plan: &Plan) -> Result<(), ProvisionError> {
        Server::of(self).apply(plan).await
    }

    async fn status(&self, topology: Option<&Topology>) -> Result<Status, ProvisionError> {
        Server::of(self).status(topology).await
    }

    async fn dead_letters(&self, root: &str) -> Result<DeadLetters, DeadLetterError> {
        DeadLetters::open(self, root).await
    }

    fn raw_bucket(&self, name: &str) -> RawBucket {
        RawBucket::new(self, name)
    }

    async fn back_up(
        &self,
        request: &BackupRequest,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Created, BackupError> {
        let server = Server::of(self);
        backup::create(server.jetstream().ok_or_else(no_server)?, request, progress).await
    }

    async fn restore(
        &self,
        request: &RestoreRequest,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Vec<RestoredStream>, BackupError> {
        let server = Server::of(self);
        backup::restore(self, server.jetstream().ok_or_else(no_server)?, request, progress).await
    }

    async fn read_backup(
        &self,
        backup: &Path,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
        look_at: &mut (dyn FnMut(&BackedUpStream, PassedMessage) + Send),
    ) -> Result<Vec<ReadStream>, BackupError> {
        let server = Server::of(self);
        backup::read(self, server.jetstream().ok_or_else(no_server)?, backup, progress, look_at).await
    }

    async fn tail(&self, subjects: Vec<String>, since: Option<Timestamp>) -> Result<Tail, AskError> {
        Tail::open(self, subjects, since).await
    }

    async fn trace(&self, query: &TraceQuery) -> Result<Trace, AskError> {
        trace(self, query).await.map_err(|error| unavailable(&format!("{}.>", query.root), error))
    }

    async fn survey(&self) -> Result<Survey, AskError> {
        survey::survey(self).await.map_err(|error| unavailable("$JS.API.STREAM.LIST", error))
    }

    async fn oldest_unhandled(
        &self,
        stream: &str,
        consumer: &SurveyedConsumer,
    ) -> Result<(Option<Timestamp>, u64), AskError> {
        survey::oldest_unhandled(self, stream, consumer).await.map_err(|error| unavailable(stream, error))
    }

    async fn count_dead_letters(&self, root: &str, most: u64) -> Result<Option<CountedDeadLetters>, AskError> {
        let counted = survey::count_dead_letters(self, root, most).await;
        counted.map_err(|failure| unavailable(root, failure.into()))
    }

    async fn ask_raw(&self, subject: &str, payload: Bytes, timeout: Duration) -> Result<RawReply, AskError> {
        requests::ask(self, subject, payload, timeout).await
    }

    async fn services(
        &self,
        question: ServiceQuestion,
        name: Option<&str>,
        timeout: Duration,
    ) -> Result<Vec<Value>, AskError> {
        self.services_until(question, name, timeout, |_| true).await
    }

    async fn services_until(
        &self,
        question: ServiceQuestion,
        name: Option<&str>,
        timeout: Duration,
        is_complete: impl Fn(&[Value]) -> bool + Send,
    ) -> Result<Vec<Value>, AskError> {
        requests::services(self, question, name, timeout, is_complete).await
    }
}

fn unavailable(subject: &str, error: Unavailable) -> AskError {
    AskError::Unavailable { subject: subject.to_owned(), reason: error.0 }
}

fn no_server() -> BackupError {
    BackupError::Unfit("a bus in memory has no server to back up, or to restore to".to_owned())
}

mod sealed {
    /// Only a bus has these methods.
    pub trait Sealed {}

    impl Sealed for eventsmith_bus::bus::Bus {}
}

//! Streams as files: snapshots on their way from a server, and back to one.
//!
//! The server sends a snapshot in chunks, each with the place where it is to be acknowledged, and takes one in by chunks that it answers.
//! Neither is asked for twice, as what is asked a second time would be sent, or taken in, a second time.

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::{Message, StatusCode};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::client::{JetStream, read_answer};
use super::denials::{Denials, keeps_answers_out};
use super::link::Link;
use super::wire::{Subscriber, Wire};
use crate::cause::Cause;
use crate::environment::watch;
use crate::transport::{Denied, DeniedAction, ServerFailure};

/// How large a chunk is, in bytes, where the server takes messages of that size. It is the server's own choice.
const CHUNK: usize = 128 * 1024;
/// For how long nothing may come of what is under way. The server gives up sooner where its chunks are not acknowledged.
const PATIENCE: Duration = Duration::from_secs(30);
/// For how long the server may be at work once it has all of a snapshot: it reads every message of it.
const LONGEST_END: Duration = Duration::from_secs(600);
/// How many chunks may be on their way to the server at a time.
const IN_FLIGHT: usize = 8;
/// What the subjects begin with on which chunks of snapshots are acknowledged, and sent. (nats-server, server/jetstream_api.go)
const ACKS: &str = "$JS.SNAPSHOT.ACK.";
const CHUNKS: &str = "$JS.SNAPSHOT.RESTORE.";
/// The status of an end that is none for a reason.
const END: u16 = 204;

/// Resolves when the server denies what is needed, from the beginning on.
type Denial = Shared<BoxFuture<'static, Denied>>;

/// A snapshot that the server sends.
#[derive(Debug)]
pub struct SnapshotReader {
    client: Wire,
    subscriber: Subscriber,
    denied: Denial,
    link: watch::Receiver<Link>,
    /// How often the connection had been lost at the beginning.
    losses: u64,
    /// The number of the next chunk.
    next: u64,
    /// Whether that with less than others came, after which there is none.
    is_last: bool,
}

/// A snapshot that the server takes in.
#[derive(Debug)]
pub struct SnapshotWriter {
    client: Wire,
    subscriber: Subscriber,
    denied: Denial,
    /// Where chunks go.
    subject: String,
    /// Where the server answers.
    inbox: String,
    chunk: usize,
    /// The sizes of the chunks that it has not answered.
    in_flight: VecDeque<usize>,
}

impl JetStream {
    /// Asks for a snapshot of a stream, without its consumers. The answer says what the stream is like.
    ///
    /// # Errors
    /// [`ServerFailure`] when the server refuses or does not answer.
    pub async fn read_snapshot<T: DeserializeOwned>(&self, stream: &str) -> Result<(T, SnapshotReader), ServerFailure> {
        let inbox = self.client.new_inbox();
        let denied = denial(&self.denials, ACKS);
        let (link, losses) = (self.link.clone(), self.link.borrow().losses);
        let subscriber = self.client.subscribe(inbox.clone()).await.map_err(failed)?;
        let request = json!({ "deliver_subject": inbox, "no_consumers": true, "chunk_size": self.chunk() });
        let answer = self.ask_once(format!("STREAM.SNAPSHOT.{stream}"), &request).await?;
        let client = self.client.clone();
        Ok((answer, SnapshotReader { client, subscriber, denied, link, losses, next: 1, is_last: false }))
    }

    /// Begins to make a stream of a snapshot, with these settings. `state` is what the stream held, as the server said.
    ///
    /// # Errors
    /// [`ServerFailure`] when the server refuses or does not answer.
    pub async fn write_snapshot(
        &self,
        stream: &str,
        config: &Value,
        state: &Value,
    ) -> Result<SnapshotWriter, ServerFailure> {
        let inbox = self.client.new_inbox();
        let subscriber = self.client.subscribe(inbox.clone()).await.map_err(failed)?;
        let request = json!({ "config": config, "state": state });
        let answer: Value = self.ask_once(format!("STREAM.RESTORE.{stream}"), &request).await?;
        let subject = answer.get("deliver_subject").and_then(Value::as_str).unwrap_or_default().to_owned();
        if subject.is_empty() {
            return Err(ServerFailure::Unavailable("the server does not say where the snapshot is to be sent".into()));
        }
        let (client, denied) = (self.client.clone(), denial(&self.denials, CHUNKS));
        let in_flight = VecDeque::new();
        Ok(SnapshotWriter { client, subscriber, denied, subject, inbox, chunk: self.chunk(), in_flight })
    }

    fn chunk(&self) -> usize {
        CHUNK.min(self.client.server_info().max_payload).max(1)
    }

    /// Asks the server's JetStream API once.
    async fn ask_once<T: DeserializeOwned>(&self, subject: String, request: &Value) -> Result<T, ServerFailure> {
        let subject = format!("{}.{subject}", self.api);
        let body = Bytes::from(serde_json::to_vec(request).map_err(failed)?);
        let mut denied = std::pin::pin!(self.denials.of_request(&subject));
        let answer = tokio::select! {
            biased;
            denied = &mut denied => return Err(failed(denied)),
            answer = timeout(PATIENCE, self.client.request(subject.clone(), body)) => answer,
        };
        let answer = answer.map_err(|_| silent())?.map_err(failed)?;
        read_answer(&answer.payload).map_err(failed)?.map_err(Into::into)
    }
}

impl SnapshotReader {
    /// The next chunk; `None` once all have come. Each is acknowledged as it is taken, so that no more are on their way than fit into the
    /// window of the server. May not be called again after it was dropped.
    ///
    /// # Errors
    /// [`ServerFailure`] when the rest will not come, or one is missing.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ServerFailure> {
        let message = expect(&mut self.subscriber, &mut self.denied, PATIENCE).await?;
        // What came over a connection that is lost is lost with it.
        if self.link.borrow().losses != self.losses {
            return Err(ServerFailure::Unavailable("the connection was lost, and what was on its way with it".into()));
        }
        if message.payload.is_empty() {
            return end(&message);
        }
        // The rest, which fills no chunk, is sent without a place for its ack.
        let rest = (message.reply.is_none() && !self.is_last).then_some(self.next);
        self.is_last |= rest.is_some();
        let size = u64::try_from(message.payload.len()).unwrap_or(u64::MAX);
        let placed = message.reply.as_ref().filter(|_| !self.is_last).and_then(|reply| place(reply));
        let number = rest.or_else(|| placed.filter(|(_, own)| *own == size).map(|(number, _)| number));
        if number != Some(self.next) {
            let text = format!("its chunk {} is missing or not whole; perhaps somebody else sends there", self.next);
            return Err(ServerFailure::Unavailable(text.into()));
        }
        self.next += 1;
        if let Some(reply) = message.reply {
            self.client.publish(reply, Bytes::new()).await.map_err(failed)?;
        }
        Ok(Some(message.payload))
    }
}

impl SnapshotWriter {
    /// How large a chunk may be, in bytes.
    pub fn chunk(&self) -> usize {
        self.chunk
    }

    /// Sends the next chunk, once there is room for it.
    ///
    /// # Errors
    /// [`ServerFailure`] when the server refuses what came before or does not answer.
    pub async fn send(&mut self, chunk: Bytes) -> Result<(), ServerFailure> {
        while self.in_flight.len() >= IN_FLIGHT {
            self.answered().await?;
        }
        self.in_flight.push_back(chunk.len());
        self.publish(chunk).await
    }

    /// Says that this was all, and waits until the server has made a stream of it.
    ///
    /// # Errors
    /// [`ServerFailure`] when the server can make none of it, or does not answer; the second leaves open whether there is one.
    pub async fn finish<T: DeserializeOwned>(mut self) -> Result<T, ServerFailure> {
        while !self.in_flight.is_empty() {
            self.answered().await?;
        }
        self.publish(Bytes::new()).await?;
        let answer = expect(&mut self.subscriber, &mut self.denied, LONGEST_END).await?;
        read_answer(&answer.payload).map_err(failed)?.map_err(Into::into)
    }

    async fn publish(&self, payload: Bytes) -> Result<(), ServerFailure> {
        self.client.publish_with_reply(self.subject.clone(), self.inbox.clone(), payload).await.map_err(failed)
    }

    /// Waits for the answer to a chunk, which is empty, or says why no more is wanted.
    async fn answered(&mut self) -> Result<(), ServerFailure> {
        let answer = expect(&mut self.subscriber, &mut self.denied, PATIENCE).await?;
        self.in_flight.pop_front();
        if answer.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(ServerFailure::Unavailable("the server takes in no more of it: it has given up".into()));
        }
        if answer.payload.is_empty() {
            return Ok(());
        }
        read_answer::<Value>(&answer.payload).map_err(failed)??;
        Err(ServerFailure::Unavailable("the server ended before it had all of it".into()))
    }
}

/// Waits until it is denied to send to subjects that begin so, or to receive what answers.
fn denial(denials: &Denials, sent_to: &'static str) -> Denial {
    let concerns = move |denied: &Denied| match denied.action {
        DeniedAction::Publish => denied.subject.starts_with(sent_to),
        DeniedAction::Subscribe => keeps_answers_out(denied),
        DeniedAction::SubscribeMore => true,
    };
    denials.wait(concerns).boxed().shared()
}

/// The next message, unless it is denied to send what makes it come, or takes too long.
async fn expect(
    subscriber: &mut Subscriber,
    denied: &mut Denial,
    patience: Duration,
) -> Result<Message, ServerFailure> {
    tokio::select! {
        biased;
        denied = denied => Err(failed(denied)),
        next = timeout(patience, subscriber.next()) => match next {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(ServerFailure::Unavailable("the connection has ended".into())),
            Err(_) => Err(silent()),
        },
    }
}

/// The number of a chunk and its size, which are the last tokens of where it is acknowledged.
fn place(reply: &str) -> Option<(u64, u64)> {
    let mut tokens = reply.rsplit('.');
    Some((tokens.next()?.parse().ok()?, tokens.next()?.parse().ok()?))
}

/// What an end without a payload means.
fn end(message: &Message) -> Result<Option<Bytes>, ServerFailure> {
    match message.status.map(|status| status.as_u16()) {
        None | Some(END) => Ok(None),
        Some(status) => {
            let text = message.description.as_deref().unwrap_or("without a reason");
            Err(ServerFailure::Unavailable(format!("the server ended it: {status} {text}").into()))
        }
    }
}

fn silent() -> ServerFailure {
    ServerFailure::Unavailable(format!("nothing came for {PATIENCE:?}").into())
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ServerFailure {
    ServerFailure::Unavailable(Cause::of(error))
}

//! Reading many messages of a stream with few requests, for those who look at it beside all consumers.
//!
//! A consumer that lasts for one batch delivers them: that needs no setting of the stream, as direct gets do, and works on
//! every server. What arrives this way the client must be able to read; who cannot get a batch reads one by one.

use std::time::Duration;

use async_nats::Message;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::time::timeout;

use super::ack::{parse_position, parse_reply};
use super::client::{ASK_AGAIN, AskFailure, JetStream, nanos};
use super::convert::from_nats;
use super::inbox::Inbox;
use crate::cause::Cause;
use crate::environment;
use crate::transport::{StreamMessage, Unavailable};

/// How many messages are read at a time, and how many bytes of them.
const MOST: u64 = 500;
const MOST_BYTES: usize = 16 << 20;
/// After how long the server forgets a consumer that could not be deleted.
const FORGET_AFTER: Duration = Duration::from_secs(5);

/// Why there is no batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchFailure {
    /// The server does not let this user read in batches, or not from this stream.
    #[error("{0}")]
    Refused(#[source] Cause),
    /// Not everything arrived: the connection was lost, perhaps over a message that the client cannot read, or one message is larger
    /// than a batch may be.
    #[error("{0}")]
    Incomplete(#[source] Cause),
}

/// What the server answers when a consumer is created, as far as it matters here.
#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    num_pending: u64,
    #[serde(default)]
    config: CreatedConfig,
}

#[derive(Default, Deserialize)]
struct CreatedConfig {
    /// How many messages a pull request may ask for, where the server's configuration limits it.
    #[serde(default)]
    max_batch: u64,
}

impl JetStream {
    /// The next messages of a stream on a subject, which may have wildcards, with this number or a later one: several hundred of
    /// them, or fewer if they are large. None means that there are none.
    ///
    /// Not for streams that drop what a consumer was delivered.
    ///
    /// # Errors
    /// [`BatchFailure`]; nothing has been changed then.
    pub async fn read_batch(&self, stream: &str, subject: &str, from: u64) -> Result<Vec<StreamMessage>, BatchFailure> {
        let name = format!("eventsmith-{:016x}", environment::random());
        let config = json!({
            "name": name,
            "description": "reads a batch",
            "ack_policy": "none",
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": from,
            "filter_subject": subject,
            "replay_policy": "instant",
            "inactive_threshold": nanos(FORGET_AFTER),
            "mem_storage": true,
            "num_replicas": 1,
        });
        // That the subject names the filter lets permissions speak of it.
        let create = format!("CONSUMER.CREATE.{stream}.{name}.{subject}");
        let request = json!({ "stream_name": stream, "config": config, "action": "create" });
        let created = match self.try_ask::<Created>(create, &request).await {
            Ok(Ok(created)) => created,
            Ok(Err(error)) => return Err(BatchFailure::Refused(Cause::of(error))),
            Err(failure @ AskFailure::Silent(_)) => return Err(BatchFailure::Incomplete(Cause::of(failure))),
            Err(failure) => return Err(BatchFailure::Refused(Cause::of(failure))),
        };
        let most = if created.config.max_batch > 0 { created.config.max_batch.min(MOST) } else { MOST };
        let read = match created.num_pending.min(most) {
            0 => Ok(Vec::new()),
            wanted => self.pull_batch(stream, &name, wanted).await,
        };
        let deleted = self.try_ask::<IgnoredAny>(format!("CONSUMER.DELETE.{stream}.{name}"), &json!({})).await;
        if !matches!(deleted, Ok(Ok(_))) {
            tracing::debug!(stream, name, "the server forgets the consumer of a batch by itself");
        }
        read
    }

    /// Pulls what is there, no more than wanted.
    async fn pull_batch(&self, stream: &str, name: &str, wanted: u64) -> Result<Vec<StreamMessage>, BatchFailure> {
        let incomplete = |reason: Cause| BatchFailure::Incomplete(reason);
        let asked = format!("{}.CONSUMER.MSG.NEXT.{stream}.{name}", self.api);
        let denied = self.denials.of_request(&asked);
        let pull = async {
            let opened = Inbox::open(self.client.clone()).await;
            let mut inbox = opened.map_err(|error| incomplete(Cause::of(error)))?;
            let request = json!({ "batch": wanted, "no_wait": true, "max_bytes": MOST_BYTES });
            let sent = self.client.publish_with_reply(asked, inbox.subject().to_owned(), request.to_string().into());
            sent.await.map_err(|error| incomplete(Cause::of(error)))?;
            let mut messages = Vec::new();
            while (messages.len() as u64) < wanted {
                let silent = || incomplete(format!("no message within {ASK_AGAIN:?}").into());
                let arrived = timeout(ASK_AGAIN, inbox.next()).await.ok().flatten();
                let arrived = arrived.ok_or_else(silent)?;
                let Some((message, position)) = stored(arrived) else { break };
                // One that the client could not read is missing, and so is what was lost with it.
                if position.delivery != messages.len() as u64 + 1 {
                    return Err(incomplete("messages were lost on their way".into()));
                }
                messages.push(message);
                if position.pending == 0 {
                    break;
                }
            }
            Ok(messages)
        };
        let messages = tokio::select! {
            biased;
            denied = denied => return Err(BatchFailure::Refused(Cause::of(denied))),
            messages = pull => messages?,
        };
        if messages.is_empty() {
            return Err(incomplete("the next message is too large for a batch, or is being deleted".into()));
        }
        Ok(messages)
    }
}

/// Where a message is among those of its consumer.
struct Position {
    delivery: u64,
    pending: u64,
}

/// A message of the consumer; `None` for the server's status, which ends the batch.
fn stored(message: Message) -> Option<(StreamMessage, Position)> {
    let reply = message.reply.as_deref()?;
    let (ack, (delivery, pending)) = (parse_reply(reply)?, parse_position(reply)?);
    let message = StreamMessage { sequence: ack.sequence, stored: ack.stored, message: from_nats(message) };
    Some((message, Position { delivery, pending }))
}

impl From<BatchFailure> for Unavailable {
    fn from(failure: BatchFailure) -> Self {
        Self(Cause::of(failure))
    }
}

//! What is done to streams and consumers beside publishing and consuming.

use async_nats::jetstream::ErrorCode;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::{ASK_AGAIN, JetStream, PAUSE};
use crate::transport::Unavailable;

/// The server's codes for a message to delete that is not there: deleted already, and never or no longer stored.
const NOT_THERE: [u64; 2] = [10043, 10057];

/// What the server answers about a consumer, as far as it matters here.
#[derive(Deserialize)]
struct Info {
    config: Settings,
    delivered: Position,
    ack_floor: Position,
    num_ack_pending: u64,
    num_redelivered: u64,
}

#[derive(Deserialize)]
struct Position {
    consumer_seq: u64,
    stream_seq: u64,
}

#[derive(Deserialize)]
struct Settings {
    filter_subject: Option<String>,
    #[serde(default)]
    filter_subjects: Vec<String>,
    #[serde(default)]
    max_deliver: i64,
}

/// How far a durable consumer is.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) filters: Vec<String>,
    /// How many deliveries there were, those that were repeated included.
    pub(crate) deliveries: u64,
    /// The last message that was delivered.
    pub(crate) delivered: u64,
    /// All messages up to this one are done with.
    pub(crate) ack_floor: u64,
    /// How many messages are delivered and not acknowledged, those aside that were given up.
    pub(crate) pending: u64,
    /// How many messages were delivered more than once and never acknowledged, those included that were given up.
    pub(crate) redelivered: u64,
    /// After how many deliveries a message is given up; `None` for never.
    pub(crate) max_deliver: Option<u64>,
}

impl JetStream {
    pub(crate) async fn delete_message(&self, stream: &str, sequence: u64) -> Result<(), Unavailable> {
        // Its bytes are not overwritten: that is for secrets, and slow.
        let request = json!({ "seq": sequence, "no_erase": true });
        match self.ask::<IgnoredAny>(format!("STREAM.MSG.DELETE.{stream}"), &request).await? {
            Err(error) if !NOT_THERE.contains(&error.error_code().0) => {
                Err(Unavailable(format!("message {sequence} of {stream} cannot be deleted: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// How far a durable consumer is; `None` if there is none.
    pub(crate) async fn progress(&self, stream: &str, consumer: &str) -> Result<Option<Progress>, Unavailable> {
        let info = match self.ask::<Info>(format!("CONSUMER.INFO.{stream}.{consumer}"), &json!({})).await? {
            Ok(info) => info,
            Err(error) if error.error_code() == ErrorCode::CONSUMER_NOT_FOUND => return Ok(None),
            Err(error) => return Err(Unavailable(format!("{consumer} of {stream}: {error}"))),
        };
        let Settings { filter_subject, filter_subjects, max_deliver } = info.config;
        Ok(Some(Progress {
            filters: filter_subject.filter(|one| !one.is_empty()).into_iter().chain(filter_subjects).collect(),
            deliveries: info.delivered.consumer_seq,
            delivered: info.delivered.stream_seq,
            ack_floor: info.ack_floor.stream_seq,
            pending: info.num_ack_pending,
            redelivered: info.num_redelivered,
            // Never is -1.
            max_deliver: u64::try_from(max_deliver).ok().filter(|max| *max > 0),
        }))
    }

    /// A delivery's acknowledgement goes to a subject that tells the server all it needs, so one can be sent without the
    /// delivery. The count, the consumer's own number and the time in it are of no importance. (NATS ADR-15.)
    pub(crate) async fn terminate(&self, stream: &str, consumer: &str, sequence: u64) -> Result<(), Unavailable> {
        let subject = format!("$JS.ACK.{stream}.{consumer}.1.{sequence}.0.1.0");
        let deadline = Instant::now() + self.request_timeout;
        loop {
            // Without a leader nobody answers, or nobody is there; and saying it twice does no harm.
            let request = self.client.request(subject.clone(), "+TERM dead letter".into());
            let reason = match timeout(ASK_AGAIN, request).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer".to_owned(),
            };
            if Instant::now() + PAUSE >= deadline {
                return Err(Unavailable(format!("{consumer} of {stream} cannot be told: {reason}")));
            }
            sleep(PAUSE).await;
        }
    }
}

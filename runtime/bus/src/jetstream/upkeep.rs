//! What is done to streams and consumers beside publishing and consuming.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::ack::reply_of;
use super::client::{ASK_AGAIN, JetStream, PAUSE};
use super::consumers::PIN_GROUP;
use crate::cause::Cause;
use crate::transport::{ServerFailure, Unavailable};

/// The server's codes for a message that cannot be deleted, because it is not there: deleted already, and never or no longer stored.
/// It says the second of a stream, too, that lets nobody delete (`deny_delete`).
const NOT_THERE: [u64; 2] = [10043, 10057];

impl JetStream {
    pub(super) async fn remove_message(&self, stream: &str, sequence: u64) -> Result<(), Unavailable> {
        // Its bytes are not overwritten: that is for secrets, and slow.
        let request = json!({ "seq": sequence, "no_erase": true });
        match self.ask::<IgnoredAny>(format!("STREAM.MSG.DELETE.{stream}"), &request).await? {
            Err(error) if !NOT_THERE.contains(&error.error_code().0) || self.is_there(stream, sequence).await => {
                Err(Unavailable(Cause::about(format_args!("message {sequence} of {stream} cannot be deleted"), error)))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn purge_subject(&self, stream: &str, subject: &str, up_to: u64) -> Result<u64, ServerFailure> {
        #[derive(Deserialize)]
        struct Purged {
            #[serde(default)]
            purged: u64,
        }
        // The number is that of the first message that stays.
        let request = json!({ "filter": subject, "seq": up_to.saturating_add(1) });
        match self.ask::<Purged>(format!("STREAM.PURGE.{stream}"), &request).await? {
            Ok(Purged { purged }) => Ok(purged),
            Err(error) => {
                let code = error.error_code().0;
                Err(ServerFailure::Refused { code, reason: Cause::about(format_args!("{subject} of {stream}"), error) })
            }
        }
    }

    /// Whether a stream holds a message for sure.
    async fn is_there(&self, stream: &str, sequence: u64) -> bool {
        matches!(self.raw_message(stream, &json!({ "seq": sequence })).await, Ok(Some(_)))
    }

    /// Takes the pin of a pinned consumer from whoever has it. That is asked once, as the next reader may have it already when an answer
    /// was lost.
    pub(super) async fn unpin(&self, stream: &str, consumer: &str) -> Result<(), Unavailable> {
        let request = json!({ "group": PIN_GROUP });
        let asked = self.ask::<IgnoredAny>(format!("CONSUMER.UNPIN.{stream}.{consumer}"), &request);
        match timeout(ASK_AGAIN / 2, asked).await {
            Ok(answer) => answer?.map(drop).map_err(|error| Unavailable(Cause::of(error))),
            Err(_) => Err(Unavailable("no answer".into())),
        }
    }

    /// A delivery's acknowledgement goes to a subject that holds all that the server needs, so one can be sent without the
    /// delivery. The count, the consumer's own number and the time in it are of no importance. (NATS ADR-15.)
    pub(super) async fn send_term(&self, stream: &str, consumer: &str, sequence: u64) -> Result<(), Unavailable> {
        let subject = reply_of(stream, consumer, sequence, 0);
        let deadline = Instant::now() + self.config.request_timeout;
        loop {
            // Without a leader nobody answers, or nobody is there; and saying it twice does no harm.
            let request = self.client.request(subject.clone(), "+TERM dead letter".into());
            let reason: Cause = match timeout(ASK_AGAIN, request).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => Cause::of(error),
                Err(_) => "no answer".into(),
            };
            if Instant::now() + PAUSE >= deadline {
                return Err(Unavailable(Cause::about(
                    format_args!("message {sequence} of {stream} cannot be terminated for {consumer}"),
                    reason,
                )));
            }
            sleep(PAUSE).await;
        }
    }
}

//! One delivery of one event to one receiver: one attempt, what came of it, and when the next one is.

use std::time::Duration;

use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use eventsmith::{DateTime, Envelope, Event, HandlerError, PublishOptions, Received, Timestamp, Uuid};
use http_body_util::Full;
use rules_events::webhook::{WebhookDelivered, WebhookFailed};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::receiver::{OutgoingConfig, Receiver};
use super::signature::SigningKeys;
use crate::derived;
use crate::external::HttpClient;

/// Who delivers to one receiver.
#[derive(Debug)]
pub(super) struct Deliverer {
    pub(super) http: HttpClient,
    pub(super) receiver: Receiver,
    pub(super) config: OutgoingConfig,
}

/// Why an attempt failed.
struct Failed {
    code: &'static str,
    message: String,
    status: Option<u16>,
    /// Whether another attempt may succeed.
    is_passing: bool,
    /// When the receiver wants it, if it says so.
    retry_after: Option<Duration>,
}

impl Deliverer {
    /// Delivers an event, or says when to try again. What came of the attempt is an event, too.
    pub(super) async fn deliver<E: Event>(&self, event: Received<E>) -> Result<(), HandlerError> {
        let event_id: Uuid = event.envelope().id.parse().map_err(HandlerError::reject)?;
        let delivery =
            format!("dlv_{}", derived::uuid(&[self.receiver.endpoint_id.as_str(), &event_id.to_string()]).simple());
        let body = body(&event)?;
        let begun = Instant::now();
        let attempted = self.attempt(&delivery, body).await;
        let took = crate::external::nanoseconds(begun.elapsed());
        let attempts = u16::try_from(event.attempt()).unwrap_or(1_000).clamp(1, 1_000);
        // The record of this attempt has an id that follows from it, so that it is stored once if the acknowledgement is lost.
        let id = derived::uuid(&["webhook", &delivery, &attempts.to_string()]);
        let options = PublishOptions { id: Some(id), ..event.follow_up() };
        let Receiver { tenant_id, endpoint_id, .. } = &self.receiver;
        let failed = match attempted {
            Ok(status) => {
                let delivered = WebhookDelivered {
                    tenant_id: tenant_id.clone(),
                    endpoint_id: endpoint_id.clone(),
                    delivery_id: delivery.try_into().map_err(HandlerError::reject)?,
                    event_id,
                    event_type: E::TYPE.to_owned(),
                    url: self.receiver.told_url(),
                    status_code: status,
                    attempts,
                    duration: took,
                    delivered_at: DateTime::now(),
                };
                return event.bus().publish_with(&delivered, options).await.map(drop).map_err(HandlerError::retry);
            }
            Err(failed) => failed,
        };
        let gave_up = !failed.is_passing || u64::from(attempts) >= self.config.max_attempts;
        let delay = failed.retry_after.unwrap_or_default().min(self.config.backoff.longest);
        let delay = delay.max(self.config.backoff.after(attempts.into()));
        let next = (!gave_up).then(|| Timestamp::now() + delay);
        let record = WebhookFailed {
            tenant_id: tenant_id.clone(),
            endpoint_id: endpoint_id.clone(),
            delivery_id: delivery.try_into().map_err(HandlerError::reject)?,
            event_id,
            event_type: E::TYPE.to_owned(),
            url: self.receiver.told_url(),
            status_code: failed.status,
            error_code: failed.code.try_into().map_err(HandlerError::reject)?,
            error_message: failed.message.clone().try_into().map_err(HandlerError::reject)?,
            attempts,
            gave_up,
            next_attempt_at: next.map(DateTime::from),
            failed_at: DateTime::now(),
        };
        event.bus().publish_with(&record, options).await.map_err(HandlerError::retry)?;
        Err(if gave_up {
            HandlerError::reject(failed.message)
        } else {
            HandlerError::retry_after(delay, failed.message)
        })
    }

    /// Sends the webhook once, and returns the status of an answer that says that it is taken.
    async fn attempt(&self, delivery: &str, body: Vec<u8>) -> Result<u16, Failed> {
        let ours = |code, message: String| Failed { code, message, status: None, is_passing: true, retry_after: None };
        let keys =
            SigningKeys::read(&self.receiver.secret_file).map_err(|error| ours("NO_SECRET", error.to_string()))?;
        let timestamp = Timestamp::now().as_second();
        let request = Request::post(&self.receiver.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, "rules-engine")
            .header("webhook-id", delivery)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", keys.sign(delivery, timestamp, &body))
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| ours("BAD_ADDRESS", "the receiver's address cannot stand in a request".to_owned()))?;
        let answer = self.http.call(request, self.config.attempt_timeout).await;
        let answer = answer.map_err(|error| ours(error.code(), error.to_string()))?;
        let status = answer.status;
        if status.is_success() {
            return Ok(status.as_u16());
        }
        let retry_after = answer.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let is_passing = status.is_server_error()
            || matches!(
                status,
                StatusCode::REQUEST_TIMEOUT
                    | StatusCode::CONFLICT
                    | StatusCode::TOO_EARLY
                    | StatusCode::TOO_MANY_REQUESTS
            );
        Err(Failed {
            code: if status == StatusCode::GONE { "SUBSCRIBER_GONE" } else { "SUBSCRIBER_ERROR" },
            message: format!("the subscriber answered {}", status.as_u16()),
            status: Some(status.as_u16()),
            is_passing,
            retry_after: retry_after.map(Duration::from_secs),
        })
    }
}

/// What a receiver gets: the type, the time, and the payload with all digits of its numbers where it is of the newest version.
fn body<E: Event>(event: &Received<E>) -> Result<Vec<u8>, HandlerError> {
    let envelope = event.envelope();
    let raw = Envelope::read(event.raw()).ok().filter(|_| envelope.version == E::VERSION);
    let written;
    let data: &RawValue = match raw {
        Some((_, data)) => data,
        None => {
            written = serde_json::value::to_raw_value(&**event).map_err(HandlerError::reject)?;
            &written
        }
    };
    let head = json!({"type": E::TYPE, "timestamp": envelope.time}).to_string();
    let head = head.strip_suffix('}').unwrap_or(&head);
    Ok(format!("{head},\"data\":{}}}", data.get()).into_bytes())
}

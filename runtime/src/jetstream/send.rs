//! One attempt to store one message.

use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::header::{HeaderName, HeaderValue};
use async_nats::jetstream::Error as ServerError;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::{ASK_AGAIN, JetStream, passes};
use crate::transport::{Ack, Headers, Message, SendFailure, Stored};

impl JetStream {
    pub(crate) async fn send(self: &Arc<Self>, message: Message) -> Result<Ack, SendFailure> {
        let deadline = Instant::now() + self.ack_timeout;
        let Message { subject, headers, payload } = message;
        let headers = to_nats(&headers).ok_or_else(|| SendFailure::Refused {
            code: None,
            reason: "a header has a character that no header may have".to_owned(),
        })?;
        let size = payload.len();
        // What waits in the client's queue while there is no connection is sent whenever there is one again, perhaps
        // after the duplicate window. So nothing is queued without a connection.
        let mut link = self.link.clone();
        match timeout_at(deadline, link.wait_for(|link| link.connected || link.closed)).await {
            Ok(Ok(link)) if !link.closed => {}
            Ok(_) => return Err(SendFailure::Closed),
            Err(_) => return Err(SendFailure::Transient("there is no connection".to_owned())),
        }
        let publish = PublishMessage::build().payload(payload).headers(headers);
        let sending = timeout_at(deadline, self.context.send_publish(subject.to_string(), publish)).await;
        let acknowledged = match sending {
            Ok(Ok(acknowledged)) => acknowledged.into_future(),
            Ok(Err(error)) => return Err(self.failure(&error, size)),
            Err(_) => return Err(SendFailure::Transient(format!("not sent within {:?}", self.ack_timeout))),
        };
        let this = Arc::clone(self);
        let ack = async move {
            match timeout_at(deadline, acknowledged).await {
                Ok(Ok(PublishAck { stream, sequence, duplicate, .. })) => Ok(Stored { stream, sequence, duplicate }),
                Ok(Err(error)) if error.kind() == PublishErrorKind::StreamNotFound => {
                    Err(this.nobody_there(&subject).await)
                }
                Ok(Err(error)) => Err(this.failure(&error, size)),
                Err(_) => Err(SendFailure::Transient(format!("no acknowledgement within {:?}", this.ack_timeout))),
            }
        };
        Ok(ack.boxed())
    }

    /// Nobody listens on the subject. Either there is no stream, or there is one that has no leader at the moment.
    async fn nobody_there(&self, subject: &str) -> SendFailure {
        let silent =
            |reason: &str| SendFailure::Transient(format!("nobody listens there, and JetStream is silent: {reason}"));
        match timeout(ASK_AGAIN, self.streams_of(subject)).await {
            Ok(Ok(streams)) if streams.is_empty() => SendFailure::NoStream,
            Ok(Ok(_)) => SendFailure::Transient("the stream has no leader at the moment".to_owned()),
            Ok(Err(error)) => silent(&error.0),
            Err(_) => silent("no answer"),
        }
    }

    fn failure(&self, error: &PublishError, size: usize) -> SendFailure {
        let text = || error.to_string();
        let source = std::error::Error::source(error);
        if source.is_some_and(|source| source.is::<serde_json::Error>()) {
            // Somebody else who listens on the subject answered first; what the stream did is not known.
            return SendFailure::Transient(text());
        }
        match error.kind() {
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe | PublishErrorKind::MaxAckPending => {
                SendFailure::Transient(text())
            }
            PublishErrorKind::MaxPayloadExceeded => {
                SendFailure::TooLarge { size, limit: self.client.server_info().max_payload }
            }
            _ => match source.and_then(|source| source.downcast_ref::<ServerError>()) {
                Some(server) if passes(server) => SendFailure::Transient(server.to_string()),
                Some(server) => SendFailure::Refused { code: Some(server.error_code().0), reason: server.to_string() },
                None if self.link.borrow().closed => SendFailure::Closed,
                None => SendFailure::Refused { code: None, reason: text() },
            },
        }
    }
}

/// `None` if a header cannot be written; the client's own conversions would panic.
fn to_nats(headers: &Headers) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter() {
        map.append(name.parse::<HeaderName>().ok()?, value.parse::<HeaderValue>().ok()?);
    }
    Some(map)
}

pub(super) fn from_nats(headers: Option<HeaderMap>) -> Headers {
    let mut found = Headers::default();
    for (name, values) in headers.iter().flat_map(HeaderMap::iter) {
        for value in values {
            found.push(name.to_string(), value.as_str());
        }
    }
    found
}

/// A message as the client hands it over.
pub(super) fn message(message: async_nats::Message) -> Message {
    let payload: Bytes = message.payload;
    Message { subject: message.subject.to_string().into(), headers: from_nats(message.headers), payload }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_with_a_line_break_is_no_header() {
        let mut headers = Headers::default();
        headers.push("traceparent", "00-1\r\nNats-Rollup: all");

        assert!(to_nats(&headers).is_none());
    }

    #[test]
    fn headers_survive_the_way_there_and_back() {
        let mut headers = Headers::default();
        headers.push(Headers::TYPE, "rule.created");
        headers.push("b", "2");

        let back = from_nats(to_nats(&headers));

        assert_eq!(back.get(Headers::TYPE), Some("rule.created"));
        assert_eq!(back.get("b"), Some("2"));
        assert_eq!(back.get("B"), None);
    }
}

//! Messages beside the streams: requests and their answers.

use std::future::pending;

use async_nats::client::{PublishError, PublishErrorKind};
use async_nats::{HeaderMap, StatusCode};
use futures_util::FutureExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::client::JetStream;
use super::convert::{WritableHeaders, from_nats};
use super::send::{check_limits, subject_of};
use crate::cause::Cause;
use crate::transport::{LockedOut, Message, PendingReply, RequestFailure, Unavailable};

/// Why something was not sent.
pub(super) const NOT_CONNECTED: &str = "there was no connection in time";

impl JetStream {
    /// Sends a message and expects an answer.
    pub(super) async fn send_request(
        &self,
        message: &Message,
        latest: Instant,
    ) -> Result<PendingReply, RequestFailure> {
        check_limits(message, &message.headers, self.client.server_info().max_payload)?;
        self.connected(latest).await?;
        // The time that is left is that after waiting for a connection.
        let headers = self.writable(&message.with_timeout(latest))?;
        let subject = subject_of(message);
        let (reply, receiver) = self.acks.expect(&subject).map_err(RequestFailure::Denied)?;
        let publish = self.client.publish_with_reply_and_headers(subject, reply, headers, message.payload.clone());
        self.in_time(latest, publish).await?;
        let pending = async move {
            match receiver.await {
                Ok(Ok(message)) if message.status == Some(StatusCode::NO_RESPONDERS) => {
                    Err(RequestFailure::NoResponders)
                }
                Ok(Ok(message)) => Ok(from_nats(message)),
                Ok(Err(denied)) => Err(RequestFailure::Denied(denied)),
                Err(_) => Err(RequestFailure::Lost("the connection was lost meanwhile".into())),
            }
        };
        Ok(pending.boxed())
    }

    /// Sends a message and expects nothing. Without a connection it is not kept for the next one: whoever waited for it may
    /// have given up by then.
    pub(super) async fn send_core(&self, message: &Message, reply: Option<&str>) -> Result<(), RequestFailure> {
        let headers = self.writable(message)?;
        let latest = Instant::now() + self.config.request_timeout;
        self.connected(latest).await?;
        let (subject, payload) = (subject_of(message), message.payload.clone());
        match (reply, headers.is_empty()) {
            (Some(reply), _) => {
                let publish = self.client.publish_with_reply_and_headers(subject, reply.to_owned(), headers, payload);
                self.in_time(latest, publish).await
            }
            (None, true) => self.in_time(latest, self.client.publish(subject, payload)).await,
            (None, false) => self.in_time(latest, self.client.publish_with_headers(subject, headers, payload)).await,
        }
    }

    pub(super) async fn write_out(&self) -> Result<(), Unavailable> {
        match timeout(self.config.request_timeout, self.client.flush()).await {
            Ok(flushed) => flushed.map_err(|error| Unavailable(Cause::of(error))),
            Err(_) => Err(Unavailable(format!("not written within {:?}", self.config.request_timeout).into())),
        }
    }

    /// Resolves once the server has refused the login for longer than is waited for.
    pub(super) fn locked_out(&self) -> impl Future<Output = LockedOut> + Send + use<> {
        let (mut link, patience) = (self.link.clone(), self.config.login_timeout);
        async move {
            let is_open = link.wait_for(|link| link.is_locked_out).await.is_ok();
            // Whoever listens sees that all is over.
            if is_open { LockedOut(patience) } else { pending().await }
        }
    }

    fn writable(&self, message: &Message) -> Result<HeaderMap, RequestFailure> {
        let limit = self.client.server_info().max_payload;
        check_limits(message, &message.headers, limit)?;
        let bad_header = || RequestFailure::NotSent("a header has a character that no header may have".into());
        WritableHeaders::of(&message.headers).map(WritableHeaders::make).ok_or_else(bad_header)
    }

    async fn in_time(
        &self,
        latest: Instant,
        publish: impl Future<Output = Result<(), PublishError>>,
    ) -> Result<(), RequestFailure> {
        match timeout_at(latest, publish).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                let limit = self.client.server_info().max_payload;
                Err(RequestFailure::TooLarge { size: limit + 1, limit })
            }
            Ok(Err(_)) if self.link.borrow().closed => Err(RequestFailure::Closed),
            Ok(Err(error)) => Err(RequestFailure::NotSent(Cause::of(error))),
            Err(_) => Err(RequestFailure::NotSent(NOT_CONNECTED.into())),
        }
    }
}

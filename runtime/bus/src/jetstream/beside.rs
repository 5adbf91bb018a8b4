//! A connection beside that of the streams, for what somebody else sends.
//!
//! The client cannot read every message that a server lets through: over some it drops its connection, and over some its task ends.
//! Of what streams deliver such a message is found and put aside; what nobody keeps is not to be found. So that it costs those alone
//! who listen, ask or watch, they have a connection of their own. It is made when it is needed first.

use std::sync::Arc;

use async_nats::StatusCode;
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::{Instant, sleep, timeout_at};

use super::client::{ASK_AGAIN, JetStream, PAUSE};
use super::connect::ConnectError;
use crate::cause::Cause;
use crate::config::Config;
use crate::transport::Unavailable;

/// After how long without an answer to send again what is to come over another connection: its server may not know yet who listens there.
const SEND_AGAIN: std::time::Duration = std::time::Duration::from_millis(20);

impl JetStream {
    /// The connection beside this one. Where it is one of a simulation there is none but this.
    pub(super) async fn beside(self: &Arc<Self>) -> Result<Arc<Self>, Unavailable> {
        if !self.client.is_real() {
            return Ok(Arc::clone(self));
        }
        let mut beside = self.beside.lock().await;
        match &*beside {
            Some(known) if !known.has_ended() => Ok(Arc::clone(known)),
            _ => Ok(Arc::clone(beside.insert(self.connect_beside().await?))),
        }
    }

    /// The connection over which answers go: the one over which requests come, as a server lets a user answer there alone who may do nothing
    /// else (`allow_responses`). This one where there is none.
    pub(super) async fn answering(self: &Arc<Self>) -> Arc<Self> {
        let beside = self.beside.lock().await;
        let open = beside.as_ref().filter(|known| !known.has_ended() && known.link.borrow().connected);
        Arc::clone(open.unwrap_or(self))
    }

    async fn connect_beside(&self) -> Result<Arc<Self>, Unavailable> {
        let deadline = Instant::now() + self.config.request_timeout;
        let config = Config { name: format!("{} (listens)", self.config.name), ..self.config.clone() };
        loop {
            if self.link.borrow().closed {
                return Err(Unavailable("the bus is shut down".into()));
            }
            match Self::connect(&config).await {
                Ok(beside) => return Ok(beside),
                Err(ConnectError::Unreachable { .. }) if Instant::now() + PAUSE < deadline => sleep(PAUSE).await,
                Err(error) => {
                    return Err(Unavailable(Cause::about(
                        "a connection beside that of the streams cannot be made",
                        error,
                    )));
                }
            }
        }
    }

    /// Whether its client is no more.
    fn has_ended(&self) -> bool {
        let mut link = self.link.clone();
        let is_closed = link.borrow_and_update().closed;
        is_closed || matches!(link.changed().now_or_never(), Some(Err(_)))
    }

    /// Waits until what is sent over this connection comes to those who have begun to listen over that one; not for long, as
    /// there may be no connection, or no permission to see it.
    pub(super) async fn meet(&self, beside: &Self) {
        if !self.client.is_real() {
            return;
        }
        let deadline = Instant::now() + ASK_AGAIN;
        // In the order of the connection its server first learns who listens there.
        for sender in [beside, self] {
            if !matches!(timeout_at(deadline, sender.echo(beside)).await, Ok(Some(()))) {
                return;
            }
        }
    }

    /// Sends something until it comes over that connection. Nothing if it cannot.
    async fn echo(&self, beside: &Self) -> Option<()> {
        let inbox = beside.client.new_inbox();
        let mut echo = beside.client.subscribe(inbox.clone()).await.ok()?;
        let denied = self.denials.of_request(&inbox);
        let mut denied = std::pin::pin!(denied);
        loop {
            let (mut link, mut far) = (self.link.clone(), beside.link.clone());
            if !link.borrow_and_update().connected || !far.borrow_and_update().connected {
                return None;
            }
            self.client.publish(inbox.clone(), Bytes::new()).await.ok()?;
            tokio::select! {
                biased;
                came = echo.next() => return came.filter(|came| came.status != Some(StatusCode::NO_RESPONDERS)).map(drop),
                // Whoever is told so has been listened to before.
                _ = &mut denied => return Some(()),
                _ = link.changed() => {}
                _ = far.changed() => {}
                () = sleep(SEND_AGAIN) => {}
            }
        }
    }
}

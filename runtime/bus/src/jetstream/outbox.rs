//! Messages on their way to the thread of the connection, several at a time.
//!
//! Whoever writes into the client's queue from another thread wakes the thread of the connection, once for each message where
//! that is quicker than the writer. That costs more than the message. So several are handed over together, and a task on
//! that thread writes them into the queue.

use async_nats::Subject;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::convert::WritableHeaders;
use super::link::Link;
use super::wire::Wire;
use crate::environment::{of_program, watch};

/// Where messages are handed over. How many wait there is limited by those who wait for their acks.
#[derive(Debug)]
pub(super) struct Outbox {
    sender: mpsc::UnboundedSender<Parcel>,
}

/// Messages that are sent over one connection, or not at all.
#[derive(Debug)]
pub(super) struct Parcel {
    /// How often the connection had been lost when they were handed over.
    pub(super) losses: u64,
    /// When it is too late to send them.
    pub(super) deadline: Instant,
    pub(super) messages: Vec<Outbound>,
}

/// A message as the client takes it.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) subject: Subject,
    pub(super) reply: String,
    pub(super) headers: WritableHeaders,
    pub(super) payload: Bytes,
}

impl Outbox {
    /// Opens it on the runtime of the connection. It ends with its handle.
    pub(super) fn open(client: Wire, link: watch::Receiver<Link>) -> Self {
        let (sender, parcels) = mpsc::unbounded_channel();
        tokio::spawn(of_program(deliver(parcels, client, link)));
        Self { sender }
    }

    /// Hands messages over. What cannot be sent any more vanishes: those who wait for acks see that the connection is lost.
    pub(super) fn send(&self, parcel: Parcel) {
        // The task ends only with this.
        let _ = self.sender.send(parcel);
    }
}

async fn deliver(mut parcels: mpsc::UnboundedReceiver<Parcel>, client: Wire, link: watch::Receiver<Link>) {
    while let Some(Parcel { losses, deadline, messages }) = parcels.recv().await {
        for Outbound { subject, reply, headers, payload } in messages {
            // What waits in the client's queue without a connection is sent whenever there is one again.
            let now = *link.borrow();
            if now.losses != losses || now.closed {
                break;
            }
            let publish = client.publish_with_reply_and_headers(subject, reply, headers.make(), payload);
            match timeout_at(deadline, publish).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "the client does not take a message"),
                Err(_) => break,
            }
        }
    }
}

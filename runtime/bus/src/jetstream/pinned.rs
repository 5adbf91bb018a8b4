//! Our part in a pinned consumer, which serves one reader at a time. (NATS ADR-42: pinned clients.)

use std::time::Duration;

use async_nats::Message;
use serde_json::Value;
use tokio::time::Instant;

use super::consumers::{PIN_GROUP, PIN_TIMEOUT};
use crate::transport::Delivery;

/// How often the pinned reader asks for messages, wanted or not, to keep the pin.
const RENEWAL: Duration = Duration::from_secs(2);
/// The header that names the pinned reader.
const PIN: &str = "Nats-Pin-Id";

/// The pin, and what is known of it.
#[derive(Debug)]
pub(super) struct PinnedLease {
    /// The id by which the server pins us while it does.
    pub(super) id: Option<String>,
    /// When we asked last. The server keeps the pin that long after.
    asked_at: Instant,
    /// When to ask next, so that the server does not pin another reader.
    pub(super) ask_at: Instant,
    /// Came with a new pin, which is to be reported first.
    pub(super) held_back: Option<Delivery>,
    /// To be reported before anything else: the server has pinned us, or need not have us pinned any more.
    pub(super) has_changed: bool,
}

impl PinnedLease {
    pub(super) fn new(now: Instant) -> Self {
        Self { id: None, asked_at: now, ask_at: now, held_back: None, has_changed: false }
    }

    /// Whether a message says that the server has pinned us.
    pub(super) fn note(&mut self, message: &Message) -> bool {
        // The server adds it behind all headers of the message.
        let Some(id) = message.headers.as_ref().and_then(|headers| headers.get_last(PIN)) else { return false };
        let is_new = self.id.as_deref() != Some(id.as_str());
        self.id = Some(id.to_string());
        is_new
    }

    /// Forgets the pin, to ask for another. Returns its id, if there was one.
    pub(super) fn lose(&mut self) -> Option<String> {
        let id = self.id.take()?;
        self.has_changed = true;
        Some(id)
    }

    /// Writes into a pull request that is about to be sent who asks.
    pub(super) fn sign(&mut self, request: &mut Value, now: Instant) {
        self.asked_at = now;
        self.ask_at = now + RENEWAL;
        request["group"] = PIN_GROUP.into();
        if let Some(id) = &self.id {
            request["id"] = id.as_str().into();
        }
    }

    /// Whether messages must be asked for, wanted or not.
    pub(super) fn must_ask(&self, now: Instant) -> bool {
        self.id.is_some() && self.ask_at <= now
    }

    /// Whether the pin is ours for sure.
    pub(super) fn is_kept(&self, now: Instant) -> bool {
        self.id.is_some() && now < self.asked_at + PIN_TIMEOUT
    }
}

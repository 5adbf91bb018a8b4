//! Somebody who subscribed to events, played.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Router, middleware};
use bytes::Bytes;
use tokio::sync::watch;

use super::faults::{Faults, inject};
use super::server::Server;
use crate::webhooks::SigningKeys;

/// A receiver of webhooks that is played: `POST /hook`. It takes what is signed, and remembers it.
#[derive(Debug)]
pub struct PlayedReceiver {
    server: Server,
    faults: Faults,
    calls: Calls,
}

/// A call that the receiver took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedCall {
    /// The id, the same for all attempts.
    pub id: String,
    /// The body.
    pub body: String,
}

#[derive(Debug, Clone)]
struct Calls {
    keys: SigningKeys,
    taken: Arc<Mutex<Vec<ReceivedCall>>>,
    count: watch::Sender<usize>,
}

impl PlayedReceiver {
    /// Starts on a free port of this machine.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(keys: SigningKeys) -> io::Result<Self> {
        let faults = Faults::default();
        let calls = Calls { keys, taken: Arc::default(), count: watch::Sender::new(0) };
        let router = Router::new()
            .route("/hook", post(called))
            .layer(middleware::from_fn_with_state(faults.clone(), inject))
            .with_state(calls.clone());
        Ok(Self { server: Server::start(router).await?, faults, calls })
    }

    /// Where it is called.
    pub fn url(&self) -> String {
        format!("{}/hook", self.server.url())
    }

    /// What is to go wrong.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The calls that it took, in their order.
    pub fn calls(&self) -> Vec<ReceivedCall> {
        self.calls.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it took so many.
    pub async fn took(&self, count: usize) {
        let _ = self.calls.count.subscribe().wait_for(|taken| *taken >= count).await;
    }
}

async fn called(State(calls): State<Calls>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let timestamp = text("webhook-timestamp").parse().unwrap_or_default();
    if !calls.keys.verify(text("webhook-id"), timestamp, &body, text("webhook-signature")) {
        return StatusCode::UNAUTHORIZED;
    }
    let call = ReceivedCall { id: text("webhook-id").to_owned(), body: String::from_utf8_lossy(&body).into_owned() };
    calls.taken.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    calls.count.send_modify(|count| *count += 1);
    StatusCode::NO_CONTENT
}

//! What goes wrong on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::sleep;

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing is done, and nothing answered.
    Hang,
    /// It is done, and nothing answered.
    HangAfter,
    /// It is done, and the connection ends within the answer.
    CutAfter,
    /// Nothing is done, and the answer is this status.
    Status(u16),
    /// It is done, and the answer is this status.
    StatusAfter(u16),
    /// It is done, and the answer is no JSON.
    GarbledAfter,
    /// It is done, and the answer has this many bytes of nothing behind it.
    HugeAfter(usize),
    /// It is done after a while.
    Slow(Duration),
}

/// Faults to come, the first for the first request: those that a test or an operator put there. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    state: Arc<Mutex<Planned>>,
}

#[derive(Debug, Default)]
struct Planned {
    next: VecDeque<Fault>,
    always: Option<Fault>,
    seen: u64,
}

impl Faults {
    /// The next request fails so; one behind those that are planned already.
    pub fn push(&self, fault: Fault) {
        self.with(|planned| planned.next.push_back(fault));
    }

    /// All requests for which nothing else is planned fail so, until that is `None`.
    pub fn always(&self, fault: Option<Fault>) {
        self.with(|planned| planned.always = fault);
    }

    /// How many requests came.
    pub fn seen(&self) -> u64 {
        self.with(|planned| planned.seen)
    }

    fn take(&self) -> Option<Fault> {
        self.with(|planned| {
            planned.seen += 1;
            planned.next.pop_front().or(planned.always)
        })
    }

    fn with<T>(&self, what: impl FnOnce(&mut Planned) -> T) -> T {
        what(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Handles a request as planned.
pub(super) async fn inject(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    let Some(fault) = faults.take() else { return next.run(request).await };
    let status = |code| StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match fault {
        Fault::Hang => std::future::pending().await,
        Fault::Status(code) => status(code).into_response(),
        Fault::Slow(time) => {
            sleep(time).await;
            next.run(request).await
        }
        after => {
            let response = next.run(request).await;
            match after {
                Fault::HangAfter => std::future::pending().await,
                Fault::StatusAfter(code) => status(code).into_response(),
                Fault::GarbledAfter => "<html>Welcome!</html>".into_response(),
                Fault::HugeAfter(size) => vec![b' '; size].into_response(),
                _ => {
                    let beginning = Ok(Bytes::from_static(b"{"));
                    let cut = Err(std::io::Error::other("cut"));
                    (response.status(), Body::from_stream(stream::iter([beginning, cut]))).into_response()
                }
            }
        }
    }
}

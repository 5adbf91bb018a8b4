//! The events that record what came of a call.

use std::time::Duration;

use eventsmith::{Bus, DateTime, Event, PublishOptions, Uuid};
use rules_events::common::{SystemName, TransactionId};
use rules_events::external::{ExternalRequestCompleted, ExternalRequestFailed};
use tokio::time::Instant;

/// On whose behalf a system of others is called.
///
/// ```
/// use eventsmith::{Event, Received};
/// use rules_engine_edge::external::CallContext;
///
/// /// The record of a call that a handler makes follows from what it handles.
/// fn context<E: Event>(event: &Received<E>) -> CallContext {
///     CallContext { transaction_id: None, follow_up: event.follow_up() }
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    /// The transaction, if it is for one.
    pub transaction_id: Option<TransactionId>,
    /// What the record follows from; [`Received::follow_up`](eventsmith::Received::follow_up) in a handler.
    pub follow_up: PublishOptions,
}

/// Publishes what came of calls to one system.
#[derive(Debug, Clone)]
pub struct Recorder {
    bus: Bus,
    system: SystemName,
}

/// One call under way, all of its attempts.
#[derive(Debug)]
pub(crate) struct Recording<'a> {
    recorder: &'a Recorder,
    operation: &'static str,
    context: &'a CallContext,
    begun: Instant,
    /// The attempts until now.
    pub(crate) attempts: u16,
    /// The status of the last answer.
    pub(crate) status: Option<u16>,
}

/// Why a call was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For programs: capitals, digits and `_`.
    pub code: &'static str,
    /// For people. It holds no secret.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}

impl Recorder {
    /// A recorder of calls to a system.
    pub fn new(bus: Bus, system: SystemName) -> Self {
        Self { bus, system }
    }

    /// The system that is called.
    pub fn system(&self) -> &SystemName {
        &self.system
    }

    pub(crate) fn begin<'a>(&'a self, operation: &'static str, context: &'a CallContext) -> Recording<'a> {
        Recording { recorder: self, operation, context, begun: Instant::now(), attempts: 0, status: None }
    }

    /// Stores the record. Where that fails the call stays what it was: money has moved, and an error would say that it has not.
    async fn publish<E: Event>(&self, event: &E, follow_up: PublishOptions) {
        if let Err(error) = self.bus.publish_with(event, follow_up).await {
            tracing::error!(%error, system = %self.system, "what came of a call to another system is not on record");
        }
    }
}

impl Recording<'_> {
    /// The call was answered, whatever the answer is.
    pub(crate) async fn completed(self) {
        let Ok(request_id) = request_id().try_into() else { return };
        let event = ExternalRequestCompleted {
            request_id,
            system: self.recorder.system.clone(),
            operation: self.operation.to_owned(),
            transaction_id: self.context.transaction_id.clone(),
            status_code: self.status,
            attempts: self.attempts.clamp(1, 1_000),
            duration: nanoseconds(self.begun.elapsed()),
            completed_at: DateTime::now(),
        };
        self.recorder.publish(&event, self.context.follow_up.clone()).await;
    }

    /// The call was given up.
    pub(crate) async fn failed(self, failure: &Failure) {
        let message: String = failure.message.chars().take(2_000).collect();
        let (Ok(request_id), Ok(error_code), Ok(error_message)) =
            (request_id().try_into(), failure.code.try_into(), message.try_into())
        else {
            return;
        };
        let event = ExternalRequestFailed {
            request_id,
            system: self.recorder.system.clone(),
            operation: self.operation.to_owned(),
            transaction_id: self.context.transaction_id.clone(),
            status_code: self.status,
            error_code,
            error_message,
            attempts: self.attempts.clamp(1, 1_000),
            duration: nanoseconds(self.begun.elapsed()),
            retryable: failure.retryable,
            failed_at: DateTime::now(),
        };
        self.recorder.publish(&event, self.context.follow_up.clone()).await;
    }
}

/// A name of this call.
fn request_id() -> String {
    format!("req_{}", Uuid::now_v7().simple())
}

pub(crate) fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

//! A dispatch loop at work, which can be stopped although a handler blocks its thread.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use super::dispatch::Dispatch;
use super::error::ConsumeError;
use super::keeper;
use super::run::Worker;
use super::stop::{LAST_GRACE, StopSignal};
use crate::config::duration::LONGEST;
use crate::environment::of_program;

/// How often to look whether a handler keeps the dispatch loop from stopping.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A dispatch loop in a task of its own, and what sees to it that it can be stopped. Both end when this is dropped.
pub(super) struct DispatchTask {
    work: JoinSet<Result<(), ConsumeError>>,
    overseer: JoinSet<()>,
}

impl DispatchTask {
    /// Begins in the caller's runtime. The overseer runs where user code never does.
    pub(super) fn start(dispatch: Dispatch, signal: StopSignal, background: &Handle) -> Self {
        let (mut work, mut overseer) = (JoinSet::new(), JoinSet::new());
        let (worker, patience) = (Arc::clone(&dispatch.worker), dispatch.config.shutdown_timeout.min(LONGEST));
        let overseeing = oversee(worker, Handle::current(), signal.clone(), patience).in_current_span();
        overseer.spawn_on(of_program(overseeing), background);
        work.spawn(of_program(dispatch.run(signal).in_current_span()));
        Self { work, overseer }
    }

    /// Waits until the loop ends, or is given up as a handler blocks its thread for too long.
    pub(super) async fn end(mut self) -> Result<(), ConsumeError> {
        let ended = tokio::select! {
            biased;
            ended = self.work.join_next() => ended,
            _ = self.overseer.join_next() => None,
        };
        match ended {
            Some(Ok(outcome)) => outcome,
            Some(Err(error)) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends.
                Err(_) => Ok(()),
            },
            None => Ok(()),
        }
    }
}

/// While handlers keep the dispatch loop from stopping, as they block its thread or all threads of the runtime, does in its place
/// what cannot wait. Returns when the loop is not to be waited for any longer.
async fn oversee(worker: Arc<Worker>, runtime: Handle, mut signal: StopSignal, patience: Duration) {
    signal.asked().await;
    let deadline = signal.since().unwrap_or_else(Instant::now) + patience;
    loop {
        sleep(LOOK_AGAIN).await;
        let is_overdue = Instant::now() >= deadline;
        let slowness = if is_overdue { LAST_GRACE / 2 } else { LOOK_AGAIN };
        if !worker.blocking.holds_up_dispatch() && responds(&runtime, slowness).await {
            continue;
        }
        worker.in_hand().send_acks();
        worker.nak_waiting().await;
        if is_overdue {
            break;
        }
    }
    tracing::error!(
        stream = worker.stream,
        "handlers block their threads and do not end within shutdown_timeout; their events are redelivered, unless they end before \
         the process"
    );
    worker.cut_off.send_replace(true);
    // The one that blocks is among those that run.
    let others = async {
        while keeper::lock(&worker.in_hand).unsettled() > 1 {
            sleep(LOOK_AGAIN).await;
        }
    };
    let _ = timeout(LAST_GRACE / 2, others).await;
    worker.in_hand().send_acks();
}

/// Whether a runtime has a thread that is not blocked.
async fn responds(runtime: &Handle, patience: Duration) -> bool {
    timeout(patience, runtime.spawn(of_program(async {}))).await.is_ok()
}

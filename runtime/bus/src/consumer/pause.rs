//! For how long something is not done that failed.

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::transport::Denied;

/// After it was denied, which costs a time-out each time.
const DENIED: Duration = Duration::from_secs(60);
/// After it failed for another reason.
const FAILED: Duration = Duration::from_secs(1);

/// Until when it is not done.
#[derive(Debug, Default)]
pub(super) struct Pause(Mutex<Option<Until>>);

#[derive(Debug, Clone, Copy)]
struct Until {
    time: Instant,
    is_denied: bool,
}

impl Pause {
    pub(super) fn is_on(&self) -> bool {
        self.now().is_some()
    }

    /// Whether it is not done now for a reason that passes.
    pub(super) fn is_passing(&self) -> bool {
        self.now().is_some_and(|until| !until.is_denied)
    }

    /// It failed, which is said.
    pub(super) fn begin(&self, error: &(dyn Error + 'static), what: &str) {
        let is_denied = Denied::behind(error).is_some();
        let pause = if is_denied { DENIED } else { FAILED };
        tracing::warn!(error, "{what}; trying again in {pause:?}");
        let new = Until { time: Instant::now() + pause, is_denied };
        let mut until = self.until();
        // What failed otherwise may have been on its way when the other was denied.
        if until.is_none_or(|until| until.time < new.time) {
            *until = Some(new);
        }
    }

    fn now(&self) -> Option<Until> {
        self.until().filter(|until| Instant::now() < until.time)
    }

    fn until(&self) -> MutexGuard<'_, Option<Until>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

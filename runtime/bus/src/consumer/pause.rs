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
pub(super) struct Pause(Mutex<Option<Instant>>);

impl Pause {
    pub(super) fn is_on(&self) -> bool {
        self.until().is_some_and(|until| Instant::now() < until)
    }

    /// It failed, which is said.
    pub(super) fn begin(&self, error: &(dyn Error + 'static), what: &str) {
        let pause = if Denied::behind(error).is_some() { DENIED } else { FAILED };
        tracing::warn!(error, "{what}; trying again in {pause:?}");
        *self.until() = Some(Instant::now() + pause);
    }

    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

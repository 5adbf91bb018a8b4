//! Counts what happens, so that the quickstart knows when it is done.

use std::fmt;
use std::sync::Arc;

use eventsmith::{Event, Invalid, Received, Uuid};
use tokio::sync::watch;

/// Counters that the publishing side and the handlers share.
#[derive(Clone)]
pub(crate) struct Progress {
    run: Uuid,
    counts: Arc<watch::Sender<Counts>>,
}

#[derive(Default)]
struct Counts {
    published: usize,
    handled: usize,
    refused: usize,
    upcast: usize,
    complete: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { run: Uuid::now_v7(), counts: Arc::default() }
    }

    /// The correlation of all events of this run, and the id of its rule.
    pub(crate) fn run_id(&self) -> String {
        self.run.to_string()
    }

    /// Counts events that were stored, by publishing or appending.
    pub(crate) fn published(&self, events: usize) {
        self.counts.send_modify(|counts| counts.published += events);
    }

    pub(crate) fn everything_is_published(&self) {
        self.counts.send_modify(|counts| counts.complete = true);
    }

    /// Counts an event of this run; on a shared server there may be others.
    pub(crate) fn handled<E: Event>(&self, event: &Received<E>) {
        if event.envelope().correlation_id.as_deref() == Some(&self.run_id()) {
            let is_upcast = event.envelope().version != E::VERSION;
            self.counts.send_modify(|counts| {
                counts.handled += 1;
                counts.upcast += usize::from(is_upcast);
            });
        }
    }

    pub(crate) fn refused(&self, invalid: &Invalid) {
        println!("refused: {invalid}");
        self.counts.send_modify(|counts| counts.refused += 1);
    }

    /// Waits until everything that was published has been handled.
    pub(crate) async fn all_handled(self) {
        let mut counts = self.counts.subscribe();
        // The sender lives as long as `self`, so that there is no error to expect.
        let _ = counts.wait_for(|counts| counts.complete && counts.handled >= counts.published).await;
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { published, handled, refused, upcast, .. } = &*self.counts.borrow();
        write!(f, "quickstart: published {published}, handled {handled}, refused {refused}, upcast {upcast}")
    }
}

//! Deletes what was noted of events that are done, beside the work: no event waits for that.
//!
//! Where events are tried once only, each is noted before it runs. So of each there are two requests more, which look at the number that the
//! note was stored under and delete it; nothing is searched. A few of them are on their way at a time. What is not deleted here, as the process ends, or as
//! more are done than can be deleted, is deleted once a minute with what others left.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pause::Pause;
use crate::dead_letters::runs::RunCounts;
use crate::environment::of_program;
use crate::transport::Transport;

/// How many requests are on their way at a time.
const AT_ONCE: usize = 16;
/// How many may wait: what is deleted within seconds.
const MOST_WAITING: usize = 4_096;

/// What is to be deleted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Noted {
    /// The only note about the event of a number, by the note's own number in the stream of the dead letters.
    Once { of: u64, number: u64 },
    /// All that was noted of the event of this number.
    Of(u64),
}

/// Deletes notes.
#[derive(Debug)]
pub(super) struct NoteDeletion(Arc<Deleter>);

#[derive(Debug)]
struct Deleter {
    transport: Arc<dyn Transport>,
    counts: RunCounts,
    state: Mutex<State>,
    pause: Pause,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Noted>,
    tasks: usize,
}

impl NoteDeletion {
    pub(super) fn new(transport: Arc<dyn Transport>, counts: RunCounts) -> Self {
        Self(Arc::new(Deleter { transport, counts, state: Mutex::default(), pause: Pause::default() }))
    }

    /// Begins to delete, if there is room.
    pub(super) fn begin(&self, noted: Noted) {
        let mut state = self.0.state();
        if self.0.pause.is_on() || state.waiting.len() >= MOST_WAITING {
            return;
        }
        state.waiting.push_back(noted);
        if state.tasks < AT_ONCE {
            state.tasks += 1;
            drop(state);
            self.0.transport.background().spawn(of_program(Arc::clone(&self.0).work()));
        }
    }
}

impl Deleter {
    async fn work(self: Arc<Self>) {
        while let Some(noted) = self.next() {
            let deleted = match noted {
                Noted::Once { of, number } => self.counts.delete_one(&*self.transport, of, number).await,
                Noted::Of(sequence) => self.counts.delete(&*self.transport, sequence).await,
            };
            if let Err(error) = deleted {
                self.state().waiting.clear();
                self.pause
                    .begin(&error, "what was noted beside the dead letters of events that are done is not deleted");
            }
        }
    }

    fn next(&self) -> Option<Noted> {
        let mut state = self.state();
        let next = state.waiting.pop_front();
        state.tasks -= usize::from(next.is_none());
        next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

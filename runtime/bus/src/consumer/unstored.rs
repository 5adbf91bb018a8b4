//! Dead letters that could not be stored: their events are redelivered, and not run again for that.

use std::sync::{Mutex, PoisonError};

use indexmap::IndexMap;
use jiff::Timestamp;

use super::settle::HandlerOutcome;
use crate::dead_letters::reason::DeadReason;
use crate::transport::Delivery;

/// How many are kept. Of one that is forgotten the handler runs again, or its dead letter says less.
const MOST: usize = 1_024;

/// Why events are to be dead-lettered, by their number in the stream.
#[derive(Debug, Default)]
pub(super) struct Unstored(Mutex<IndexMap<u64, PendingDeadLetter>>);

#[derive(Debug)]
struct PendingDeadLetter {
    stored: Timestamp,
    attempt: u64,
    reason: DeadReason,
    error: String,
}

impl Unstored {
    /// Keeps what the dead letter of an event was to say.
    pub(super) fn keep(&self, delivery: &Delivery, attempt: u64, reason: DeadReason, error: String) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.shift_remove(&delivery.sequence);
        kept.insert(delivery.sequence, PendingDeadLetter { stored: delivery.stored, attempt, reason, error });
        if kept.len() > MOST {
            // Others may have got those that were kept first, and never give them back.
            kept.shift_remove_index(0);
        }
    }

    /// How the handling of an event ended that is redelivered only because its dead letter was not stored, and at which
    /// attempt.
    pub(super) fn take(&self, delivery: &Delivery) -> Option<(u64, HandlerOutcome)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).shift_remove(&delivery.sequence)?;
        let PendingDeadLetter { stored, attempt, reason, error } = kept;
        (stored == delivery.stored).then_some((attempt, HandlerOutcome::Decided(reason, error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_first_gives_way() {
        let unstored = Unstored::default();
        let numbers = (1..=MOST as u64).rev();

        for sequence in numbers {
            unstored.keep(&Delivery::for_test(sequence), 2, DeadReason::Rejected, format!("{sequence}"));
        }
        unstored.keep(&Delivery::for_test(1), 3, DeadReason::Rejected, "once more".to_owned());
        unstored.keep(&Delivery::for_test(5_000), 2, DeadReason::Rejected, "the last".to_owned());

        assert!(unstored.take(&Delivery::for_test(MOST as u64)).is_none(), "it was the first, whatever its number");
        assert!(unstored.take(&Delivery::for_test(5_000)).is_some());
        assert!(matches!(unstored.take(&Delivery::for_test(1)), Some((3, _))), "it was kept anew");
        assert!(unstored.take(&Delivery::for_test(2)).is_some());
        assert!(unstored.take(&Delivery::for_test(2)).is_none());
    }
}

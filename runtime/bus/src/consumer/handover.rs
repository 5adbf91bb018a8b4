//! What is known of the events that another instance may still have, while those with keys are held.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::transport::Delivery;

/// How long to wait for the next of those that were nakked to be seen again.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether events with keys are held, and until when.
///
/// They may begin once all that the server counts as pending waits here: then no other instance has any. But an event that was
/// delivered before, to another, may be acked by that one at any time, and then counts here and not there. So once the numbers
/// agree such events are nakked: those that come back were pending when the server counted, and if all do, nothing else was.
#[derive(Debug, Default)]
pub(super) struct Handover {
    is_held: bool,
    /// Since when they are.
    held_since: Option<Instant>,
    /// Events in hand that another instance may ack.
    unsure: HashSet<u64>,
    /// Those that were nakked, if the numbers agreed.
    awaited: Option<Awaited>,
}

#[derive(Debug)]
struct Awaited {
    missing: HashSet<u64>,
    since: Instant,
}

impl Handover {
    pub(super) fn hold(&mut self) {
        self.is_held = true;
        self.held_since.get_or_insert_with(Instant::now);
        self.awaited = None;
    }

    pub(super) fn release(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// The server counts something that is not in hand any more: nothing that comes back releases what is held.
    pub(super) fn doubt(&mut self) {
        self.awaited = None;
    }

    /// Whether they have been held for longer than that.
    pub(super) fn is_held_longer_than(&self, time: Duration) -> bool {
        self.held_since.is_some_and(|since| since.elapsed() > time)
    }

    /// A delivery of an event came that was not in hand. Returns whether it was the last that was awaited.
    pub(super) fn came(&mut self, delivery: &Delivery) -> bool {
        if !self.is_held || delivery.deliveries <= 1 {
            return false;
        }
        let Some(awaited) = &mut self.awaited else {
            self.unsure.insert(delivery.sequence);
            return false;
        };
        if !awaited.missing.remove(&delivery.sequence) {
            self.unsure.insert(delivery.sequence);
            return false;
        }
        awaited.since = Instant::now();
        awaited.missing.is_empty()
    }

    /// An event is not in hand any more.
    pub(super) fn left(&mut self, sequence: u64) {
        self.unsure.remove(&sequence);
    }

    /// Whether another instance may ack an event that is in hand here.
    pub(super) fn is_unsure(&self, sequence: u64) -> bool {
        self.unsure.contains(&sequence)
    }

    /// How many are in hand that another instance may ack.
    pub(super) fn unsure(&self) -> usize {
        self.unsure.len()
    }

    /// Waits for these to come back, all of which are nakked by now.
    pub(super) fn expect(&mut self, nakked: impl IntoIterator<Item = u64>) {
        self.awaited = Some(Awaited { missing: nakked.into_iter().collect(), since: Instant::now() });
    }

    /// How many are still to come back.
    pub(super) fn missing(&self) -> usize {
        self.awaited.as_ref().map_or(0, |awaited| awaited.missing.len())
    }

    /// Whether some are still to come back. One that takes too long was acked by another instance.
    pub(super) fn is_expecting(&mut self, now: Instant) -> bool {
        self.awaited.take_if(|awaited| now.duration_since(awaited.since) > PATIENCE);
        self.awaited.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(sequence: u64, deliveries: u64) -> Delivery {
        Delivery { deliveries, ..Delivery::for_test(sequence) }
    }

    #[test]
    fn only_what_was_delivered_before_may_be_acked_by_another() {
        let mut handover = Handover::default();
        assert!(!handover.came(&delivered(1, 2)));
        handover.hold();

        assert!(!handover.came(&delivered(2, 1)) && !handover.came(&delivered(3, 2)));

        assert_eq!([1, 2, 3].map(|sequence| handover.is_unsure(sequence)), [false, false, true]);
        handover.left(3);
        assert_eq!(handover.unsure(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn all_that_were_nakked_must_come_back() {
        let mut handover = Handover::default();
        handover.hold();
        handover.expect([3, 4]);

        assert!(!handover.came(&delivered(3, 3)));
        assert!(handover.is_expecting(Instant::now()));
        assert!(!handover.came(&delivered(5, 2)), "another one");
        assert!(handover.came(&delivered(4, 3)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_come_back_is_not_awaited_without_end() {
        let mut handover = Handover::default();
        handover.hold();
        handover.expect([3, 4]);

        assert!(!handover.is_expecting(Instant::now() + PATIENCE * 2));

        assert!(!handover.came(&delivered(3, 3)) && !handover.came(&delivered(4, 3)));
        assert_eq!(handover.unsure(), 2);
    }
}

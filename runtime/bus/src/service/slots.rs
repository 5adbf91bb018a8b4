//! How many requests run at a time, which wait until they may, and which have stepped aside.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// The slots in which requests run.
#[derive(Debug)]
pub(super) struct Slots<T> {
    /// How many there are, and how many requests may wait for one.
    concurrency: usize,
    max_queued: usize,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    /// How many slots are taken.
    taken: usize,
    waiting: VecDeque<T>,
    /// How many stepped aside, and who of them wants a slot again.
    aside: usize,
    returning: VecDeque<oneshot::Sender<()>>,
}

/// What becomes of a request that comes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry<T> {
    /// It has a slot.
    Begins(T),
    Waits,
    /// There is no room, as so many wait.
    Full(T, usize),
}

impl<T> Slots<T> {
    pub(super) fn new(concurrency: usize, max_queued: usize) -> Self {
        let state = State { taken: 0, waiting: VecDeque::new(), aside: 0, returning: VecDeque::new() };
        Self { concurrency, max_queued, state: Mutex::new(state) }
    }

    pub(super) fn concurrency(&self) -> usize {
        self.concurrency.max(1)
    }

    /// Takes a request in. It waits only if that makes sense behind so many.
    pub(super) fn enter(&self, request: T, makes_sense: impl FnOnce(usize) -> bool) -> Entry<T> {
        let mut state = self.state();
        let ahead = state.waiting.len();
        if state.taken < self.concurrency {
            state.taken += 1;
            Entry::Begins(request)
        } else if ahead < self.max_queued && makes_sense(ahead) {
            state.waiting.push_back(request);
            Entry::Waits
        } else {
            Entry::Full(request, ahead)
        }
    }

    /// Passes a slot on to whoever wants it next: the request that is returned, or nobody here.
    pub(super) fn pass_on(&self) -> Option<T> {
        self.state().pass_on()
    }

    /// Steps aside with a request that waits for something else than a slot: nothing if too many have. The slot is to be passed on.
    pub(super) fn step_aside(&self) -> bool {
        let mut state = self.state();
        let may = state.aside < self.max_queued;
        state.aside += usize::from(may);
        may
    }

    /// Waits for a slot again, but no longer than until then. Returns whether there was one.
    pub(super) async fn come_back(&self, latest: Instant) -> bool {
        let mut returning = {
            let mut state = self.state();
            if state.taken < self.concurrency {
                state.taken += 1;
                state.aside -= 1;
                return true;
            }
            let (sender, returning) = oneshot::channel();
            state.returning.push_back(sender);
            returning
        };
        let has_slot = timeout_at(latest, &mut returning).await.is_ok_and(|given| given.is_ok());
        // It may have been given at the last moment.
        returning.close();
        let has_slot = has_slot || returning.try_recv().is_ok();
        if has_slot {
            self.leave();
        }
        has_slot
    }

    /// One who stepped aside is done.
    pub(super) fn leave(&self) {
        self.state().aside -= 1;
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state();
        state.taken == 0 && state.aside == 0
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // A panic cannot leave it half changed: nothing between lock and unlock panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn pass_on(&mut self) -> Option<T> {
        while let Some(returning) = self.returning.pop_front() {
            if returning.send(()).is_ok() {
                return None;
            }
        }
        let next = self.waiting.pop_front();
        self.taken -= usize::from(next.is_none());
        next
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn full() -> Slots<u32> {
        let slots = Slots::new(1, 2);
        assert_eq!(slots.enter(1, |_| true), Entry::Begins(1));
        slots
    }

    #[test]
    fn a_slot_goes_to_those_who_wait_in_their_order() {
        let slots = full();
        assert_eq!(slots.enter(2, |_| true), Entry::Waits);
        assert_eq!(slots.enter(3, |ahead| ahead == 0), Entry::Full(3, 1), "it would wait too long");
        assert_eq!(slots.enter(4, |_| true), Entry::Waits);
        assert_eq!(slots.enter(5, |_| true), Entry::Full(5, 2));

        assert_eq!([slots.pass_on(), slots.pass_on(), slots.pass_on()], [Some(2), Some(4), None]);
        assert!(slots.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn who_stepped_aside_comes_back_before_those_who_wait() {
        let slots = full();
        slots.enter(2, |_| true);
        slots.enter(3, |_| true);
        assert!(slots.step_aside());
        assert_eq!(slots.pass_on(), Some(2));

        let later = Instant::now() + Duration::from_secs(1);
        let (came_back, next) = tokio::join!(slots.come_back(later), async { slots.pass_on() });

        assert_eq!((came_back, next), (true, None));
        assert_eq!([slots.pass_on(), slots.pass_on()], [Some(3), None]);
        assert!(slots.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_come_back_in_time_keeps_no_slot() {
        let slots = full();
        assert!(slots.step_aside());
        assert_eq!((slots.pass_on(), slots.is_idle()), (None, false));
        slots.enter(2, |_| true);

        assert!(!slots.come_back(Instant::now() + Duration::from_secs(1)).await);
        slots.leave();

        assert_eq!((slots.pass_on(), slots.is_idle()), (None, true));
    }

    #[test]
    fn no_more_step_aside_than_may_wait() {
        let slots = full();

        assert_eq!([slots.step_aside(), slots.step_aside(), slots.step_aside()], [true, true, false]);
    }
}

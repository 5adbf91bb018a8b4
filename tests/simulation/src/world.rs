//! All that is outside of the programs under test: the network, the server, and what is noted of what happens.
//!
//! One task carries everything from where it is to where it goes, in an order that follows from the seed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::clock::Time;
use crate::mutation::Mutation;
use crate::plan::Plan;
use crate::state::State;

/// The world of one schedule. Clones are the same one.
#[derive(Debug, Clone)]
pub struct World {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    begun: Instant,
    state: Mutex<State>,
    /// There is something earlier to carry.
    earlier: Notify,
}

impl World {
    /// The world of a plan. To be made within the runtime.
    pub fn new(plan: Arc<Plan>, mutation: Option<Mutation>) -> Self {
        let mut state = State::new(plan, mutation);
        state.schedule_faults();
        let shared = Shared { begun: Instant::now(), state: Mutex::new(state), earlier: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// The state, not to be held while anything is awaited.
    pub fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now = self.now();
        state
    }

    fn now(&self) -> Time {
        u64::try_from(self.shared.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// When that time is, on the clock of the runtime.
    pub fn instant(&self, time: Time) -> Instant {
        self.shared.begun + Duration::from_millis(time)
    }

    /// Says that there may be something earlier to carry than before.
    pub fn wake(&self) {
        self.shared.earlier.notify_one();
    }

    /// Carries what is to be carried, for ever.
    pub async fn carry(self) {
        loop {
            let next = {
                let mut state = self.state();
                loop {
                    state.schedule_work();
                    let Some(parcel) = state.next_parcel() else { break };
                    let told = state.deliver(*parcel);
                    if let Some((listener, event)) = told {
                        // It wakes tasks, which may draw random numbers, but looks at nothing here.
                        drop(state);
                        listener(&event);
                        state = self.state();
                    }
                }
                state.next_at()
            };
            let earlier = self.shared.earlier.notified();
            match next {
                Some(at) => tokio::select! {
                    biased;
                    () = earlier => {}
                    () = sleep_until(self.shared.begun + Duration::from_millis(at)) => {}
                },
                None => earlier.await,
            }
        }
    }
}

//! The plans of delivery.

use crate::picks::Picks;
use crate::plan::{Ending, EventPlan, FaultKind, Plan, RUN_ENDS};

/// How consumers end: most of them in order.
const ENDINGS: [Ending; 10] = {
    let mut endings = [Ending::Stopped; 10];
    [endings[0], endings[1], endings[2], endings[3]] =
        [Ending::Deleted, Ending::Refused, Ending::Denied, Ending::Blind];
    endings
};

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        Self::drawn(seed, false)
    }

    /// The same with more: answers that come late, faults of 90 s, events that are tried once only, and those that the server gives up.
    /// Not all promises are kept there yet, see docs/simulation.md.
    pub fn harsh(seed: u64) -> Self {
        Self::drawn(seed, true)
    }

    fn drawn(seed: u64, is_harsh: bool) -> Self {
        let mut picks = Picks::new(seed, 0x2545_f491_4f6c_dd1d);
        let usual = FaultKind::ALL.len() - usize::from(!is_harsh);
        let faulty = picks.faulty(seed, &FaultKind::ALL[..usual], |_, instances| instances, is_harsh);
        let keys = picks.between(1, 3);
        let events = (0..picks.between(1, 10))
            .map(|_| EventPlan {
                at: picks.between(0, 8_000),
                key: picks.between(1, keys),
                work: picks.one_of(&[0, 0, 20, 500, 3_000, 6_500]),
                fails: picks.one_of(&[0, 0, 0, 0, 1, 2, 9]),
                end: picks.one_of(&RUN_ENDS),
            })
            .collect();
        let max_attempts = picks.between(if is_harsh { 1 } else { 2 }, 4);
        let few = max_attempts + picks.between(1, 2);
        let max_deliver = if is_harsh { picks.one_of(&[100, 100, 100, few, few]) } else { 100 };
        Self {
            is_ordered: picks.between(0, 1) == 1,
            ack_wait: picks.one_of(&[1_500, 3_000, 6_000]),
            prefetch: picks.count(0, 6),
            max_attempts,
            max_deliver,
            events,
            ending: picks.one_of(&ENDINGS),
            ..faulty
        }
    }
}

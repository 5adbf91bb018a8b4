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
        let mut picks = Picks::new(seed, 0x2545_f491_4f6c_dd1d);
        let faulty = picks.faulty(seed, &FaultKind::ALL, |_, instances| instances, true);
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
        let max_attempts = picks.between(1, 4);
        Self {
            is_ordered: picks.between(0, 1) == 1,
            ack_wait: picks.one_of(&[1_500, 3_000, 6_000]),
            prefetch: picks.count(0, 6),
            max_attempts,
            max_deliver: picks.one_of(&[100, 100, 100, max_attempts + 1, max_attempts + 2]),
            events,
            ending: picks.one_of(&ENDINGS),
            ..faulty
        }
    }
}

//! The plans of requests.

use crate::picks::Picks;
use crate::plan::{AskKind, AskPlan, Ending, FaultKind, LAST_ASK, Plan, RUN_ENDS};

/// What goes wrong with requests. The clocks of programs and server are as near to each other as docs/requests.md asks.
const FAULTS: [FaultKind; 9] = [
    FaultKind::Disconnect,
    FaultKind::HalfOpen,
    FaultKind::Restart,
    FaultKind::Silence,
    FaultKind::Crash,
    FaultKind::CrashAtSend,
    FaultKind::Chaos,
    FaultKind::RefuseLogin,
    FaultKind::Stop,
];

/// What is asked.
const KINDS: [AskKind; 6] = [AskKind::Look, AskKind::Place, AskKind::Pay, AskKind::Pay, AskKind::Book, AskKind::Book];

impl Plan {
    /// The plan of requests of a seed.
    pub fn of_requests(seed: u64) -> Self {
        let mut picks = Picks::new(seed, 0x9e6c_63d0_676a_9a99);
        // Who asks stops when all is asked, and has no other end that its users would see.
        let last = |kind, instances: usize| match kind {
            FaultKind::RefuseLogin | FaultKind::Stop => instances - 1,
            _ => instances,
        };
        let faulty = picks.faulty(seed, &FAULTS, last, false);
        let asks = (0..picks.count(1, 8) as u32)
            .map(|number| {
                let kind = picks.one_of(&KINDS);
                let mut at = vec![picks.between(0, 10_000)];
                if kind.is_kept() {
                    let first = at[0];
                    at.extend((0..picks.between(0, 2)).map(|_| first + picks.one_of(&[0, 5, 900, 4_000])));
                    at.push(LAST_ASK);
                }
                AskPlan {
                    number,
                    kind,
                    at,
                    timeout: picks.one_of(&[300, 2_000, 5_000, 8_000]),
                    work: picks.one_of(&[0, 0, 20, 500, 2_500, 4_000]),
                    fails: picks.one_of(&[0, 0, 0, 1]),
                    end: picks.one_of(&RUN_ENDS),
                }
            })
            .collect();
        Self { ending: if picks.between(0, 9) == 0 { Ending::Refused } else { Ending::Stopped }, asks, ..faulty }
    }
}

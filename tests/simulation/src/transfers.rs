//! The plans of sagas.

use crate::picks::Picks;
use crate::plan::{FaultKind, Plan, RunEnd, STEPS, StepPlan, TransferPlan};

/// What goes wrong with sagas.
const FAULTS: [FaultKind; 9] = [
    FaultKind::Disconnect,
    FaultKind::HalfOpen,
    FaultKind::Restart,
    FaultKind::Silence,
    FaultKind::Crash,
    FaultKind::CrashAtSend,
    FaultKind::Chaos,
    FaultKind::ClockJump,
    FaultKind::Stop,
];

/// How the runs of a step end.
const ENDS: [RunEnd; 5] = [RunEnd::Handled, RunEnd::Handled, RunEnd::Handled, RunEnd::Handled, RunEnd::Rejected];

impl Plan {
    /// The plan of sagas of a seed.
    pub fn of_transfers(seed: u64) -> Self {
        let mut picks = Picks::new(seed, 0xaf25_1af3_b0f0_25b5);
        let faulty = picks.faulty(seed, &FAULTS, |_, instances| instances - 1, false);
        let last = faulty.instances - 1;
        let transfers = (0..picks.count(1, 4) as u32)
            .map(|number| {
                let first = picks.between(0, 10_000);
                let mut at = vec![(first, picks.count(0, last))];
                at.extend((0..picks.between(0, 1)).map(|_| {
                    let later = picks.one_of(&[0, 1, 5, 900, 4_000]);
                    (first + later, picks.count(0, last))
                }));
                let steps = [(); STEPS].map(|()| StepPlan {
                    work: picks.one_of(&[0, 0, 3, 400, 900, 2_600, 5_000]),
                    fails: picks.one_of(&[0, 0, 0, 1, 2]),
                    end: picks.one_of(&ENDS),
                });
                let cancelled = match picks.between(0, 3) {
                    0 => Some((first + picks.between(0, 9_000), picks.count(0, last))),
                    _ => None,
                };
                TransferPlan { number, at, steps, cancelled }
            })
            .collect();
        Self { concurrency: 8, transfers, ..faulty }
    }
}

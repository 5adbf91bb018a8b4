//! The plans of commands to aggregates.

use crate::picks::Picks;
use crate::plan::{CommandPlan, FaultKind, Plan};

/// What goes wrong with commands.
const FAULTS: [FaultKind; 7] = [
    FaultKind::Disconnect,
    FaultKind::HalfOpen,
    FaultKind::Restart,
    FaultKind::Silence,
    FaultKind::Crash,
    FaultKind::CrashAtSend,
    FaultKind::Chaos,
];

impl Plan {
    /// The plan of commands of a seed.
    pub fn of_commands(seed: u64) -> Self {
        let mut picks = Picks::new(seed, 0xd134_2543_de82_ef95);
        let faulty = picks.faulty(seed, &FAULTS, |_, instances| instances - 1, false);
        let (last, accounts) = (faulty.instances - 1, picks.count(1, 2) as u32);
        let commands = (0..picks.count(1, 8) as u32)
            .map(|number| {
                let first = picks.between(0, 10_000);
                let mut at = vec![(first, picks.count(0, last))];
                at.extend((0..picks.between(0, 2)).map(|_| {
                    let later = picks.one_of(&[0, 1, 5, 900, 4_000]);
                    (first + later, picks.count(0, last))
                }));
                let account = picks.between(1, accounts.into()) as u32;
                CommandPlan { number, account, events: picks.one_of(&[1, 1, 2, 3]), at }
            })
            .collect();
        Self { concurrency: 1, commands, ..faulty }
    }
}

//! The plans of commands to aggregates.

use eventsmith::simulation::Random;

use crate::plan::{CommandPlan, Ending, FAULTS_UNTIL, Fault, FaultKind, Plan};

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
        let mut random = Random::new(seed.wrapping_mul(0xd134_2543_de82_ef95));
        let mut pick = |from: u64, to: u64| from + random.below(to - from + 1);
        let instances = pick(1, 3) as usize;
        let accounts = pick(1, 2);
        let commands = (0..pick(1, 8) as u32)
            .map(|number| {
                let first = pick(0, 10_000);
                let mut at = vec![(first, pick(0, instances as u64 - 1) as usize)];
                at.extend((0..pick(0, 2)).map(|_| {
                    let later = [0, 1, 5, 900, 4_000][pick(0, 4) as usize];
                    (first + later, pick(0, instances as u64 - 1) as usize)
                }));
                CommandPlan { number, account: pick(1, accounts) as u32, events: [1, 1, 2, 3][pick(0, 3) as usize], at }
            })
            .collect();
        let mut faults: Vec<Fault> = (0..pick(0, 5))
            .map(|_| Fault {
                at: pick(0, FAULTS_UNTIL),
                instance: pick(0, instances as u64 - 1) as usize,
                lasts: pick(1, 8_000),
                kind: FAULTS[pick(0, FAULTS.len() as u64 - 1) as usize],
            })
            .collect();
        faults.sort_by_key(|fault| fault.at);
        Self {
            seed,
            is_ordered: false,
            instances,
            ack_wait: 3_000,
            concurrency: 1,
            prefetch: 0,
            max_attempts: 1,
            events: Vec::new(),
            faults,
            chaos: [[0, 0, 0], [0, 0, 0], [20, 50, 20]][pick(0, 2) as usize],
            ending: Ending::Stopped,
            asks: Vec::new(),
            commands,
        }
    }
}

//! The plans of requests.

use eventsmith::simulation::Random;

use crate::plan::{AskKind, AskPlan, Ending, FAULTS_UNTIL, Fault, FaultKind, LAST_ASK, Plan, RunEnd};

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

impl Plan {
    /// The plan of requests of a seed.
    pub fn of_requests(seed: u64) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x9e6c_63d0_676a_9a99));
        let mut pick = |from: u64, to: u64| from + random.below(to - from + 1);
        let instances = pick(1, 3) as usize;
        let asks = (0..pick(1, 8) as u32)
            .map(|number| {
                let kind = [AskKind::Look, AskKind::Place, AskKind::Pay, AskKind::Pay, AskKind::Book, AskKind::Book]
                    [pick(0, 5) as usize];
                let mut at = vec![pick(0, 10_000)];
                if kind.is_kept() {
                    let first = at[0];
                    at.extend((0..pick(0, 2)).map(|_| first + [0, 5, 900, 4_000][pick(0, 3) as usize]));
                    at.push(LAST_ASK);
                }
                AskPlan {
                    number,
                    kind,
                    at,
                    timeout: [300, 2_000, 5_000, 8_000][pick(0, 3) as usize],
                    work: [0, 0, 20, 500, 2_500, 4_000][pick(0, 5) as usize],
                    fails: [0, 0, 0, 1][pick(0, 3) as usize],
                    end: [RunEnd::Handled, RunEnd::Handled, RunEnd::Handled, RunEnd::Rejected, RunEnd::Panicked]
                        [pick(0, 4) as usize],
                }
            })
            .collect();
        let mut faults: Vec<Fault> = (0..pick(0, 5))
            .map(|_| {
                let kind = FAULTS[pick(0, FAULTS.len() as u64 - 1) as usize];
                // Who asks stops when all is asked, and has no other end that its users would see.
                let is_of_service = matches!(kind, FaultKind::RefuseLogin | FaultKind::Stop);
                let last = if is_of_service { instances - 1 } else { instances };
                Fault {
                    at: pick(0, FAULTS_UNTIL),
                    instance: pick(0, last as u64) as usize,
                    lasts: pick(1, 8_000),
                    kind,
                }
            })
            .collect();
        faults.sort_by_key(|fault| fault.at);
        Self {
            seed,
            is_ordered: false,
            instances,
            ack_wait: 3_000,
            concurrency: pick(1, 4) as usize,
            prefetch: 0,
            max_attempts: 1,
            events: Vec::new(),
            faults,
            chaos: [[0, 0, 0], [0, 0, 0], [20, 50, 20]][pick(0, 2) as usize],
            ending: if pick(0, 9) == 0 { Ending::Refused } else { Ending::Stopped },
            asks,
            commands: Vec::new(),
        }
    }
}

//! What of a plan is drawn alike, whatever it is about.

use eventsmith::simulation::Random;

use crate::clock::Time;
use crate::plan::{Ending, FAULTS_UNTIL, Fault, FaultKind, Plan};

/// How long a fault lasts at most.
const LONGEST_FAULT: Time = 8_000;
/// The same in a plan of long ones.
const LONGEST_LONG_FAULT: Time = 90_000;
/// When the faults of such a plan end.
const LONG_FAULTS_UNTIL: Time = FAULTS_UNTIL + LONGEST_LONG_FAULT;

/// Draws what is in a plan.
#[derive(Debug)]
pub(crate) struct Picks(Random);

impl Picks {
    /// Those of a seed, each kind of plan by a factor of its own.
    pub(crate) const fn new(seed: u64, factor: u64) -> Self {
        Self(Random::new(seed.wrapping_mul(factor)))
    }

    /// A number, both ends included.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.0.below(to - from + 1)
    }

    /// A number of things, both ends included.
    pub(crate) fn count(&mut self, from: usize, to: usize) -> usize {
        usize::try_from(self.between(from as u64, to as u64)).unwrap_or(to)
    }

    /// One of several.
    pub(crate) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.count(0, of.len() - 1)]
    }

    /// A plan in which nothing happens but that something goes wrong: faults of these kinds, which concern instances up to the one that
    /// is `last` for their kind. Where a plan `may_last`, the faults of some last so long that nobody waits for their end any more.
    pub(crate) fn faulty(
        &mut self,
        seed: u64,
        kinds: &[FaultKind],
        last: impl Fn(FaultKind, usize) -> usize,
        may_last: bool,
    ) -> Plan {
        let instances = self.count(1, 3);
        let (longest, faults_until) = match may_last && self.between(0, 15) == 0 {
            true => (LONGEST_LONG_FAULT, LONG_FAULTS_UNTIL),
            false => (LONGEST_FAULT, FAULTS_UNTIL),
        };
        let mut faults: Vec<Fault> = (0..self.between(0, 5))
            .map(|_| {
                let kind = self.one_of(kinds);
                let instance = self.count(0, last(kind, instances));
                Fault { at: self.between(0, FAULTS_UNTIL), instance, lasts: self.between(1, longest), kind }
            })
            .collect();
        faults.sort_by_key(|fault| fault.at);
        Plan {
            seed,
            is_ordered: false,
            instances,
            ack_wait: 3_000,
            concurrency: self.count(1, 4),
            prefetch: 0,
            max_attempts: 1,
            max_deliver: 100,
            events: Vec::new(),
            faults,
            faults_until,
            chaos: self.one_of(&[[0, 0, 0], [0, 0, 0], [20, 50, 20]]),
            ending: Ending::Stopped,
            asks: Vec::new(),
            commands: Vec::new(),
            transfers: Vec::new(),
        }
    }
}

//! What has to come before all has come that a stream held when reading began.

/// What is to have come, beside what the consumer counted, before all has come that was there at the beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal {
    /// The message of this number.
    number: Option<u64>,
    /// Whether the leader is to be asked.
    pub(super) is_to_ask: bool,
}

impl Goal {
    /// That of a stream with so many replicas, if that is known.
    pub(super) fn of(replicas: Option<usize>) -> Self {
        Self { number: None, is_to_ask: replicas.is_some_and(|replicas| replicas > 1) }
    }

    /// Nothing comes any more: what is waited for may be gone.
    pub(super) fn doubt(&mut self) {
        self.is_to_ask |= self.number.is_some();
    }

    /// The leader said what is last now. What was stored since reading began need not come, nor what is gone by now.
    pub(super) fn told(&mut self, last: u64) {
        *self = Self { number: Some(self.number.map_or(last, |number| number.min(last))), is_to_ask: false };
    }

    pub(super) fn is_reached(self, last: u64) -> bool {
        !self.is_to_ask && self.number.is_none_or(|number| number <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_has_come_once_that_has_which_the_leader_had_last() {
        assert!(Goal::of(None).is_reached(0) && Goal::of(Some(1)).is_reached(0));
        let mut goal = Goal::of(Some(3));
        assert!(!goal.is_reached(900), "the leader has to be asked");

        goal.told(1_000);
        assert!(!goal.is_reached(900) && goal.is_reached(1_000));
        goal.doubt();
        assert!(!goal.is_reached(1_000), "it is asked once more");
        goal.told(1_200);
        assert!(!goal.is_reached(900) && goal.is_reached(1_000), "what came later is no part of it");
        goal.told(850);

        assert!(goal.is_reached(900), "what was last is gone");
    }
}

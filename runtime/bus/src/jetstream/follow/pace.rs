//! How far asking for one message after the other has come, and how often one asks.

use std::time::Duration;

use tokio::time::Instant;

/// After how long to ask again first where nothing came, and at most. The pause doubles from the one to the other.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// How far asking has come.
#[derive(Debug)]
pub(super) struct Poll {
    /// What was last when reading began.
    pub(super) goal: u64,
    /// How long to wait where nothing comes.
    pause: Duration,
    /// When it was seen last that the stream is still the same, and how often the connection had been lost then.
    checked: Option<(Instant, u64)>,
}

impl Poll {
    pub(super) fn begin(goal: u64, losses: u64) -> Self {
        Self { goal, pause: FIRST_PAUSE, checked: Some((Instant::now(), losses)) }
    }

    /// A message came: another may be there.
    pub(super) fn came(&mut self) {
        self.pause = FIRST_PAUSE;
    }

    /// How long to wait, as there was nothing.
    pub(super) fn pause(&mut self) -> Duration {
        let next = (self.pause * 2).min(LONGEST_PAUSE);
        std::mem::replace(&mut self.pause, next)
    }

    /// The stream may be gone.
    pub(super) fn doubt(&mut self) {
        self.checked = None;
    }

    pub(super) fn check(&mut self, losses: u64) {
        self.checked = Some((Instant::now(), losses));
    }

    /// Whether the stream was seen over this connection, and not longer ago than that.
    pub(super) fn is_checked(&self, losses: u64, within: Duration) -> bool {
        self.checked.is_some_and(|(at, then)| then == losses && at.elapsed() < within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_finds_nothing_asks_less_and_less() {
        let mut poll = Poll::begin(7, 0);

        let pauses: Vec<u128> = (0..6).map(|_| poll.pause().as_millis()).collect();
        poll.came();

        assert_eq!(pauses, [50, 100, 200, 400, 800, 800]);
        assert_eq!(poll.pause(), FIRST_PAUSE);
    }
}

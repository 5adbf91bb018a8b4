//! How many events to fetch ahead of the handlers: no more than they begin within a second.
//!
//! What waits in one instance no other can have. Where handlers are fast, fetching ahead saves round trips; where they are slow,
//! it keeps events from instances that are idle. So the number follows how many events ended lately. It begins with none, and
//! doubles as long as they end in time, so that a new instance does not take what it has not shown that it can handle.

use std::time::Duration;

use tokio::time::Instant;

/// For how long what is fetched ahead may wait.
const WAIT: Duration = Duration::from_secs(1);

/// A moving estimate of how many events end in a second, and what follows from it.
#[derive(Debug)]
pub(super) struct Pace {
    concurrency: usize,
    /// The most that may be fetched ahead.
    most: usize,
    /// How many are fetched ahead for now.
    ahead: usize,
    /// Since when events are counted, and how many have ended since.
    since: Instant,
    ended: usize,
    /// Since when nothing is at hand.
    idle: Option<Instant>,
}

impl Pace {
    /// Of handlers of which nothing is known yet.
    pub(super) fn new(concurrency: usize, most: usize, now: Instant) -> Self {
        Self { concurrency, most, ahead: 0, since: now, ended: 0, idle: None }
    }

    /// Counts an event whose handler has ended, however it did.
    pub(super) fn ended(&mut self) {
        self.ended += 1;
    }

    /// How many to fetch ahead. While nothing is at hand, no time counts; but handlers that wait for nothing end before this is
    /// asked, so that nothing ever is.
    pub(super) fn ahead(&mut self, is_busy: bool, now: Instant) -> usize {
        if is_busy && let Some(idle) = self.idle.take() {
            self.since += now.saturating_duration_since(idle);
        }
        let took = now.saturating_duration_since(self.since);
        let round = self.ahead.max(self.concurrency);
        if self.ended >= round || is_busy && took >= WAIT {
            let in_time = self.ended as f64 * WAIT.as_secs_f64() / took.as_secs_f64().max(1e-6);
            let grown = self.ahead.saturating_add(self.concurrency).saturating_mul(2);
            // What is too large for the type becomes the largest number of it, which is more than any limit.
            self.ahead = (in_time as usize).min(grown).min(self.most);
        }
        if self.ended >= round || took >= WAIT {
            (self.since, self.ended, self.idle) = (now, 0, None);
        }
        if !is_busy {
            self.idle.get_or_insert(now);
        }
        self.ahead
    }
}

/// How many are asked for where so many places are free. What is missing is asked for although there is none: what does not come back as
/// nobody asks for it would be taken for another's.
pub(super) fn wanted(free: usize, missing: usize, room: usize) -> usize {
    free.max(missing).min(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONCURRENCY: usize = 8;
    const MOST: usize = 256;

    /// What is fetched ahead after each of some rounds, in which so many handlers end after so long.
    fn rounds(pace: &mut Pace, now: &mut Instant, rounds: usize, ended: usize, after: Duration) -> Vec<usize> {
        let mut round = || {
            *now += after;
            (0..ended).for_each(|_| pace.ended());
            pace.ahead(true, *now)
        };
        (0..rounds).map(|_| round()).collect()
    }

    fn pace() -> (Pace, Instant) {
        let now = Instant::now();
        (Pace::new(CONCURRENCY, MOST, now), now)
    }

    #[test]
    fn nothing_is_fetched_ahead_before_anything_has_ended() {
        let (mut pace, now) = pace();

        assert_eq!(pace.ahead(false, now), 0);
        assert_eq!(pace.ahead(true, now), 0);
        assert_eq!(pace.ahead(true, now + 100 * WAIT), 0);
    }

    #[test]
    fn fast_handlers_get_all_that_may_be_fetched_ahead_within_a_few_rounds() {
        let (mut pace, mut now) = pace();

        let ahead = rounds(&mut pace, &mut now, 6, MOST, Duration::from_millis(1));

        assert_eq!(ahead, [16, 48, 112, 240, 256, 256]);
    }

    #[test]
    fn slow_handlers_get_what_they_begin_within_a_second() {
        for (each, expected) in [(100, 80), (1_000, 8), (2_000, 4), (10_000, 0)] {
            let (mut pace, mut now) = pace();

            let ahead = rounds(&mut pace, &mut now, 100, CONCURRENCY, Duration::from_millis(each));

            assert_eq!(ahead.last(), Some(&expected), "{each} ms");
        }
    }

    #[test]
    fn handlers_that_become_slow_get_less_within_a_second() {
        let (mut pace, mut now) = pace();
        rounds(&mut pace, &mut now, 6, MOST, Duration::from_millis(1));

        assert_eq!(pace.ahead(true, now + WAIT / 2), MOST);
        assert_eq!(pace.ahead(true, now + WAIT), 0);
    }

    #[test]
    fn time_without_events_says_nothing() {
        let (mut pace, mut now) = pace();
        rounds(&mut pace, &mut now, 6, MOST, Duration::from_millis(1));

        now += 100 * WAIT;
        assert_eq!(pace.ahead(false, now), MOST);
        now += WAIT / 10;
        pace.ended();

        assert_eq!(pace.ahead(true, now), MOST);
    }

    #[test]
    fn handlers_that_end_before_anything_is_at_hand_get_more_ahead() {
        let (mut pace, mut now) = pace();
        let mut round = || {
            now += Duration::from_millis(1);
            (0..MOST).for_each(|_| pace.ended());
            pace.ahead(false, now)
        };

        assert_eq!([round(), round(), round(), round(), round()], [16, 48, 112, 240, 256]);
    }

    #[test]
    fn no_clock_has_to_go_on() {
        let (mut pace, mut now) = pace();

        assert_eq!(rounds(&mut pace, &mut now, 9, CONCURRENCY, Duration::ZERO).first(), Some(&16));
    }

    #[test]
    fn nothing_is_fetched_ahead_where_nothing_may_be() {
        let now = Instant::now();
        let mut pace = Pace::new(1, 0, now);
        (0..9).for_each(|_| pace.ended());

        assert_eq!(pace.ahead(true, now), 0);
    }

    #[test]
    fn what_is_to_come_back_is_asked_for_though_all_places_are_taken() {
        assert_eq!(wanted(0, 3, usize::MAX), 3);
        assert_eq!(wanted(5, 3, usize::MAX), 5);
        assert_eq!(wanted(0, 3, 2), 2, "but not while a breaker is open");
    }
}

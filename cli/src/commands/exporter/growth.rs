//! How long it will take until a stream is full.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How far back it is looked at.
const HOUR: Duration = Duration::from_secs(3_600);
/// How often what a stream holds is noted.
const NOTED: Duration = Duration::from_secs(60);

/// What a stream held in the course of the last hour.
#[derive(Debug, Default)]
pub(super) struct Growth {
    noted: VecDeque<(Instant, [u64; 2])>,
}

impl Growth {
    /// Notes how many bytes and messages it holds.
    pub(super) fn note(&mut self, held: [u64; 2], now: Instant) {
        // What was purged or dropped says nothing of how fast it grows.
        if self.noted.back().is_some_and(|(_, before)| held.iter().zip(before).any(|(held, before)| held < before)) {
            self.noted.clear();
        }
        let is_due = self.noted.back().is_none_or(|(last, _)| now.duration_since(*last) >= NOTED);
        if is_due {
            self.noted.push_back((now, held));
        }
        // One that is older than an hour remains, so that an hour is looked at.
        while self.noted.get(1).is_some_and(|(second, _)| now.duration_since(*second) >= HOUR) {
            self.noted.pop_front();
        }
    }

    /// In how many seconds it holds as many bytes or messages as it may, if it goes on growing as it did: infinite if it does not grow, or
    /// drops what is old (`max_age`, in seconds) before it is full. `None` without limits, and as long as nothing can be told.
    pub(super) fn full_in(
        &self,
        held: [u64; 2],
        limits: [Option<u64>; 2],
        max_age: Option<f64>,
        now: Instant,
    ) -> Option<f64> {
        let (first, before) = self.noted.front()?;
        let elapsed = now.duration_since(*first).as_secs_f64();
        let each = held.iter().zip(before).zip(limits).filter_map(|((held, before), limit)| {
            let limit = limit?;
            let left = limit.saturating_sub(*held) as f64;
            if left == 0.0 {
                return Some(0.0);
            }
            let grown = held.saturating_sub(*before) as f64;
            let is_told = elapsed >= NOTED.as_secs_f64();
            match (grown > 0.0, is_told) {
                (false, _) => Some(f64::INFINITY),
                (true, true) => {
                    let rate = grown / elapsed;
                    let is_ever_full = max_age.is_none_or(|age| rate * age > limit as f64);
                    Some(if is_ever_full { left / rate } else { f64::INFINITY })
                }
                (true, false) => None,
            }
        });
        each.reduce(f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_full_some_day() {
        let (mut growth, begin) = (Growth::default(), Instant::now());
        let later = |minutes: u64| begin + Duration::from_secs(60 * minutes);
        for minute in 0..=90 {
            growth.note([minute * 60, 5], later(minute));
        }

        // A byte a second, and 600 are left; messages do not grow.
        assert_eq!(growth.full_in([5_400, 5], [Some(6_000), Some(10)], None, later(90)), Some(600.0));
        assert_eq!(growth.full_in([5_400, 5], [None, Some(10)], None, later(90)), Some(f64::INFINITY));
        assert_eq!(growth.full_in([5_400, 5], [None, None], None, later(90)), None);
        assert_eq!(growth.full_in([6_001, 5], [Some(6_000), None], None, later(90)), Some(0.0));
        // What it holds at most if it drops what is older than that.
        assert_eq!(growth.full_in([5_400, 5], [Some(6_000), None], Some(5_900.0), later(90)), Some(f64::INFINITY));
        assert_eq!(growth.full_in([5_400, 5], [Some(6_000), None], Some(6_100.0), later(90)), Some(600.0));
        assert!(growth.noted.len() <= 62, "{}", growth.noted.len());
    }

    #[test]
    fn what_was_purged_is_looked_at_anew() {
        let (mut growth, begin) = (Growth::default(), Instant::now());
        let later = |minutes: u64| begin + Duration::from_secs(60 * minutes);
        growth.note([50_000, 5], begin);
        growth.note([0, 0], later(1));
        growth.note([600, 0], later(2));

        assert_eq!(growth.full_in([600, 0], [Some(1_200), None], None, later(2)), Some(60.0));
    }

    #[test]
    fn nothing_is_told_of_the_first_minute() {
        let (mut growth, begin) = (Growth::default(), Instant::now());
        growth.note([0, 0], begin);

        assert_eq!(growth.full_in([50, 0], [Some(100), None], None, begin + Duration::from_secs(1)), None);
    }
}

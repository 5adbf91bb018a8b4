//! Guesses which message the connection was lost over, where single messages cannot be read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::life::Position;

/// How long a message is put off, at least and at most; longer each time.
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(600);
/// How many messages are put off at most that no longer can be told apart.
const MOST: usize = 4_096;
/// Of how many messages it is remembered that they arrived: more than may be unacked, as a rule.
const MOST_RECEIVED: usize = 65_536;

/// What is known of the messages of a consumer without reading them.
#[derive(Debug)]
pub(super) struct Blind {
    ack_wait: Duration,
    /// The number of the last message that is known to have been delivered.
    delivered: u64,
    /// Beyond the ack floor: these can be read.
    received: BTreeSet<u64>,
    /// How often a message was put off, and until when.
    put_off: BTreeMap<u64, (u32, Instant)>,
    /// How often in a row the connection was lost over redeliveries.
    in_a_row: u32,
    /// Until then what was lost last is delivered again.
    wary_until: Option<Instant>,
}

impl Blind {
    /// Begins with the numbers of messages that arrived before.
    pub(super) fn new(position: Position, ack_wait: Duration, received: impl IntoIterator<Item = u64>) -> Self {
        let (received, put_off) = (received.into_iter().collect(), BTreeMap::new());
        Self { ack_wait, delivered: position.delivered, received, put_off, in_a_row: 0, wary_until: None }
    }

    pub(super) fn note_arrival(&mut self, sequence: u64) {
        self.delivered = self.delivered.max(sequence);
        self.in_a_row = 0;
        self.put_off.remove(&sequence);
        self.received.insert(sequence);
        if self.received.len() > MOST_RECEIVED {
            self.received.pop_first();
        }
    }

    /// How many messages are put off again after they came alone and were lost: nobody can handle them for now.
    pub(super) fn confirmed(&self) -> usize {
        self.put_off.values().filter(|(times, _)| *times > 1).count()
    }

    /// Whether messages are to be fetched one by one, so that the next loss tells which it is.
    pub(super) fn is_wary(&self, now: Instant) -> bool {
        !self.put_off.is_empty() || self.wary_until.is_some_and(|until| now < until)
    }

    /// The messages to put off after a loss, and for how long. They are guessed only if one message was on its way: a new
    /// one is the last that was delivered. Of those that were delivered again it is the first after the ack floor that did
    /// not arrive; where other messages of the stream lie between, it is not found at once, and more are tried.
    pub(super) fn suspects(&mut self, at: Position, was_one: bool, now: Instant) -> Vec<(u64, Duration)> {
        self.wary_until = now.checked_add(self.ack_wait.saturating_mul(2) + SHORTEST);
        self.received = self.received.split_off(&(at.floor + 1));
        self.put_off = self.put_off.split_off(&(at.floor + 1));
        let is_new = at.delivered > self.delivered;
        self.delivered = self.delivered.max(at.delivered);
        if !was_one {
            return Vec::new();
        }
        let suspects: Vec<u64> = if is_new {
            vec![at.delivered]
        } else {
            let count = 8_usize.saturating_pow(self.in_a_row).min(MOST);
            self.in_a_row += 1;
            let is_put_off = |sequence: &u64| self.put_off.get(sequence).is_some_and(|(_, until)| now < *until);
            let may_be = |sequence: &u64| !self.received.contains(sequence) && !is_put_off(sequence);
            (at.floor + 1..=at.delivered).filter(may_be).take(count).collect()
        };
        suspects.into_iter().map(|sequence| (sequence, self.put_off(sequence, now))).collect()
    }

    fn put_off(&mut self, sequence: u64, now: Instant) -> Duration {
        let (times, until) = self.put_off.entry(sequence).or_insert((0, now));
        let delay = self.ack_wait.max(SHORTEST).saturating_mul(2_u32.saturating_pow(*times)).min(LONGEST);
        (*times, *until) = (*times + 1, now + delay);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(floor: u64, delivered: u64) -> Position {
        Position { floor, delivered, ..Position::default() }
    }

    fn numbers(suspects: Vec<(u64, Duration)>) -> Vec<u64> {
        suspects.into_iter().map(|(sequence, _)| sequence).collect()
    }

    #[test]
    fn of_new_messages_it_is_the_last() {
        let (mut blind, now) = (Blind::new(at(3, 10), Duration::from_secs(15), []), Instant::now());
        blind.note_arrival(11);

        assert_eq!(numbers(blind.suspects(at(3, 12), true, now)), [12]);
        assert!(blind.is_wary(now + Duration::from_secs(3_600)));
        blind.note_arrival(12);
        assert!(!blind.is_wary(now + Duration::from_secs(3_600)), "it arrived after all");
    }

    #[test]
    fn of_redelivered_messages_it_is_the_first_that_did_not_arrive() {
        let (mut blind, now) = (Blind::new(at(3, 10), Duration::from_secs(15), [4]), Instant::now());
        assert_eq!(blind.suspects(at(3, 10), false, now), [], "many were on their way");

        let first = blind.suspects(at(3, 10), true, now);
        let others = numbers(blind.suspects(at(3, 10), true, now));
        let later = now + Duration::from_secs(16);
        blind.note_arrival(6);
        let again = blind.suspects(at(3, 10), true, later);

        assert_eq!(first, [(5, Duration::from_secs(15))]);
        assert_eq!(others, [6, 7, 8, 9, 10], "it was none of those that were put off");
        assert_eq!(again, [(5, Duration::from_secs(30))]);
        assert_eq!(blind.confirmed(), 1);
    }
}

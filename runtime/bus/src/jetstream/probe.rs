//! Since when the server was certainly heard: what arrives by then was not delivered before.
//!
//! A message does not say when it was delivered. It may have waited in a connection that stood still, or in a process that
//! was stopped, until others have its lease. So the consumer is sent a request from time to time that it refuses at once.
//! It answers in the order in which it delivers, so what arrives behind an answer was delivered after the question was sent.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Within this part of `ack_wait` a question is asked, and no more often than the first and no less than the second of these.
const PART: u32 = 10;
const LEAST: Duration = Duration::from_millis(10);
const MOST: Duration = Duration::from_secs(1);
/// After how many questions without an answer nothing should begin.
const MISSED: u32 = 4;
/// The least time for that: a process may be kept from running for a while.
const GRACE: Duration = Duration::from_secs(1);
/// How many questions may be unanswered. Those that a connection keeps that stands still are answered in the end.
const UNANSWERED: usize = 4;
/// After how long questions without an answer are taken for lost.
const LOST: Duration = Duration::from_secs(5);

/// The questions to one consumer.
#[derive(Debug)]
pub(super) struct Probe {
    interval: Duration,
    ask_at: Instant,
    number: u64,
    asked: VecDeque<(u64, Instant)>,
    heard: Instant,
}

impl Probe {
    /// Before `now` nothing was delivered.
    pub(super) fn new(ack_wait: Duration, now: Instant) -> Self {
        let interval = (ack_wait / PART).clamp(LEAST, MOST);
        Self { interval, ask_at: now, number: 0, asked: VecDeque::new(), heard: now }
    }

    /// Asks anew: over another connection no answer comes to what was asked before.
    pub(super) fn restart(&mut self, now: Instant) {
        self.asked.clear();
        self.ask_at = now;
    }

    /// The machine was suspended for so long, which its clock does not count: what arrives may have been delivered before.
    pub(super) fn was_suspended(&mut self, suspended: Duration, now: Instant) {
        self.heard = self.heard.checked_sub(suspended).unwrap_or(self.heard);
        self.restart(now);
    }

    /// It is asked as often as this `ack_wait` needs.
    pub(super) fn limit(&mut self, ack_wait: Duration) {
        let interval = (ack_wait / PART).clamp(LEAST, MOST);
        if interval < self.interval {
            self.ask_at = self.ask_at.min(Instant::now() + interval);
        }
        self.interval = interval;
    }

    /// When to ask next.
    pub(super) fn ask_at(&self) -> Instant {
        match self.asked.back() {
            Some((_, last)) if self.asked.len() >= UNANSWERED => self.ask_at.max(*last + LOST),
            _ => self.ask_at,
        }
    }

    /// The number of the question to be asked now.
    pub(super) fn ask(&mut self, now: Instant) -> u64 {
        if self.asked.len() >= UNANSWERED {
            self.asked.clear();
        }
        self.number += 1;
        self.ask_at = now + self.interval;
        self.asked.push_back((self.number, now));
        self.number
    }

    /// The consumer refused a question.
    pub(super) fn answered(&mut self, number: u64) {
        while let Some((asked, sent)) = self.asked.front().copied().filter(|(asked, _)| *asked <= number) {
            self.asked.pop_front();
            if asked == number {
                self.heard = sent;
            }
        }
    }

    /// A question did not come to the consumer.
    pub(super) fn failed(&mut self, number: u64) {
        self.asked.retain(|(asked, _)| *asked != number);
    }

    /// What arrives now was not delivered before this.
    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    /// Whether the consumer was heard lately.
    pub(super) fn is_live(&self, now: Instant) -> bool {
        now.duration_since(self.heard) <= (self.interval * MISSED).max(GRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_shows_when_its_question_was_asked_whatever_became_of_others() {
        let begin = Instant::now();
        let mut probe = Probe::new(Duration::from_secs(30), begin);
        let later = |seconds| begin + Duration::from_secs(seconds);
        let first = probe.ask(later(1));
        let second = probe.ask(later(2));
        let third = probe.ask(later(3));
        assert_eq!(probe.heard(), begin);

        probe.failed(first);
        probe.answered(second);
        assert_eq!(probe.heard(), later(2));
        probe.answered(first);
        assert_eq!(probe.heard(), later(2), "an answer that comes too late says nothing");
        probe.answered(third);

        assert_eq!((probe.heard(), probe.is_live(later(7)), probe.is_live(later(8))), (later(3), true, false));
    }

    #[test]
    fn after_the_machine_was_suspended_nothing_is_live_until_it_is_heard_again() {
        let begin = Instant::now();
        let mut probe = Probe::new(Duration::from_secs(30), begin);
        let second = Duration::from_secs(1);
        let before = probe.ask(begin);
        probe.answered(before);
        assert!(probe.is_live(begin + second));

        let late = probe.ask(begin + second);
        probe.was_suspended(60 * second, begin + second);
        probe.answered(late);
        assert!(!probe.is_live(begin + second) && probe.heard() < begin, "it was asked before");
        let number = probe.ask(begin + second);
        probe.answered(number);

        assert!(probe.is_live(begin + second) && probe.heard() == begin + second);
    }

    #[test]
    fn questions_that_are_not_answered_do_not_pile_up() {
        let begin = Instant::now();
        let mut probe = Probe::new(Duration::from_secs(30), begin);
        for second in 0..UNANSWERED as u64 {
            assert_eq!(probe.ask_at(), begin + Duration::from_secs(second));
            probe.ask(probe.ask_at());
        }

        assert_eq!(probe.ask_at(), begin + Duration::from_secs(UNANSWERED as u64 - 1) + LOST);
        probe.restart(begin);
        assert_eq!(probe.ask_at(), begin);
    }
}

//! For how long a delivery is ours, as far as can be known on this side.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::config::duration::LONGEST;
use crate::environment;

/// The right to handle a delivery, which ends when the server may deliver the message to somebody else: `ack_wait` after it
/// was delivered, or after a renewal that the server confirmed was sent. The server's clock is not seen here, so both times
/// are taken from before: the lease ends here before it ends there.
#[derive(Debug)]
pub struct Lease(Mutex<Terms>);

#[derive(Debug, Clone, Copy)]
struct Terms {
    /// No later than when the server began to count.
    began: Instant,
    /// For how long the machine had been suspended by then.
    suspended: Duration,
    /// When a renewal was sent last, confirmed or not.
    asked: Instant,
    ack_wait: Duration,
}

impl Lease {
    /// A lease of a message that was not delivered before this. It does not end until it is [limited](Self::limit).
    pub(crate) fn new(began: Instant) -> Self {
        Self::begun(began, environment::suspended())
    }

    /// The same, if the machine had been suspended for so long by then.
    pub(crate) fn begun(began: Instant, suspended: Duration) -> Self {
        Self(Mutex::new(Terms { began, suspended, asked: began, ack_wait: Duration::MAX }))
    }

    /// Lets it end this long after it began, less a tenth for the time it takes to notice.
    pub fn limit(&self, ack_wait: Duration) {
        self.terms().ack_wait = ack_wait;
    }

    /// Whether nobody else can have the message.
    pub fn is_held(&self, now: Instant) -> bool {
        self.terms().is_held(now)
    }

    /// When it ends, unless it is renewed; never if that is nothing.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        let now = Instant::now();
        now.checked_add(self.terms().left(now))
    }

    /// Waits until it has ended.
    pub(crate) async fn end(&self) {
        loop {
            let left = self.terms().left(Instant::now());
            if left.is_zero() {
                return;
            }
            sleep(left.min(LONGEST)).await;
        }
    }

    /// Whether a renewal is to be sent now, as the lease and the last attempt to renew it are old enough. Remembers that.
    pub(crate) fn is_due(&self, now: Instant, period: Duration) -> bool {
        let mut terms = self.terms();
        let is_due = now.duration_since(terms.asked) >= period;
        if is_due {
            terms.asked = now;
        }
        is_due
    }

    /// A renewal was confirmed. Once the lease has ended that does not begin it anew: the server confirms a renewal whoever
    /// sends it, and somebody else may have had the message before it came there.
    ///
    /// Nor does it count if the machine was suspended in between: when it came there is not known.
    pub fn renewed(&self, sent: Instant, suspended: Duration, now: Instant) {
        if suspended != environment::suspended() {
            return;
        }
        let mut terms = self.terms();
        if terms.is_held(now) {
            terms.began = terms.began.max(sent);
            terms.suspended = suspended;
        }
    }

    fn terms(&self) -> MutexGuard<'_, Terms> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terms {
    fn is_held(&self, now: Instant) -> bool {
        !self.left(now).is_zero()
    }

    fn left(&self, now: Instant) -> Duration {
        let suspended = environment::suspended().saturating_sub(self.suspended);
        (self.ack_wait - self.ack_wait / 10).saturating_sub(now.duration_since(self.began).saturating_add(suspended))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::PRETENDED;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_lease_ends_before_the_server_may_deliver_again_unless_it_is_renewed() {
        let begin = Instant::now();
        let lease = Lease::new(begin);
        assert!(lease.is_held(begin + 1_000 * SECOND), "it has no limit yet");

        lease.limit(10 * SECOND);
        assert!(lease.is_held(begin + 8 * SECOND) && !lease.is_held(begin + 9 * SECOND));

        lease.renewed(begin + 5 * SECOND, environment::suspended(), begin + 6 * SECOND);
        assert!(lease.is_held(begin + 13 * SECOND) && !lease.is_held(begin + 14 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn its_end_is_waited_for_however_often_it_is_renewed() {
        let begin = Instant::now();
        let lease = Lease::new(begin);
        lease.limit(10 * SECOND);

        let renew = async {
            sleep(8 * SECOND).await;
            lease.renewed(begin + 7 * SECOND, environment::suspended(), Instant::now());
        };
        tokio::join!(lease.end(), renew);

        assert_eq!(begin.elapsed(), 16 * SECOND);
    }

    #[test]
    fn a_lease_that_has_ended_is_not_renewed_by_a_confirmation_that_comes_late() {
        let begin = Instant::now();
        let lease = Lease::new(begin);
        lease.limit(10 * SECOND);

        lease.renewed(begin + 5 * SECOND, environment::suspended(), begin + 9 * SECOND);

        assert!(!lease.is_held(begin + 9 * SECOND));
    }

    #[test]
    fn a_lease_ends_while_the_machine_is_suspended_although_its_clock_stands_still() {
        let (begin, pretend) = (Instant::now(), |seconds| PRETENDED.set(Some(seconds * SECOND)));
        pretend(5);
        let (lease, renewed) = (Lease::new(begin), Lease::new(begin));
        [&lease, &renewed].into_iter().for_each(|lease| lease.limit(10 * SECOND));

        pretend(8);
        renewed.renewed(begin + SECOND, 5 * SECOND, begin + SECOND);
        assert!(lease.is_held(begin + 5 * SECOND) && !lease.is_held(begin + 6 * SECOND));
        assert!(!renewed.is_held(begin + 6 * SECOND), "nobody knows when the renewal was sent");
        renewed.renewed(begin + 2 * SECOND, 8 * SECOND, begin + 2 * SECOND);
        assert!(renewed.is_held(begin + 10 * SECOND), "this one was sent after that");
        pretend(60);
        assert!(!lease.is_held(begin) && !renewed.is_held(begin + 2 * SECOND));
        PRETENDED.set(None);
    }

    #[test]
    fn a_confirmation_that_comes_late_shortens_no_lease() {
        let begin = Instant::now();
        let lease = Lease::new(begin);
        lease.limit(10 * SECOND);

        lease.renewed(begin + 5 * SECOND, environment::suspended(), begin + 5 * SECOND);
        lease.renewed(begin + 2 * SECOND, environment::suspended(), begin + 6 * SECOND);

        assert!(lease.is_held(begin + 13 * SECOND));
    }

    #[test]
    fn a_renewal_is_sent_once_in_a_period_whether_it_is_confirmed_or_not() {
        let begin = Instant::now();
        let lease = Lease::new(begin);

        let due = [1, 3, 4, 6].map(|seconds| lease.is_due(begin + seconds * SECOND, 3 * SECOND));

        assert_eq!(due, [false, true, false, true]);
    }
}

//! Circuit breakers: they keep events away from a handler that fails because something it needs is down.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use crate::config::duration::{self, LONGEST};
use crate::environment::watch;

/// When a circuit breaker opens, and for how long.
///
/// What counts as a failure is an attempt that may go better later: an error to retry, a timeout, a panic. An event that
/// its handler rejects is at fault itself and speaks for the dependency.
///
/// ```
/// use eventsmith::config::BreakerConfig;
///
/// let config: BreakerConfig = toml::from_str("consecutive_failures = 10\nopen_for = '1m'")?;
/// assert_eq!((config.failure_rate, config.window), (0.5, 20));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Opens after this many failures in a row. Default: 5.
    pub consecutive_failures: u32,
    /// Opens when this share of the last [`window`](Self::window) attempts failed. Default: 0.5.
    pub failure_rate: f64,
    /// How many attempts the rate is taken of; it counts once there were so many. Default: 20.
    pub window: usize,
    /// How long it stays open before one event is let through to see how things are. Default: 30 s.
    #[serde(with = "duration")]
    pub open_for: Duration,
}

impl BreakerConfig {
    /// The first setting with a value that opens a breaker always or never, and what would be right.
    pub(crate) fn senseless(&self) -> Option<(&'static str, &'static str)> {
        if self.consecutive_failures == 0 {
            return Some(("consecutive_failures", "it must be 1 at least; u32::MAX is never"));
        }
        if self.window == 0 {
            return Some(("window", "it must be 1 at least"));
        }
        let is_share = self.failure_rate > 0.0 && self.failure_rate.is_finite();
        (!is_share).then_some(("failure_rate", "it must be more than 0; more than 1 is never"))
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { consecutive_failures: 5, failure_rate: 0.5, window: 20, open_for: Duration::from_secs(30) }
    }
}

/// What a circuit breaker does at the moment.
///
/// ```
/// use eventsmith::monitor::{BreakerState, Monitor};
///
/// fn is_ready(monitor: &Monitor) -> bool {
///     monitor.breakers().all(|(_, state)| state != BreakerState::Open)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerState {
    /// Events go to their handlers.
    Closed,
    /// No event goes to the handlers, and none is fetched.
    Open,
    /// One event is tried; it decides.
    HalfOpen,
}

impl BreakerState {
    /// As logs and metrics write it, `half_open`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// A breaker at work, shared by the handlers that it guards.
#[derive(Debug)]
pub(crate) struct Breaker {
    pub(crate) name: String,
    config: BreakerConfig,
    inner: Mutex<Inner>,
    /// Notifies all who fetch of every change.
    changed: watch::Sender<()>,
}

/// Leave to run one attempt, which ends with a [`report`](Self::report). One that is dropped before came to no verdict.
#[derive(Debug)]
pub(crate) struct Admission {
    breaker: Arc<Breaker>,
    /// The generation of the breaker in which the attempt began.
    generation: u64,
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    /// How often the phase has changed. What began before the last change says nothing about the present phase.
    generation: u64,
    consecutive: u32,
    /// Whether each of the last attempts failed.
    recent: VecDeque<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    OpenUntil(Instant),
    /// Whether the one event that may be tried is being tried.
    HalfOpen {
        probing: bool,
    },
}

impl Phase {
    fn state(self) -> BreakerState {
        match self {
            Self::Closed => BreakerState::Closed,
            Self::OpenUntil(_) => BreakerState::Open,
            Self::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

impl Breaker {
    /// A closed breaker, which notifies of its changes.
    pub(crate) fn new(name: String, config: BreakerConfig, changed: watch::Sender<()>) -> Self {
        let inner = Inner { phase: Phase::Closed, generation: 0, consecutive: 0, recent: VecDeque::new() };
        Self { name, config, inner: Mutex::new(inner), changed }
    }

    pub(crate) fn state(&self) -> BreakerState {
        self.inner().phase.state()
    }

    /// Lets an event go to its handler, if one may now. While the breaker is half open it is the probe.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Admission> {
        let mut inner = self.inner();
        self.ripen(&mut inner);
        let is_admitted = match &mut inner.phase {
            Phase::Closed => true,
            Phase::OpenUntil(_) => false,
            Phase::HalfOpen { probing } => !std::mem::replace(probing, true),
        };
        is_admitted.then(|| Admission { breaker: Arc::clone(self), generation: inner.generation })
    }

    /// How many events may be fetched for the handlers that it guards: any number, or one to probe with, or none.
    pub(super) fn room(&self) -> usize {
        let mut inner = self.inner();
        self.ripen(&mut inner);
        match inner.phase {
            Phase::Closed => usize::MAX,
            Phase::HalfOpen { probing: false } => 1,
            Phase::OpenUntil(_) | Phase::HalfOpen { probing: true } => 0,
        }
    }

    /// When it will admit a probe by itself.
    pub(super) fn opens_at(&self) -> Option<Instant> {
        let mut inner = self.inner();
        self.ripen(&mut inner);
        match inner.phase {
            Phase::OpenUntil(until) => Some(until),
            Phase::Closed | Phase::HalfOpen { .. } => None,
        }
    }

    /// How an attempt went that began in a generation.
    fn report(&self, generation: u64, failed: bool) {
        let mut inner = self.inner();
        if generation != inner.generation {
            return;
        }
        inner.consecutive = if failed { inner.consecutive + 1 } else { 0 };
        inner.recent.push_back(failed);
        if inner.recent.len() > self.config.window {
            inner.recent.pop_front();
        }
        let phase = match inner.phase {
            // Nothing begins in this phase.
            Phase::OpenUntil(_) => return,
            Phase::HalfOpen { .. } if failed => self.opened(),
            Phase::Closed if self.is_too_much(&inner) => self.opened(),
            Phase::Closed | Phase::HalfOpen { .. } => Phase::Closed,
        };
        if phase != inner.phase {
            // What was before says nothing about what comes now.
            inner.consecutive = 0;
            inner.recent.clear();
            self.enter(&mut inner, phase);
        }
    }

    /// An attempt that began in a generation came to no verdict. If it was the probe, another may be tried.
    fn withdraw(&self, generation: u64) {
        let mut inner = self.inner();
        if generation == inner.generation
            && let Phase::HalfOpen { probing } = &mut inner.phase
            && std::mem::take(probing)
        {
            self.changed.send_replace(());
        }
    }

    fn is_too_much(&self, inner: &Inner) -> bool {
        let failures = inner.recent.iter().filter(|failed| **failed).count();
        let is_full = inner.recent.len() >= self.config.window.max(1);
        inner.consecutive >= self.config.consecutive_failures.max(1)
            || is_full && failures as f64 >= self.config.failure_rate * inner.recent.len() as f64
    }

    fn opened(&self) -> Phase {
        Phase::OpenUntil(Instant::now() + self.config.open_for.min(LONGEST))
    }

    /// After how long it lets something through again, if it is open.
    pub(crate) fn closes_in(&self) -> Duration {
        match self.inner().phase {
            Phase::OpenUntil(until) => until.saturating_duration_since(Instant::now()),
            Phase::Closed | Phase::HalfOpen { .. } => Duration::ZERO,
        }
    }

    /// An open breaker becomes half open when its time has come.
    fn ripen(&self, inner: &mut Inner) {
        if matches!(inner.phase, Phase::OpenUntil(until) if until <= Instant::now()) {
            self.enter(inner, Phase::HalfOpen { probing: false });
        }
    }

    fn enter(&self, inner: &mut Inner, phase: Phase) {
        inner.phase = phase;
        inner.generation += 1;
        tracing::warn!(breaker = self.name, state = ?phase.state(), "the circuit breaker changed");
        self.changed.send_replace(());
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing between lock and unlock panics.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission {
    /// How the attempt went.
    pub(crate) fn report(self, failed: bool) {
        self.breaker.report(self.generation, failed);
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        // After a report of the probe its generation is over.
        self.breaker.withdraw(self.generation);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn breaker(consecutive_failures: u32, failure_rate: f64, window: usize) -> Arc<Breaker> {
        let open_for = Duration::from_secs(30);
        let config = BreakerConfig { consecutive_failures, failure_rate, window, open_for };
        Arc::new(Breaker::new("x".to_owned(), config, watch::Sender::new(())))
    }

    fn attempt(breaker: &Arc<Breaker>, failed: bool) {
        breaker.admit().unwrap().report(failed);
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_does_not() {
        let breaker = breaker(3, 1.1, 20);

        for failed in [true, true, false, true, true] {
            attempt(&breaker, failed);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        attempt(&breaker, true);

        assert_eq!((breaker.state(), breaker.room()), (BreakerState::Open, 0));
        assert!(breaker.admit().is_none());
    }

    #[test]
    fn a_rate_of_failures_opens_it_once_the_window_is_full() {
        let breaker = breaker(100, 0.5, 4);

        for failed in [true, false, true] {
            attempt(&breaker, failed);
            assert_eq!(breaker.state(), BreakerState::Closed);
        }
        attempt(&breaker, false);

        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn one_event_decides_whether_it_closes_again() {
        let breaker = breaker(1, 1.1, 20);
        attempt(&breaker, true);

        for (failed, then) in [(true, BreakerState::Open), (false, BreakerState::Closed)] {
            advance(Duration::from_secs(30)).await;
            assert_eq!(breaker.room(), 1);
            let probe = breaker.admit().unwrap();
            assert!(breaker.admit().is_none(), "a second one while the first is tried");
            assert_eq!((breaker.state(), breaker.room()), (BreakerState::HalfOpen, 0));
            probe.report(failed);
            assert_eq!(breaker.state(), then);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_without_a_result_makes_room_for_another() {
        let breaker = breaker(1, 1.1, 20);
        attempt(&breaker, true);
        advance(Duration::from_secs(30)).await;

        drop(breaker.admit().unwrap());

        assert!(breaker.admit().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_began_before_it_opened_does_not_decide_instead_of_its_probe() {
        let breaker = breaker(1, 1.1, 20);
        let [success, failure, nothing] = [(); 3].map(|()| breaker.admit().unwrap());
        attempt(&breaker, true);
        advance(Duration::from_secs(30)).await;
        let probe = breaker.admit().unwrap();

        success.report(false);
        assert_eq!(breaker.state(), BreakerState::HalfOpen, "a success that is older than the failure");
        failure.report(true);
        assert_eq!(breaker.state(), BreakerState::HalfOpen, "a failure of before");
        drop(nothing);
        assert!(breaker.admit().is_none(), "the probe is still tried");

        probe.report(false);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn what_began_before_it_opened_does_not_open_it_again() {
        let breaker = breaker(1, 1.1, 20);
        let old = breaker.admit().unwrap();
        attempt(&breaker, true);
        advance(Duration::from_secs(30)).await;
        attempt(&breaker, false);

        old.report(true);

        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}

//! The requests of one type: those that run, those that wait, and those for which there is no room.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::Instrument;

use super::answer::{Answer, Outcome};
use super::route::{Opened, Route};
use super::stats::Stats;
use crate::bus::Bus;
use crate::consumer::blocking::Blocking;
use crate::consumer::breaker::Breaker;
use crate::consumer::confine::discard;
use crate::environment::watch;
use crate::request::protocol::{self, parse_milliseconds};
use crate::transport::{Headers, LiveMessage};

/// What is suggested to those for whom there is no room, at least and at most.
const SHORTEST_RETRY: Duration = Duration::from_millis(20);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// How much an endpoint takes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) concurrency: usize,
    pub(super) max_queued: usize,
    pub(super) timeout: Duration,
}

/// The requests of one type.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) route: Route,
    pub(super) limits: Limits,
    pub(super) breaker: Option<Arc<Breaker>>,
    pub(super) stats: Arc<Stats>,
    pub(super) blocking: Blocking,
    pub(super) bus: Bus,
    /// Where handlers run.
    pub(super) runtime: Handle,
    /// True from when the shutdown has taken too long.
    pub(super) cut_off: watch::Receiver<bool>,
    pub(super) state: Mutex<State>,
    /// Notifies whoever waits until nothing is under way.
    pub(super) changed: watch::Sender<()>,
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct State {
    running: usize,
    waiting: VecDeque<Incoming>,
}

/// A request that came, and until when somebody waits for the answer.
#[derive(Debug)]
struct Incoming {
    live: LiveMessage,
    deadline: Instant,
}

impl Endpoint {
    /// Takes a request on, or answers that there is no room. Never waits.
    pub(super) fn admit(self: &Arc<Self>, live: LiveMessage) {
        let given = live.message.headers.get(protocol::TIMEOUT).and_then(parse_milliseconds);
        let deadline = live.arrived + given.unwrap_or(self.limits.timeout);
        let incoming = Incoming { live, deadline };
        let mut state = self.state();
        self.stats.under_way.fetch_add(1, Relaxed);
        if state.running < self.limits.concurrency {
            state.running += 1;
            drop(state);
            let work = Arc::clone(self).work(incoming);
            if self.blocking.is_seen() {
                let runtime = self.runtime.clone();
                self.runtime.spawn_blocking(move || runtime.block_on(work));
            } else {
                self.runtime.spawn(work);
            }
        } else if state.waiting.len() < self.limits.max_queued {
            state.waiting.push_back(incoming);
        } else {
            let rounds = state.waiting.len().div_ceil(self.limits.concurrency);
            drop(state);
            let each = Duration::from_nanos(self.stats.average_processing_time());
            let after = each.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
            let answer = Answer::busy(after.clamp(SHORTEST_RETRY, LONGEST_RETRY));
            let (endpoint, reply) = (Arc::clone(self), incoming.live.reply);
            // Sending may wait for room in the queue of the connection.
            tokio::spawn(async move { endpoint.send(reply, answer).await });
        }
    }

    /// Handles a request, and then those that wait.
    async fn work(self: Arc<Self>, mut incoming: Incoming) {
        loop {
            self.handle(incoming).await;
            let mut state = self.state();
            match state.waiting.pop_front() {
                Some(next) => incoming = next,
                None => {
                    state.running -= 1;
                    drop(state);
                    self.changed.send_replace(());
                    return;
                }
            }
        }
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.state().running == 0
    }

    async fn handle(&self, Incoming { live, deadline }: Incoming) {
        let id = live.message.headers.get(Headers::ID).unwrap_or_default();
        let span = tracing::info_span!("answer", subject = %live.message.subject, id);
        let answer = self.answer(&live, deadline).instrument(span).await;
        if let (Outcome::Failed, Some((code, text))) = (answer.outcome, &answer.error) {
            tracing::warn!(request = self.route.event_type, code, error = text, "a request failed");
        }
        self.send(live.reply, answer).await;
    }

    async fn answer(&self, live: &LiveMessage, deadline: Instant) -> Answer {
        if *self.cut_off.borrow() {
            return Answer::unavailable(None, "the service stops");
        }
        if Instant::now() >= deadline {
            return Answer::expired("nobody waits any more; the request was not begun");
        }
        let opened = match Opened::of(&live.message, &self.route) {
            Ok(opened) => opened,
            Err(answer) => return answer,
        };
        let admission = match &self.breaker {
            None => None,
            Some(breaker) => match breaker.admit() {
                Some(admission) => Some(admission),
                None => {
                    let text = "its circuit breaker is open, as what it needs fails";
                    return Answer::unavailable(Some(breaker.closes_in()), text);
                }
            },
        };
        let begun = Instant::now();
        let answer = self.run(opened, live, deadline).await;
        self.stats.processed(begun.elapsed());
        if let Some(admission) = admission {
            let failed = matches!(answer.outcome, Outcome::Failed | Outcome::Expired);
            admission.report(failed);
        }
        answer
    }

    /// Runs the handler until it ends, or nobody waits any more.
    async fn run(&self, opened: Opened<'_>, live: &LiveMessage, deadline: Instant) -> Answer {
        // Decoding may take its time, too, where upcasts do.
        let mut work = match self.blocking.watch(|| self.route.call(opened, live, deadline, &self.bus)) {
            Ok(work) => work,
            Err(answer) => return answer,
        };
        let mut cut_off = self.cut_off.clone();
        let latest = deadline.min(Instant::now() + self.limits.timeout);
        let answer = tokio::select! {
            biased;
            answer = poll_fn(|context| self.blocking.watch(|| work.as_mut().poll(context))) => answer,
            () = async { drop(cut_off.wait_for(|cut_off| *cut_off).await) } => {
                Answer::unavailable(None, "the service stops, and its handlers have had their time")
            }
            () = sleep_until(latest) => Answer::expired("the handler took longer than anybody waits"),
        };
        discard(work);
        answer
    }

    async fn send(&self, reply: Option<String>, answer: Answer) {
        self.stats.note(&answer);
        self.stats.under_way.fetch_sub(1, Relaxed);
        // Somebody who does not wait is told nothing.
        let Some(reply) = reply else { return };
        let message = answer.message(reply, self.route.event_type, self.route.version);
        if let Err(error) = self.bus.transport().tell(&message, None).await {
            tracing::warn!(request = self.route.event_type, %error, "an answer was not sent");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave it half changed: nothing between lock and unlock panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until nothing is under way at any endpoint, but no longer than until then. Returns whether that is so.
pub(super) async fn idle(endpoints: &[Arc<Endpoint>], mut changed: watch::Receiver<()>, until: Instant) -> bool {
    let idle = async {
        while !endpoints.iter().all(|endpoint| endpoint.is_idle()) {
            if changed.changed().await.is_err() {
                pending::<()>().await;
            }
        }
    };
    timeout_at(until, idle).await.is_ok()
}

//! The requests of one type: those that run, those that wait, and those for which there is no room.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::Instrument;

use super::answer::{Answer, Outcome};
use super::replies::{Claimed, Replies};
use super::route::{Opened, PendingAnswer, Route};
use super::stats::Stats;
use crate::bus::Bus;
use crate::consumer::blocking::Blocking;
use crate::consumer::breaker::Breaker;
use crate::consumer::confine::discard;
use crate::environment::watch;
use crate::handler::{Asked, Begins};
use crate::request::protocol::parse_milliseconds;
use crate::transport::{Headers, LiveMessage, RequestFailure};

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
    /// Where the answers to idempotent commands are kept.
    pub(super) replies: Option<Arc<Replies>>,
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
        let given = live.message.headers.get(Headers::TIMEOUT).and_then(parse_milliseconds);
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
        let (answer, keeping) = self.answer(&live, deadline).instrument(span).await;
        if let (Outcome::Failed, Some((code, text))) = (answer.outcome, &answer.error) {
            let text = answer.told.as_ref().unwrap_or(text);
            tracing::warn!(request = self.route.event_type, code, error = text, "a request failed");
        }
        self.send(live.reply, answer).await;
        if let Some(keeping) = keeping {
            // It is under way for as long as it takes.
            drop(keeping.await);
        }
    }

    /// The answer to a request, and what is left of keeping it.
    async fn answer(&self, live: &LiveMessage, deadline: Instant) -> (Answer, Option<JoinHandle<()>>) {
        if *self.cut_off.borrow() {
            return (Answer::unavailable(None, "the service stops"), None);
        }
        if Instant::now() >= deadline {
            return (Answer::expired("nobody waits any more; the request was not begun"), None);
        }
        let opened = match Opened::of(&live.message, &self.route) {
            Ok(opened) => opened,
            Err(answer) => return (answer, None),
        };
        let admission = match &self.breaker {
            None => None,
            Some(breaker) => match breaker.admit() {
                Some(admission) => Some(admission),
                None => {
                    let text = "its circuit breaker is open, as what it needs fails";
                    return (Answer::unavailable(Some(breaker.closes_in()), text), None);
                }
            },
        };
        let begun = Instant::now();
        let own = begun + self.limits.timeout;
        let (answer, keeping) = self.run(opened, live, deadline, own).await;
        // What no handler ran for says nothing of handlers.
        if !answer.has_run {
            return (answer, keeping);
        }
        self.stats.processed(begun.elapsed());
        let failed = match answer.outcome {
            Outcome::Replied | Outcome::Refused => Some(false),
            Outcome::Failed => Some(true),
            // That somebody waits for a short time only says nothing of what the handler needs.
            Outcome::Expired => (own <= deadline).then_some(true),
            Outcome::Invalid | Outcome::Busy => None,
        };
        if let (Some(admission), Some(failed)) = (admission, failed) {
            admission.report(failed);
        }
        (answer, keeping)
    }

    /// Runs the handler until it ends, but no longer than until its own time is over, or nobody waits any more. The answer to a request
    /// that somebody may repeat is of use after that.
    async fn run(
        &self,
        opened: Opened<'_>,
        live: &LiveMessage,
        deadline: Instant,
        own: Instant,
    ) -> (Answer, Option<JoinHandle<()>>) {
        let kept = self.replies.as_ref().and_then(|replies| Some((replies, Route::id_of(&live.message)?)));
        let latest = if kept.is_some() { own } else { deadline.min(own) };
        let begins = kept.is_some().then(Arc::<OnceLock<Begins>>::default);
        let (asked, data) = (Asked { deadline: latest, begins: begins.clone() }, opened.data);
        // Decoding may take its time, too, where upcasts do.
        let work = match self.blocking.watch(|| self.route.call(opened, live, &asked, &self.bus)) {
            Ok(work) => work,
            Err(answer) => return (answer, None),
        };
        let Some((replies, id)) = kept else { return (self.work_on(work, latest).await, None) };
        let claim = match replies.claim(&self.route, &id, data, deadline, self.cut_off.clone()).await {
            Claimed::Ours(claim) => claim,
            Claimed::Answered(answer) => return (answer, None),
        };
        let Begins { latest, .. } = claim.begins;
        if let Some(begins) = begins {
            // Nobody has set it before.
            let _ = begins.set(claim.begins);
        }
        let answer = self.work_on(work, latest).await;
        let keeping = replies.keep(claim, &answer, deadline).await;
        (answer, keeping)
    }

    /// Runs a handler that was given its request.
    async fn work_on(&self, mut work: PendingAnswer, latest: Instant) -> Answer {
        let mut cut_off = self.cut_off.clone();
        let answer = tokio::select! {
            biased;
            answer = poll_fn(|context| self.blocking.watch(|| work.as_mut().poll(context))) => answer,
            () = async { drop(cut_off.wait_for(|cut_off| *cut_off).await) } => {
                // It was begun, so nobody may take it for something that can be asked again.
                Answer::failed("the service stopped before the handler had ended; it may be done or not").cut_off()
            }
            () = sleep_until(latest) => {
                Answer::expired("the handler took longer than somebody waits, or than the service allows").cut_off()
            }
        };
        discard(work);
        Answer { has_run: true, ..answer }
    }

    async fn send(&self, reply: Option<String>, mut answer: Answer) {
        // Somebody who does not wait is told nothing. The server guards no reply: one could be named that we may publish to, and who
        // asks may not.
        let reply = reply.filter(|reply| !reply.starts_with('$'));
        while let Some(reply) = &reply {
            let message = answer.message(reply.clone(), self.route.event_type, self.route.version);
            match self.bus.transport().tell(&message, None).await {
                Err(RequestFailure::TooLarge { size, limit }) if !answer.payload.is_empty() => {
                    answer = Answer::failed(format!("the answer has {size} bytes, and the server takes {limit}"));
                }
                Err(error) => {
                    tracing::warn!(request = self.route.event_type, %error, "an answer was not sent");
                    break;
                }
                Ok(()) => break,
            }
        }
        self.stats.note(&answer);
        self.stats.under_way.fetch_sub(1, Relaxed);
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

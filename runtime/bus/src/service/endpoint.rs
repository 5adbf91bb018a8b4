//! The requests of one type: those that run, those that wait, and those for which there is no room.

use std::future::{pending, poll_fn};
use std::iter;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::Instrument;

use super::address::may_answer;
use super::answer::{Answer, Outcome};
use super::replies::{Claimed, Replies};
use super::route::{Opened, PendingAnswer, Route};
use super::slots::{Entry, Slots};
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

/// The requests of one type.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) route: Route,
    /// What tools need to hold it against a catalogue.
    pub(super) metadata: Value,
    /// How long a handler may take.
    pub(super) timeout: Duration,
    pub(super) breaker: Option<Arc<Breaker>>,
    /// Where the answers to idempotent commands are kept.
    pub(super) replies: Option<Arc<Replies>>,
    pub(super) stats: Arc<Stats>,
    pub(super) blocking: Blocking,
    pub(super) bus: Bus,
    /// The name of the service.
    pub(super) service: Arc<str>,
    /// Where handlers run.
    pub(super) runtime: Handle,
    /// True from when the shutdown has taken too long.
    pub(super) cut_off: watch::Receiver<bool>,
    pub(super) slots: Slots<Incoming>,
    /// Notifies whoever waits until nothing is under way.
    pub(super) changed: watch::Sender<()>,
}

/// A request that came, and until when somebody waits for the answer.
#[derive(Debug)]
pub(super) struct Incoming {
    live: LiveMessage,
    deadline: Instant,
    /// Whether it waited for a slot.
    has_waited: bool,
}

impl Endpoint {
    /// Takes a request on, or answers that there is no room. Never waits.
    pub(super) fn admit(self: &Arc<Self>, live: LiveMessage) {
        let given = live.message.headers.get(Headers::TIMEOUT).and_then(parse_milliseconds);
        let deadline = live.arrived + given.unwrap_or(self.timeout);
        self.stats.under_way.fetch_add(1, Relaxed);
        // Who waits behind more than can be done in time is told so while there is time to ask elsewhere.
        let is_in_time = |ahead: usize| Instant::now() + self.time_behind(ahead) <= deadline;
        match self.slots.enter(Incoming { live, deadline, has_waited: false }, is_in_time) {
            Entry::Begins(incoming) => self.begin(incoming),
            Entry::Waits => {}
            Entry::Full(Incoming { live, .. }, ahead) => {
                let (endpoint, answer) = (Arc::clone(self), self.busy(ahead));
                // Sending may wait for room in the queue of the connection.
                tokio::spawn(async move {
                    let code = endpoint.send(live.reply, answer).await;
                    // Here no observer may keep the connection waiting.
                    let runtime = endpoint.runtime.clone();
                    runtime.spawn(async move { endpoint.tell(code, live.arrived) });
                });
            }
        }
    }

    /// How long it takes until a request is done before which so many wait: that what runs ends, that they have their turns, and its own
    /// run.
    fn time_behind(&self, ahead: usize) -> Duration {
        let turns = u32::try_from(ahead / self.slots.concurrency() + 1).unwrap_or(u32::MAX);
        self.stats.recent_processing_time().saturating_mul(turns).saturating_add(self.time_of_run())
    }

    /// How long a run takes, and a quarter of that: what ends at the last moment comes too late as often as not.
    fn time_of_run(&self) -> Duration {
        let recent = self.stats.recent_processing_time();
        recent.saturating_add(recent / 4)
    }

    fn busy(&self, ahead: usize) -> Answer {
        let rounds = u32::try_from(ahead.div_ceil(self.slots.concurrency())).unwrap_or(u32::MAX);
        let after = self.stats.recent_processing_time().saturating_mul(rounds);
        Answer::busy(after.clamp(SHORTEST_RETRY, LONGEST_RETRY))
    }

    /// Begins with a request that has a slot.
    fn begin(self: &Arc<Self>, incoming: Incoming) {
        let work = Arc::clone(self).work(incoming);
        if self.blocking.is_seen() {
            let runtime = self.runtime.clone();
            self.runtime.spawn_blocking(move || runtime.block_on(work));
        } else {
            self.runtime.spawn(work);
        }
    }

    /// Passes a slot on. Returns the request that has it next, if one waited.
    fn next(&self) -> Option<Incoming> {
        self.slots.pass_on().map(|next| Incoming { has_waited: true, ..next })
    }

    /// Handles a request, and then those that wait.
    async fn work(self: Arc<Self>, mut incoming: Incoming) {
        loop {
            let mut seat = Seat { endpoint: &self, is_aside: false };
            self.handle(incoming, &mut seat).await;
            match seat.leave() {
                Some(next) => incoming = next,
                None => break,
            }
        }
        self.changed.send_replace(());
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.slots.is_idle()
    }

    async fn handle(&self, incoming: Incoming, seat: &mut Seat<'_>) {
        let live = &incoming.live;
        let id = live.message.headers.get(Headers::ID).unwrap_or_default();
        let span =
            self.open(live).unwrap_or_else(|| tracing::info_span!("answer", subject = %live.message.subject, id));
        let own = span.clone();
        let (answer, keeping) = self.answer(&incoming, seat).instrument(span).await;
        if let (Outcome::Failed, Some((code, text))) = (answer.outcome, &answer.error) {
            let text = answer.told.as_ref().unwrap_or(text);
            tracing::warn!(request = self.route.event_type, code, error = text, "a request failed");
        }
        self.close(&own, &answer);
        let code = self.send(incoming.live.reply, answer).await;
        self.tell(code, incoming.live.arrived);
        if let Some(keeping) = keeping {
            // It is under way for as long as it takes.
            drop(keeping.await);
        }
    }

    /// The answer to a request, and what is left of keeping it.
    async fn answer(&self, incoming: &Incoming, seat: &mut Seat<'_>) -> (Answer, Option<JoinHandle<()>>) {
        let Incoming { live, deadline, has_waited } = incoming;
        if *self.cut_off.borrow() {
            return (Answer::unavailable(None, "the service stops"), None);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return (Answer::expired("nobody waits any more; the request was not begun"), None);
        }
        // Begun, it would be cut off. What is kept goes on, and is there for who asks again.
        if *has_waited && self.replies.is_none() && left < self.time_of_run() {
            return (self.busy(0), None);
        }
        // A consumer delivers what is stored to any subject that it names, and its acks are no inbox: nobody asked for this.
        if live.reply.as_deref().is_some_and(|reply| !self.may_answer(reply)) {
            return (Answer::error(Outcome::Invalid, 400, "the reply subject is no inbox"), None);
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
        let own = Instant::now() + self.timeout;
        let (answer, keeping) = self.run(opened, live, *deadline, own, seat).await;
        // What no handler ran for says nothing of handlers.
        if !answer.has_run {
            return (answer, keeping);
        }
        let failed = match answer.outcome {
            Outcome::Replied | Outcome::Refused => Some(false),
            Outcome::Failed => Some(true),
            // That somebody waits for a short time only says nothing of what the handler needs.
            Outcome::Expired => (own <= *deadline).then_some(true),
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
        seat: &mut Seat<'_>,
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
        // Who waits for another's answer takes no slot from those that could be begun.
        let claimed = replies.claim(&self.route, &id, data, deadline, self.cut_off.clone(), || seat.step_aside()).await;
        let claim = match claimed {
            Claimed::Ours(claim) => claim,
            Claimed::Answered(answer) => return (answer, None),
        };
        let Begins { latest, .. } = claim.begins;
        if !seat.come_back(latest.min(deadline)).await {
            replies.give_back(claim).await;
            return (self.busy(0), None);
        }
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
        let (begun, mut cut_off) = (Instant::now(), self.cut_off.clone());
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
        // One that was cut off may have taken any time.
        self.stats.processed(begun.elapsed(), answer.outcome != Outcome::Expired);
        Answer { has_run: true, ..answer }
    }

    fn may_answer(&self, reply: &str) -> bool {
        may_answer(reply, iter::once(&self.route))
    }

    /// Sends an answer, and returns its code.
    async fn send(&self, reply: Option<String>, mut answer: Answer) -> u16 {
        // Somebody who does not wait is told nothing.
        let reply = reply.filter(|reply| self.may_answer(reply));
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
        answer.code()
    }
}

/// The slot of a request that is handled.
struct Seat<'a> {
    endpoint: &'a Arc<Endpoint>,
    /// Whether it was given up for a while.
    is_aside: bool,
}

impl Seat<'_> {
    /// Gives the slot to another as long as this one only waits. Does nothing if too many wait so.
    fn step_aside(&mut self) {
        if !self.is_aside && self.endpoint.slots.step_aside() {
            self.is_aside = true;
            if let Some(next) = self.endpoint.next() {
                self.endpoint.begin(next);
            }
        }
    }

    /// Has a slot again, if there is one in time.
    async fn come_back(&mut self, latest: Instant) -> bool {
        self.is_aside = self.is_aside && !self.endpoint.slots.come_back(latest).await;
        !self.is_aside
    }

    /// Is done. Returns what has the slot next.
    fn leave(self) -> Option<Incoming> {
        match self.is_aside {
            true => {
                self.endpoint.slots.leave();
                None
            }
            false => self.endpoint.next(),
        }
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

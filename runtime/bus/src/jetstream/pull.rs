//! Reading from a durable consumer by pull requests of our own.
//!
//! The client's stream of messages fetches ahead as it sees fit, into a buffer that nobody sees. What waits there while
//! handlers take long gets no in-progress ack, is delivered again, and runs twice. Here the caller says how many messages
//! are to be on their way, so everything fetched is in its hands at once. (The protocol: NATS ADR-37.)

mod back;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, StatusCode};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::ack::{AckReply, ReplyAcker, parse_reply};
use super::client::{ASK_AGAIN, JetStream, PAUSE};
use super::convert::from_nats;
use super::inbox::Inbox;
use super::life::Life;
use super::link::Link;
use super::losses::LossWatch;
use super::pinned::PinnedLease;
use super::probe::Probe;
use super::pull_limits::{PullLimits, REQUESTS, is_refusal};
use super::search::Scope;
use crate::cause::Cause;
use crate::environment::{self, of_program, watch};
use crate::settings::ConsumerSettings;
use crate::transport::{Arrival, Deliveries, Delivery, Gone, Lease, LockedOut, Unavailable};

/// After two heartbeats missed, with some grace, our pull requests are taken for lost.
const PATIENCE: Duration = Duration::from_millis(11_000);

/// What a consumer answers to a request that makes no sense.
const REFUSED: u16 = 400;
/// What all get who are not pinned.
const PIN_MISMATCH: StatusCode = StatusCode::PIN_ID_MISMATCH;

/// Reads from a durable consumer.
#[derive(Debug)]
pub(super) struct PullDeliveries {
    jetstream: Arc<JetStream>,
    stream: String,
    durable: String,
    inbox: Inbox,
    probe: Probe,
    link: watch::Receiver<Link>,
    /// How often the connection had been lost when the pull requests below were sent.
    losses: u64,
    watch: LossWatch,
    /// Messages that were asked for and have neither come nor been refused.
    outstanding: usize,
    limits: PullLimits,
    /// When to see whether the consumer is still there, unless something is received before.
    check_at: Instant,
    /// Goes off no later than there is something to do; sooner, as it is not put off each time that is.
    alarm: Pin<Box<Sleep>>,
    /// For how long the machine had been suspended when that was looked at last.
    suspended: Duration,
    /// To be reported before anything else: messages may have been lost on their way.
    gap: bool,
    /// Whether the server heard us when that was looked at last: what waits may begin once it does again, be it by an answer or by a new
    /// connection.
    was_live: bool,
    /// Of a pinned consumer: whether the pin is ours.
    pin: Option<PinnedLease>,
    /// Whether the durable consumer is still the same.
    life: Arc<Life>,
    /// What sees to that, and what gives up a pin.
    tasks: JoinSet<()>,
}

impl Deliveries for PullDeliveries {
    fn next(&mut self, want: usize) -> BoxFuture<'_, Result<Arrival, Gone>> {
        async move {
            let arrival = self.next_arrival(want).await;
            self.note_end(arrival)
        }
        .boxed()
    }

    /// A message that has arrived already, and is nothing else.
    fn arrived(&mut self) -> Option<Delivery> {
        if self.pin.is_some() {
            return None;
        }
        let message = self.inbox.arrived()?;
        if matches!(status_of(&message), None | Some(StatusCode::OK)) {
            self.outstanding = self.outstanding.saturating_sub(1);
            return self.delivery(message);
        }
        self.inbox.keep(message);
        None
    }

    fn recall(&mut self, is_holding: bool) -> BoxFuture<'_, Result<Vec<Delivery>, Gone>> {
        async move {
            let rest = self.take_back(is_holding).await;
            self.note_end(rest)
        }
        .boxed()
    }

    fn stop(&mut self) -> BoxFuture<'_, Vec<Delivery>> {
        self.leave().boxed()
    }

    fn pending(&self) -> BoxFuture<'_, Result<usize, Unavailable>> {
        self.count_pending().boxed()
    }

    fn is_live(&self) -> bool {
        let was_awake = environment::look_at_clocks() == self.suspended;
        was_awake && self.is_connected() && self.probe.is_live(Instant::now())
    }

    fn is_served(&self) -> bool {
        self.pin.as_ref().is_none_or(|pin| pin.id.is_some())
    }

    fn limit(&mut self, ack_wait: Duration) {
        self.probe.limit(ack_wait);
    }

    fn confirm(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        self.make_round_trip().boxed()
    }
}

impl PullDeliveries {
    pub(super) async fn new(jetstream: Arc<JetStream>, settings: &ConsumerSettings) -> Result<Self, Unavailable> {
        let ConsumerSettings { stream, name: durable, ordered, ack_wait, .. } = settings;
        let link = jetstream.link.clone();
        let losses = link.borrow().losses;
        let probe = Probe::new(*ack_wait, Instant::now());
        let inbox = Inbox::open(jetstream.client.clone()).await.map_err(|error| Unavailable(Cause::of(error)))?;
        let life = Arc::new(Life::new(Arc::clone(&jetstream), stream, durable, *ordered));
        let mut tasks = JoinSet::new();
        tasks.spawn_on(of_program(Arc::clone(&life).follow()), jetstream.thread.handle());
        let scope = Scope { life: Arc::clone(&life), ack_wait: *ack_wait, is_pinned: *ordered };
        Ok(Self {
            jetstream,
            stream: stream.clone(),
            durable: durable.clone(),
            inbox,
            probe,
            link,
            losses,
            watch: LossWatch::begin(scope),
            outstanding: 0,
            limits: PullLimits::new(),
            check_at: Instant::now() + PATIENCE,
            alarm: Box::pin(sleep_until(Instant::now() + PATIENCE)),
            suspended: environment::look_at_clocks(),
            gap: false,
            was_live: false,
            pin: ordered.then(|| PinnedLease::new(Instant::now())),
            life,
            tasks,
        })
    }

    /// Notes it when the durable consumer is no more.
    fn note_end<T>(&self, outcome: Result<T, Gone>) -> Result<T, Gone> {
        if matches!(outcome, Err(Gone::Deleted(_))) {
            self.life.end();
        }
        outcome
    }

    async fn next_arrival(&mut self, want: usize) -> Result<Arrival, Gone> {
        loop {
            if let Some(kept) = self.pin.as_mut().and_then(|pin| pin.held_back.take()) {
                return Ok(Arrival::Delivery(kept));
            }
            if let Some(malformed) = self.watch.found() {
                return Ok(Arrival::Malformed(malformed));
            }
            self.pull(want).await?;
            if self.pin.as_mut().is_some_and(|pin| std::mem::take(&mut pin.has_changed)) {
                return Ok(Arrival::PinChanged);
            }
            if std::mem::take(&mut self.gap) {
                return Ok(Arrival::Gap);
            }
            let is_live = self.is_live();
            if !std::mem::replace(&mut self.was_live, is_live) && is_live {
                return Ok(Arrival::Live);
            }
            let wake_at = self.wake_at();
            if let Some(earlier) = wake_at.filter(|wake_at| *wake_at < self.alarm.deadline()) {
                self.alarm.as_mut().reset(earlier);
            }
            let message = tokio::select! {
                biased;
                message = self.inbox.next() => message,
                changed = self.link.changed() => {
                    changed.map_err(|_| Gone::Deleted("the connection is closed".into()))?;
                    continue;
                }
                () = self.life.ended() => continue,
                searched = self.watch.searched() => {
                    self.watch.take(searched).await;
                    continue;
                }
                () = &mut self.alarm, if wake_at.is_some() => {
                    let now = Instant::now();
                    match wake_at {
                        Some(later) if later > now => self.alarm.as_mut().reset(later),
                        _ if self.outstanding > 0 && now >= self.check_at => self.check().await?,
                        _ => {}
                    }
                    continue;
                }
            };
            let message = message.ok_or_else(|| Gone::Deleted("the connection is closed".into()))?;
            let status = status_of(&message);
            if let Some((status, number)) = status.zip(self.inbox.number_of(&message)) {
                if status.as_u16() != REFUSED {
                    // Nobody was there to refuse it. Without pull requests that is all that tells of a deleted consumer.
                    self.probe.failed(number);
                    self.life.find().await?;
                } else {
                    self.probe.answered(number);
                    self.life.heard(self.probe.heard());
                }
                continue;
            }
            // Not for answers to what makes no sense: they say nothing of our pull requests.
            self.check_at = Instant::now() + PATIENCE;
            match status {
                None | Some(StatusCode::OK) => {
                    self.outstanding = self.outstanding.saturating_sub(1);
                    let is_new_pin = self.note_pin(&message);
                    let Some(delivery) = self.delivery(message) else { continue };
                    match &mut self.pin {
                        Some(pin) if is_new_pin => {
                            pin.held_back = Some(delivery);
                            return Ok(Arrival::PinChanged);
                        }
                        _ => return Ok(Arrival::Delivery(delivery)),
                    }
                }
                Some(PIN_MISMATCH) => {
                    self.outstanding = 0;
                    if self.pin.as_mut().and_then(|pin| pin.id.take()).is_some() {
                        return Ok(Arrival::PinChanged);
                    }
                }
                Some(StatusCode::REQUEST_TERMINATED) if is_refusal(&message) => self.limits.note_refusal(),
                Some(status) => self.handle_status(status, &message)?,
            }
        }
    }

    /// When there is something to do although nothing is received.
    fn wake_at(&self) -> Option<Instant> {
        let check_at = (self.outstanding > 0).then_some(self.check_at);
        let pin = self.pin.as_ref().filter(|pin| pin.id.is_some() && self.link.borrow().connected);
        let probe = self.is_connected().then(|| self.probe.ask_at());
        check_at.into_iter().chain(pin.map(|pin| pin.ask_at)).chain(probe).min()
    }

    /// Asks for a sign of life when it is time.
    async fn probe(&mut self) -> Result<(), Gone> {
        let now = Instant::now();
        if self.probe.ask_at() <= now && self.is_connected() {
            let number = self.probe.ask(now);
            self.inbox.ask(self.asked(), number).await.map_err(|error| Gone::Deleted(Cause::of(error)))?;
        }
        Ok(())
    }

    /// Whether a message says that the server has pinned us.
    fn note_pin(&mut self, message: &Message) -> bool {
        self.pin.as_mut().is_some_and(|pin| pin.note(message))
    }

    /// Asks for messages, so that as many are on their way as are wanted, but not for each single one.
    async fn pull(&mut self, want: usize) -> Result<(), Gone> {
        self.life.check()?;
        let Link { connected, losses, is_locked_out, .. } = *self.link.borrow_and_update();
        if is_locked_out {
            return Err(Gone::LockedOut(LockedOut(self.jetstream.config.login_timeout)));
        }
        if losses != self.losses {
            // The server forgot our requests along with the connection, and may have sent what never arrived.
            self.inbox.renew().await.map_err(|error| Gone::Deleted(Cause::of(error)))?;
            self.watch.note_loss(self.outstanding, self.pin.as_ref().is_some_and(|pin| pin.id.is_none()));
            self.losses = losses;
            self.outstanding = 0;
            self.probe.restart(Instant::now());
            self.note_gap();
            self.give_up_pin();
        }
        let suspended = environment::look_at_clocks();
        if suspended != self.suspended {
            let time = suspended.saturating_sub(self.suspended);
            tracing::warn!(
                stream = self.stream,
                consumer = self.durable,
                ?time,
                "the machine was suspended; leases have gone on"
            );
            self.suspended = suspended;
            self.probe.was_suspended(time, Instant::now());
            self.note_gap();
        }
        self.probe().await?;
        if connected {
            self.watch.search_if_due();
        }
        if connected && self.limits.is_outdated() {
            self.learn_limits().await;
        }
        let want = want.min(self.watch.allowed());
        let now = Instant::now();
        let must_ask = self.pin.as_ref().is_some_and(|pin| pin.must_ask(now));
        let has_enough = want <= self.outstanding || self.outstanding > want - want / 4;
        if !connected || has_enough && !must_ask {
            return Ok(());
        }
        for _ in 0..REQUESTS {
            let (batch, mut request) = self.limits.request(want.saturating_sub(self.outstanding));
            if let Some(pin) = &mut self.pin {
                pin.sign(&mut request, now);
            }
            let (asked, reply) = (self.asked(), self.inbox.subject().to_owned());
            let sent = self.jetstream.client.publish_with_reply(asked, reply, request.to_string().into()).await;
            sent.map_err(|error| Gone::Deleted(Cause::of(error)))?;
            self.outstanding += batch;
            if self.outstanding >= want {
                break;
            }
        }
        self.check_at = now + PATIENCE;
        Ok(())
    }

    /// Reads what one may ask for, after a pull request asked for more.
    async fn learn_limits(&mut self) {
        let Ok(Ok(Ok(info))) = timeout(ASK_AGAIN, self.life.info()).await else {
            // The requests are made again then, and perhaps refused.
            self.outstanding = self.outstanding.max(1);
            self.check_at = Instant::now() + PAUSE;
            return;
        };
        let refused = self.limits.learn(&info.config.limits);
        tracing::debug!(stream = self.stream, consumer = self.durable, limits = ?self.limits, "pull requests are limited");
        self.outstanding = self.outstanding.saturating_sub(refused);
    }

    /// Handles a status message of the server.
    fn handle_status(&mut self, status: StatusCode, message: &Message) -> Result<(), Gone> {
        let description = message.description.as_deref().unwrap_or_default();
        tracing::debug!(stream = self.stream, consumer = self.durable, %status, description, "pull request");
        let unfulfilled = message.headers.as_ref().and_then(|headers| headers.get("Nats-Pending-Messages"));
        let unfulfilled = unfulfilled.and_then(|count| count.as_str().parse::<usize>().ok());
        match (status, unfulfilled) {
            (StatusCode::IDLE_HEARTBEAT, _) => {}
            (StatusCode::REQUEST_TERMINATED, _) if is_final(description) => {
                return Err(Gone::Deleted(description.into()));
            }
            (StatusCode::TIMEOUT | StatusCode::REQUEST_TERMINATED, Some(count)) => {
                self.outstanding = self.outstanding.saturating_sub(count);
            }
            // It will be the same if asked again at once: the consumer has no leader, or too many requests.
            (
                StatusCode::TIMEOUT
                | StatusCode::REQUEST_TERMINATED
                | StatusCode::NOT_FOUND
                | StatusCode::NO_RESPONDERS,
                _,
            ) => {
                self.outstanding = self.outstanding.max(1);
                self.check_at = Instant::now() + PAUSE;
            }
            _ => return Err(Gone::Deleted(format!("{status} {description}").into())),
        }
        Ok(())
    }

    /// Nothing was received for too long. Unless the consumer is gone, our requests are, and are made again.
    async fn check(&mut self) -> Result<(), Gone> {
        self.check_at = Instant::now() + PATIENCE;
        if !self.link.borrow().connected {
            return Ok(());
        }
        self.life.find().await?;
        tracing::debug!(stream = self.stream, consumer = self.durable, "asking for messages anew");
        self.outstanding = 0;
        self.note_gap();
        Ok(())
    }

    /// Whether the connection is that over which messages were asked for.
    fn is_connected(&self) -> bool {
        let Link { connected, losses, .. } = *self.link.borrow();
        connected && losses == self.losses
    }

    /// Messages may have been lost on their way.
    fn note_gap(&mut self) {
        self.gap = true;
    }

    /// What was delivered, of all that arrived.
    fn deliveries(&mut self, arrived: Vec<Message>) -> Vec<Delivery> {
        let messages = arrived.into_iter().filter(|it| status_of(it).is_none_or(|status| status == StatusCode::OK));
        let mut deliveries = Vec::new();
        for message in messages {
            let is_new = self.note_pin(&message);
            if let Some(pin) = &mut self.pin {
                pin.has_changed |= is_new;
            }
            deliveries.extend(self.delivery(message));
        }
        deliveries
    }

    async fn count_pending(&self) -> Result<usize, Unavailable> {
        if !self.is_connected() {
            return Err(Unavailable("there is no connection".into()));
        }
        let answer = timeout(ASK_AGAIN, self.life.info()).await;
        match answer.map_err(|_| Unavailable(format!("no answer within {ASK_AGAIN:?}").into()))?? {
            Ok(info) => Ok(info.num_ack_pending.saturating_sub(self.watch.put_off_for_good())),
            Err(error) => Err(Unavailable(Cause::of(error))),
        }
    }

    /// The server handles what a connection sends in order, so its answer says that it has read all that was before.
    async fn make_round_trip(&self) -> Result<(), Unavailable> {
        self.life.info().await?.map_err(|error| Unavailable(Cause::of(error)))?;
        if self.has_pin() {
            // Otherwise the next reader would wait until the server misses us.
            self.jetstream.unpin(&self.stream, &self.durable).await?;
        }
        Ok(())
    }

    /// Whether the pin is ours for sure. Another reader's must not be taken away, as it may be at work.
    fn has_pin(&self) -> bool {
        let is_kept = |pin: &PinnedLease| pin.is_kept(Instant::now());
        self.life.is_certain() && self.is_connected() && self.pin.as_ref().is_some_and(is_kept)
    }

    /// Where to send pull requests.
    fn asked(&self) -> String {
        format!("{}.CONSUMER.MSG.NEXT.{}.{}", self.jetstream.api, self.stream, self.durable)
    }

    fn delivery(&mut self, mut message: Message) -> Option<Delivery> {
        let parsed = message.reply.as_deref().and_then(parse_reply);
        let (Some(reply), Some(AckReply { deliveries, sequence, stored })) = (message.reply.take(), parsed) else {
            tracing::warn!(stream = self.stream, "a message came that is from no consumer; ignored");
            return None;
        };
        self.watch.note_arrival(sequence);
        let lease = Lease::begun(self.probe.heard(), self.suspended);
        let acker = Arc::new(ReplyAcker { life: Arc::clone(&self.life), reply, lease });
        let message = from_nats(message);
        Some(Delivery { message, sequence, deliveries, stored, acker })
    }
}

/// The status of a message from the server itself. A stored message may carry one in its headers, too, which is its
/// producer's affair.
fn status_of(message: &Message) -> Option<StatusCode> {
    let is_stored = || message.reply.as_deref().is_some_and(|reply| parse_reply(reply).is_some());
    message.status.filter(|_| !is_stored())
}

/// Whether the server ended a pull request for a reason that does not pass.
fn is_final(description: &str) -> bool {
    ["Consumer Deleted", "Consumer is push based", "Exceeded MaxRequest"].iter().any(|end| description.starts_with(end))
}

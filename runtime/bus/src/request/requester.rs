//! Asks until there is a reply, a definite error, or no time left.

use std::borrow::Cow;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use eventsmith_event::clip::{clip, head};
use eventsmith_event::wire::Wire;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::error::RequestError;
use super::options::RequestOptions;
use super::protocol::{self, parse_milliseconds};
use super::question::Question;
use crate::config::duration::LONGEST;
use crate::environment;
use crate::observe::{self, Occurrence, SpanOf};
use crate::outgoing::{Circumstances, Sender, Unwritable};
use crate::transport::{DeniedAction, Headers, Message, PendingReply, RequestFailure, Transport};

/// How long to wait for a reply where nobody says so.
const TIMEOUT: Duration = Duration::from_secs(5);
/// For how long nobody may answer before that is an error: longer than it takes to restart a connection, so that a service which is
/// replaced by its next version is not missed.
const GRACE: Duration = Duration::from_secs(1);
/// The shortest time between two attempts.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
/// How many attempts are under way at a time: what is slow gets no faster by more.
const MOST_AT_ONCE: usize = 3;
/// The longest message of a service that an error keeps, in characters.
const LONGEST_MESSAGE: usize = 1_000;

/// How a bus asks, over whatever transport.
#[derive(Debug)]
pub(crate) struct Requester<'a> {
    pub(crate) transport: &'a dyn Transport,
    /// Under which name it asks, and who is told of it.
    pub(crate) sender: &'a Sender,
}

/// One request, on its way.
struct Asking<'a> {
    transport: &'a dyn Transport,
    message: Message,
    id: Uuid,
    started: Instant,
    deadline: Instant,
    attempts: u32,
    /// Whether to ask again is harmless where the request may be under way already.
    is_repeatable: bool,
    /// Whether an attempt is under way, or was lost when it was.
    may_be_done: bool,
    /// The attempts that may still be answered.
    pending: FuturesUnordered<PendingReply>,
}

/// The answer to a request.
struct Answer {
    message: Message,
    /// Whether it may be done although this says that it was not: by another attempt, or as a service of others means something else by
    /// a code.
    may_be_done: bool,
}

/// What an attempt came to.
enum Answered {
    Reply(Answer),
    /// A stream stores what is sent there, and says so to whoever sent it.
    Stored {
        stream: String,
    },
    /// Worth another attempt, after a while.
    Again {
        failure: RequestFailure,
        is_sent: bool,
    },
    /// Too many at once, not available, or not known there: nothing was begun.
    Later {
        reply: Answer,
        after: Option<Duration>,
        /// Whether it may get better at any time, and not within moments or never.
        for_long: bool,
    },
    TimedOut,
}

impl Requester<'_> {
    pub(crate) async fn request<Q: Question>(
        &self,
        question: &Q,
        options: &RequestOptions,
    ) -> Result<Q::Reply, RequestError<Q::Error>> {
        if self.sender.observers.is_listening() {
            return Box::pin(self.request_observed(question, options)).await;
        }
        self.request_unobserved(question, options).await
    }

    /// Asks with a span around it, whose context the request carries.
    async fn request_observed<Q: Question>(
        &self,
        question: &Q,
        options: &RequestOptions,
    ) -> Result<Q::Reply, RequestError<Q::Error>> {
        let message = question.message_type();
        let begun = Instant::now();
        let of = SpanOf { operation: "request", operation_type: "send", kind: "client", message, group: None };
        let span = observe::span(of);
        span.record("messaging.message.conversation_id", options.correlation_id.as_deref());
        let answer = self.request_unobserved(question, options).instrument(span.clone()).await;
        let error = answer.as_ref().err().map(RequestError::kind);
        if let Some(error) = error {
            observe::failed(&span, error);
        }
        let is_sent = !matches!(
            answer,
            Err(RequestError::Invalid(_)
                | RequestError::Encode { .. }
                | RequestError::InvalidTraceparent
                | RequestError::TooLarge { .. }
                | RequestError::SubjectTooLong { .. }
                | RequestError::NotConnected { .. }
                | RequestError::Closed)
        );
        self.sender.observers.tell(&Occurrence::Requested { message, error, is_sent, took: begun.elapsed() });
        answer
    }

    async fn request_unobserved<Q: Question>(
        &self,
        question: &Q,
        options: &RequestOptions,
    ) -> Result<Q::Reply, RequestError<Q::Error>> {
        let subject = question.address()?;
        let kind = question.message_type();
        let id = options.id.unwrap_or_else(environment::new_id);
        let circumstances = Circumstances {
            sender: self.sender,
            id,
            correlation_id: options.correlation_id.as_deref(),
            causation_id: options.causation_id.as_deref(),
            metadata: &options.metadata,
            traceparent: options.traceparent.as_deref(),
            tracestate: options.tracestate.as_deref(),
        };
        let message = circumstances.message(Wire::Plain, (kind.name, kind.version), subject, question.data());
        let message = message.map_err(|unwritable| match unwritable {
            Unwritable::Encode(source) => RequestError::Encode { request_type: kind.name, source },
            Unwritable::Traceparent => RequestError::InvalidTraceparent,
        })?;
        if self.sender.observers.is_listening() {
            let span = Span::current();
            span.record("messaging.destination.name", &*message.subject);
            span.record("messaging.message.id", message.headers.get(Headers::ID));
        }
        let started = Instant::now();
        let asking = Asking {
            transport: self.transport,
            message,
            id,
            started,
            deadline: started + options.timeout.unwrap_or(TIMEOUT).min(LONGEST),
            attempts: 0,
            is_repeatable: question.is_repeatable(),
            may_be_done: false,
            pending: FuturesUnordered::new(),
        };
        let subject = asking.message.subject.clone();
        let answer = asking.ask().await?;
        read(question, subject, &answer)
    }
}

impl Asking<'_> {
    async fn ask<E>(mut self) -> Result<Answer, RequestError<E>> {
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(SHORTEST_PAUSE)
            .with_max_delay(Duration::from_secs(1))
            .with_jitter()
            .with_jitter_seed(environment::random())
            .without_max_times()
            .build();
        loop {
            self.attempts += 1;
            let answered = match self.send().await {
                Ok(()) => self.wait().await,
                Err(failure) => Answered::Again { failure, is_sent: false },
            };
            let pause = delays.next().unwrap_or_default();
            let next = match answered {
                Answered::Reply(reply) => return Ok(reply),
                Answered::Stored { stream } => {
                    return Err(RequestError::Stored { subject: self.message.subject, stream, id: self.id });
                }
                Answered::TimedOut if Instant::now() >= self.deadline => return Err(self.timed_out()),
                // The service may have been lost with the request. Both may be answered now.
                Answered::TimedOut => Instant::now(),
                Answered::Later { reply, after, for_long } => {
                    // Of two instances each is as likely to be the next, so that many tries find the right one.
                    let pause = if for_long { after.unwrap_or_default().max(pause) } else { SHORTEST_PAUSE };
                    let next = Instant::now() + pause;
                    let is_worth_it = for_long || next.duration_since(self.started) < GRACE;
                    if next >= self.deadline || !is_worth_it {
                        // An earlier attempt may have found a better place.
                        return match self.reply_until(self.deadline).await {
                            Some(reply) => Ok(reply),
                            None if self.may_be_done => Err(self.timed_out()),
                            None => Ok(reply),
                        };
                    }
                    next
                }
                Answered::Again { failure, is_sent } => {
                    let next = Instant::now() + pause;
                    if !self.is_worth_another(&failure, next) {
                        return Err(self.failed(failure, is_sent));
                    }
                    if is_sent {
                        self.note(&failure);
                    }
                    next
                }
            };
            tracing::debug!(id = %self.id, subject = %self.message.subject, attempts = self.attempts, "asking again");
            if let Some(reply) = self.reply_until(next).await {
                return Ok(reply);
            }
            sleep_until(next).await;
        }
    }

    /// The reply to an attempt that is under way, if it comes in time.
    async fn reply_until(&mut self, until: Instant) -> Option<Answer> {
        while let Ok(Some(reply)) = timeout_at(until, self.pending.next()).await {
            match reply.map(|reply| self.answered(reply)) {
                Ok(Answered::Reply(reply)) => return Some(reply),
                // It is not known whether that one was begun by a service as well.
                Ok(Answered::Stored { .. }) => self.may_be_done = true,
                Ok(_) => {}
                Err(failure) => self.note(&failure),
            }
        }
        None
    }

    /// An attempt was lost, perhaps with whoever was at work.
    fn note(&mut self, failure: &RequestFailure) {
        self.may_be_done |= !matches!(failure, RequestFailure::NoResponders);
    }

    /// Sends the request once more, with the time that is left.
    async fn send(&mut self) -> Result<(), RequestFailure> {
        let sent = timeout_at(self.deadline, self.transport.request(&self.message, self.deadline)).await;
        let not_sent = || RequestFailure::NotSent("there was no connection in time".into());
        self.pending.push(sent.unwrap_or_else(|_| Err(not_sent()))?);
        Ok(())
    }

    /// Waits for the first answer to any attempt: where to ask again is harmless, for half of the time that is left.
    async fn wait(&mut self) -> Answered {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let patience = if self.is_repeatable && self.pending.len() < MOST_AT_ONCE { left / 2 } else { left };
        // Towards the end to ask again helps nobody.
        let patience = if patience < Duration::from_millis(50) { left } else { patience };
        let until = Instant::now() + patience;
        loop {
            match timeout_at(until, self.pending.next()).await {
                Err(_) => {
                    self.may_be_done = true;
                    return Answered::TimedOut;
                }
                Ok(Some(Ok(reply))) => return self.answered(reply),
                // Another attempt may be answered all the same.
                Ok(Some(Err(failure))) if self.pending.is_empty() => {
                    return Answered::Again { failure, is_sent: true };
                }
                Ok(Some(Err(failure))) => self.note(&failure),
                Ok(None) => return Answered::TimedOut,
            }
        }
    }

    fn is_worth_another(&self, failure: &RequestFailure, next: Instant) -> bool {
        let is_in_time = next < self.deadline;
        match failure {
            RequestFailure::NoResponders => is_in_time && next.duration_since(self.started) < GRACE,
            RequestFailure::Lost(_) => is_in_time && self.is_repeatable,
            // Whoever sends waits for a connection already.
            RequestFailure::NotSent(_)
            | RequestFailure::Denied(_)
            | RequestFailure::TooLarge { .. }
            | RequestFailure::SubjectTooLong { .. }
            | RequestFailure::Closed => false,
        }
    }

    fn failed<E>(&self, failure: RequestFailure, is_sent: bool) -> RequestError<E> {
        let (subject, id) = (self.message.subject.clone(), self.id);
        match failure {
            RequestFailure::Denied(denied) if is_sent && denied.action != DeniedAction::Publish => {
                RequestError::ReplyDenied { subject, id, denied }
            }
            // What came of this attempt says nothing of those before it.
            _ if self.may_be_done => RequestError::ConnectionLost { subject, id },
            RequestFailure::NoResponders => RequestError::NoResponders { subject },
            RequestFailure::NotSent(reason) => RequestError::NotConnected { subject, reason },
            RequestFailure::Lost(_) => RequestError::ConnectionLost { subject, id },
            RequestFailure::Denied(denied) => RequestError::Denied(denied),
            RequestFailure::TooLarge { size, limit } => RequestError::TooLarge { subject, size, limit },
            RequestFailure::SubjectTooLong { size, limit } => {
                RequestError::SubjectTooLong { subject: clip(subject.into_owned()), size, limit }
            }
            RequestFailure::Closed if is_sent => RequestError::ConnectionLost { subject, id },
            RequestFailure::Closed => RequestError::Closed,
        }
    }

    /// Whether a reply is worth another attempt.
    fn answered(&self, reply: Message) -> Answered {
        let after = reply.headers.get(protocol::RETRY_AFTER).and_then(parse_milliseconds);
        // Services of others may mean something else by the same code.
        let is_ours = reply.headers.get(Headers::TYPE).is_some();
        let code = reply.headers.service_error().map(|(code, _)| code);
        if !is_ours
            && code.is_none()
            && let Some(stream) = protocol::stored_in(&reply.payload)
        {
            return Answered::Stored { stream };
        }
        let was_begun = !is_ours || !code.is_some_and(protocol::says_that_nothing_was_begun);
        let may_be_done = was_begun || self.may_be_done || !self.pending.is_empty();
        let reply = Answer { message: reply, may_be_done };
        match code {
            Some(protocol::BUSY | protocol::UNAVAILABLE) if self.is_repeatable || is_ours => {
                Answered::Later { reply, after, for_long: true }
            }
            // While a service is replaced by its next version, both are there.
            Some(protocol::UNKNOWN) if is_ours => Answered::Later { reply, after, for_long: false },
            _ => Answered::Reply(reply),
        }
    }

    fn timed_out<E>(&self) -> RequestError<E> {
        RequestError::TimedOut {
            subject: self.message.subject.clone(),
            id: self.id,
            attempts: self.attempts,
            elapsed: self.started.elapsed(),
        }
    }
}

/// Reads the reply, or why there is none.
fn read<Q: Question>(
    question: &Q,
    subject: Cow<'static, str>,
    answer: &Answer,
) -> Result<Q::Reply, RequestError<Q::Error>> {
    let Answer { message: reply, may_be_done } = answer;
    match reply.headers.service_error() {
        None => question.reply(&reply.payload).map_err(RequestError::InvalidReply),
        Some((protocol::REFUSED, _)) if !reply.payload.is_empty() => match question.refusal(&reply.payload) {
            Ok(refusal) => Err(RequestError::Refused(refusal)),
            Err(invalid) => Err(RequestError::InvalidReply(invalid)),
        },
        Some((code, text)) => Err(RequestError::Failed {
            subject,
            code,
            message: head(LONGEST_MESSAGE, text.unwrap_or("without a message")),
            retry_after: reply.headers.get(protocol::RETRY_AFTER).and_then(parse_milliseconds),
            may_be_done: *may_be_done,
        }),
    }
}

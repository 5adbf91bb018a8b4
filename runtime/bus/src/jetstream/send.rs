//! One attempt to store one message, or a batch of them.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_nats::client::PublishErrorKind;
use async_nats::jetstream::Error as ServerError;
use async_nats::{StatusCode, Subject};
use bytes::Bytes;
use futures_util::FutureExt;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::acks::Reply;
use super::client::{ASK_AGAIN, AskFailure, JetStream, passes};
use super::convert::WritableHeaders;
use super::outbox::{Outbound, Parcel};
use super::silence;
use super::stored::Expectation;
use crate::cause::Cause;
use crate::transport::{DeniedAction, Headers, Message, PendingAck, PublishAck, SendFailure, check_subject};

/// The server's code for a stream, or a subject of it, that does not end where the publisher expects.
const WRONG_LAST_SEQUENCE: u64 = 10071;

/// What the server answers to what was published.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    error: Option<ServerError>,
    #[serde(default)]
    stream: String,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    /// The JetStream domain of the server that stored it.
    #[serde(default)]
    domain: String,
}

/// An ack to come.
#[derive(Debug)]
struct Ack {
    jetstream: Arc<JetStream>,
    deadline: Instant,
    sent: Sent,
    /// The messages of a batch before this one. Their acknowledgements are empty unless one was refused.
    before: Vec<Sent>,
}

/// A message on its way.
#[derive(Debug)]
struct Sent {
    subject: Cow<'static, str>,
    expected: Option<Expectation>,
    reply: oneshot::Receiver<Reply>,
}

pub(super) async fn send(jetstream: &Arc<JetStream>, message: &Message) -> Result<PendingAck, SendFailure> {
    let deadline = Instant::now() + jetstream.config.ack_timeout;
    let headers = WritableHeaders::of(&message.headers).ok_or_else(bad_header)?;
    jetstream.connected(deadline).await?;
    let sent = jetstream.write(message, headers, deadline).await?;
    Ok(Ack { jetstream: Arc::clone(jetstream), deadline, sent, before: Vec::new() }.resolve().boxed())
}

/// Sends several messages over one connection.
pub(super) async fn send_all(
    jetstream: &Arc<JetStream>,
    messages: Vec<&Message>,
) -> Vec<Result<PendingAck, SendFailure>> {
    let deadline = Instant::now() + jetstream.config.ack_timeout;
    let mut results: Vec<Result<PendingAck, SendFailure>> = Vec::with_capacity(messages.len());
    // Without a connection each fails as if it were sent alone.
    for _ in &messages {
        match jetstream.connected(deadline).await {
            Ok(()) if results.is_empty() => break,
            Ok(()) => results.push(Err(lost())),
            Err(failure) => results.push(Err(failure)),
        }
    }
    if !results.is_empty() {
        return results;
    }
    let losses = jetstream.link.borrow().losses;
    let limit = jetstream.client.server_info().max_payload;
    let mut outbound = Vec::with_capacity(messages.len());
    for message in messages {
        let fitting = WritableHeaders::of(&message.headers).ok_or_else(bad_header).and_then(|headers| {
            check_limits(message, &message.headers, limit)?;
            jetstream.make_out(message, headers)
        });
        results.push(fitting.map(|(out, sent)| {
            outbound.push(out);
            let ack = Ack { jetstream: Arc::clone(jetstream), deadline, sent, before: Vec::new() };
            ack.resolve().boxed()
        }));
    }
    // Those who began to wait for acks after the connection was lost would not learn it.
    if jetstream.link.borrow().losses != losses {
        results.iter_mut().filter(|result| result.is_ok()).for_each(|result| *result = Err(lost()));
        return results;
    }
    jetstream.outbox.send(Parcel { losses, deadline, messages: outbound });
    results
}

/// Sends messages that are stored all or none, each as it is but for the headers of the batch.
pub(super) async fn send_batch(
    jetstream: &Arc<JetStream>,
    messages: &[Message],
    id: &str,
) -> Result<PendingAck, SendFailure> {
    let deadline = Instant::now() + jetstream.config.ack_timeout;
    let info = jetstream.client.server_info();
    // 2.12.0 takes batches, but no ids in them: after a lost acknowledgement they could be stored twice.
    if !jetstream.client.is_server_compatible(2, 12, 1) {
        return Err(SendFailure::AtomicUnsupported { server: info.version });
    }
    let mut headers = Vec::with_capacity(messages.len());
    for (message, number) in messages.iter().zip(1..) {
        let mut all = message.headers.clone();
        all.push("Nats-Batch-Id", id);
        all.push("Nats-Batch-Sequence", number.to_string());
        if number == messages.len() {
            all.push("Nats-Batch-Commit", "1");
        }
        // Found later, it would leave the server with half a batch.
        check_limits(message, &all, info.max_payload)?;
        headers.push(WritableHeaders::of(&all).ok_or_else(bad_header)?);
    }
    jetstream.connected(deadline).await?;
    let mut before = Vec::with_capacity(messages.len());
    for (message, headers) in messages.iter().zip(headers) {
        before.push(jetstream.write(message, headers, deadline).await?);
    }
    match before.pop() {
        Some(sent) => Ok(Ack { jetstream: Arc::clone(jetstream), deadline, sent, before }.resolve().boxed()),
        None => Err(SendFailure::Refused { code: None, reason: "the batch is empty".into() }),
    }
}

impl JetStream {
    /// Waits for a connection. What waits in the client's queue while there is none is sent whenever there is one again,
    /// perhaps after the duplicate window, so nothing is queued there; those who wait here are counted.
    pub(super) async fn connected(&self, deadline: Instant) -> Result<(), SendFailure> {
        {
            let link = self.link.borrow();
            if link.connected && !link.closed {
                return Ok(());
            }
        }
        let _slot = QueueSlot::take(&self.queued, self.config.max_queued)?;
        let mut link = self.link.clone();
        match timeout_at(deadline, link.wait_for(|link| link.connected || link.closed)).await {
            Ok(Ok(link)) if !link.closed => Ok(()),
            Ok(_) => Err(SendFailure::Closed),
            Err(_) => Err(SendFailure::Transient("there is no connection".into())),
        }
    }

    /// A message as the client takes it, and who waits for its ack.
    fn make_out(&self, message: &Message, headers: WritableHeaders) -> Result<(Outbound, Sent), SendFailure> {
        check_subject(&message.subject)?;
        let subject = subject_of(message);
        let (reply, receiver) = self.acks.expect(&subject).map_err(SendFailure::Denied)?;
        let sent = Sent { subject: Cow::clone(&message.subject), expected: Expectation::of(message), reply: receiver };
        Ok((Outbound { subject, reply, headers, payload: Bytes::clone(&message.payload) }, sent))
    }

    async fn write(&self, message: &Message, headers: WritableHeaders, deadline: Instant) -> Result<Sent, SendFailure> {
        let (Outbound { subject, reply, headers, payload }, sent) = self.make_out(message, headers)?;
        let publish = self.client.publish_with_reply_and_headers(subject, reply, headers.make(), payload);
        match timeout_at(deadline, publish).await {
            Ok(Ok(())) => Ok(sent),
            Ok(Err(error)) => Err(match error.kind() {
                PublishErrorKind::MaxPayloadExceeded => SendFailure::TooLarge {
                    size: message.headers.size() + message.payload.len(),
                    limit: self.client.server_info().max_payload,
                },
                _ if self.link.borrow().closed => SendFailure::Closed,
                _ => SendFailure::Refused { code: None, reason: Cause::of(error) },
            }),
            Err(_) => Err(SendFailure::Transient(format!("not sent within {:?}", self.config.ack_timeout).into())),
        }
    }

    /// Nobody listens on the subject. Either there is no stream, or there is one that has no leader at the moment.
    async fn nobody_there(&self, subject: &str) -> SendFailure {
        let silent = |reason: Cause| {
            SendFailure::Transient(Cause::about("nobody listens there, and JetStream is silent", reason))
        };
        match timeout(ASK_AGAIN, self.try_find_streams(subject)).await {
            Ok(Ok(streams)) if streams.is_empty() => SendFailure::NoStream,
            Ok(Ok(_)) => SendFailure::Transient("the stream has no leader at the moment".into()),
            Ok(Err(AskFailure::NoJetStream { reason, may_pass: false })) => SendFailure::NoJetStream(reason.to_owned()),
            // Nothing can be asked over this connection.
            Ok(Err(AskFailure::Denied(denied))) if denied.action == DeniedAction::SubscribeMore => {
                SendFailure::Denied(denied)
            }
            Ok(Err(failure)) => silent(failure.to_string().into()),
            Err(_) => silent("no answer".into()),
        }
    }
}

impl Ack {
    async fn resolve(self) -> Result<PublishAck, SendFailure> {
        let Self { jetstream, deadline, sent: Sent { subject, expected, mut reply }, before } = self;
        // The same for all that were sent together, whenever each is waited for.
        let sent_at = deadline.checked_sub(jetstream.config.ack_timeout).unwrap_or(deadline);
        let soon = deadline.min(sent_at + silence::PATIENCE);
        let waited = match timeout_at(soon, &mut reply).await {
            Err(_) => tokio::select! {
                biased;
                waited = timeout_at(deadline, reply) => waited,
                stream = Box::pin(jetstream.never_acks(&subject)) => return Err(SendFailure::NoAck { stream }),
            },
            waited => waited,
        };
        let reply = match waited {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => return Err(lost()),
            Err(_) => {
                let reason = format!("no acknowledgement within {:?}", jetstream.config.ack_timeout);
                return Err(SendFailure::Transient(reason.into()));
            }
        };
        let domain = jetstream.config.domain.as_deref();
        let failure = match read(reply, domain) {
            Ok(stored) => {
                jetstream.note_answer();
                return Ok(stored);
            }
            Err(failure) => failure,
        };
        // They were answered before. The first that was refused is why the rest was.
        let refused = |Sent { subject, expected, reply }: Sent| {
            let reply = reply.now_or_never()?.ok()?;
            let is_told = reply.as_ref().map_or(true, |reply| !reply.payload.is_empty());
            is_told.then(|| Some((subject, expected, read(reply, domain).err()?))).flatten()
        };
        let (subject, expected, failure) = before.into_iter().find_map(refused).unwrap_or((subject, expected, failure));
        // What is rare and large is kept out of the future, which each message pays for.
        Err(match failure {
            Failure::Nobody => Box::pin(jetstream.nobody_there(&subject)).await,
            Failure::WrongSequence { stream, error } => {
                let asked = match expected {
                    Some(expected) => Box::pin(jetstream.last_sequence(&stream, &subject, expected)).await,
                    None => None,
                };
                match asked.or_else(|| last_told(&error)) {
                    Some(last) => SendFailure::WrongSequence { last },
                    None => refusal(error),
                }
            }
            Failure::Known(failure) => failure,
        })
    }
}

/// Why a message is not known to be stored, as far as its reply tells.
#[derive(Debug)]
enum Failure {
    /// Nobody listens on its subject.
    Nobody,
    /// Its expectation was wrong.
    WrongSequence { stream: String, error: ServerError },
    /// Anything else.
    Known(SendFailure),
}

/// What a reply says to a message for a stream of this domain.
fn read(reply: Reply, domain: Option<&str>) -> Result<PublishAck, Failure> {
    let reply = reply.map_err(|denied| match denied.action {
        // It was let in, and may be stored: only what comes back is not let out.
        DeniedAction::Subscribe => Failure::Known(SendFailure::Transient(Cause::of(denied))),
        _ => Failure::Known(SendFailure::Denied(denied)),
    })?;
    if reply.status == Some(StatusCode::NO_RESPONDERS) {
        return Err(Failure::Nobody);
    }
    match serde_json::from_slice(&reply.payload) {
        Ok(Answer { error: Some(error), stream, .. }) if error.error_code().0 == WRONG_LAST_SEQUENCE => {
            Err(Failure::WrongSequence { stream, error })
        }
        Ok(Answer { error: Some(error), .. }) => Err(Failure::Known(refusal(error))),
        Ok(Answer { error: None, stream, domain: own, .. }) if is_of_another(&stream, &own, domain) => {
            Err(Failure::Known(SendFailure::Transient(other_domain(&stream, &own, domain).into())))
        }
        Ok(Answer { error: None, stream, seq, duplicate, .. }) if !stream.is_empty() => {
            Ok(PublishAck { stream, sequence: seq, duplicate })
        }
        // Somebody else who listens on the subject answered first; what the stream did is not known.
        _ => Err(Failure::Known(SendFailure::Transient("the answer is not that of a stream".into()))),
    }
}

/// Whether a stream that answered is of another domain than the one that is meant. A message goes to all streams that capture its
/// subject, and the nearest of them answers first.
pub(super) fn is_of_another(stream: &str, own: &str, wanted: Option<&str>) -> bool {
    !stream.is_empty() && wanted.is_some_and(|wanted| wanted != own)
}

/// Why such an answer is none.
pub(super) fn other_domain(stream: &str, own: &str, wanted: Option<&str>) -> String {
    let wanted = wanted.unwrap_or_default();
    format!(
        "the stream {stream} of the domain {own:?} answered, and the setting `domain` is {wanted:?}; streams of both capture the subject, \
         so nobody knows what the other one did: let one of them have other subjects"
    )
}

fn refusal(error: ServerError) -> SendFailure {
    let code = error.error_code().0;
    if passes(&error) {
        SendFailure::Transient(Cause::of(error))
    } else {
        SendFailure::Refused { code: Some(code), reason: Cause::of(error) }
    }
}

/// The last number as the server's message has it, `wrong last sequence: 7`: for where it cannot be asked for.
fn last_told(error: &ServerError) -> Option<u64> {
    let text = error.to_string();
    text.split_once(": ")?.1.split(' ').next()?.parse().ok()
}

fn lost() -> SendFailure {
    SendFailure::Transient("the connection was lost meanwhile".into())
}

pub(super) fn bad_header() -> SendFailure {
    SendFailure::Refused { code: None, reason: "a header has a character that no header may have".into() }
}

/// Whether the server takes a message with a subject as long, and of this size with these headers.
pub(super) fn check_limits(message: &Message, headers: &Headers, limit: usize) -> Result<(), SendFailure> {
    check_subject(&message.subject)?;
    let size = headers.size() + message.payload.len();
    if size > limit { Err(SendFailure::TooLarge { size, limit }) } else { Ok(()) }
}

pub(super) fn subject_of(message: &Message) -> Subject {
    match &message.subject {
        Cow::Borrowed(subject) => Subject::from_static(subject),
        Cow::Owned(subject) => subject.as_str().into(),
    }
}

/// A slot among those who wait for a connection, given back when dropped.
struct QueueSlot<'a>(&'a AtomicUsize);

impl<'a> QueueSlot<'a> {
    fn take(queued: &'a AtomicUsize, limit: usize) -> Result<Self, SendFailure> {
        let slot = Self(queued);
        if queued.fetch_add(1, Ordering::Relaxed) >= limit { Err(SendFailure::QueueFull { limit }) } else { Ok(slot) }
    }
}

impl Drop for QueueSlot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use async_nats::Message;

    use super::*;

    #[test]
    fn only_the_answer_of_the_domain_that_is_meant_counts() {
        let read = |domain: &str, wanted: Option<&str>| {
            let payload = format!(r#"{{"stream":"S"{domain},"seq":7}}"#).into();
            let (subject, length) = (Subject::from_static("x"), 0);
            let (reply, headers, status, description) = (None, None, None, None);
            super::read(Ok(Message { subject, reply, payload, headers, status, description, length }), wanted)
        };
        let leaf = r#","domain":"leaf""#;

        assert!([read(leaf, None), read("", None), read(leaf, Some("leaf"))].iter().all(Result::is_ok));
        for (domain, own) in [(leaf, "leaf"), ("", "")] {
            let Err(Failure::Known(SendFailure::Transient(reason))) = read(domain, Some("hub")) else {
                panic!("it is taken for that of the hub")
            };
            let reason = reason.to_string();
            assert!(reason.contains(&format!("of the domain {own:?}")) && reason.contains(r#"is "hub""#), "{reason}");
        }
    }

    #[test]
    fn a_full_stream_is_no_reason_to_try_again() {
        let error = r#"{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}"#;

        let failure = refusal(serde_json::from_str(error).unwrap());

        assert!(matches!(failure, SendFailure::Refused { code: Some(10077), .. }), "{failure:?}");
    }

    #[test]
    fn the_words_of_a_refusal_count_only_where_they_end_in_a_number() {
        let told = |description: &str| {
            let error = format!(r#"{{"code":400,"err_code":10071,"description":"{description}"}}"#);
            last_told(&serde_json::from_str(&error).unwrap())
        };

        assert_eq!(told("wrong last sequence: 7"), Some(7));
        assert_eq!(told("wrong last sequence"), None);
    }

    #[test]
    fn no_more_wait_than_there_are_slots() {
        let queued = AtomicUsize::new(0);

        let one = QueueSlot::take(&queued, 1);
        assert!(one.is_ok() && matches!(QueueSlot::take(&queued, 1), Err(SendFailure::QueueFull { limit: 1 })));
        drop(one);

        assert!(QueueSlot::take(&queued, 1).is_ok());
    }
}

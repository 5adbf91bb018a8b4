//! Requests without types, and which services run: for tools.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use eventsmith_bus::bus::Bus;
use eventsmith_bus::cause::Cause;
use eventsmith_bus::transport::{Headers, Message, RequestFailure};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

/// What came back from whoever answered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RawReply {
    /// The body.
    pub payload: Bytes,
    /// Code and text, where it is an error. (ADR-32.)
    pub error: Option<(u16, String)>,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Nobody answers on the subject.
    #[error("no service answers {subject}; start the one that handles it, or see whether it may subscribe")]
    NoResponders {
        /// The subject.
        subject: String,
    },
    /// Nothing came in time.
    #[error("no reply from {subject} within {timeout:?}; it may be done or not")]
    TimedOut {
        /// The subject.
        subject: String,
        /// For how long it was waited.
        timeout: Duration,
    },
    /// It could not be asked.
    #[error("{subject} cannot be asked: {reason}")]
    Unavailable {
        /// The subject.
        subject: String,
        /// Why not.
        #[source]
        reason: Cause,
    },
}

/// What services are asked about themselves. (ADR-32.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceQuestion {
    /// Who they are.
    Ping,
    /// What they answer.
    Info,
    /// How they fare.
    Stats,
}

impl ServiceQuestion {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "PING",
            Self::Info => "INFO",
            Self::Stats => "STATS",
        }
    }

    /// What an answer says that it is. The number of the version is left out: there may be others.
    fn is_answered_by(self, answer: &Value) -> bool {
        let kind = answer.get("type").and_then(Value::as_str).unwrap_or_default();
        let verb = self.as_str().to_ascii_lowercase();
        let rest = kind.strip_prefix("io.nats.micro.").and_then(|rest| rest.strip_suffix("_response"));
        rest.and_then(|rest| rest.rsplit_once('.')).is_some_and(|(_, asked)| asked == verb)
    }
}

/// The longest that anything is waited for: clocks can add it.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);
/// How long after one answer the next may come: longer than a message takes from one region to its neighbour and back.
const SILENCE: Duration = Duration::from_millis(300);

/// The answer of each kind of question that services get, by instance. Silence ends it only where what was found is complete.
pub(crate) async fn services(
    bus: &Bus,
    question: ServiceQuestion,
    name: Option<&str>,
    limit: Duration,
    is_complete: impl Fn(&[Value]) -> bool + Send,
) -> Result<Vec<Value>, AskError> {
    let mut subject = format!("$SRV.{}", question.as_str());
    if let Some(name) = name {
        subject.push('.');
        subject.push_str(name);
    }
    let unavailable = |reason| AskError::Unavailable { subject: subject.clone(), reason };
    let transport = bus.transport();
    let inbox = transport.inbox();
    let mut answers =
        transport.subscribe(std::slice::from_ref(&inbox), None, 4_096).await.map_err(|error| unavailable(error.0))?;
    let message = Message { subject: subject.clone().into(), headers: Headers::default(), payload: Bytes::new() };
    let deadline = Instant::now() + limit.min(LONGEST);
    transport.tell(&message, Some(&inbox)).await.map_err(|error| unavailable(Cause::of(error)))?;
    let (mut found, mut until): (BTreeMap<_, Value>, _) = (BTreeMap::new(), deadline);
    loop {
        let answer = tokio::select! {
            biased;
            reason = answers.unheard() => return Err(unavailable(Cause::of(reason))),
            answer = timeout_at(until, answers.next()) => answer,
        };
        let answer = match answer {
            Ok(Some(answer)) => answer,
            // Whoever is busy answers late, and is not to be taken for missing.
            Err(_) if until < deadline && !is_complete(&found.values().cloned().collect::<Vec<_>>()) => {
                until = deadline;
                continue;
            }
            _ => break,
        };
        if answer.is_unanswered {
            break;
        }
        // Anybody may send there: what is no answer of a service counts for nothing.
        let value = serde_json::from_slice::<Value>(&answer.message.payload).ok();
        let Some(value) = value.filter(|value| question.is_answered_by(value)) else { continue };
        let text = |member: &str| value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        found.insert((text("name"), text("id")), value);
        until = deadline.min(Instant::now() + SILENCE);
    }
    // A question that is not allowed is not answered either.
    if found.is_empty() {
        let asked = async { transport.request(&message, deadline).await?.await };
        if let Ok(Err(RequestFailure::Denied(denied))) = timeout(SILENCE, asked).await {
            return Err(unavailable(Cause::of(denied)));
        }
    }
    Ok(found.into_values().collect())
}

/// Asks with a body as it is, once.
pub(crate) async fn ask(bus: &Bus, subject: &str, payload: Bytes, limit: Duration) -> Result<RawReply, AskError> {
    let message = Message { subject: subject.to_owned().into(), headers: Headers::default(), payload };
    let deadline = Instant::now() + limit.min(LONGEST);
    let owned = || subject.to_owned();
    let failed = |failure: RequestFailure| match failure {
        RequestFailure::NoResponders => AskError::NoResponders { subject: owned() },
        other => AskError::Unavailable { subject: owned(), reason: Cause::of(other) },
    };
    let pending = bus.transport().request(&message, deadline).await.map_err(failed)?;
    let Ok(reply) = timeout_at(deadline, pending).await else {
        return Err(AskError::TimedOut { subject: owned(), timeout: limit });
    };
    let Message { headers, payload, .. } = reply.map_err(failed)?;
    let error = headers.service_error().map(|(code, text)| (code, text.unwrap_or("without a message").to_owned()));
    Ok(RawReply { payload, error })
}

//! Deliberate bugs, each of which the audit must find. They are made where programs and network meet, so that the code under test
//! has none of them.

use async_nats::HeaderMap;
use async_nats::message::OutboundMessage;

/// A deliberate bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Events are acked when they arrive, not when they are handled.
    AckEarly,
    /// Naks are acks.
    AckFailures,
    /// Attempts to publish again have new ids.
    NewIds,
    /// Dead letters are stored wherever their subjects end.
    DeadLettersAnywhere,
    /// Nobody says whose pin it has, and the server pins nobody.
    NoPin,
    /// The last acks before an end are lost.
    NoTerms,
    /// Requests are claimed whoever else has.
    ClaimsOfAll,
    /// The answers to requests are not kept.
    NoAnswers,
    /// Nobody says for how long somebody waits.
    NoDeadlines,
    /// Events are appended wherever their histories end.
    AppendsAnywhere,
    /// Events do not say of which command they are.
    NoCommands,
    /// Snapshots are of what the account was at first.
    EmptySnapshots,
    /// Sagas go on wherever their histories end.
    TurnsAnywhere,
    /// Each request of a saga has an id of its own.
    NewRequestIds,
    /// Time-outs are not taken back.
    TimeOutsStay,
}

impl Mutation {
    /// Those of delivery.
    pub const OF_DELIVERY: [Self; 6] =
        [Self::AckEarly, Self::AckFailures, Self::NewIds, Self::DeadLettersAnywhere, Self::NoPin, Self::NoTerms];

    /// Those of requests.
    pub const OF_REQUESTS: [Self; 3] = [Self::ClaimsOfAll, Self::NoAnswers, Self::NoDeadlines];

    /// Those of commands.
    pub const OF_COMMANDS: [Self; 3] = [Self::AppendsAnywhere, Self::NoCommands, Self::EmptySnapshots];

    /// Those of sagas.
    pub const OF_SAGAS: [Self; 3] = [Self::TurnsAnywhere, Self::NewRequestIds, Self::TimeOutsStay];

    /// Changes a message that a program sends.
    pub fn change(self, message: &mut OutboundMessage) {
        let is_ack = message.subject.starts_with("$JS.ACK.");
        let kept = message.headers.as_ref().and_then(|headers| headers.get("Eventsmith-Kept")).map(ToString::to_string);
        match self {
            Self::ClaimsOfAll if kept.as_deref() == Some("claim") => {
                remove(message, "Nats-Expected-Last-Subject-Sequence");
            }
            Self::NoAnswers if kept.as_deref() == Some("answer") => {
                message.headers.iter_mut().for_each(|headers| headers.insert("KV-Operation", "DEL"));
            }
            Self::AppendsAnywhere if message.subject.starts_with("bank.") => {
                remove(message, "Nats-Expected-Last-Subject-Sequence");
            }
            Self::NoCommands if message.subject.starts_with("bank.") => {
                remove(message, "Eventsmith-Command");
                remove(message, "Nats-Msg-Id");
            }
            Self::EmptySnapshots if message.subject.starts_with("$KV.ACCOUNT_SNAPSHOTS.") => {
                message.payload = r#"{"booked":[]}"#.into();
            }
            Self::TurnsAnywhere if message.subject.starts_with("bank.saga.") => {
                remove(message, "Nats-Expected-Last-Subject-Sequence");
            }
            Self::TimeOutsStay if message.subject.starts_with("bank.saga.") => remove(message, "Nats-Schedule-Next"),
            Self::NewRequestIds if message.subject.starts_with("bank.command.") => renamed(message),
            Self::NoDeadlines if message.subject.starts_with("rules.") => remove(message, "Eventsmith-Timeout"),
            Self::AckFailures if is_ack && message.payload.starts_with(b"-NAK") => message.payload = "+ACK".into(),
            Self::NoTerms if is_ack && message.payload.starts_with(b"+TERM") => message.payload = "+WPI".into(),
            Self::NewIds if message.subject.starts_with("rules.domain.") => {
                if let (Some(headers), Some(reply)) = (&mut message.headers, &message.reply) {
                    headers.insert("Nats-Msg-Id", reply.as_str());
                }
            }
            Self::DeadLettersAnywhere if message.subject.starts_with("rules.dlq.") => {
                if let (Some(headers), Some(reply)) = (&mut message.headers, &message.reply) {
                    *headers = without(headers, |name| name.starts_with("Nats-"));
                    headers.insert("Nats-Msg-Id", reply.as_str());
                }
            }
            _ => {}
        }
    }
}

/// Gives a request the id of where it is answered.
fn renamed(message: &mut OutboundMessage) {
    let Some(mut envelope) = serde_json::from_slice::<serde_json::Value>(&message.payload).ok() else { return };
    let digits = message
        .reply
        .iter()
        .flat_map(|reply| reply.bytes())
        .fold(0_u64, |sum, byte| sum * 31 % 0xffff_ffff_ffff + u64::from(byte));
    envelope["id"] = format!("01999999-0000-7000-8000-{digits:012x}").into();
    message.payload = envelope.to_string().into();
}

fn remove(message: &mut OutboundMessage, header: &str) {
    if let Some(headers) = &mut message.headers {
        *headers = without(headers, |name| name == header);
    }
}

fn without(headers: &HeaderMap, is_left_out: impl Fn(&str) -> bool) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, values) in headers.iter().filter(|(name, _)| !is_left_out(name.as_ref())) {
        values.iter().for_each(|value| kept.append(name.clone(), value.clone()));
    }
    kept
}

//! Deliberate bugs, each of which the audit must find. They are made where programs and network meet, so that the code under test
//! has none of them.

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
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::AckEarly, Self::AckFailures, Self::NewIds, Self::DeadLettersAnywhere, Self::NoPin, Self::NoTerms];

    /// Changes a message that a program sends.
    pub fn change(self, message: &mut OutboundMessage) {
        let is_ack = message.subject.starts_with("$JS.ACK.");
        match self {
            Self::AckFailures if is_ack && message.payload.starts_with(b"-NAK") => message.payload = "+ACK".into(),
            Self::NoTerms if is_ack && message.payload.starts_with(b"+TERM") => message.payload = "+WPI".into(),
            Self::NewIds if message.subject.starts_with("rules.domain.") => {
                if let (Some(headers), Some(reply)) = (&mut message.headers, &message.reply) {
                    headers.insert("Nats-Msg-Id", reply.as_str());
                }
            }
            Self::DeadLettersAnywhere if message.subject.starts_with("rules.dlq.") => {
                if let (Some(headers), Some(reply)) = (&mut message.headers, &message.reply) {
                    let kept: Vec<(String, String)> = headers
                        .iter()
                        .filter(|(name, _)| !name.to_string().starts_with("Nats-"))
                        .flat_map(|(name, values)| values.iter().map(|value| (name.to_string(), value.to_string())))
                        .collect();
                    *headers = async_nats::HeaderMap::new();
                    kept.iter().for_each(|(name, value)| headers.insert(name.as_str(), value.as_str()));
                    headers.insert("Nats-Msg-Id", reply.as_str());
                }
            }
            _ => {}
        }
    }
}

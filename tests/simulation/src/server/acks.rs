//! Acks as they are written.

use super::consumer::Ack;

/// An ack on its way within the server.
#[derive(Debug, Clone)]
pub struct ReceivedAck {
    pub(super) consumer: String,
    pub(super) sequence: u64,
    pub(super) delivery: u64,
    pub(super) process: usize,
    pub(super) ack: Ack,
    pub(super) reply: Option<String>,
    /// Whether the network kept it for a while, or brought it once more: who sent it cannot know what it does.
    pub is_late: bool,
}

/// Reads `STREAM.CONSUMER.COUNT.SEQUENCE.DELIVERY.TIME.PENDING` and what is said there. (NATS ADR-15.)
pub(super) fn read_ack(subject: &str, payload: &[u8], process: usize, reply: Option<String>) -> Option<ReceivedAck> {
    let mut tokens = subject.split('.').skip(1);
    let (consumer, _) = (tokens.next()?.to_owned(), tokens.next()?);
    let (sequence, delivery) = (tokens.next()?.parse().ok()?, tokens.next()?.parse().ok()?);
    let text = std::str::from_utf8(payload).ok()?;
    let ack = match text.split(' ').next()? {
        "+ACK" | "+TERM" => Ack::Done,
        "+WPI" => Ack::Progress,
        "-NAK" => {
            let delay = text.split_once("\"delay\":").and_then(|(_, delay)| delay.trim_end_matches('}').parse().ok());
            Ack::Nak(delay.map(|delay: u64| delay / 1_000_000))
        }
        _ => return None,
    };
    Some(ReceivedAck { consumer, sequence, delivery, process, ack, reply, is_late: false })
}

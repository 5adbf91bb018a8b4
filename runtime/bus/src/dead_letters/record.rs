//! What a dead letter looks like: its subject, its headers, and reading them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;

use super::origin::Origin;
use super::reason::DeadReason;
use crate::environment;
use crate::settings::DEAD_LETTERS;
use crate::transport::{Headers, MalformedBlock, Message, StreamMessage};

/// A dead-lettered event, as the dead letter stream holds it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its number in the dead letter stream.
    pub sequence: u64,
    /// Why the event was dead-lettered.
    pub reason: DeadReason,
    /// What went wrong the last time, in one line.
    pub error: String,
    /// How often the event was delivered.
    pub attempts: u64,
    /// The consumer that dead-lettered it.
    pub consumer: String,
    /// The stream that the event came from.
    pub origin_stream: String,
    /// The event's number in that stream.
    pub origin_sequence: u64,
    /// The subject that the event was published to.
    pub subject: String,
    /// When the event was stored in its stream.
    pub stored: Timestamp,
    /// When the event was dead-lettered.
    pub dead_lettered: Timestamp,
    /// The type of the event, where its header or its envelope says.
    pub event_type: Option<String>,
    /// The event as it was published. Empty if it was too large for a dead letter, which the header `Eventsmith-Dead-Payload`
    /// says; then it is where it was published, as long as that stream holds it.
    pub payload: Bytes,
    /// All headers of the dead letter: those of the event, and those that say why it was dead-lettered.
    pub headers: Headers,
    /// Its subject in the dead letter stream.
    pub address: String,
    /// Of the copy that marks a replay as begun: the dead letter that it is of, and after which message of the event's
    /// subject the replayed event may be stored.
    pub mark: Option<Mark>,
}

/// Where a replay that was begun left its traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The number of the dead letter that is being replayed.
    pub of: u64,
    /// The number of the message after which the replayed event may be stored.
    pub after: u64,
}

/// Why the event was dead-lettered.
pub const REASON: &str = "Eventsmith-Dead-Reason";
const ERROR: &str = "Eventsmith-Dead-Error";
const ATTEMPTS: &str = "Eventsmith-Dead-Attempts";
const CONSUMER: &str = "Eventsmith-Dead-Consumer";
const STREAM: &str = "Eventsmith-Dead-Stream";
const SEQUENCE: &str = "Eventsmith-Dead-Sequence";
const SUBJECT: &str = "Eventsmith-Dead-Subject";
/// When the event was stored.
pub const STORED: &str = "Eventsmith-Dead-Stored";
const TIME: &str = "Eventsmith-Dead-Time";
const MESSAGE_ID: &str = "Eventsmith-Message-Id";
/// Of a dead letter without the payload of its event: why that is missing.
pub const PAYLOAD: &str = "Eventsmith-Dead-Payload";
/// Of a dead letter about an event whose headers no client can read: the whole block of them in base64. Or that the headers of the
/// event are too large, and left out.
const HEADERS: &str = "Eventsmith-Dead-Headers";
/// Of a mark: the dead letter that is being replayed, and from where on to look for what was replayed.
const MARK: &str = "Eventsmith-Dead-Replaying";

/// A block that has more bytes is left where the event is: a stream takes no more than 64 KiB of headers.
const LARGEST_BLOCK: usize = 24 * 1024;
/// A longer value of a header is left out together with the headers of the event: a stream takes subjects of 4 KiB, and errors of
/// [`LONGEST_ERROR`] characters.
const LONGEST_KEPT: usize = 4 * 1024;
/// What is said instead of what is too large.
const TOO_LARGE: &str = "too-large";

/// An error may be a page; a header is a line, and a listing shows less.
const LONGEST_ERROR: usize = 1_000;

/// The last token of the subject on which it is counted how often an event was run.
pub const RUNS_TAIL: &str = "_runs";
/// How much of the subject of an event is repeated in that of its dead letter, in bytes.
const LONGEST_TAIL: usize = 2_048;

/// The subject of the dead letter about an event. Its tail repeats that of the event, so that subjects select dead letters
/// too. What is left out there, as it would make the subject too long, is in the header that names the subject of the event.
pub fn address(root: &str, origin: &Origin<'_>) -> String {
    let subject = &*origin.message.subject;
    let tail = subject.strip_prefix(root).and_then(|tail| tail.strip_prefix('.')).unwrap_or(subject);
    let legible = tail.replace(is_illegible, "_");
    let token = |token| match token {
        // No subject has an empty token; the client reads one where white space stands alone. And where runs are counted nobody looks
        // for dead letters.
        "" | RUNS_TAIL => "_",
        token => token,
    };
    let mut length = 0;
    let is_short = |token: &&str| {
        length += token.len() + 1;
        length <= LONGEST_TAIL
    };
    let mut tokens: Vec<&str> = legible.split('.').map(token).take_while(is_short).collect();
    if length > LONGEST_TAIL {
        tokens.push("_");
    }
    let tail = tokens.join(".");
    format!("{root}.{DEAD_LETTERS}.{}.{}.{}.{tail}", origin.consumer, origin.stream, origin.sequence)
}

/// The dead letter about an event, without an id.
pub fn write(root: &str, origin: &Origin<'_>, reason: DeadReason, error: &str) -> Message {
    let mut headers = Headers::default();
    // What the event says of an earlier dead letter is history, and control headers were for the stream it came from.
    let is_kept = |name: &str, value: &str| is_legal(name, value) && !is_control(name) && !is_dead_letter_header(name);
    for (name, value) in origin.message.headers.iter().filter(|(name, value)| is_kept(name, value)) {
        headers.push(name.to_owned(), value);
    }
    headers.push(REASON, reason.as_str());
    headers.push(ERROR, one_line(error));
    headers.push(ATTEMPTS, origin.attempts.to_string());
    headers.push(CONSUMER, origin.consumer);
    headers.push(STREAM, origin.stream);
    headers.push(SEQUENCE, origin.sequence.to_string());
    headers.push(SUBJECT, &*origin.message.subject);
    headers.push(STORED, nanoseconds(origin.stored));
    headers.push(TIME, nanoseconds(environment::now()));
    if let Some(MalformedBlock { block, .. }) = origin.message.headers.malformed() {
        let is_small = block.len() <= LARGEST_BLOCK;
        headers.push(HEADERS, if is_small { STANDARD.encode(block) } else { TOO_LARGE.to_owned() });
    }
    if let Some(id) = origin.message.headers.get(Headers::ID) {
        headers.push(MESSAGE_ID, id);
    }
    Message { subject: address(root, origin).into(), headers, payload: origin.message.payload.clone() }
}

/// An id by which the stream knows the dead letter about an event. A stream that was deleted and made anew counts from 1
/// again, so the number alone does not identify an event.
pub fn id(origin: &Origin<'_>) -> String {
    let Origin { stream, consumer, sequence, stored, .. } = origin;
    format!("dlq:{stream}:{consumer}:{sequence}:{}", stored.as_nanosecond())
}

/// A copy of a dead letter that says that its replay has begun.
pub fn write_mark(dead_letter: &DeadLetter, after: u64) -> Message {
    let mut headers = without(&dead_letter.headers, is_control);
    headers.push(MARK, format!("{}:{after}", dead_letter.sequence));
    Message { subject: dead_letter.address.clone().into(), headers, payload: dead_letter.payload.clone() }
}

/// The dead letter without the text of its error.
pub fn without_error(dead_letter: &Message) -> Message {
    let mut headers = without(&dead_letter.headers, |name| name == ERROR);
    headers.push(ERROR, "");
    Message { headers, ..dead_letter.clone() }
}

/// The dead letter without the payload of its event.
pub fn without_payload(dead_letter: &Message) -> Message {
    let mut headers = dead_letter.headers.clone();
    headers.push(PAYLOAD, TOO_LARGE);
    Message { headers, payload: Bytes::new(), ..dead_letter.clone() }
}

/// The dead letter without the headers of its event. The envelope says of which type that is, too.
pub fn without_headers(dead_letter: &Message) -> Message {
    let is_short = |value: &str| value.len() <= LONGEST_KEPT;
    let mut headers = Headers::default();
    let is_kept = |name: &str| is_control(name) || is_dead_letter_header(name) || name == Headers::TYPE;
    for (name, value) in dead_letter.headers.iter().filter(|(name, value)| is_kept(name) && is_short(value)) {
        if name != HEADERS {
            headers.push(name.to_owned(), value);
        }
    }
    headers.push(HEADERS, TOO_LARGE);
    Message { headers, ..dead_letter.clone() }
}

/// The headers of the event that a dead letter is about, without its id.
pub fn original_headers(dead_letter: &DeadLetter) -> Headers {
    without(&dead_letter.headers, |name| is_control(name) || is_dead_letter_header(name) || is_replay_header(name))
}

/// Reads a dead letter; `None` if it is none.
pub fn read(stored: StreamMessage) -> Option<DeadLetter> {
    let StreamMessage { sequence, stored: _, message } = stored;
    let of_envelope = || message.envelope().ok().map(|(envelope, _)| envelope.event_type);
    let event_type = message.headers.get(Headers::TYPE).map(ToOwned::to_owned).or_else(of_envelope);
    let Message { subject, headers, payload } = message;
    let number = |name| headers.get(name)?.parse().ok();
    let time = |name| headers.get(name)?.parse().ok();
    let text = |name| headers.get(name).map(ToOwned::to_owned);
    let mark = match headers.get(MARK) {
        Some(mark) => {
            let (of, after) = mark.split_once(':')?;
            Some(Mark { of: of.parse().ok()?, after: after.parse().ok()? })
        }
        None => None,
    };
    Some(DeadLetter {
        sequence,
        reason: headers.get(REASON)?.parse().ok()?,
        error: text(ERROR)?,
        attempts: number(ATTEMPTS)?,
        consumer: text(CONSUMER)?,
        origin_stream: text(STREAM)?,
        origin_sequence: number(SEQUENCE)?,
        subject: text(SUBJECT)?,
        stored: time(STORED)?,
        dead_lettered: time(TIME)?,
        event_type,
        address: subject.into_owned(),
        mark,
        payload,
        headers,
    })
}

impl DeadLetter {
    /// The headers in the order they were set: those of the event, then those that say why it was dead-lettered. Control
    /// headers of the streams, which begin with `Nats-`, are left out.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().filter(|(name, _)| !is_control(name))
    }

    /// Whether its replay was begun and not seen to its end: the event may be back on its subject already. Replaying the
    /// dead letter again finds out, and publishes nothing twice.
    pub fn is_replay_begun(&self) -> bool {
        self.mark.is_some()
    }
}

/// A time as every dead letter writes it, so that equal times are equal texts.
pub fn nanoseconds(time: Timestamp) -> String {
    format!("{time:.9}")
}

fn without(headers: &Headers, drop: impl Fn(&str) -> bool) -> Headers {
    let mut kept = Headers::default();
    for (name, value) in headers.iter().filter(|(name, _)| !drop(name)) {
        kept.push(name.to_owned(), value);
    }
    kept
}

/// Whether a header is an instruction to the server.
fn is_control(name: &str) -> bool {
    name.get(..5).is_some_and(|prefix| prefix.eq_ignore_ascii_case("Nats-"))
}

/// Whether a header can be written. Servers store others too, and no dead letter must fail because of them.
fn is_legal(name: &str, value: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    !name.is_empty() && name.bytes().all(is_name) && !value.contains(['\r', '\n'])
}

/// Whether a subject with this character may be one that no client can read.
fn is_illegible(c: char) -> bool {
    c.is_whitespace() || c == char::REPLACEMENT_CHARACTER
}

/// Whether no client can read what would be published to the subject of an event again.
pub fn has_illegible_subject(dead_letter: &DeadLetter) -> bool {
    let is_lost = |c| dead_letter.reason == DeadReason::Malformed && is_illegible(c);
    dead_letter.subject.contains(|c: char| c.is_whitespace() || is_lost(c))
}

/// Whether a header is one that only a dead letter has.
fn is_dead_letter_header(name: &str) -> bool {
    name.starts_with("Eventsmith-Dead-") || name == MESSAGE_ID
}

/// Whether a header says how an event was replayed before.
fn is_replay_header(name: &str) -> bool {
    name == Headers::REPLAY_OF || name == Headers::ONLY
}

/// An error as one line that a header can hold.
fn one_line(error: &str) -> String {
    let mut words = error.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().chars();
    first.chain(words.flat_map(|word| [" ", word]).flat_map(str::chars)).take(LONGEST_ERROR).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(headers: &[(&'static str, &str)]) -> Message {
        let mut all = Headers::default();
        for (name, value) in headers {
            all.push(*name, *value);
        }
        Message { subject: "rules.domain.rule.activated".into(), headers: all, payload: Bytes::from_static(b"{ }") }
    }

    fn origin(message: &Message) -> Origin<'_> {
        let stored = Timestamp::from_nanosecond(1_795_707_269_450_599_080).unwrap();
        Origin { stream: "RULES", consumer: "promotions", sequence: 17, stored, attempts: 3, message }
    }

    fn dead_letter(message: &Message, error: &str) -> DeadLetter {
        let message = write("rules", &origin(message), DeadReason::TooOld, error);
        read(StreamMessage { sequence: 5, stored: Timestamp::now(), message }).unwrap()
    }

    #[test]
    fn what_is_written_can_be_read() {
        let message = event(&[("Nats-Msg-Id", "a-1"), ("Eventsmith-Type", "rule.activated"), ("x", "1"), ("x", "2")]);

        let dead_letter = dead_letter(&message, "because");

        assert_eq!(dead_letter.address, "rules.dlq.promotions.RULES.17.domain.rule.activated");
        assert_eq!(
            (dead_letter.reason, dead_letter.error.as_str(), dead_letter.attempts),
            (DeadReason::TooOld, "because", 3)
        );
        assert_eq!(
            (dead_letter.origin_stream.as_str(), dead_letter.origin_sequence, dead_letter.sequence),
            ("RULES", 17, 5)
        );
        assert_eq!(
            (dead_letter.subject.as_str(), dead_letter.stored),
            ("rules.domain.rule.activated", origin(&message).stored)
        );
        assert_eq!(dead_letter.event_type.as_deref(), Some("rule.activated"));
        assert_eq!(dead_letter.payload, message.payload);
        assert_eq!(dead_letter.headers.get(MESSAGE_ID), Some("a-1"));
        assert_eq!(dead_letter.headers.get(STORED), Some("2026-11-26T15:34:29.450599080Z"));
        assert_eq!(dead_letter.mark, None);
    }

    #[test]
    fn the_event_gets_its_own_headers_back_and_no_others() {
        let own = [("Eventsmith-Type", "rule.activated"), ("x", "1"), ("x", "2")];
        let foreign = [("Nats-Msg-Id", "a-1"), ("nats-rollup", "all"), ("Eventsmith-Only", "a")];
        let message = event(&[&own[..], &foreign[..]].concat());

        let dead_letter = dead_letter(&message, "x");

        assert_eq!(original_headers(&dead_letter).iter().collect::<Vec<_>>(), own);
        assert!(dead_letter.headers().all(|(name, _)| !is_control(name)));
    }

    #[test]
    fn the_address_of_a_dead_letter_can_always_be_read() {
        let long = "x".repeat(LONGEST_TAIL / 2);
        for (subject, tail) in [
            (&*format!("rules.domain.{long}.a"), &*format!("domain.{long}.a")),
            (&*format!("rules.domain.{long}.{long}.a"), &*format!("domain.{long}._")),
            (&*format!("rules.{}", "x".repeat(5_000)), "_"),
            // It would be taken for a count of runs.
            ("rules.domain.a._runs", "domain.a._"),
            ("rules._runs", "_"),
            ("rules.domain.rule.a\u{a0}b", "domain.rule.a_b"),
            ("rules.domain.rule.\u{fffd}", "domain.rule._"),
            ("rules.domain.rule.", "domain.rule._"),
            ("rules.domain.rule.ä", "domain.rule.ä"),
        ] {
            let message = Message { subject: subject.to_owned().into(), ..event(&[]) };
            assert_eq!(address("rules", &origin(&message)), format!("rules.dlq.promotions.RULES.17.{tail}"));
        }
    }

    #[test]
    fn an_event_that_is_dead_lettered_again_keeps_the_last_reason_alone() {
        let message = event(&[]);
        let first = dead_letter(&message, "first");
        let again = Message { headers: first.headers, ..message };

        let second = dead_letter(&again, "second");

        assert_eq!(second.error, "second");
        assert_eq!(second.headers.iter().filter(|(name, _)| *name == ERROR).count(), 1);
    }

    #[test]
    fn what_no_header_may_be_is_left_out() {
        let message = event(&[("X Y", "1"), ("", "2"), ("ü", "3"), ("a:b", "4"), ("x", "5\r6"), ("y", "ü")]);

        let dead_letter = dead_letter(&message, "x");

        assert_eq!(original_headers(&dead_letter).iter().collect::<Vec<_>>(), [("y", "ü")]);
    }

    #[test]
    fn headers_that_no_client_can_read_are_kept_as_they_were_stored() {
        let malformed = |size| {
            let block =
                MalformedBlock { block: vec![0xff; size].into(), part: "its headers", defect: "they are not UTF-8" };
            let headers = event(&[("x", "1")]).headers.with_malformed(block);
            dead_letter(&Message { headers, ..event(&[]) }, "x")
        };

        let (small, large) = (malformed(2), malformed(LARGEST_BLOCK + 1));

        assert_eq!((small.headers.get(HEADERS), large.headers.get(HEADERS)), (Some("//8="), Some(TOO_LARGE)));
        assert_eq!(original_headers(&small).iter().collect::<Vec<_>>(), [("x", "1")]);
    }

    #[test]
    fn a_shortened_dead_letter_can_be_read() {
        let message = event(&[("x", "1")]);
        let whole = write("rules", &origin(&message), DeadReason::TooOld, "because");
        let of = |message| read(StreamMessage { sequence: 5, stored: Timestamp::now(), message }).unwrap();

        let (errorless, empty) = (of(without_error(&whole)), of(without_payload(&whole)));

        assert_eq!((errorless.error.as_str(), &errorless.payload), ("", &message.payload));
        assert_eq!(errorless.headers.get(PAYLOAD), None);
        assert_eq!((empty.error.as_str(), empty.payload.len()), ("because", 0));
        assert_eq!(empty.headers.get(PAYLOAD), Some("too-large"));
        assert_eq!(original_headers(&empty).iter().collect::<Vec<_>>(), [("x", "1")]);
        let bare = of(without_headers(&whole));
        assert_eq!((bare.headers.get(HEADERS), bare.error.as_str()), (Some(TOO_LARGE), "because"));
        assert_eq!(original_headers(&bare).iter().count(), 0);
    }

    #[test]
    fn an_error_becomes_one_line_of_bounded_length() {
        let error = format!("a\r\nNats-Rollup: all\0\t{}", "ü".repeat(2_000));

        let dead_letter = dead_letter(&event(&[]), &error);

        assert!(dead_letter.error.starts_with("a Nats-Rollup: all üü"), "{}", dead_letter.error);
        assert_eq!(dead_letter.error.chars().count(), LONGEST_ERROR);
    }

    #[test]
    fn a_mark_is_a_copy_of_the_dead_letter_that_it_marks() {
        let dead_letter = dead_letter(&event(&[("x", "1")]), "x");

        let message = write_mark(&dead_letter, 9);
        let mark = read(StreamMessage { sequence: 6, stored: Timestamp::now(), message }).unwrap();

        assert_eq!(mark.mark, Some(Mark { of: 5, after: 9 }));
        assert_eq!(
            (mark.error, mark.address, mark.payload),
            (dead_letter.error, dead_letter.address, dead_letter.payload)
        );
        assert_eq!(mark.headers.get(Headers::ID), None);
    }

    #[test]
    fn reasons_are_written_as_they_are_read() {
        for reason in DeadReason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
        assert!("bored".parse::<DeadReason>().is_err());
    }
}

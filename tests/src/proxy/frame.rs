//! The NATS client protocol, as far as a proxy must understand it: where a frame ends, and what it is about.

use std::io;

use serde_json::Value;

/// One of the two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// Who connected.
    Client,
    /// Who was connected to.
    Server,
}

/// One message of the protocol.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Who sent it.
    pub from: End,
    /// `CONNECT`, `PUB`, `HPUB`, `SUB`, `UNSUB`, `PING`, `PONG`, `INFO`, `MSG`, `HMSG`, `+OK` or `-ERR`.
    pub verb: &'a str,
    /// Where it is published or delivered to or subscribed on; empty for others.
    pub subject: &'a str,
    /// Where an answer is expected.
    pub reply: Option<&'a str>,
    /// The headers as they are on the wire; empty if there are none.
    pub headers: &'a [u8],
    /// The payload; for verbs without one, what follows the verb.
    pub payload: &'a [u8],
}

/// Which delivery of which message an acknowledgement is for, read from its subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// The stream.
    pub stream: String,
    /// The durable consumer.
    pub consumer: String,
    /// How often the message was delivered, this time included.
    pub attempt: u64,
    /// The message's number in its stream.
    pub sequence: u64,
}

impl Frame<'_> {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let text = str::from_utf8(self.headers).ok()?;
        text.lines()
            .skip(1)
            .find_map(|line| line.split_once(':').filter(|(found, _)| *found == name))
            .map(|(_, v)| v.trim())
    }

    /// The delivery that a client sends word about, such as `+ACK`, which is the payload.
    pub fn word_about(&self) -> Option<Delivery> {
        if self.from == End::Client { Delivery::parse(self.subject) } else { None }
    }

    /// The delivery that the server makes.
    pub fn delivers(&self) -> Option<Delivery> {
        if self.from == End::Server { Delivery::parse(self.reply?) } else { None }
    }

    /// What goes on in place of a frame that would lead clients around the proxy, or tells the version of the server where
    /// the proxy is to pretend another.
    pub(super) fn rewritten(&self, version: Option<&str>) -> Option<String> {
        if self.verb != "INFO" {
            return None;
        }
        let mut info: Value = serde_json::from_slice(self.payload).ok()?;
        let members = info.as_object_mut()?;
        let leads_around = members.remove("connect_urls").is_some();
        let pretended = version.and_then(|version| members.insert("version".to_owned(), version.into()));
        (leads_around || pretended.is_some()).then(|| format!("INFO {info}\r\n"))
    }
}

impl Delivery {
    /// `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE...` of old, with `DOMAIN.ACCOUNT` before the stream since (ADR-15).
    fn parse(subject: &str) -> Option<Self> {
        let tokens: Vec<&str> = subject.strip_prefix("$JS.ACK.")?.split('.').collect();
        let rest = match tokens.len() {
            7 => &tokens[..],
            9.. => &tokens[2..],
            _ => return None,
        };
        let [stream, consumer, attempt, sequence, ..] = rest else { return None };
        Some(Self {
            stream: (*stream).to_owned(),
            consumer: (*consumer).to_owned(),
            attempt: attempt.parse().ok()?,
            sequence: sequence.parse().ok()?,
        })
    }
}

/// The first frame of what was received, and its length in bytes; `None` while it is not all there.
pub(super) fn next(from: End, received: &[u8]) -> io::Result<Option<(Frame<'_>, usize)>> {
    let Some(end) = received.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let line = str::from_utf8(&received[..end]).map_err(|_| malformed("a line is not UTF-8"))?;
    let (verb, arguments) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let words: Vec<&str> = arguments.split_ascii_whitespace().collect();
    // What a message has before its optional reply: the subject, and from the server a subscription's number.
    let (named, sizes) = match verb {
        "PUB" => (1, 1),
        "HPUB" => (1, 2),
        "MSG" => (2, 1),
        "HMSG" => (2, 2),
        _ => {
            let subject = if verb == "SUB" { words.first().copied().unwrap_or_default() } else { "" };
            let frame = Frame { from, verb, subject, reply: None, headers: b"", payload: arguments.as_bytes() };
            return Ok(Some((frame, end + 2)));
        }
    };
    let reply = match words.len().checked_sub(named + sizes) {
        Some(0) => None,
        Some(1) => Some(words[named]),
        _ => return Err(malformed(line)),
    };
    let size = |word: &&str| word.parse::<usize>().map_err(|_| malformed(line));
    let sizes = words[words.len() - sizes..].iter().map(size).collect::<io::Result<Vec<_>>>()?;
    let total = sizes[sizes.len() - 1];
    let header_size = if sizes.len() == 2 { sizes[0] } else { 0 };
    let start = end + 2;
    let Some(body) = received.get(start..start + total + 2) else { return Ok(None) };
    if header_size > total || &body[total..] != b"\r\n" {
        return Err(malformed(line));
    }
    let (headers, payload) = body[..total].split_at(header_size);
    Ok(Some((Frame { from, verb, subject: words[0], reply, headers, payload }, start + total + 2)))
}

fn malformed(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not the NATS protocol: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_looks_like_frames_is_a_payload() {
        let bytes = b"PUB a.b reply 10\r\nPING\r\nPUB!\r\nPING\r\n";

        let (frame, length) = next(End::Client, bytes).unwrap().unwrap();
        let (behind, _) = next(End::Client, &bytes[length..]).unwrap().unwrap();

        assert_eq!((frame.verb, frame.subject, frame.reply), ("PUB", "a.b", Some("reply")));
        assert_eq!(frame.payload, b"PING\r\nPUB!");
        assert_eq!(behind.verb, "PING");
    }

    #[test]
    fn headers_are_told_from_the_payload() {
        let head = "NATS/1.0\r\nNats-Msg-Id: 7\r\nX:y\r\n\r\n";
        let text = format!("HMSG s 1 {} {}\r\n{head}data\r\n", head.len(), head.len() + 4);

        let (frame, length) = next(End::Server, text.as_bytes()).unwrap().unwrap();

        assert_eq!(length, text.len());
        assert_eq!((frame.header("Nats-Msg-Id"), frame.header("X"), frame.header("Y")), (Some("7"), Some("y"), None));
        assert_eq!((frame.payload, frame.reply), (&b"data"[..], None));
    }

    #[test]
    fn a_frame_is_none_before_its_last_byte() {
        let whole = b"MSG s 1 $JS.ACK.S.c.2.17.20.1.0 4\r\ndata\r\n";

        for length in 0..whole.len() {
            assert!(next(End::Server, &whole[..length]).unwrap().is_none(), "{length}");
        }
        let (frame, _) = next(End::Server, whole).unwrap().unwrap();
        let delivery = frame.delivers().unwrap();
        assert_eq!((delivery.stream.as_str(), delivery.consumer.as_str()), ("S", "c"));
        assert_eq!((delivery.attempt, delivery.sequence), (2, 17));
    }

    #[test]
    fn a_message_without_its_size_is_malformed() {
        for line in ["PUB a\r\n", "PUB\r\n", "HPUB a 1\r\n", "PUB a b c 1\r\n", "PUB a x\r\n", "PUB a 1\r\nxyz"] {
            assert!(next(End::Client, line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn other_servers_are_taken_out_of_the_greeting() {
        let bytes = b"INFO {\"port\":1,\"connect_urls\":[\"127.0.0.1:2\"],\"nonce\":\"x\"}\r\n";

        let (frame, _) = next(End::Server, bytes).unwrap().unwrap();

        assert_eq!(frame.rewritten(None).as_deref(), Some("INFO {\"port\":1,\"nonce\":\"x\"}\r\n"));
    }
}

//! Reading one message of a stream, beside all consumers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::client::{ASK_AGAIN, JetStream};
use crate::cause::Cause;
use crate::transport::{Headers, Message, MessageSelector, StreamMessage, Unavailable};

/// The server's code for a message that is not there.
const NO_MESSAGE: u64 = 10037;

/// What the server answers. The client's own reading of it keeps one value only of a header that has several.
#[derive(Deserialize)]
struct Answer {
    message: Raw,
}

#[derive(Deserialize)]
struct Raw {
    subject: String,
    seq: u64,
    time: Timestamp,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
}

/// Where a stream, or the subject of a message in it, is expected to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expectation {
    is_of_subject: bool,
    number: u64,
}

impl Expectation {
    /// What a message expects, if it does.
    pub(super) fn of(message: &Message) -> Option<Self> {
        let number = |name| message.headers.get(name)?.parse().ok();
        let of_subject = number(Headers::EXPECTED_LAST_OF_SUBJECT).map(|number| Self { is_of_subject: true, number });
        of_subject.or_else(|| number(Headers::EXPECTED_LAST).map(|number| Self { is_of_subject: false, number }))
    }
}

impl JetStream {
    /// Where a stream, or a subject of it, ends now that an expectation was wrong; `None` if that cannot be told, or if it ends by
    /// now where it was expected to.
    pub(super) async fn last_sequence(&self, stream: &str, subject: &str, expected: Expectation) -> Option<u64> {
        #[derive(Deserialize)]
        struct Info {
            state: State,
        }
        #[derive(Deserialize)]
        struct State {
            last_seq: u64,
        }
        // Servers before 2.12 are sometimes mistaken about where a subject ends, and stick to it: what counts is what they said.
        if expected.is_of_subject && !self.supports(2, 12) {
            return None;
        }
        let last = async {
            if expected.is_of_subject {
                let last = self.stored_message(stream, MessageSelector::LastOf(subject)).await.ok()?;
                return Some(last.map_or(0, |last| last.sequence));
            }
            let info = self.ask::<Info>(format!("STREAM.INFO.{stream}"), &json!({})).await.ok()?.ok()?;
            Some(info.state.last_seq)
        };
        timeout(ASK_AGAIN, last).await.ok()?.filter(|last| *last != expected.number)
    }

    pub(super) async fn stored_message(
        &self,
        stream: &str,
        select: MessageSelector<'_>,
    ) -> Result<Option<StreamMessage>, Unavailable> {
        let request = match select {
            MessageSelector::Sequence(sequence) => json!({ "seq": sequence }),
            MessageSelector::LastOf(subject) => json!({ "last_by_subj": subject }),
            MessageSelector::NextOf { subject, from } => json!({ "seq": from, "next_by_subj": subject }),
        };
        match self.ask::<Answer>(format!("STREAM.MSG.GET.{stream}"), &request).await? {
            Ok(Answer { message }) => {
                let sequence = message.seq;
                let illegible =
                    || Unavailable(format!("message {sequence} of {stream} is not written as NATS does").into());
                read(message).map(Some).ok_or_else(illegible)
            }
            Err(error) if error.error_code().0 == NO_MESSAGE => Ok(None),
            Err(error) => Err(Unavailable(Cause::about(stream, error))),
        }
    }
}

fn read(raw: Raw) -> Option<StreamMessage> {
    let headers = headers(&STANDARD.decode(raw.hdrs).ok()?)?;
    let payload = STANDARD.decode(raw.data).ok()?.into();
    Some(StreamMessage {
        sequence: raw.seq,
        stored: raw.time,
        message: Message { subject: raw.subject.into(), headers, payload },
    })
}

/// Reads a block of headers, which is empty or begins with the version of the protocol. The server stores whatever is in
/// it, so a line that is no header is left out: the rest of the message counts.
fn headers(block: &[u8]) -> Option<Headers> {
    let mut headers = Headers::default();
    let mut lines = block.split(|byte| *byte == b'\n');
    let is_block = block.is_empty() || lines.next().is_some_and(|version| version.starts_with(b"NATS/1.0"));
    let header = |line| std::str::from_utf8(line).ok()?.split_once(':');
    for (name, value) in lines.filter_map(header) {
        headers.push(name.to_owned(), value.trim());
    }
    is_block.then_some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_keeps_all_its_values() {
        let headers = headers(b"NATS/1.0\r\na: 1\r\nb:x: y\r\na:2\r\n\r\n").unwrap();

        assert_eq!(headers.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "x: y"), ("a", "2")]);
    }

    #[test]
    fn a_message_may_have_no_headers() {
        assert_eq!(headers(b"").unwrap().iter().count(), 0);
    }

    #[test]
    fn what_is_no_block_of_headers_is_refused() {
        assert!(headers(b"HTTP/1.1\r\na: 1\r\n\r\n").is_none());
    }

    #[test]
    fn a_line_that_is_no_header_does_not_hide_the_others() {
        for line in [&b"no colon"[..], b"a: \xff", b"\xff: 1"] {
            let block = [b"NATS/1.0\r\nb: 1\r\n", line, b"\r\nc: 2\r\n\r\n"].concat();

            assert_eq!(headers(&block).unwrap().iter().collect::<Vec<_>>(), [("b", "1"), ("c", "2")], "{line:?}");
        }
    }
}

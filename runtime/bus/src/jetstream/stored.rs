//! Reading one message of a stream, beside all consumers.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use eventsmith_event::stream::Retention;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::client::{ASK_AGAIN, JetStream};
use super::header_block;
use crate::cause::Cause;
use crate::transport::{Headers, Message, MessageSelector, ServerFailure, StreamExtent, StreamMessage, Unavailable};

/// The server's code for a message that is not there.
const NO_MESSAGE: u64 = 10037;

/// What the server answers. The client's own reading of it keeps one value only of a header that has several.
#[derive(Deserialize)]
struct Answer {
    message: Raw,
}

/// A message with its headers and payload in base64, so that nothing in them disturbs the connection.
#[derive(Deserialize)]
pub(super) struct Raw {
    pub(super) subject: String,
    pub(super) seq: u64,
    time: Timestamp,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
}

/// Where a stream, or the subject of a message in it, is expected to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expectation {
    is_of_subject: bool,
    /// The subject that it is about, where that is not the message's own.
    filter: Option<String>,
    number: u64,
}

impl Expectation {
    /// What a message expects, if it does.
    pub(super) fn of(message: &Message) -> Option<Self> {
        let number = |name| message.headers.get(name)?.parse().ok();
        let filter = || message.headers.get(Headers::EXPECTED_SUBJECT).map(ToOwned::to_owned);
        let of_subject = number(Headers::EXPECTED_LAST_OF_SUBJECT);
        let of_subject = of_subject.map(|number| Self { is_of_subject: true, filter: filter(), number });
        let of_stream =
            || number(Headers::EXPECTED_LAST).map(|number| Self { is_of_subject: false, filter: None, number });
        of_subject.or_else(of_stream)
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
                let subject = expected.filter.as_deref().unwrap_or(subject);
                let last = self.stored_message(stream, MessageSelector::LastOf(subject)).await.ok()?;
                return Some(last.map_or(0, |last| last.sequence));
            }
            let info = self.ask::<Info>(format!("STREAM.INFO.{stream}"), &json!({})).await.ok()?.ok()?;
            Some(info.state.last_seq)
        };
        timeout(ASK_AGAIN, last).await.ok()?.filter(|last| *last != expected.number)
    }

    /// How many messages a stream holds on a subject: the server counts them by subject as it stores them, and tells page by page of subjects.
    pub(super) async fn count_of(&self, stream: &str, subject: &str) -> Result<u64, Unavailable> {
        #[derive(Deserialize)]
        struct Info {
            state: State,
            ts: Option<Timestamp>,
            /// Of all pages.
            #[serde(default)]
            total: usize,
        }
        #[derive(Deserialize)]
        struct State {
            #[serde(default)]
            subjects: BTreeMap<String, u64>,
        }
        let (mut count, mut offset) = (0, 0);
        loop {
            let request = json!({ "subjects_filter": subject, "offset": offset });
            let info = self.ask::<Info>(format!("STREAM.INFO.{stream}"), &request).await?;
            let Info { state, ts, total } = info.map_err(|error| Unavailable(Cause::about(stream, error)))?;
            self.clock.heard(ts);
            count += state.subjects.values().sum::<u64>();
            offset += state.subjects.len();
            if state.subjects.is_empty() || offset >= total {
                return Ok(count);
            }
        }
    }

    /// Resolves to the name of the stream that captures a subject if it acknowledges nothing; else never.
    pub(super) async fn never_acks(&self, subject: &str) -> String {
        match self.silences.find(subject, self.stream_without_acks(subject)).await {
            Some(stream) => stream,
            None => std::future::pending().await,
        }
    }

    async fn stream_without_acks(&self, subject: &str) -> Option<String> {
        #[derive(Deserialize)]
        struct Info {
            config: Config,
        }
        #[derive(Deserialize)]
        struct Config {
            #[serde(default)]
            no_ack: bool,
        }
        let stream = self.try_find_streams(subject).await.ok()?.into_iter().next()?;
        let info = self.try_ask::<Info>(format!("STREAM.INFO.{stream}"), &json!({})).await.ok()?.ok()?;
        info.config.no_ack.then_some(stream)
    }

    pub(super) async fn find_extent(&self, stream: &str) -> Result<Option<StreamExtent>, Unavailable> {
        #[derive(Deserialize)]
        struct Info {
            config: Config,
            created: Option<Timestamp>,
            state: State,
            ts: Option<Timestamp>,
        }
        #[derive(Deserialize)]
        struct Config {
            /// In nanoseconds.
            #[serde(default)]
            max_age: u64,
            #[serde(default)]
            subjects: Vec<String>,
            #[serde(default)]
            retention: String,
            #[serde(default = "one")]
            num_replicas: usize,
            /// In nanoseconds, as the next one.
            #[serde(default)]
            duplicate_window: u64,
            #[serde(default)]
            allow_msg_ttl: bool,
            #[serde(default)]
            subject_delete_marker_ttl: u64,
        }
        fn one() -> usize {
            1
        }
        #[derive(Deserialize)]
        struct State {
            first_seq: u64,
            last_seq: u64,
        }
        let answer = self.ask::<Info>(format!("STREAM.INFO.{stream}"), &json!({})).await?;
        self.clock.heard(answer.as_ref().ok().and_then(|info| info.ts));
        match answer {
            Ok(Info { config, created, state, ts: _ }) => Ok(Some(StreamExtent {
                created,
                max_age: Some(Duration::from_nanos(config.max_age)).filter(|age| !age.is_zero()),
                first: state.first_seq,
                last: state.last_seq,
                subjects: config.subjects,
                retention: match config.retention.as_str() {
                    "interest" => Retention::Interest,
                    "workqueue" => Retention::WorkQueue,
                    _ => Retention::Limits,
                },
                replicas: config.num_replicas,
                duplicate_window: Duration::from_nanos(config.duplicate_window),
                marker_ttl: Some(Duration::from_nanos(config.subject_delete_marker_ttl))
                    .filter(|ttl| config.allow_msg_ttl && !ttl.is_zero()),
            })),
            Err(error) if error.error_code().0 == ServerFailure::NO_STREAM => Ok(None),
            Err(error) => Err(Unavailable(Cause::about(stream, error))),
        }
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
        let Some(raw) = self.raw_message(stream, &request).await? else { return Ok(None) };
        let sequence = raw.seq;
        let block = raw.block();
        let has_headers = block.as_ref().is_some_and(|block| !block.is_empty());
        let defect = self.subject_defect(stream, &raw, has_headers).await?;
        let read = |block: Bytes| match (header_block::read(block.clone()), defect) {
            (headers, Some(defect)) if headers.malformed().is_none() => {
                header_block::malformed(block, header_block::SUBJECT, defect)
            }
            (headers, _) => headers,
        };
        let message = block.and_then(|block| raw.with_headers(read(block)));
        let illegible = || Unavailable(format!("message {sequence} of {stream} is not written as NATS does").into());
        message.map(Some).ok_or_else(illegible)
    }

    /// Why the client cannot read the subject of a message. It takes the line before a message with headers apart wherever
    /// Unicode has white space, and drops its connection over what is not UTF-8. The server stores both.
    /// (async-nats 0.51, src/connection.rs, `try_read_op`)
    pub(super) async fn subject_defect(
        &self,
        stream: &str,
        raw: &Raw,
        has_headers: bool,
    ) -> Result<Option<&'static str>, Unavailable> {
        // At the end it is only lost.
        if has_headers && raw.subject.split_whitespace().nth(1).is_some() {
            return Ok(Some("it has white space"));
        }
        if !raw.subject.contains(char::REPLACEMENT_CHARACTER) {
            return Ok(None);
        }
        // The server's answer has this character in place of what is not UTF-8, unless it is there indeed.
        let request = json!({ "seq": raw.seq, "next_by_subj": raw.subject });
        let found = self.raw_message(stream, &request).await?;
        Ok(found.is_none_or(|found| found.seq != raw.seq).then_some("it is not UTF-8"))
    }

    /// One message as the server writes it into its answer.
    pub(super) async fn raw_message(&self, stream: &str, request: &Value) -> Result<Option<Raw>, Unavailable> {
        match self.ask::<Answer>(format!("STREAM.MSG.GET.{stream}"), request).await? {
            Ok(Answer { message }) => Ok(Some(message)),
            Err(error) if error.error_code().0 == NO_MESSAGE => Ok(None),
            Err(error) => Err(Unavailable(Cause::about(stream, error))),
        }
    }
}

impl Raw {
    /// Its block of headers, byte for byte.
    pub(super) fn block(&self) -> Option<Bytes> {
        STANDARD.decode(&self.hdrs).ok().map(Bytes::from)
    }

    /// About how many bytes the answer had.
    pub(super) fn size(&self) -> usize {
        self.hdrs.len() + self.data.len()
    }

    /// The message, with headers that were read from its block.
    pub(super) fn with_headers(self, headers: Headers) -> Option<StreamMessage> {
        let payload = STANDARD.decode(self.data).ok()?.into();
        let message = Message { subject: self.subject.into(), headers, payload };
        Some(StreamMessage { sequence: self.seq, stored: self.time, message })
    }
}

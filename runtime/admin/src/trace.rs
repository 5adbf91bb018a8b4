//! Everything that is stored under one correlation, wherever it lies: by the headers of messages, without their payloads.

use std::collections::BTreeMap;
use std::time::Duration;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::cause::Cause;
use eventsmith_bus::transport::{
    Follow, FollowStart, Followed, Headers, MalformedBlock, MessageSelector, ServerFailure, StreamExtent,
    StreamMessage, Transport, Unavailable,
};
use eventsmith_event::clip::clip;
use eventsmith_event::stream::Retention;
use jiff::Timestamp;
use tokio::time::timeout;

/// For how long nothing may come of a stream that has more: a follower goes on for ever without a connection.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of a header is kept, in bytes: of an error, the text of a page.
const LONGEST: usize = 1_024;
/// Of how many single messages it is said that they could not be read.
const MOST_UNREAD: usize = 100;

/// What is looked for, see [`BusAdmin::trace`](crate::BusAdmin::trace).
#[derive(Debug, Clone)]
pub struct TraceQuery {
    /// The correlation.
    pub correlation_id: String,
    /// What the subjects begin with that are looked at.
    pub root: String,
    /// From when on; the streams from their beginnings without.
    pub since: Option<Timestamp>,
    /// How many messages are kept at most. Those beyond it are counted.
    pub most: usize,
    /// Whether the envelopes of messages are read that have no header with their correlation: then all payloads are fetched.
    pub envelopes: bool,
}

/// What is stored under a correlation, and what could not be read.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Trace {
    /// The messages: those of one stream after the other, each in its order.
    pub messages: Vec<TracedMessage>,
    /// How many more there are.
    pub left_out: u64,
    /// How many messages were looked at, by stream.
    pub seen: BTreeMap<String, u64>,
    /// What could not be read: perhaps it belongs to it.
    pub unread: Vec<Unread>,
}

/// A message that is stored under the correlation.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TracedMessage {
    /// The stream that holds it.
    pub stream: String,
    /// Its number there.
    pub sequence: u64,
    /// When it was stored.
    pub stored: Timestamp,
    /// Its subject.
    pub subject: String,
    /// Its headers that say what it is and what it comes of, each cut to a length: those of eventsmith, its id, its schedule.
    pub headers: BTreeMap<String, String>,
}

/// A stream that could not be read to its end, or a message that could not be read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Unread {
    /// The stream.
    pub stream: String,
    /// The number of the message; `None` for the stream, or all of it that is left.
    pub sequence: Option<u64>,
    /// Why not.
    pub reason: Cause,
}

impl TracedMessage {
    /// A header, if it has it.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// Looks through all streams of the root, one after the other.
pub(crate) async fn trace(bus: &Bus, query: &TraceQuery) -> Result<Trace, Unavailable> {
    let transport = bus.transport();
    let mut search = Search { transport, query, found: Trace::default() };
    let mut streams = transport.streams_of(&search.subject()).await?;
    streams.sort_unstable();
    for stream in streams {
        match transport.extent(&stream).await {
            Ok(Some(extent)) => search.read(&stream, &extent).await,
            // It was deleted a moment ago.
            Ok(None) => {}
            Err(error) => search.unread(&stream, None, error.0),
        }
    }
    Ok(search.found)
}

struct Search<'a> {
    transport: &'a dyn Transport,
    query: &'a TraceQuery,
    found: Trace,
}

impl Search<'_> {
    fn subject(&self) -> String {
        format!("{}.>", self.query.root)
    }

    /// Reads a stream to where it ends now, by a consumer that acknowledges nothing; one by one where that is not allowed, and where
    /// what a consumer was delivered counts as done.
    async fn read(&mut self, stream: &str, extent: &StreamExtent) {
        self.found.seen.insert(stream.to_owned(), 0);
        if extent.last < extent.first {
            return;
        }
        let refused = match extent.retention {
            Retention::Limits => match self.follow(stream, extent.last).await {
                Ok(()) => return,
                Err(ServerFailure::Refused { reason, .. }) => Some(reason),
                Err(failure) => return self.unread(stream, None, Cause::of(failure)),
            },
            _ => None,
        };
        if let Err(Unavailable(reason)) = self.read_singly(stream, extent).await {
            let reason = match refused {
                Some(refused) => format!("{refused}; nor by single messages: {reason}").into(),
                None => reason,
            };
            self.unread(stream, None, reason);
        }
    }

    async fn follow(&mut self, stream: &str, last: u64) -> Result<(), ServerFailure> {
        let start = self.query.since.map_or(FollowStart::All, FollowStart::Time);
        let headers_only = !self.query.envelopes;
        let wanted = Follow { stream: stream.to_owned(), subject: self.subject(), start, headers_only };
        let mut follower = self.transport.follow(&wanted).await?;
        loop {
            let Ok(next) = timeout(PATIENCE, follower.next()).await else {
                return Err(ServerFailure::Unavailable(format!("nothing came of it for {PATIENCE:?}").into()));
            };
            match next? {
                Followed::Current => return Ok(()),
                Followed::Message(message) if message.sequence > last => return Ok(()),
                Followed::Message(message) => {
                    let is_last = message.sequence == last;
                    self.look_at(stream, &message);
                    if is_last {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn read_singly(&mut self, stream: &str, extent: &StreamExtent) -> Result<(), Unavailable> {
        let subject = self.subject();
        let mut from = extent.first;
        while from <= extent.last {
            let next = MessageSelector::NextOf { subject: &subject, from };
            let Some(message) = self.transport.message(stream, next).await? else { return Ok(()) };
            if message.sequence > extent.last {
                return Ok(());
            }
            from = message.sequence + 1;
            if self.query.since.is_none_or(|since| message.stored >= since) {
                self.look_at(stream, &message);
            }
        }
        Ok(())
    }

    fn look_at(&mut self, stream: &str, stored: &StreamMessage) {
        if let Some(seen) = self.found.seen.get_mut(stream) {
            *seen += 1;
        }
        if let Some(reason) = stored.message.headers.malformed().map(MalformedBlock::explanation) {
            self.unread(stream, Some(stored.sequence), reason.into());
        }
        let Some(headers) = self.belonging(stored) else { return };
        if self.found.messages.len() >= self.query.most {
            self.found.left_out += 1;
            return;
        }
        self.found.messages.push(TracedMessage {
            stream: stream.to_owned(),
            sequence: stored.sequence,
            stored: stored.stored,
            subject: stored.message.subject.to_string(),
            headers,
        });
    }

    /// The headers of a message of the correlation, as far as they are kept.
    fn belonging(&self, stored: &StreamMessage) -> Option<BTreeMap<String, String>> {
        let headers = &stored.message.headers;
        let envelope = match headers.get(Headers::CORRELATION) {
            Some(own) if own == self.query.correlation_id => None,
            None if self.query.envelopes => {
                let (envelope, _) = stored.message.envelope().ok()?;
                let is_of_it = envelope.correlation_id.as_ref() == Some(&self.query.correlation_id);
                Some(Some(envelope).filter(|_| is_of_it)?)
            }
            _ => return None,
        };
        let is_kept = |name: &str| {
            name.starts_with("Eventsmith-") || matches!(name, Headers::ID | Headers::SCHEDULE | Headers::SCHEDULER)
        };
        let mut kept = BTreeMap::new();
        for (name, value) in headers.iter().filter(|(name, _)| is_kept(name)) {
            // Of several values the first is what readers take.
            kept.entry(name.to_owned()).or_insert_with(|| cut(value));
        }
        if let Some(envelope) = envelope {
            let said = [
                (Headers::ID, Some(envelope.id)),
                (Headers::TYPE, Some(envelope.event_type)),
                (Headers::VERSION, Some(envelope.version.to_string())),
                (Headers::CAUSATION, envelope.causation_id),
            ];
            for (name, value) in said {
                if let Some(value) = value {
                    kept.entry(name.to_owned()).or_insert_with(|| cut(&value));
                }
            }
        }
        Some(kept)
    }

    fn unread(&mut self, stream: &str, sequence: Option<u64>, reason: Cause) {
        if self.found.unread.len() < MOST_UNREAD {
            self.found.unread.push(Unread { stream: stream.to_owned(), sequence, reason });
        }
    }
}

fn cut(value: &str) -> String {
    if value.len() <= LONGEST { value.to_owned() } else { clip(value.to_owned()) }
}

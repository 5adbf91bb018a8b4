//! How streams and consumers are doing.

use std::fmt;

use eventsmith_bus::settings::{FoundConsumer, FoundStream, StreamSettings, format};
use serde::Serialize;

use super::error::ProvisionError;
use crate::server::Server;
use crate::topology::Topology;

/// How streams and consumers are doing, from [`BusAdmin::status`](crate::BusAdmin::status): a table as text, and the same as JSON.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The streams that were found.
    pub streams: Vec<StreamStatus>,
    /// What should exist and does not.
    pub missing: Vec<Missing>,
}

/// One stream.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct StreamStatus {
    /// Its name and what it is like, with its limits.
    #[serde(flatten)]
    pub settings: StreamSettings,
    /// How many messages it holds.
    pub messages: u64,
    /// How many bytes they take.
    pub bytes: u64,
    /// The number of its first message.
    pub first_sequence: u64,
    /// The number of the last message that it ever stored.
    pub last_sequence: u64,
    /// All its consumers.
    pub consumers: Vec<ConsumerStatus>,
}

/// One consumer.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ConsumerStatus {
    /// Its name.
    pub name: String,
    /// Whether the topology has it; `None` if there was none to ask.
    pub managed: Option<bool>,
    /// Messages that were not delivered yet.
    pub lag: u64,
    /// Messages that were delivered and not acknowledged.
    pub ack_pending: u64,
    /// Messages that were delivered more than once and not acknowledged.
    pub redelivered: u64,
    /// Pull requests that wait for messages.
    pub waiting: u64,
    /// The number in the stream of the last message that was delivered.
    pub last_delivered: u64,
    /// Every message up to this number in the stream is done with.
    pub ack_floor: u64,
    /// How many messages the stream dropped that the consumer had not come to yet, as far as it shows now: it no longer does once
    /// the consumer has gone on.
    pub dropped_unread: u64,
    /// Whether all of these were for the consumer. Otherwise some may have been, and nobody knows.
    pub dropped_unread_is_certain: bool,
    /// Whether an operator has paused it.
    pub paused: bool,
    /// Whether one of several readers has it to itself at the moment.
    pub pinned: bool,
}

/// What should exist and does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Missing {
    /// The stream.
    pub stream: String,
    /// Its consumer, or `None` for the stream itself.
    pub consumer: Option<String>,
}

impl Server {
    /// The streams of a topology, or all that there are.
    pub(crate) async fn status(&self, topology: Option<&Topology>) -> Result<Status, ProvisionError> {
        let all = || "the list of streams".to_owned();
        let mut found = self.streams().await.map_err(|failure| ProvisionError::new(all(), failure))?;
        found.retain(|stream| topology.is_none_or(|topology| has_stream(topology, &stream.settings.name)));
        found.sort_by(|a, b| a.settings.name.cmp(&b.settings.name));
        let mut streams = Vec::new();
        for FoundStream { settings, messages, bytes, first_sequence, last_sequence, .. } in found {
            let about = || format!("the consumers of {}", settings.name);
            let consumers = self.consumers(&settings.name).await;
            let mut consumers = consumers.map_err(|failure| ProvisionError::new(about(), failure))?;
            consumers.sort_by(|a, b| a.settings.name.cmp(&b.settings.name));
            let stream = |consumer| status_of(consumer, &settings, first_sequence, topology);
            let consumers = consumers.into_iter().map(stream).collect();
            streams.push(StreamStatus { settings, messages, bytes, first_sequence, last_sequence, consumers });
        }
        let missing = topology.map(|topology| missing(topology, &streams)).unwrap_or_default();
        Ok(Status { streams, missing })
    }
}

fn has_stream(topology: &Topology, name: &str) -> bool {
    topology.streams.iter().any(|stream| stream.name == name)
        || topology.consumers.iter().any(|consumer| consumer.stream == name)
}

fn status_of(
    FoundConsumer { settings, progress, .. }: FoundConsumer,
    stream: &StreamSettings,
    first: u64,
    topology: Option<&Topology>,
) -> ConsumerStatus {
    let is_managed = |topology: &Topology| {
        topology.consumers.iter().any(|wanted| wanted.stream == settings.stream && wanted.name == settings.name)
    };
    ConsumerStatus {
        managed: topology.map(is_managed),
        lag: progress.lag,
        ack_pending: progress.ack_pending,
        redelivered: progress.redelivered,
        waiting: progress.waiting,
        last_delivered: progress.delivered,
        ack_floor: progress.ack_floor,
        dropped_unread: first.saturating_sub(progress.delivered + 1),
        dropped_unread_is_certain: settings.takes_all(&stream.subjects, stream.retention),
        paused: progress.paused,
        pinned: progress.pinned,
        name: settings.name,
    }
}

fn missing(topology: &Topology, streams: &[StreamStatus]) -> Vec<Missing> {
    let find = |name: &str| streams.iter().find(|stream| stream.settings.name == name);
    let absent = topology.streams.iter().filter(|stream| find(&stream.name).is_none());
    let absent = absent.map(|stream| Missing { stream: stream.name.clone(), consumer: None });
    let idle = topology.consumers.iter().filter(|wanted| {
        let stream = find(&wanted.stream);
        !stream.is_some_and(|stream| stream.consumers.iter().any(|consumer| consumer.name == wanted.name))
    });
    let idle = idle.map(|wanted| Missing { stream: wanted.stream.clone(), consumer: Some(wanted.name.clone()) });
    absent.chain(idle).collect()
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["STREAM", "MESSAGES", "BYTES", "FIRST", "LAST", "MAX AGE", "MAX BYTES", "MAX MESSAGES"];
        let streams = self.streams.iter().map(|stream| {
            let settings = &stream.settings;
            vec![
                settings.name.escape_debug().to_string(),
                stream.messages.to_string(),
                stream.bytes.to_string(),
                stream.first_sequence.to_string(),
                stream.last_sequence.to_string(),
                format::limit(settings.max_age, format::duration),
                format::limit(settings.max_bytes, format::bytes),
                format::limit(settings.max_messages, |max| max.to_string()),
            ]
        });
        table(f, &heads, streams)?;
        let heads =
            ["CONSUMER", "STREAM", "LAG", "UNACKED", "REDELIVERED", "WAITING", "DELIVERED", "ACK FLOOR", "REMARKS"];
        let consumers = self.streams.iter().flat_map(|stream| {
            let name = stream.settings.name.escape_debug();
            stream.consumers.iter().map(move |consumer| {
                let dropped = match (consumer.dropped_unread, consumer.dropped_unread_is_certain) {
                    (0, _) => String::new(),
                    (count, true) => format!("{count} dropped unread"),
                    (count, false) => format!("up to {count} dropped unread"),
                };
                let remarks = [
                    (consumer.managed == Some(false), "not in the catalogue"),
                    (consumer.paused, "paused"),
                    (consumer.pinned, "pinned"),
                    (consumer.dropped_unread > 0, &dropped),
                ];
                let remarks: Vec<&str> =
                    remarks.into_iter().filter_map(|(holds, text)| holds.then_some(text)).collect();
                vec![
                    consumer.name.escape_debug().to_string(),
                    name.to_string(),
                    consumer.lag.to_string(),
                    consumer.ack_pending.to_string(),
                    consumer.redelivered.to_string(),
                    consumer.waiting.to_string(),
                    consumer.last_delivered.to_string(),
                    consumer.ack_floor.to_string(),
                    remarks.join(", "),
                ]
            })
        });
        writeln!(f)?;
        table(f, &heads, consumers)?;
        self.missing.iter().try_for_each(|Missing { stream, consumer }| match consumer {
            Some(consumer) => writeln!(f, "missing: the consumer {consumer} of {stream}"),
            None => writeln!(f, "missing: the stream {stream}"),
        })
    }
}

/// Columns as wide as what stands in them.
fn table(f: &mut fmt::Formatter<'_>, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> fmt::Result {
    let heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
            line += &format!("{cell:width$}  ", width = width.unwrap_or_default());
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

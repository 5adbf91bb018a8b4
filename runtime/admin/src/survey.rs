//! How streams and consumers are doing, for whoever looks again and again: few requests, however many consumers there are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::cause::Cause;
use eventsmith_bus::dead_letters::record;
use eventsmith_bus::dead_letters::runs::is_run_count;
use eventsmith_bus::dead_letters::stream_of;
use eventsmith_bus::settings::DEAD_LETTERS;
use eventsmith_bus::transport::{Follow, FollowStart, Followed, MessageSelector, ServerFailure, Unavailable};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::server::Server;

/// How many pages of lists one survey asks for at most: of 256 streams or consumers each.
const MOST_PAGES: u64 = 256;
/// How long a list is waited for: longer than the servers of a cluster wait for each other.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one stream is waited for, where all of them are asked at once.
const PATIENCE_FOR_ONE: Duration = Duration::from_secs(2);
/// Of a consumer with more filters than these the oldest message is looked for whatever its subject.
const MOST_FILTERS: usize = 64;

/// What one look at a server found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Survey {
    /// The streams, by name.
    pub streams: BTreeMap<String, SurveyedStream>,
    /// The streams whose consumers could not all be read, and why not.
    pub unread: BTreeMap<String, Cause>,
    /// How many requests it took.
    pub requests: u64,
}

/// One stream.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SurveyedStream {
    /// Messages that it holds.
    pub messages: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// The number of the first.
    pub first: u64,
    /// The number of the last message that it ever stored.
    pub last: u64,
    /// How many bytes it holds at most.
    pub max_bytes: Option<u64>,
    /// How many messages it holds at most.
    pub max_messages: Option<u64>,
    /// After how long it drops messages, in seconds.
    pub max_age: Option<f64>,
    /// Whether it has a leader.
    pub has_leader: bool,
    /// Its other replicas: how many keep up, are behind, are offline; and by how many operations the last of them lags.
    pub replicas: Replicas,
    /// Its durable consumers, by name; `None` if they could not all be read.
    pub consumers: Option<BTreeMap<String, SurveyedConsumer>>,
}

/// The replicas beside the leader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replicas {
    /// Those that keep up.
    pub current: u64,
    /// Those that do not.
    pub behind: u64,
    /// Those that are not there.
    pub offline: u64,
    /// By how many operations the last of them lags.
    pub lag: u64,
}

/// One durable consumer.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SurveyedConsumer {
    /// The subjects that it is for; empty for all.
    pub filters: Vec<String>,
    /// Messages that were not delivered yet.
    pub undelivered: u64,
    /// Messages that are delivered and not acknowledged.
    pub ack_pending: u64,
    /// Messages that were delivered more than once and not acknowledged, those included that are delivered no more.
    pub redelivered: u64,
    /// Requests that wait for messages.
    pub waiting: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// The number in the stream of the last message that was delivered.
    pub delivered: u64,
    /// Everything up to this number in the stream is done with.
    pub ack_floor: u64,
    /// Whether it is paused.
    pub paused: bool,
    /// Whether it has a leader.
    pub has_leader: bool,
}

impl SurveyedConsumer {
    /// How many messages, at least, the server delivers no more and nobody acknowledged. Without a search that terminates candidates,
    /// which this does not do, no more can be told while others are in hand.
    pub fn unaccounted(&self) -> u64 {
        self.redelivered.saturating_sub(self.ack_pending)
    }

    /// Whether it has handled all that is for it.
    pub fn is_done(&self) -> bool {
        self.undelivered == 0 && self.ack_pending == 0 && self.unaccounted() == 0
    }
}

/// What is counted of dead letters.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CountedDeadLetters {
    /// How many there are of each consumer, type and reason.
    pub counts: BTreeMap<(String, String, &'static str), u64>,
    /// When the oldest of each consumer was dead-lettered.
    pub oldest: BTreeMap<String, Timestamp>,
    /// How many messages are beyond those that were counted, or no dead letters.
    pub uncounted: u64,
}

#[derive(Deserialize)]
struct StreamInfo {
    config: Map<String, Value>,
    state: State,
    cluster: Option<Cluster>,
}

#[derive(Deserialize)]
struct State {
    messages: u64,
    bytes: u64,
    first_seq: u64,
    last_seq: u64,
}

#[derive(Deserialize)]
struct Cluster {
    #[serde(default)]
    leader: String,
    #[serde(default)]
    replicas: Vec<Peer>,
}

#[derive(Deserialize)]
struct Peer {
    #[serde(default)]
    current: bool,
    #[serde(default)]
    offline: bool,
    #[serde(default)]
    lag: u64,
}

#[derive(Deserialize)]
struct ConsumerInfo {
    name: String,
    config: Map<String, Value>,
    #[serde(default)]
    delivered: Pair,
    #[serde(default)]
    ack_floor: Pair,
    #[serde(default)]
    num_pending: u64,
    #[serde(default)]
    num_ack_pending: u64,
    #[serde(default)]
    num_redelivered: u64,
    #[serde(default)]
    num_waiting: u64,
    #[serde(default)]
    paused: bool,
    cluster: Option<Cluster>,
}

#[derive(Deserialize, Default)]
struct Pair {
    #[serde(default)]
    consumer_seq: u64,
    #[serde(default)]
    stream_seq: u64,
}

/// One page of a list. What has no leader is not in it, and `missing` names it.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(alias = "streams", alias = "consumers")]
    items: Option<Vec<T>>,
    missing: Option<Vec<String>>,
    total: u64,
}

/// What a list came to.
struct Listed<T> {
    items: Vec<T>,
    missing: BTreeSet<String>,
}

/// Looks at all streams and durable consumers: one request for each 256 streams, and for each 256 consumers of a stream.
pub(crate) async fn survey(bus: &Bus) -> Result<Survey, Unavailable> {
    let server = Server::of(bus);
    let mut survey = Survey::default();
    let streams = match timeout(PATIENCE, list::<StreamInfo>(&server, "STREAM.LIST", &mut survey.requests)).await {
        Ok(streams) => streams?,
        // As long as a stream has lost all of its servers, a cluster answers nothing to that. (Seen with 2.15.1.)
        Err(_) => each(&server, &mut survey.requests).await?,
    };
    survey.streams.extend(streams.missing.into_iter().map(|name| (name, SurveyedStream::default())));
    for info in streams.items {
        let name = info.config.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        survey.streams.insert(name, stream(&info));
    }
    for (name, stream) in &mut survey.streams {
        // Whatever has no leader does not say which consumers it has.
        if !stream.has_leader {
            continue;
        }
        let subject = format!("CONSUMER.LIST.{name}");
        let listed = timeout(PATIENCE, list::<ConsumerInfo>(&server, &subject, &mut survey.requests));
        let late = || ServerFailure::Unavailable(format!("it takes longer than {PATIENCE:?}").into());
        match listed.await.unwrap_or_else(|_| Err(late())) {
            Ok(Listed { items, missing }) => {
                let missing = missing.into_iter().map(|name| (name, SurveyedConsumer::default()));
                stream.consumers = Some(missing.chain(items.into_iter().filter_map(consumer)).collect());
            }
            Err(failure) => {
                survey.unread.insert(name.clone(), Unavailable::from(failure).0);
            }
        }
    }
    Ok(survey)
}

/// When the oldest message was stored that a consumer has not handled, and how many requests that took; `None` if there is none.
pub(crate) async fn oldest_unhandled(
    bus: &Bus,
    stream: &str,
    consumer: &SurveyedConsumer,
) -> Result<(Option<Timestamp>, u64), Unavailable> {
    let subjects: Vec<&str> = match consumer.filters.as_slice() {
        filters @ [_, ..] if filters.len() <= MOST_FILTERS => filters.iter().map(String::as_str).collect(),
        _ => vec![">"],
    };
    let mut oldest: Option<Timestamp> = None;
    for subject in &subjects {
        let next = MessageSelector::NextOf { subject, from: consumer.ack_floor + 1 };
        if let Some(message) = bus.transport().message(stream, next).await? {
            oldest = Some(oldest.map_or(message.stored, |oldest| oldest.min(message.stored)));
        }
    }
    Ok((oldest, u64::try_from(subjects.len()).unwrap_or(u64::MAX)))
}

/// Counts the dead letters of a root by reading their headers, up to a number of them; `None` if no stream captures them.
pub(crate) async fn count_dead_letters(
    bus: &Bus,
    root: &str,
    most: u64,
) -> Result<Option<CountedDeadLetters>, ServerFailure> {
    let transport = bus.transport();
    let Some(stream) = stream_of(transport, root).await? else { return Ok(None) };
    let Some(extent) = transport.extent(&stream).await? else { return Ok(None) };
    let mut counted = CountedDeadLetters::default();
    if extent.last < extent.first {
        return Ok(Some(counted));
    }
    let subject = format!("{root}.{DEAD_LETTERS}.>");
    let wanted = Follow { stream, subject: subject.clone(), start: FollowStart::All, headers_only: true };
    let mut follower = transport.follow(&wanted).await?;
    let (mut seen, mut marked) = (BTreeSet::new(), 0);
    while let Followed::Message(message) = follower.next().await? {
        if message.sequence > extent.last {
            break;
        }
        let (sequence, is_last) = (message.sequence, message.sequence == extent.last);
        if u64::try_from(seen.len()).unwrap_or(u64::MAX) >= most {
            let all = transport.count(&wanted.stream, &subject).await?;
            counted.uncounted += all.saturating_sub(most + marked);
            break;
        }
        if !is_run_count(&message.message.subject) {
            match record::read(message) {
                // While a dead letter is being replayed there are two of it.
                Some(copy) if copy.mark.is_some_and(|mark| seen.contains(&mark.of)) => marked += 1,
                Some(letter) => {
                    seen.insert(sequence);
                    let event_type = letter.event_type.unwrap_or_default();
                    let oldest = counted.oldest.entry(letter.consumer.clone()).or_insert(letter.dead_lettered);
                    *oldest = letter.dead_lettered.min(*oldest);
                    *counted.counts.entry((letter.consumer, event_type, letter.reason.as_str())).or_default() += 1;
                }
                None => counted.uncounted += 1,
            }
        }
        if is_last {
            break;
        }
    }
    Ok(Some(counted))
}

/// Asks about each stream by itself. What does not answer has no leader.
async fn each(server: &Server, requests: &mut u64) -> Result<Listed<StreamInfo>, ServerFailure> {
    let names = list::<String>(server, "STREAM.NAMES", requests).await?;
    let mut asked = JoinSet::new();
    for name in names.items.into_iter().chain(names.missing) {
        *requests += 1;
        let server = server.clone();
        asked.spawn(async move {
            let request = json!({});
            let info = server.raw::<StreamInfo>(format!("STREAM.INFO.{name}"), &request);
            (timeout(PATIENCE_FOR_ONE, info).await.ok().and_then(Result::ok), name)
        });
    }
    let mut listed = Listed { items: Vec::new(), missing: BTreeSet::new() };
    while let Some(answered) = asked.join_next().await {
        match answered {
            Ok((Some(info), _)) => listed.items.push(info),
            Ok((None, name)) => drop(listed.missing.insert(name)),
            // A task that is dropped here ends with this.
            Err(_) => {}
        }
    }
    Ok(listed)
}

async fn list<T: DeserializeOwned>(
    server: &Server,
    subject: &str,
    requests: &mut u64,
) -> Result<Listed<T>, ServerFailure> {
    let mut listed = Listed { items: Vec::new(), missing: BTreeSet::new() };
    for _ in 0..MOST_PAGES {
        *requests += 1;
        let page: Page<T> = server.raw(subject.to_owned(), &json!({ "offset": listed.items.len() })).await?;
        let items = page.items.unwrap_or_default();
        let is_empty = items.is_empty();
        listed.missing.extend(page.missing.unwrap_or_default());
        listed.items.extend(items);
        // A server that asks in vain for what has no leader takes seconds for a page, and so it would for the next.
        let have = u64::try_from(listed.items.len() + listed.missing.len()).unwrap_or(u64::MAX);
        let is_last = is_empty || have >= page.total;
        if is_last {
            return Ok(listed);
        }
    }
    let reason = format!("{subject} has more than {MOST_PAGES} pages, and no more are read");
    Err(ServerFailure::Unavailable(reason.into()))
}

fn stream(info: &StreamInfo) -> SurveyedStream {
    let StreamInfo { config, state, cluster } = info;
    let limit = |name: &str| config.get(name).and_then(Value::as_u64).filter(|limit| *limit > 0);
    SurveyedStream {
        messages: state.messages,
        bytes: state.bytes,
        first: state.first_seq,
        last: state.last_seq,
        max_bytes: limit("max_bytes"),
        max_messages: limit("max_msgs"),
        max_age: limit("max_age").map(|nanos| nanos as f64 / 1e9),
        has_leader: has_leader(cluster.as_ref()),
        replicas: replicas(cluster.as_ref()),
        consumers: None,
    }
}

/// A consumer that is durable: the others belong to whoever reads along, and come and go.
fn consumer(info: ConsumerInfo) -> Option<(String, SurveyedConsumer)> {
    let text = |name: &str| info.config.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text("durable_name")?;
    let several = info.config.get("filter_subjects").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let filters = text("filter_subject").into_iter().chain(several.iter().filter_map(Value::as_str));
    let surveyed = SurveyedConsumer {
        filters: filters.map(str::to_owned).collect(),
        undelivered: info.num_pending,
        ack_pending: info.num_ack_pending,
        redelivered: info.num_redelivered,
        waiting: info.num_waiting,
        deliveries: info.delivered.consumer_seq,
        delivered: info.delivered.stream_seq,
        ack_floor: info.ack_floor.stream_seq,
        paused: info.paused,
        has_leader: has_leader(info.cluster.as_ref()),
    };
    Some((info.name, surveyed))
}

/// A server that is alone leads, and may not say so.
fn has_leader(cluster: Option<&Cluster>) -> bool {
    cluster.is_none_or(|cluster| !cluster.leader.is_empty())
}

fn replicas(cluster: Option<&Cluster>) -> Replicas {
    let mut replicas = Replicas::default();
    for peer in cluster.map(|cluster| cluster.replicas.as_slice()).unwrap_or_default() {
        let count = match (peer.offline, peer.current) {
            (true, _) => &mut replicas.offline,
            (false, true) => &mut replicas.current,
            (false, false) => &mut replicas.behind,
        };
        *count += 1;
        replicas.lag = replicas.lag.max(peer.lag);
    }
    replicas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cluster_says_of_its_replicas_is_counted() {
        let info = json!({
            "config": { "name": "S", "max_bytes": -1, "max_msgs": 7, "max_age": 1_500_000_000_u64 },
            "state": { "messages": 1, "bytes": 2, "first_seq": 3, "last_seq": 4 },
            "cluster": { "leader": "", "replicas": [
                { "name": "a", "current": true, "lag": 0 }, { "name": "b", "current": false, "lag": 9 },
                { "name": "c", "current": false, "offline": true } ] }
        });

        let stream = stream(&serde_json::from_value(info).unwrap());

        assert_eq!((stream.max_bytes, stream.max_messages, stream.max_age), (None, Some(7), Some(1.5)));
        assert!(!stream.has_leader);
        assert_eq!(stream.replicas, Replicas { current: 1, behind: 1, offline: 1, lag: 9 });
    }

    #[test]
    fn what_is_delivered_no_more_is_told_from_what_is_in_hand() {
        let consumer = SurveyedConsumer { ack_pending: 2, redelivered: 5, ..SurveyedConsumer::default() };

        assert_eq!((consumer.unaccounted(), consumer.is_done()), (3, false));
        assert!(SurveyedConsumer { deliveries: 7, ..SurveyedConsumer::default() }.is_done());
    }
}

//! What a catalogue declares, as far as operators look at it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::subject;

/// All that a catalogue declares, by name, in order.
#[derive(Debug, Clone, Default)]
pub struct Landscape {
    /// The path of `eventsmith.toml`, as it can be opened by whoever reads what is made of this.
    pub manifest: String,
    /// What all subjects begin with.
    pub root: String,
    /// The services.
    pub services: Vec<Service>,
    /// The streams and, as streams, the buckets.
    pub streams: Vec<Stream>,
    /// The events and requests.
    pub events: Vec<Event>,
    /// The sagas.
    pub sagas: Vec<Saga>,
}

/// One service.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// Its name, which is that of its consumers, but for those of sagas.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The types of the events that it publishes.
    pub publishes: Vec<String>,
    /// The types of the events that it consumes.
    pub consumes: Vec<String>,
    /// The types of the requests that it answers.
    pub handles: Vec<String>,
    /// The types of the requests that it makes.
    pub asks: Vec<String>,
    /// The versions of sagas that it runs, `checkout@1`.
    pub runs: Vec<String>,
    /// The types of the documents that it puts into their bucket, and reads there.
    pub writes: Vec<String>,
    /// The types of the documents that it only reads in their bucket.
    pub reads: Vec<String>,
    /// The types of the documents that a projection of it makes, with the types of the events that they are made of.
    pub projects: BTreeMap<String, Vec<String>>,
    /// Its durable consumers.
    pub consumers: Vec<Consumer>,
    /// The durable consumers of the sagas that it runs.
    pub saga_consumers: Vec<Consumer>,
    /// The line of `eventsmith.toml` on which it begins.
    pub line: usize,
    /// The lines of what it declares.
    pub declared: Vec<Declared>,
}

/// Where a service declares something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// The list, `publishes`.
    pub list: &'static str,
    /// What stands there.
    pub name: String,
    /// The line of `eventsmith.toml`.
    pub line: usize,
}

/// One durable consumer of a service.
#[derive(Debug, Clone, Default)]
pub struct Consumer {
    /// Its name: that of the service, or what the runner of a saga is called.
    pub name: String,
    /// Its stream.
    pub stream: String,
    /// Whether one instance at a time reads from it.
    pub ordered: bool,
    /// After how long without an acknowledgement an event is delivered again.
    pub ack_wait: Duration,
    /// How many events may be delivered and not acknowledged.
    pub max_ack_pending: u64,
    /// After how many deliveries the server delivers an event no more; nothing if it never gives up.
    pub max_deliver: Option<u64>,
}

/// One stream or bucket.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// Its name at the server.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The subjects that it captures, with wildcards.
    pub subjects: Vec<String>,
    /// Whether it is a key-value bucket.
    pub is_bucket: bool,
    /// The type of the documents of a bucket that the catalogue declares.
    pub document: Option<String>,
    /// Whether it is kept in memory, and not on disk.
    pub in_memory: bool,
    /// Whether it holds dead letters.
    pub holds_dead_letters: bool,
    /// Messages older than this are dropped.
    pub max_age: Option<Duration>,
    /// How many bytes it holds at most.
    pub max_bytes: Option<u64>,
    /// How many messages it holds at most.
    pub max_messages: Option<u64>,
    /// Whether it refuses messages at its limits, and drops none.
    pub refuses: bool,
    /// On how many servers each message is stored.
    pub replicas: u64,
}

/// One event or request.
#[derive(Debug, Clone, Default)]
pub struct Event {
    /// Its type.
    pub name: String,
    /// Its subjects, one for each version that has another; with wildcards.
    pub subjects: Vec<String>,
    /// Whether it is asked and answered, and not stored.
    pub is_request: bool,
    /// The aggregate whose history it is a part of.
    pub aggregate: Option<String>,
}

/// One saga.
#[derive(Debug, Clone, Default)]
pub struct Saga {
    /// Its name.
    pub name: String,
    /// The stream that it lies in.
    pub stream: String,
    /// The type of its state.
    pub state: String,
    /// The services that run it, each with a version of it, in order.
    pub run_by: Vec<(String, String)>,
}

impl Service {
    /// Its durable consumers, and those of the sagas that it runs.
    pub fn durable_consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.consumers.iter().chain(&self.saga_consumers)
    }
}

impl Landscape {
    /// The service of a name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// The stream of a name.
    pub fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.name == name)
    }

    /// The event or request of a type.
    pub fn event(&self, name: &str) -> Option<&Event> {
        self.events.iter().find(|event| event.name == name)
    }

    /// The streams that capture something of an event.
    pub fn streams_of<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Stream> {
        let captures = |stream: &Stream| {
            stream.subjects.iter().any(|own| event.subjects.iter().any(|subject| subject::overlap(own, subject)))
        };
        self.streams.iter().filter(move |stream| captures(stream))
    }

    /// The bucket of a type of documents.
    pub fn bucket_of(&self, document: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.document.as_deref() == Some(document))
    }

    /// The durable consumers of all services.
    pub fn durable_consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.services.iter().flat_map(Service::durable_consumers)
    }

    /// The type that a subject, with or without wildcards, belongs to.
    pub fn event_of_subject(&self, subject: &str) -> Option<&Event> {
        let fits = |own: &String| {
            let (mut own, mut other) = (own.split('.'), subject.split('.'));
            loop {
                match (own.next(), other.next()) {
                    (Some(own), Some(other)) if own == other || own == "*" || is_open(other) => {}
                    (None, None) => return true,
                    _ => return false,
                }
            }
        };
        self.events.iter().find(|event| event.subjects.iter().any(fits))
    }
}

impl Service {
    /// The line on which it declares something, or else the one on which it begins.
    pub fn line_of(&self, list: &str, name: &str) -> usize {
        let declared = self.declared.iter().find(|declared| declared.list == list && declared.name == name);
        declared.map_or(self.line, |declared| declared.line)
    }

    /// The line of a list, or else the one on which it begins.
    pub fn line_of_list(&self, list: &str) -> usize {
        let declared = self.declared.iter().filter(|declared| declared.list == list);
        declared.map(|declared| declared.line).max().unwrap_or(self.line)
    }
}

impl Stream {
    /// Whether it drops messages that nobody may have read: by their age, or at its limits.
    pub fn may_drop(&self) -> bool {
        let has_limit = self.max_bytes.is_some() || self.max_messages.is_some();
        self.max_age.is_some() || has_limit && !self.refuses
    }
}

/// Whether a token of a subject stands for others: `*`, or `{rule_id}` of a template.
fn is_open(token: &str) -> bool {
    token == "*" || token.starts_with('{') && token.ends_with('}')
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small shop with something of everything.
    pub(crate) fn shop() -> Landscape {
        let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<String>>();
        let consumer = |stream: &str| Consumer {
            name: "mail".to_owned(),
            stream: stream.to_owned(),
            ack_wait: Duration::from_secs(15),
            max_ack_pending: 5_000,
            max_deliver: Some(100),
            ..Consumer::default()
        };
        let event = |name: &str, is_request: bool| Event {
            name: name.to_owned(),
            subjects: vec![format!("shop.{}.{name}", if is_request { "command" } else { "domain" })],
            is_request,
            ..Event::default()
        };
        Landscape {
            manifest: "schemas/eventsmith.toml".to_owned(),
            root: "shop".to_owned(),
            services: vec![
                Service {
                    name: "orders".to_owned(),
                    publishes: texts(&["order.placed", "order.paid", "order.shipped", "order.lost"]),
                    handles: texts(&["order.place"]),
                    ..Service::default()
                },
                Service {
                    name: "mail".to_owned(),
                    consumes: texts(&["order.placed", "order.paid", "order.shipped", "order.lost"]),
                    asks: texts(&["order.place"]),
                    consumers: vec![consumer("ORDERS")],
                    ..Service::default()
                },
            ],
            streams: vec![
                Stream {
                    name: "ORDERS".to_owned(),
                    max_age: Some(Duration::from_secs(30 * 86_400)),
                    max_bytes: Some(10 << 30),
                    max_messages: Some(1_000_000),
                    replicas: 3,
                    ..Stream::default()
                },
                Stream {
                    name: "LETTERS".to_owned(),
                    holds_dead_letters: true,
                    max_age: Some(Duration::from_secs(14 * 86_400)),
                    replicas: 1,
                    ..Stream::default()
                },
            ],
            events: [
                ("order.placed", false),
                ("order.paid", false),
                ("order.shipped", false),
                ("order.lost", false),
                ("order.place", true),
            ]
            .map(|(name, is_request)| event(name, is_request))
            .to_vec(),
            sagas: vec![Saga {
                name: "checkout".to_owned(),
                stream: "SAGAS".to_owned(),
                state: "checkout.summary".to_owned(),
                run_by: vec![("orders".to_owned(), "1".to_owned()), ("orders".to_owned(), "2".to_owned())],
            }],
        }
    }

    #[test]
    fn a_subject_belongs_to_one_type_with_or_without_wildcards() {
        let event = |name: &str, subject: &str| Event {
            name: name.to_owned(),
            subjects: vec![subject.to_owned()],
            ..Event::default()
        };
        let landscape = Landscape {
            events: vec![event("rule.created", "rules.domain.rule.created.*"), event("sync.started", "rules.sync")],
            ..Landscape::default()
        };

        let found = |subject| landscape.event_of_subject(subject).map(|event| event.name.as_str());
        for subject in ["rules.domain.rule.created.r1", "rules.domain.rule.created.*", "rules.domain.rule.created.{id}"]
        {
            assert_eq!(found(subject), Some("rule.created"), "{subject}");
        }
        assert_eq!((found("rules.sync"), found("rules.domain.rule.created")), (Some("sync.started"), None));
    }
}

//! What was last read of the server, and its figures as Prometheus reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eventsmith::Timestamp;
use eventsmith::admin::{CountedDeadLetters, Survey, SurveyedConsumer, SurveyedStream};
use eventsmith_operations::Landscape;
use eventsmith_operations::metrics as m;
use eventsmith_operations::prometheus::Text;
use tokio::time::Instant;

use super::advisories::{self, Advisory};
use super::growth::Growth;

/// The label of what the catalogue does not have: names of others are not bounded.
const OTHER: &str = "_OTHER";
/// After how many looks without news figures are no longer exported.
const STALE: u32 = 3;
/// The same for what is looked at every few looks.
const STALE_SELDOM: u32 = 12;
/// What is added to both: how long a look may take.
const SLACK: Duration = Duration::from_secs(15);

/// A part of what is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Streams,
    Consumers,
    Ages,
    DeadLetters,
    Catalogue,
    Advisories,
}

/// A stream or a consumer that is not as the catalogue says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drift {
    pub(super) stream: String,
    /// Empty for the stream itself.
    pub(super) consumer: String,
    pub(super) action: &'static str,
}

/// How reading a part went.
#[derive(Debug, Default)]
struct Reading {
    /// When it was last read completely.
    read: Option<Instant>,
    /// Why it was not the last time.
    failure: Option<String>,
}

/// What was last read.
#[derive(Debug)]
pub(super) struct Figures {
    every: Duration,
    services: BTreeSet<String>,
    /// The durable consumers of services and of sagas.
    consumers: BTreeSet<String>,
    types: BTreeSet<String>,
    readings: BTreeMap<What, Reading>,
    survey: Survey,
    surveyed: Option<Timestamp>,
    growth: BTreeMap<String, Growth>,
    ages: BTreeMap<(String, String), Option<Timestamp>>,
    letters: Option<CountedDeadLetters>,
    drift: Vec<Drift>,
    advisories: BTreeMap<(&'static str, String, String), u64>,
    missed: u64,
    requests: u64,
}

impl What {
    const ALL: [Self; 6] =
        [Self::Streams, Self::Consumers, Self::Ages, Self::DeadLetters, Self::Catalogue, Self::Advisories];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Streams => "streams",
            Self::Consumers => "consumers",
            Self::Ages => "ages",
            Self::DeadLetters => "dead_letters",
            Self::Catalogue => "catalogue",
            Self::Advisories => "advisories",
        }
    }
}

impl Figures {
    pub(super) fn new(landscape: &Landscape, every: Duration) -> Self {
        let of_service = landscape.services.iter().flat_map(|service| &service.consumers);
        let consumers: BTreeSet<(String, String)> =
            of_service.map(|consumer| (consumer.stream.clone(), consumer.name.clone())).collect();
        // Whoever looks for what has grown sees the first advisory only where there was a zero before.
        let mut advisories = BTreeMap::new();
        let streams = landscape.streams.iter().map(|stream| (stream.name.clone(), String::new()));
        for (stream, consumer) in streams.chain(consumers.iter().cloned()) {
            for kind in advisories::kinds(!consumer.is_empty()) {
                advisories.insert((kind, stream.clone(), consumer.clone()), 0);
            }
        }
        Self {
            every,
            services: landscape.services.iter().map(|service| service.name.clone()).collect(),
            consumers: consumers.iter().map(|(_, consumer)| consumer.clone()).collect(),
            types: landscape.events.iter().map(|event| event.name.clone()).collect(),
            readings: BTreeMap::new(),
            survey: Survey::default(),
            surveyed: None,
            growth: BTreeMap::new(),
            ages: BTreeMap::new(),
            letters: None,
            drift: Vec::new(),
            advisories,
            missed: 0,
            requests: 0,
        }
    }

    /// Takes in a look at all streams and consumers.
    pub(super) fn survey(&mut self, survey: &Survey, now: Instant) {
        self.done(What::Streams, now);
        match survey.unread.iter().next() {
            None => self.done(What::Consumers, now),
            Some((stream, reason)) => {
                self.failed(What::Consumers, &format!("those of {stream}: {reason}"));
            }
        }
        self.requests += survey.requests;
        self.growth.retain(|name, _| survey.streams.contains_key(name));
        for (name, stream) in survey.streams.iter().filter(|(_, stream)| stream.has_leader) {
            self.growth.entry(name.clone()).or_default().note([stream.bytes, stream.messages], now);
        }
        self.survey = survey.clone();
        self.surveyed = Some(Timestamp::now());
    }

    /// Takes in when the oldest unhandled events were stored, as far as that is known.
    pub(super) fn ages(
        &mut self,
        ages: BTreeMap<(String, String), Option<Timestamp>>,
        is_complete: bool,
        now: Instant,
    ) {
        self.ages = ages;
        if is_complete {
            self.done(What::Ages, now);
        }
    }

    /// Takes in the dead letters; `None` where no stream captures them.
    pub(super) fn dead_letters(&mut self, letters: Option<CountedDeadLetters>, now: Instant) {
        self.letters = letters;
        self.done(What::DeadLetters, now);
    }

    /// The dead letters are those that were counted last.
    pub(super) fn same_dead_letters(&mut self, now: Instant) {
        if self.letters.is_some() {
            self.done(What::DeadLetters, now);
        }
    }

    pub(super) fn drift(&mut self, drift: Vec<Drift>, now: Instant) {
        self.drift = drift;
        self.done(What::Catalogue, now);
    }

    pub(super) fn listening(&mut self, now: Instant) {
        self.done(What::Advisories, now);
    }

    /// Counts an advisory, and how many were missed altogether.
    pub(super) fn advisory(&mut self, advisory: Option<Advisory>, missed: u64) {
        self.missed = self.missed.max(missed);
        let Some(Advisory { kind, stream, consumer }) = advisory else { return };
        let stream = if self.survey.streams.contains_key(&stream) { stream } else { OTHER.to_owned() };
        let consumer = if consumer.is_empty() { consumer } else { self.known(&self.consumers, &consumer) };
        *self.advisories.entry((kind, stream, consumer)).or_default() += 1;
    }

    pub(super) fn count_requests(&mut self, requests: u64) {
        self.requests += requests;
    }

    /// Notes that a part could not be read. Returns whether that is news.
    pub(super) fn failed(&mut self, what: What, failure: &str) -> bool {
        let reading = self.readings.entry(what).or_default();
        reading.failure.replace(failure.to_owned()).is_none_or(|before| before != failure)
    }

    fn done(&mut self, what: What, now: Instant) {
        self.readings.insert(what, Reading { read: Some(now), failure: None });
    }

    fn known(&self, names: &BTreeSet<String>, name: &str) -> String {
        if names.contains(name) { name.to_owned() } else { OTHER.to_owned() }
    }

    /// Whether what was read of a part is young enough to be exported.
    fn is_fresh(&self, what: What, now: Instant) -> bool {
        let looks = match what {
            What::Advisories => return self.readings.get(&what).is_some_and(|reading| reading.read.is_some()),
            What::DeadLetters | What::Catalogue => STALE_SELDOM,
            What::Streams | What::Consumers | What::Ages => STALE,
        };
        let age = self.readings.get(&what).and_then(|reading| reading.read).map(|read| now.duration_since(read));
        age.is_some_and(|age| age <= self.every * looks + SLACK)
    }

    /// All figures, as they are now.
    pub(super) fn text(&self, now: Instant) -> String {
        let mut text = Text::default();
        self.write_exporter(&mut text, now);
        if self.is_fresh(What::Streams, now) {
            self.write_streams(&mut text, now);
            self.write_consumers(&mut text);
        }
        if let Some(letters) = self.letters.as_ref().filter(|_| self.is_fresh(What::DeadLetters, now)) {
            self.write_dead_letters(&mut text, letters);
        }
        if self.is_fresh(What::Catalogue, now) {
            text.metric(&m::CATALOGUE_DRIFT);
            for Drift { stream, consumer, action } in &self.drift {
                text.sample(&m::CATALOGUE_DRIFT, &[stream, consumer, action], 1.0);
            }
        }
        text.metric(&m::ADVISORIES);
        for ((kind, stream, consumer), count) in &self.advisories {
            text.sample(&m::ADVISORIES, &[kind, stream, consumer], *count as f64);
        }
        text.metric(&m::ADVISORIES_MISSED);
        text.sample(&m::ADVISORIES_MISSED, &[], self.missed as f64);
        text.finish()
    }

    fn write_exporter(&self, text: &mut Text, now: Instant) {
        text.metric(&m::EXPORTER_UP);
        text.sample(&m::EXPORTER_UP, &[], flag(self.is_fresh(What::Streams, now)));
        text.metric(&m::EXPORTER_READ);
        for what in What::ALL {
            let is_read = self.readings.get(&what).is_some_and(|reading| reading.failure.is_none());
            text.sample(&m::EXPORTER_READ, &[what.as_str()], flag(is_read && self.is_fresh(what, now)));
        }
        text.metric(&m::EXPORTER_READ_AGE);
        for (what, reading) in &self.readings {
            // Advisories come by themselves.
            if let Some(read) = reading.read.filter(|_| *what != What::Advisories) {
                text.sample(&m::EXPORTER_READ_AGE, &[what.as_str()], now.duration_since(read).as_secs_f64());
            }
        }
        text.metric(&m::EXPORTER_REQUESTS);
        text.sample(&m::EXPORTER_REQUESTS, &[], self.requests as f64);
        text.metric(&m::EXPORTER_TIME);
        if let Some(surveyed) = self.surveyed {
            text.sample(&m::EXPORTER_TIME, &[], surveyed.as_millisecond() as f64 / 1e3);
        }
    }

    fn write_streams(&self, text: &mut Text, now: Instant) {
        type Figure<'a> = &'a dyn Fn(&str, &SurveyedStream) -> Option<f64>;
        let figures: [(&m::Metric, Figure<'_>); 8] = [
            (&m::STREAM_MESSAGES, &|_, stream| Some(stream.messages as f64)),
            (&m::STREAM_BYTES, &|_, stream| Some(stream.bytes as f64)),
            (&m::STREAM_LAST, &|_, stream| Some(stream.last as f64)),
            (&m::STREAM_MAX_BYTES, &|_, stream| Some(stream.max_bytes? as f64)),
            (&m::STREAM_MAX_MESSAGES, &|_, stream| Some(stream.max_messages? as f64)),
            (&m::STREAM_MAX_AGE, &|_, stream| stream.max_age),
            (&m::STREAM_FULL_IN, &|name, stream| {
                let limits = [stream.max_bytes, stream.max_messages];
                self.growth.get(name)?.full_in([stream.bytes, stream.messages], limits, stream.max_age, now)
            }),
            (&m::STREAM_REPLICA_LAG, &|_, stream| Some(stream.replicas.lag as f64)),
        ];
        for (metric, figure) in figures {
            text.metric(metric);
            // Whatever has no leader tells nothing of itself.
            for (name, stream) in self.survey.streams.iter().filter(|(_, stream)| stream.has_leader) {
                if let Some(value) = figure(name, stream) {
                    text.sample(metric, &[name], value);
                }
            }
        }
        text.metric(&m::STREAM_LEADER);
        for (name, stream) in &self.survey.streams {
            text.sample(&m::STREAM_LEADER, &[name], flag(stream.has_leader));
        }
        text.metric(&m::STREAM_REPLICAS);
        for (name, stream) in self.survey.streams.iter().filter(|(_, stream)| stream.has_leader) {
            let replicas = stream.replicas;
            for (state, count) in
                [("current", replicas.current), ("behind", replicas.behind), ("offline", replicas.offline)]
            {
                text.sample(&m::STREAM_REPLICAS, &[name, state], count as f64);
            }
        }
    }

    fn write_consumers(&self, text: &mut Text) {
        let age = |key: &(String, String), consumer: &SurveyedConsumer| match self.ages.get(key) {
            _ if consumer.is_done() => Some(0.0),
            Some(Some(stored)) => Some(Timestamp::now().duration_since(*stored).as_secs_f64().max(0.0)),
            // What it was to be delivered is gone.
            Some(None) => Some(0.0),
            None => None,
        };
        type Figure<'a> = &'a dyn Fn(&(String, String), &SurveyedStream, &SurveyedConsumer) -> Option<f64>;
        let figures: [(&m::Metric, Figure<'_>); 9] = [
            (&m::CONSUMER_UNDELIVERED, &|_, _, consumer| Some(consumer.undelivered as f64)),
            (&m::CONSUMER_ACK_PENDING, &|_, _, consumer| Some(consumer.ack_pending as f64)),
            (&m::CONSUMER_REDELIVERED, &|_, _, consumer| Some(consumer.redelivered as f64)),
            (&m::CONSUMER_UNACCOUNTED, &|_, _, consumer| Some(consumer.unaccounted() as f64)),
            (&m::CONSUMER_WAITING, &|_, _, consumer| Some(consumer.waiting as f64)),
            (&m::CONSUMER_DELIVERED, &|_, _, consumer| Some(consumer.deliveries as f64)),
            (&m::CONSUMER_OLDEST, &|key, _, consumer| age(key, consumer)),
            (&m::CONSUMER_DROPPED, &|_, stream, consumer| {
                Some(stream.first.saturating_sub(consumer.delivered + 1) as f64)
            }),
            (&m::CONSUMER_PAUSED, &|_, _, consumer| Some(flag(consumer.paused))),
        ];
        let consumers: Vec<((String, String), &SurveyedStream, &SurveyedConsumer)> = self
            .survey
            .streams
            .iter()
            .flat_map(|(stream, found)| {
                let consumers = found.consumers.iter().flatten();
                consumers.map(move |(name, consumer)| ((stream.clone(), name.clone()), found, consumer))
            })
            .collect();
        for (metric, figure) in figures {
            text.metric(metric);
            for (key, stream, consumer) in consumers.iter().filter(|(_, _, consumer)| consumer.has_leader) {
                if let Some(value) = figure(key, stream, consumer) {
                    text.sample(metric, &[&key.0, &key.1], value);
                }
            }
        }
        text.metric(&m::CONSUMER_LEADER);
        for ((stream, name), _, consumer) in &consumers {
            text.sample(&m::CONSUMER_LEADER, &[stream, name], flag(consumer.has_leader));
        }
    }

    fn write_dead_letters(&self, text: &mut Text, letters: &CountedDeadLetters) {
        let mut counts: BTreeMap<(String, String, &str), u64> = BTreeMap::new();
        for ((consumer, event, reason), count) in &letters.counts {
            let key = (self.known(&self.services, consumer), self.known(&self.types, event), *reason);
            *counts.entry(key).or_default() += count;
        }
        text.metric(&m::DEAD_LETTERS);
        for ((consumer, event, reason), count) in &counts {
            text.sample(&m::DEAD_LETTERS, &[consumer, event, reason], *count as f64);
        }
        let mut oldest: BTreeMap<String, Timestamp> = BTreeMap::new();
        for (consumer, time) in &letters.oldest {
            let of = oldest.entry(self.known(&self.services, consumer)).or_insert(*time);
            *of = (*time).min(*of);
        }
        text.metric(&m::DEAD_LETTERS_OLDEST);
        for (consumer, time) in oldest {
            let age = Timestamp::now().duration_since(time).as_secs_f64().max(0.0);
            text.sample(&m::DEAD_LETTERS_OLDEST, &[&consumer], age);
        }
        text.metric(&m::DEAD_LETTERS_UNCOUNTED);
        text.sample(&m::DEAD_LETTERS_UNCOUNTED, &[], letters.uncounted as f64);
    }
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

#[cfg(test)]
mod tests {
    use eventsmith_operations::prometheus::{Sample, read};
    use eventsmith_operations::{Consumer, Service, Stream};

    use super::*;

    fn value(figures: &Figures, now: Instant, name: &str, label: &str) -> Option<f64> {
        let samples = read(&figures.text(now)).unwrap();
        let fits = |sample: &&Sample| {
            sample.name == name && (label.is_empty() || sample.labels.values().any(|value| value == label))
        };
        samples.iter().find(fits).map(|sample| sample.value)
    }

    fn surveyed() -> Survey {
        let mut survey = Survey::default();
        let mut stream = SurveyedStream::default();
        stream.has_leader = true;
        stream.messages = 7;
        survey.streams.insert("S".to_owned(), stream);
        survey
    }

    #[test]
    fn what_was_not_read_has_no_figures_and_says_so() {
        let (mut figures, now) = (Figures::new(&Landscape::default(), Duration::from_secs(1)), Instant::now());

        assert_eq!(value(&figures, now, "eventsmith_exporter_up", ""), Some(0.0));
        assert_eq!(value(&figures, now, "eventsmith_exporter_read", "streams"), Some(0.0));
        assert_eq!(value(&figures, now, "eventsmith_stream_messages", ""), None);

        figures.survey(&surveyed(), now);

        assert_eq!(value(&figures, now, "eventsmith_exporter_up", ""), Some(1.0));
        assert_eq!(value(&figures, now, "eventsmith_stream_messages", "S"), Some(7.0));
        assert_eq!(value(&figures, now, "eventsmith_dead_letters_uncounted", ""), None);
    }

    #[test]
    fn figures_of_a_server_that_answers_no_more_end_after_a_while() {
        let (mut figures, now) = (Figures::new(&Landscape::default(), Duration::from_secs(1)), Instant::now());
        figures.survey(&surveyed(), now);

        assert!(figures.failed(What::Streams, "no answer"));
        assert!(!figures.failed(What::Streams, "no answer"), "it is said once");

        let soon = now + Duration::from_secs(2);
        assert_eq!(value(&figures, soon, "eventsmith_exporter_read", "streams"), Some(0.0));
        assert_eq!(value(&figures, soon, "eventsmith_stream_messages", "S"), Some(7.0));
        let later = now + Duration::from_secs(30);
        assert_eq!(value(&figures, later, "eventsmith_exporter_up", ""), Some(0.0));
        assert_eq!(value(&figures, later, "eventsmith_stream_messages", "S"), None);
    }

    #[test]
    fn names_that_the_catalogue_does_not_have_are_one() {
        let mut figures = Figures::new(&Landscape::default(), Duration::from_secs(1));
        for consumer in ["a", "b"] {
            let (kind, stream, consumer) = ("max_deliveries", "S".to_owned(), consumer.to_owned());
            figures.advisory(Some(Advisory { kind, stream, consumer }), 0);
        }

        assert_eq!(value(&figures, Instant::now(), "eventsmith_advisories_total", OTHER), Some(2.0));
    }

    #[test]
    fn what_the_catalogue_has_counts_from_zero() {
        let consumer = Consumer { name: "saga_pay_v1".to_owned(), stream: "S".to_owned(), ..Consumer::default() };
        let service = Service { name: "mail".to_owned(), consumers: vec![consumer], ..Service::default() };
        let stream = Stream { name: "S".to_owned(), ..Stream::default() };
        let landscape = Landscape { services: vec![service], streams: vec![stream], ..Landscape::default() };
        let mut figures = Figures::new(&landscape, Duration::from_secs(1));
        figures.survey(&surveyed(), Instant::now());

        let samples = || read(&figures.text(Instant::now())).unwrap();
        let told: Vec<_> =
            samples().into_iter().filter(|sample| sample.name == "eventsmith_advisories_total").collect();
        assert_eq!((told.len(), told.iter().map(|sample| sample.value).sum::<f64>()), (5, 0.0), "{told:?}");

        let (kind, stream, consumer) = ("quorum_lost", "S".to_owned(), "saga_pay_v1".to_owned());
        figures.advisory(Some(Advisory { kind, stream, consumer }), 0);
        assert_eq!(value(&figures, Instant::now(), "eventsmith_advisories_total", OTHER), None);
    }
}

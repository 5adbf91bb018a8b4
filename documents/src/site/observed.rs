//! What was seen of a catalogue at work, by the figures of services and of the exporter: counts or rates, lag, and when last.

use std::collections::BTreeMap;
use std::time::Duration;

use eventsmith_codegen::manifest::duration_text;
use eventsmith_operations::Landscape;
use eventsmith_operations::flow::Observed;
use eventsmith_operations::metrics;
use eventsmith_operations::prometheus::Sample;

/// Figures as Prometheus has them: what the exporter says, and services, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// The figures, the later ones where there are two looks.
    pub now: Vec<Sample>,
    /// The earlier ones, and how much earlier they were taken.
    pub before: Option<(Vec<Sample>, Duration)>,
}

/// The figures by what they are of.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// What pictures show.
    pub(super) flow: Observed,
    /// How much earlier the first look was.
    between: Option<Duration>,
    /// By type: how often it was sent, and received by whom.
    sent: BTreeMap<String, Counted>,
    received: BTreeMap<(String, String), Counted>,
    /// By consumer and stream.
    consumers: BTreeMap<(String, String), BTreeMap<&'static str, f64>>,
    dead: BTreeMap<(String, String), f64>,
    streams: BTreeMap<String, BTreeMap<&'static str, f64>>,
    earlier_streams: BTreeMap<String, f64>,
}

/// A counter at the last look, and by how much it has grown since the first.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    now: f64,
    grown: f64,
}

/// The figures of a consumer that are shown.
const OF_CONSUMERS: [&str; 4] = [
    metrics::CONSUMER_UNDELIVERED.name,
    metrics::CONSUMER_ACK_PENDING.name,
    metrics::CONSUMER_OLDEST.name,
    metrics::CONSUMER_PAUSED.name,
];
/// Those of a stream.
const OF_STREAMS: [&str; 3] = [metrics::STREAM_MESSAGES.name, metrics::STREAM_BYTES.name, metrics::STREAM_LAST.name];

impl Seen {
    pub(super) fn of(landscape: &Landscape, figures: &Figures) -> Self {
        let Figures { now, before } = figures;
        let flow = match before {
            Some((before, time)) => Observed::between(landscape, before, now, *time),
            None => Observed::of(landscape, now),
        };
        let between = before.as_ref().map(|(_, time)| *time);
        let mut seen = Self { flow, between, ..Self::default() };
        let mut earlier = BTreeMap::<(&str, &BTreeMap<String, String>), f64>::new();
        let empty = Vec::new();
        let old = before.as_ref().map_or(&empty, |(samples, _)| samples);
        for sample in old.iter().filter(|sample| sample.value.is_finite()) {
            *earlier.entry((&sample.name, &sample.labels)).or_default() += sample.value;
            if let (true, Some(stream)) = (sample.name == metrics::STREAM_LAST.name, sample.label("stream")) {
                seen.earlier_streams.insert(stream.to_owned(), sample.value);
            }
        }
        let mut latest = BTreeMap::<(&str, &BTreeMap<String, String>), f64>::new();
        for sample in now.iter().filter(|sample| sample.value.is_finite()) {
            *latest.entry((&sample.name, &sample.labels)).or_default() += sample.value;
        }
        for ((name, labels), value) in latest {
            let before = earlier.get(&(name, labels)).copied().unwrap_or_default();
            // A process that began anew counts from 0.
            let grown = if value >= before { value - before } else { value };
            seen.take(landscape, name, labels, Counted { now: value, grown });
        }
        seen
    }

    fn take(&mut self, landscape: &Landscape, name: &str, labels: &BTreeMap<String, String>, counted: Counted) {
        let label = |name: &str| labels.get(name).map(String::as_str).unwrap_or_default();
        let of_type =
            || landscape.event_of_subject(label("messaging_destination_template")).map(|event| event.name.clone());
        if name == metrics::SENT.name && label("error_type").is_empty() {
            if let Some(event) = of_type() {
                self.sent.entry(event).or_default().add(counted);
            }
        } else if name == metrics::CONSUMED.name {
            if let Some(event) = of_type() {
                let group = label("messaging_consumer_group_name").to_owned();
                self.received.entry((event, group)).or_default().add(counted);
            }
        } else if name == metrics::DEAD_LETTERS.name {
            *self.dead.entry((label("event").to_owned(), label("consumer").to_owned())).or_default() += counted.now;
        } else if let Some(name) = OF_CONSUMERS.iter().find(|known| **known == name) {
            let of = self.consumers.entry((label("consumer").to_owned(), label("stream").to_owned())).or_default();
            of.insert(name, counted.now);
        } else if let Some(name) = OF_STREAMS.iter().find(|known| **known == name) {
            self.streams.entry(label("stream").to_owned()).or_default().insert(name, counted.now);
        }
    }

    /// What was seen of a type: what is said, and of what.
    pub(super) fn of_type(&self, event: &str, streams: &[&str]) -> Vec<(String, Vec<String>)> {
        if self.flow.is_empty() {
            return Vec::new();
        }
        let received: Vec<(&str, Counted)> = self
            .received
            .iter()
            .filter(|((of, _), _)| of == event)
            .map(|((_, by), count)| (by.as_str(), *count))
            .collect();
        let sent = self.sent.get(event).copied();
        let mut facts =
            vec![("Sent".to_owned(), vec![sent.map_or("never seen".to_owned(), |count| self.often(count))])];
        let by = received.iter().map(|(by, count)| format!("{by}: {}", self.often(*count)));
        let mut lines: Vec<String> = by.collect();
        lines.extend(
            self.dead
                .iter()
                .filter(|((of, _), count)| of == event && **count > 0.0)
                .map(|((_, consumer), count)| format!("{consumer}: {} dead-lettered", figure(*count))),
        );
        facts.push(("Received".to_owned(), if lines.is_empty() { vec!["never seen".to_owned()] } else { lines }));
        let all = received.iter().map(|(_, count)| *count).chain(sent);
        facts.push(("Last seen".to_owned(), vec![self.last(all)]));
        let lag: Vec<String> = received.iter().flat_map(|(by, _)| self.lag(by, streams)).collect();
        if !lag.is_empty() {
            facts.push(("Lag".to_owned(), lag));
        }
        facts
    }

    /// How far behind a consumer is, in each of some streams; in all without any.
    pub(super) fn lag(&self, consumer: &str, streams: &[&str]) -> Vec<String> {
        let of = self
            .consumers
            .iter()
            .filter(|((by, stream), _)| by == consumer && (streams.is_empty() || streams.contains(&stream.as_str())));
        let line = |((_, stream), figures): (&(String, String), &BTreeMap<&'static str, f64>)| {
            let get = |name: &str| figures.get(name).copied();
            let mut parts = Vec::new();
            parts.extend(
                get(metrics::CONSUMER_UNDELIVERED.name).map(|count| format!("{} not delivered", figure(count))),
            );
            parts.extend(get(metrics::CONSUMER_ACK_PENDING.name).map(|count| format!("{} in hand", figure(count))));
            let oldest = get(metrics::CONSUMER_OLDEST.name).filter(|age| *age > 0.0);
            parts.extend(oldest.map(|age| format!("the oldest {} s old", figure(age))));
            parts.extend(get(metrics::CONSUMER_PAUSED.name).filter(|is| *is > 0.0).map(|_| "paused".to_owned()));
            format!("{consumer} in {stream}: {}", parts.join(", "))
        };
        of.map(line).collect()
    }

    /// What a stream holds, and how fast it grows.
    pub(super) fn of_stream(&self, stream: &str) -> Vec<(String, Vec<String>)> {
        let Some(figures) = self.streams.get(stream) else { return Vec::new() };
        let get = |name: &str| figures.get(name).copied();
        let mut holds = Vec::new();
        holds.extend(get(metrics::STREAM_MESSAGES.name).map(|count| format!("{} messages", figure(count))));
        holds.extend(get(metrics::STREAM_BYTES.name).map(|count| format!("{} bytes", figure(count))));
        let last = get(metrics::STREAM_LAST.name);
        let rate = last.zip(self.earlier_streams.get(stream)).zip(self.between);
        holds.extend(rate.map(|((last, before), time)| format!("{} a second", per_second(last - before, time))));
        let behind: Vec<String> = {
            let consumers = self.consumers.keys().filter(|(_, of)| of == stream).map(|(consumer, _)| consumer);
            consumers.flat_map(|consumer| self.lag(consumer, &[stream])).collect()
        };
        [("Holds".to_owned(), holds), ("Lag".to_owned(), behind)]
            .into_iter()
            .filter(|(_, all)| !all.is_empty())
            .collect()
    }

    fn often(&self, counted: Counted) -> String {
        match self.between {
            Some(time) => format!("{} a second ({} in all)", per_second(counted.grown, time), figure(counted.now)),
            None => figure(counted.now),
        }
    }

    /// When a type was last seen, as exactly as counters say it.
    fn last(&self, counts: impl Iterator<Item = Counted>) -> String {
        let all = counts.fold(Counted::default(), |mut sum, count| {
            sum.add(count);
            sum
        });
        match self.between {
            _ if all.now <= 0.0 => "never, by the processes that run".to_owned(),
            None => "since the processes began".to_owned(),
            Some(time) if all.grown > 0.0 => format!("within the {} before the last look", duration_text(time)),
            Some(time) => format!("more than {} before the last look", duration_text(time)),
        }
    }
}

impl Counted {
    fn add(&mut self, other: Self) {
        self.now += other.now;
        self.grown += other.grown;
    }
}

fn per_second(grown: f64, time: Duration) -> String {
    figure(grown / time.as_secs_f64().max(f64::MIN_POSITIVE))
}

/// A number of which people read three digits: 0.25, 12.5, 1,250.
fn figure(value: f64) -> String {
    if value.abs() < 100.0 {
        let text = format!("{value:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_what_people_read() {
        for (value, text) in [(0.0, "0"), (0.254, "0.25"), (12.5, "12.5"), (100.4, "100"), (1_234_567.0, "1,234,567")] {
            assert_eq!(figure(value), text);
        }
    }
}

//! The metrics that are counted as things happen.

use std::time::Duration;

use eventsmith_bus::observe::{MessageType, Occurrence, RunOutcome};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::names::{self, Metric};

/// The upper ends of the ranges of durations, in seconds, as the messaging conventions have them; and those of ages, which may be long.
const DURATIONS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const AGES: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0];

/// The instruments.
pub(crate) struct Metrics {
    sent: Counter<u64>,
    operation_duration: Histogram<f64>,
    consumed: Counter<u64>,
    process_duration: Histogram<f64>,
    refused: Counter<u64>,
    duplicates: Counter<u64>,
    redeliveries: Counter<u64>,
    runs: Counter<u64>,
    retries: Counter<u64>,
    latency: Histogram<f64>,
    dead_letters: Counter<u64>,
    leases_lost: Counter<u64>,
    requests: Counter<u64>,
    saga_turns: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        let counter = |&Metric { name, unit, description, .. }: &Metric| {
            meter.u64_counter(name).with_unit(unit).with_description(description).build()
        };
        let histogram = |&Metric { name, unit, description, .. }: &Metric, boundaries: &[f64]| {
            let builder = meter.f64_histogram(name).with_unit(unit).with_description(description);
            builder.with_boundaries(boundaries.to_vec()).build()
        };
        Self {
            sent: counter(&names::SENT),
            operation_duration: histogram(&names::OPERATION_DURATION, DURATIONS),
            consumed: counter(&names::CONSUMED),
            process_duration: histogram(&names::PROCESS_DURATION, names::PROCESS_BOUNDS),
            refused: counter(&names::REFUSED),
            duplicates: counter(&names::DUPLICATES),
            redeliveries: counter(&names::REDELIVERIES),
            runs: counter(&names::RUNS),
            retries: counter(&names::RETRIES),
            latency: histogram(&names::LATENCY, AGES),
            dead_letters: counter(&names::DEAD_LETTERS),
            leases_lost: counter(&names::LEASES_LOST),
            requests: counter(&names::REQUESTS),
            saga_turns: counter(&names::SAGA_TURNS),
        }
    }

    /// A consumer is there: what is counted of it begins at 0, so that its first is seen to be one.
    pub(crate) fn meet_consumer(&self, consumer: &str) {
        self.leases_lost.add(0, &[KeyValue::new(names::CONSUMER, consumer.to_owned())]);
    }

    pub(crate) fn observe(&self, occurrence: &Occurrence<'_>) {
        match *occurrence {
            Occurrence::Published { message, duplicate, took, .. } => {
                self.sent("publish", message, None, true, took);
                if duplicate {
                    self.duplicates.add(1, &of_type(message));
                }
            }
            Occurrence::NotPublished { message, error, rule, is_sent, took } => {
                self.sent("publish", message, Some(error), is_sent, Some(took));
                let [event_type, version] = of_type(message);
                self.refused.add(1, &[event_type, version, KeyValue::new(names::RULE, rule.to_owned())]);
            }
            Occurrence::Received { consumer, message, deliveries, .. } => {
                self.consumed.add(1, &of_delivery("process", consumer, message));
                if deliveries > 1 {
                    self.redeliveries.add(1, &of_consumer(consumer, message));
                }
            }
            Occurrence::LiveReceived { message, .. } => {
                let [system, operation, _, template] = of_delivery("receive", "", message);
                self.consumed.add(1, &[system, operation, template]);
            }
            Occurrence::RunEnded { consumer, message, outcome, took, age, .. } => {
                let [consumer_label, event_type, version] = of_consumer(consumer, message);
                let labels = [consumer_label, event_type, version, KeyValue::new(names::OUTCOME, outcome.as_str())];
                self.runs.add(1, &labels);
                // What was not given to its handler took no time in it.
                if outcome.is_of_handler() {
                    self.processed("process", consumer, message, outcome.error().map(KeyValue::error), took);
                }
                if outcome == RunOutcome::Handled {
                    self.latency.record((age).as_secs_f64(), &labels[..3]);
                }
            }
            Occurrence::PutOff { consumer, message, outcome, .. } => {
                let [consumer, event_type, version] = of_consumer(consumer, message);
                self.retries.add(1, &[consumer, event_type, version, KeyValue::new(names::OUTCOME, outcome.as_str())]);
            }
            Occurrence::DeadLettered { consumer, message, reason, .. } => {
                let [consumer, event_type, version] = of_consumer(consumer, message);
                self.dead_letters.add(1, &[consumer, event_type, version, KeyValue::new(names::REASON, reason)]);
            }
            Occurrence::LeaseLost { consumer, .. } => {
                self.leases_lost.add(1, &[KeyValue::new(names::CONSUMER, consumer.to_owned())]);
            }
            Occurrence::Requested { message, error, is_sent, took } => {
                self.sent("request", message, error, is_sent, Some(took));
            }
            Occurrence::Answered { service, message, code, took } => {
                self.consumed.add(1, &of_delivery("answer", service, message));
                let [service_label, event_type, version] = of_consumer(service, message);
                let code_label = KeyValue::new(names::CODE, i64::from(code));
                self.requests.add(1, &[service_label, event_type, version, code_label]);
                let error = (code != 200).then(|| KeyValue::new(names::ERROR, code.to_string()));
                self.processed("answer", service, message, error, took);
            }
            Occurrence::SagaTurned { saga, version, happened, status } => {
                let labels = [
                    KeyValue::new(names::SAGA, saga.to_owned()),
                    KeyValue::new(names::VERSION, i64::from(version)),
                    KeyValue::new(names::HAPPENED, happened.to_owned()),
                    KeyValue::new(names::STATE, status.unwrap_or_default().to_owned()),
                ];
                self.saga_turns.add(1, &labels[..if status.is_some() { 4 } else { 3 }]);
            }
            _ => {}
        }
    }

    fn sent(
        &self,
        operation: &'static str,
        message: MessageType,
        error: Option<&'static str>,
        is_sent: bool,
        took: Option<Duration>,
    ) {
        let labels = [
            KeyValue::new(names::SYSTEM, "nats"),
            KeyValue::new(names::OPERATION, operation),
            KeyValue::new(names::OPERATION_TYPE, "send"),
            KeyValue::new(names::TEMPLATE, message.template),
            KeyValue::new(names::ERROR, error.unwrap_or_default()),
        ];
        let labels = &labels[..if error.is_some() { 5 } else { 4 }];
        if is_sent {
            self.sent.add(1, labels);
        }
        if let Some(took) = took {
            self.operation_duration.record(took.as_secs_f64(), labels);
        }
    }

    fn processed(
        &self,
        operation: &'static str,
        consumer: &str,
        message: MessageType,
        error: Option<KeyValue>,
        took: Duration,
    ) {
        let [system, operation, consumer, template] = of_delivery(operation, consumer, message);
        match error {
            None => self.process_duration.record(took.as_secs_f64(), &[system, operation, consumer, template]),
            Some(error) => {
                self.process_duration.record(took.as_secs_f64(), &[system, operation, consumer, template, error]);
            }
        }
    }
}

/// A kind of error as a label.
trait ErrorLabel {
    fn error(kind: &'static str) -> KeyValue;
}

impl ErrorLabel for KeyValue {
    fn error(kind: &'static str) -> KeyValue {
        Self::new(names::ERROR, kind)
    }
}

fn of_type(message: MessageType) -> [KeyValue; 2] {
    [KeyValue::new(names::TYPE, message.name), KeyValue::new(names::VERSION, i64::from(message.version))]
}

fn of_consumer(consumer: &str, message: MessageType) -> [KeyValue; 3] {
    let [event_type, version] = of_type(message);
    [KeyValue::new(names::CONSUMER, consumer.to_owned()), event_type, version]
}

fn of_delivery(operation: &'static str, consumer: &str, message: MessageType) -> [KeyValue; 4] {
    [
        KeyValue::new(names::SYSTEM, "nats"),
        KeyValue::new(names::OPERATION, operation),
        KeyValue::new(names::CONSUMER, consumer.to_owned()),
        KeyValue::new(names::TEMPLATE, message.template),
    ]
}

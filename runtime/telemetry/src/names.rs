//! The metrics that services export: one table, for those who make dashboards and alerts of it. It needs no OpenTelemetry.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Counts, and never goes back but when its service begins anew.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// How often values were in which range, with their sum and number.
    Histogram,
}

/// A metric.
///
/// ```
/// use eventsmith_telemetry::names;
///
/// assert_eq!(names::DEAD_LETTERS.prometheus(), "eventsmith_consumer_dead_letters_total");
/// assert_eq!(names::PROCESS_DURATION.prometheus(), "messaging_process_duration_seconds");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name as OpenTelemetry has it, `messaging.process.duration`.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// Its unit: `s`, or what is counted, in braces. (UCUM)
    pub unit: &'static str,
    /// All labels that it may have, as OpenTelemetry has them.
    pub labels: &'static [&'static str],
    /// What it says.
    pub description: &'static str,
}

impl Metric {
    /// Its name as Prometheus shows it. A histogram has the endings `_bucket`, `_sum` and `_count` beside.
    pub fn prometheus(&self) -> String {
        let unit = if self.unit == "s" { "_seconds" } else { "" };
        let total = if self.kind == MetricKind::Counter { "_total" } else { "" };
        format!("{}{unit}{total}", label(self.name))
    }
}

/// A label as Prometheus shows it: dots are underscores.
pub fn label(name: &str) -> String {
    name.replace('.', "_")
}

/// `messaging.system`: always `nats`.
pub const SYSTEM: &str = "messaging.system";
/// `messaging.operation.name`: `publish`, `request`, `process` or `answer`.
pub const OPERATION: &str = "messaging.operation.name";
/// `messaging.operation.type`: `send` or `process`.
pub const OPERATION_TYPE: &str = "messaging.operation.type";
/// `messaging.destination.template`: the subject, with a wildcard for each value in it.
pub const TEMPLATE: &str = "messaging.destination.template";
/// `messaging.consumer.group.name`: the consumer, or the service that answers.
pub const CONSUMER: &str = "messaging.consumer.group.name";
/// `error.type`: the kind of error, where there is one.
pub const ERROR: &str = "error.type";
/// The type of the event or request; `_OTHER` where the program has no such type.
pub const TYPE: &str = "eventsmith.event.type";
/// Its version; 0 where it is none that the program knows.
pub const VERSION: &str = "eventsmith.event.version";
/// The rule that an event breaks: the keyword of its schema, or the kind of error.
pub const RULE: &str = "eventsmith.rule";
/// How a run ended.
pub const OUTCOME: &str = "eventsmith.outcome";
/// Why an event was dead-lettered.
pub const REASON: &str = "eventsmith.dead_letter.reason";
/// The stream.
pub const STREAM: &str = "eventsmith.stream";
/// The circuit breaker.
pub const BREAKER: &str = "eventsmith.breaker";
/// The state of a breaker, or of an instance of a saga.
pub const STATE: &str = "eventsmith.state";
/// The code of an answer; 200 for a reply.
pub const CODE: &str = "eventsmith.code";
/// The saga.
pub const SAGA: &str = "eventsmith.saga";
/// What an event of a saga says.
pub const HAPPENED: &str = "eventsmith.happened";
/// The projection.
pub const PROJECTION: &str = "eventsmith.projection";
/// The kind of component: `consumer`, `service`, `projection`, `saga`, `connection`.
pub const COMPONENT_KIND: &str = "eventsmith.component.kind";
/// The name of the component.
pub const COMPONENT: &str = "eventsmith.component";

/// The upper ends of the ranges of [`PROCESS_DURATION`], in seconds: as the messaging conventions have them, and beyond, as handlers may
/// run for longer than a lease lasts.
pub const PROCESS_BOUNDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 300.0, 1_800.0,
];

/// Names the metrics, and lists them.
macro_rules! metrics {
    ($($(#[$doc:meta])* $const:ident = $kind:ident $name:literal $unit:literal [$($label:ident),*] $description:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $description, ".")]
            pub const $const: Metric = Metric {
                name: $name,
                kind: MetricKind::$kind,
                unit: $unit,
                labels: &[$($label),*],
                description: $description,
            };
        )*

        /// All of them.
        pub const ALL: &[Metric] = &[$($const),*];
    };
}

metrics! {
    SENT = Counter "messaging.client.sent.messages" "{message}" [SYSTEM, OPERATION, OPERATION_TYPE, TEMPLATE, ERROR]
        "messages that were sent, or may have been";
    OPERATION_DURATION = Histogram "messaging.client.operation.duration" "s" [SYSTEM, OPERATION, OPERATION_TYPE, TEMPLATE, ERROR]
        "the time until an event is acknowledged, or a request answered";
    CONSUMED = Counter "messaging.client.consumed.messages" "{message}" [SYSTEM, OPERATION, CONSUMER, TEMPLATE]
        "deliveries to consumers, and requests to services";
    PROCESS_DURATION = Histogram "messaging.process.duration" "s" [SYSTEM, OPERATION, CONSUMER, TEMPLATE, ERROR]
        "the time in handlers; for a request with the time that it waited here";
    REFUSED = Counter "eventsmith.publish.refused" "{event}" [TYPE, VERSION, RULE]
        "events that were not published, by the rule that they break";
    DUPLICATES = Counter "eventsmith.publish.duplicates" "{event}" [TYPE, VERSION]
        "events that their stream had already";
    REDELIVERIES = Counter "eventsmith.consumer.redeliveries" "{event}" [CONSUMER, TYPE, VERSION]
        "deliveries of events that were delivered before";
    RUNS = Counter "eventsmith.consumer.runs" "{run}" [CONSUMER, TYPE, VERSION, OUTCOME]
        "runs of handlers, by how they ended";
    RETRIES = Counter "eventsmith.consumer.retries" "{event}" [CONSUMER, TYPE, VERSION, OUTCOME]
        "events that are to be delivered again, by how the run before ended";
    LATENCY = Histogram "eventsmith.consumer.latency" "s" [CONSUMER, TYPE, VERSION]
        "the time from an event's being stored to its being handled";
    DEAD_LETTERS = Counter "eventsmith.consumer.dead_letters" "{event}" [CONSUMER, TYPE, VERSION, REASON]
        "events that were dead-lettered";
    LEASES_LOST = Counter "eventsmith.consumer.leases_lost" "{lease}" [CONSUMER]
        "events whose lease ended before they were settled";
    DROPPED_UNREAD = Counter "eventsmith.consumer.dropped_unread" "{event}" [CONSUMER]
        "events that a stream dropped before anybody got them";
    NOT_DEAD_LETTERED = Counter "eventsmith.consumer.not_dead_lettered" "{event}" [CONSUMER]
        "dead letters that were not stored";
    STALLS = Counter "eventsmith.consumer.stalls" "{stall}" [CONSUMER]
        "how often a consumer came to a stand, as all that may be unacknowledged waits to be tried again";
    LAG = Gauge "eventsmith.consumer.lag" "{event}" [CONSUMER, STREAM]
        "events that were not delivered yet";
    ACK_PENDING = Gauge "eventsmith.consumer.ack_pending" "{event}" [CONSUMER, STREAM]
        "events that are delivered and not acknowledged, over all instances";
    WAITING = Gauge "eventsmith.consumer.waiting" "{event}" [CONSUMER, STREAM]
        "events that were fetched and wait for a handler";
    RUNNING = Gauge "eventsmith.consumer.running" "{event}" [CONSUMER, STREAM]
        "events that are handled now";
    CONCURRENCY = Gauge "eventsmith.consumer.concurrency" "{event}" [CONSUMER, STREAM]
        "how many events may be handled at the same time";
    PREFETCH = Gauge "eventsmith.consumer.prefetch" "{event}" [CONSUMER, STREAM]
        "how many events may be fetched ahead";
    RETRIES_WAITING = Gauge "eventsmith.consumer.retries_waiting" "{event}" [CONSUMER]
        "events that failed in this instance and wait to be tried again";
    BREAKER_STATE = Gauge "eventsmith.breaker.state" "{state}" [CONSUMER, BREAKER, STATE]
        "1 for the state that a circuit breaker is in, 0 for the others";
    REQUESTS = Counter "eventsmith.service.requests" "{request}" [CONSUMER, TYPE, VERSION, CODE]
        "requests that a service answered, by code";
    UNDER_WAY = Gauge "eventsmith.service.under_way" "{request}" [CONSUMER]
        "requests that run or wait";
    SAGA_TURNS = Counter "eventsmith.saga.turns" "{event}" [SAGA, VERSION, HAPPENED, STATE]
        "events of sagas, by what they say and the state that the instance is in after them";
    PROJECTION_LAG = Gauge "eventsmith.projection.lag" "{event}" [PROJECTION]
        "events that are not projected yet";
    COMPONENT_UP = Gauge "eventsmith.component.up" "{component}" [COMPONENT_KIND, COMPONENT]
        "1 for what is at work, 0 for what is not";
    CONNECTION_UP = Gauge "eventsmith.connection.up" "{connection}" []
        "1 while there is a connection to a server";
    RECONNECTS = Counter "eventsmith.connection.reconnects" "{reconnect}" []
        "how often the connection was lost";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_metrics_have_one_name() {
        let mut names: Vec<String> = ALL.iter().map(Metric::prometheus).collect();
        names.sort();
        names.dedup();

        assert_eq!(names.len(), ALL.len());
    }
}

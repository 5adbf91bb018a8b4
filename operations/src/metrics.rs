//! The metrics that alerts and dashboards name: those of the exporter, which writes them from this table, and those that services export.

/// One metric, as Prometheus sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it says, and in which unit.
    pub help: &'static str,
    /// Its labels, in order.
    pub labels: &'static [&'static str],
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It rises, and begins at 0 with the process.
    Counter,
    /// It is what it is at the moment.
    Gauge,
    /// Buckets, a sum and a count.
    Histogram,
}

impl Metric {
    /// The names of its series: a histogram has three.
    pub fn series(&self) -> Vec<String> {
        match self.kind {
            Kind::Histogram => ["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", self.name)).to_vec(),
            _ => vec![self.name.to_owned()],
        }
    }
}

impl Kind {
    /// The word that the text format has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

const OF_STREAM: &[&str] = &["stream"];
const OF_CONSUMER: &[&str] = &["stream", "consumer"];

macro_rules! metrics {
    ($(#[$doc:meta])* $list:ident: $($constant:ident $name:literal $kind:ident $labels:expr, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Metric = Metric { name: $name, kind: Kind::$kind, help: $help, labels: $labels };
        )*

        $(#[$doc])*
        pub const $list: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    /// What `eventsmith exporter` exports.
    EXPORTER:
    EXPORTER_UP "eventsmith_exporter_up" Gauge &[], "1 while the exporter has read the server a short while ago, 0 otherwise; then nothing else of the server is exported.";
    EXPORTER_READ "eventsmith_exporter_read" Gauge &["what"], "Whether the last look at this was complete: 1 or 0. What was not read has no value below.";
    EXPORTER_READ_AGE "eventsmith_exporter_read_age_seconds" Gauge &["what"], "How long ago this was last read completely.";
    EXPORTER_REQUESTS "eventsmith_exporter_requests_total" Counter &[], "Requests that the exporter made to the server.";
    EXPORTER_TIME "eventsmith_exporter_time_seconds" Gauge &[], "The time of day of the last look at the server, in seconds since 1970.";

    STREAM_MESSAGES "eventsmith_stream_messages" Gauge OF_STREAM, "Messages that the stream holds.";
    STREAM_BYTES "eventsmith_stream_bytes" Gauge OF_STREAM, "Bytes that its messages take.";
    STREAM_LAST "eventsmith_stream_last_sequence" Gauge OF_STREAM, "The number of the last message that it ever stored.";
    STREAM_MAX_BYTES "eventsmith_stream_max_bytes" Gauge OF_STREAM, "How many bytes it holds at most; absent without a limit.";
    STREAM_MAX_MESSAGES "eventsmith_stream_max_messages" Gauge OF_STREAM, "How many messages it holds at most; absent without a limit.";
    STREAM_MAX_AGE "eventsmith_stream_max_age_seconds" Gauge OF_STREAM, "After how long it drops messages; absent without a limit.";
    STREAM_FULL_IN "eventsmith_stream_full_in_seconds" Gauge OF_STREAM, "How long until it is full, as it grew within the last hour: +Inf if it does not grow; absent without a limit.";
    STREAM_LEADER "eventsmith_stream_has_leader" Gauge OF_STREAM, "Whether the stream has a leader, without which it stores nothing: 1 or 0.";
    STREAM_REPLICAS "eventsmith_stream_replicas" Gauge &["stream", "state"], "Its replicas beside the leader: current, behind, offline.";
    STREAM_REPLICA_LAG "eventsmith_stream_replica_lag" Gauge OF_STREAM, "By how many operations its replica that is furthest behind lags.";

    CONSUMER_UNDELIVERED "eventsmith_stream_consumer_undelivered" Gauge OF_CONSUMER, "Events that were not delivered yet.";
    CONSUMER_ACK_PENDING "eventsmith_stream_consumer_ack_pending" Gauge OF_CONSUMER, "Events that are delivered and not acknowledged.";
    CONSUMER_REDELIVERED "eventsmith_stream_consumer_redelivered" Gauge OF_CONSUMER, "Events that were delivered more than once and not acknowledged.";
    CONSUMER_UNACCOUNTED "eventsmith_stream_consumer_unaccounted" Gauge OF_CONSUMER, "Events, at least, that the server no longer delivers and nobody acknowledged.";
    CONSUMER_WAITING "eventsmith_stream_consumer_waiting" Gauge OF_CONSUMER, "Requests for events that wait at the server: 0 if no process reads.";
    CONSUMER_DELIVERED "eventsmith_stream_consumer_delivered_total" Counter OF_CONSUMER, "Deliveries, those that were repeated included.";
    CONSUMER_OLDEST "eventsmith_stream_consumer_oldest_unhandled_seconds" Gauge OF_CONSUMER, "The age of the oldest event that is not acknowledged; 0 if all are. Absent if it could not be read.";
    CONSUMER_DROPPED "eventsmith_stream_consumer_dropped_unread" Gauge OF_CONSUMER, "Messages, at most, that the stream dropped before the consumer came to them.";
    CONSUMER_PAUSED "eventsmith_stream_consumer_paused" Gauge OF_CONSUMER, "Whether an operator has paused it: 1 or 0.";
    CONSUMER_LEADER "eventsmith_stream_consumer_has_leader" Gauge OF_CONSUMER, "Whether the consumer has a leader, without which it delivers nothing: 1 or 0.";

    DEAD_LETTERS "eventsmith_dead_letters" Gauge &["consumer", "event", "reason"], "Dead letters that are stored.";
    DEAD_LETTERS_OLDEST "eventsmith_dead_letters_oldest_seconds" Gauge &["consumer"], "The age of the oldest dead letter of a consumer.";
    DEAD_LETTERS_UNCOUNTED "eventsmith_dead_letters_uncounted" Gauge &[], "Dead letters beyond those that the exporter counts, and messages among them that are none.";

    CATALOGUE_DRIFT "eventsmith_catalogue_drift" Gauge &["stream", "consumer", "action"], "1 for each stream or consumer that is not as the catalogue says, with what `eventsmith streams apply` would do.";
    ADVISORIES "eventsmith_advisories_total" Counter &["kind", "stream", "consumer"], "What the server reported: max_deliveries, leader_elected, quorum_lost. A consumer that the catalogue does not have is _OTHER.";
    ADVISORIES_MISSED "eventsmith_advisories_missed_total" Counter &[], "Advisories that came faster than they could be counted.";
}

const DELIVERED: &[&str] = &["messaging_consumer_group_name", "eventsmith_event_type", "eventsmith_event_version"];
const OF_RUNNING: &[&str] = &["messaging_consumer_group_name", "eventsmith_stream"];
const OF_GROUP: &[&str] = &["messaging_consumer_group_name"];

metrics! {
    /// What services export, by their names in Prometheus, as far as alerts and dashboards name it. It is a part of the table of the
    /// crate `eventsmith-telemetry`.
    SERVICES:
    SENT "messaging_client_sent_messages_total" Counter &["messaging_system", "messaging_operation_name", "messaging_operation_type", "messaging_destination_template", "error_type"], "Messages that were sent, by what became of them.";
    SENT_DURATION "messaging_client_operation_duration_seconds" Histogram &["messaging_system", "messaging_operation_name", "messaging_operation_type", "messaging_destination_template", "error_type"], "How long publishing and asking took.";
    CONSUMED "messaging_client_consumed_messages_total" Counter &["messaging_system", "messaging_operation_name", "messaging_consumer_group_name", "messaging_destination_template"], "Messages that were delivered.";
    PROCESS_DURATION "messaging_process_duration_seconds" Histogram &["messaging_system", "messaging_operation_name", "messaging_consumer_group_name", "messaging_destination_template", "error_type"], "How long handlers ran.";
    PUBLISH_REFUSED "eventsmith_publish_refused_total" Counter &["eventsmith_event_type", "eventsmith_event_version", "eventsmith_rule"], "Events that were not published, by the reason.";
    RUNS "eventsmith_consumer_runs_total" Counter &["messaging_consumer_group_name", "eventsmith_event_type", "eventsmith_event_version", "eventsmith_outcome"], "Runs of handlers, by their outcome.";
    RETRIES "eventsmith_consumer_retries_total" Counter &["messaging_consumer_group_name", "eventsmith_event_type", "eventsmith_event_version", "eventsmith_outcome"], "Events that are tried again.";
    LATENCY "eventsmith_consumer_latency_seconds" Histogram DELIVERED, "From stored to handled.";
    DEAD_LETTERED "eventsmith_consumer_dead_letters_total" Counter &["messaging_consumer_group_name", "eventsmith_event_type", "eventsmith_event_version", "eventsmith_dead_letter_reason"], "Events that were dead-lettered.";
    LEASES_LOST "eventsmith_consumer_leases_lost_total" Counter OF_GROUP, "Events whose lease ended while they were in hand.";
    NOT_DEAD_LETTERED "eventsmith_consumer_not_dead_lettered_total" Counter OF_GROUP, "Events that should have been dead-lettered and could not be.";
    RUNNING "eventsmith_consumer_running" Gauge OF_RUNNING, "Handlers that run.";
    CONCURRENCY "eventsmith_consumer_concurrency" Gauge OF_RUNNING, "How many may run.";
    BREAKER "eventsmith_breaker_state" Gauge &["messaging_consumer_group_name", "eventsmith_breaker", "eventsmith_state"], "The state of a breaker: the one that it is in is 1.";
    SERVICE_REQUESTS "eventsmith_service_requests_total" Counter &["messaging_consumer_group_name", "eventsmith_event_type", "eventsmith_event_version", "eventsmith_code"], "Requests that were answered, by the code of the answer.";
    PROJECTION_LAG "eventsmith_projection_lag" Gauge &["eventsmith_projection"], "Events that are not projected yet.";
    SAGA_TURNS "eventsmith_saga_turns_total" Counter &["eventsmith_saga", "eventsmith_event_version", "eventsmith_happened", "eventsmith_state"], "Turns of sagas.";
    COMPONENT_UP "eventsmith_component_up" Gauge &["eventsmith_component_kind", "eventsmith_component"], "Whether a part of a service is at work: 1 or 0.";
    CONNECTION_UP "eventsmith_connection_up" Gauge &[], "Whether a service is connected: 1 or 0.";
}

/// The upper ends of the ranges of the time in handlers, in seconds: those of the crate `eventsmith-telemetry`.
pub const PROCESS_BOUNDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 300.0, 1_800.0,
];

/// A table of metrics for a page of Markdown.
pub fn table(metrics: &[Metric]) -> String {
    let rows = metrics.iter().map(|metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} | {} |\n", metric.name, metric.kind.as_str(), labels.join(", "), metric.help)
    });
    format!("| metric | kind | labels | what it says |\n|---|---|---|---|\n{}", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_metrics_have_one_name() {
        let names: BTreeSet<&str> = EXPORTER.iter().chain(SERVICES).map(|metric| metric.name).collect();

        assert_eq!(names.len(), EXPORTER.len() + SERVICES.len());
    }

    #[test]
    fn names_end_as_prometheus_expects_of_their_kind() {
        for metric in EXPORTER.iter().chain(SERVICES) {
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
        }
    }
}

//! All kinds of alerts, and what operators do about them: the page `docs/operations/alerts.md` is written from this table.

use super::rule::{Alert, Severity};

macro_rules! alerts {
    ($($constant:ident $name:literal $severity:ident $meaning:literal $look:literal $act:literal)*) => {
        $(
            pub(super) static $constant: Alert = Alert {
                name: $name,
                severity: Severity::$severity,
                meaning: $meaning,
                look: $look,
                act: $act,
            };
        )*

        /// Every kind of alert, those about consumers first.
        pub const ALERTS: &[&Alert] = &[$(&$constant),*];
    };
}

alerts! {
    CONSUMER_EXPIRING "EventsmithConsumerExpiring" Critical
    "The stream drops events after its `max_age`, and the oldest event that this consumer has not handled is nearly that old: within six hours, or a quarter of `max_age` where that is less, it will be dropped unhandled. Nothing brings it back."
    "`eventsmith streams status` tells how much lies before the consumer. `EventsmithConsumerStopped` and `EventsmithRunsFailing` tell why."
    "Gain time first: raise `max_age` of the stream in `eventsmith.toml` and run `eventsmith streams apply`. Then mend or scale the service."
    CONSUMER_BEHIND "EventsmithConsumerBehind" Warning
    "An event waits unhandled for longer than 20 times the consumer's `ack_wait` and than 5 minutes; where the stream keeps events for a shorter time than four times that, for longer than a quarter of its `max_age`."
    "`eventsmith streams status`: much lag and little unacked means that nobody reads; much of both means that handlers are slow or fail. The dashboard of the service shows the time in handlers."
    "Run more instances, raise the concurrency of the consumer, or mend what its handlers wait for. An ordered consumer has one reader: more instances do not help there."
    CONSUMER_STOPPED "EventsmithConsumerStopped" Critical
    "Events wait for the consumer, no process has a request for them at the server, and none was delivered for ten minutes; nor does a process say of itself that it consumes. The service is down, or runs and does not consume. Of a saga (`saga_NAME_vN`) its runner is."
    "Whether its processes run, and what they logged last: a consumer that ends says why. `EventsmithConsumerPaused` and `EventsmithComponentDown` narrow it down."
    "Start the service. If it ends at once, its log names the setting, the permission or the stream."
    CONSUMER_FULL "EventsmithConsumerFull" Warning
    "Nine tenths of `max_ack_pending` are delivered and not acknowledged. At the limit the server delivers nothing more to this consumer, whoever asks."
    "The time in handlers, and retries: an event that waits to be tried again counts, too."
    "Mend what makes handlers slow or fail. If the service does need so many at once, raise `max_ack_pending` of the service's `consumer` in `eventsmith.toml` and apply."
    CONSUMER_REDELIVERING "EventsmithConsumerRedelivering" Warning
    "More events than a hundredth of `max_ack_pending` were delivered more than once and are still not acknowledged: they fail and are tried again, or their leases end."
    "`eventsmith_consumer_retries_total` by outcome, and `EventsmithLeasesLost`."
    "Mend the handler. What can never succeed should be rejected, so that it becomes a dead letter at once."
    CONSUMER_UNACCOUNTED "EventsmithConsumerUnaccounted" Critical
    "The server delivered events as often as `max_deliver` says and delivers them no more, and no running consumer dead-lettered them. They are in the stream, and nobody will handle them."
    "`eventsmith streams status`: redelivered without unacked. Whether the service runs: a running consumer dead-letters what the server's advisories report."
    "Start the service; it dead-letters what the advisories report. `eventsmith dlq recover STREAM CONSUMER` searches the stream for what is left."
    CONSUMER_DROPPED "EventsmithConsumerDropped" Warning
    "The stream dropped messages at its limits that the consumer had not come to. If it has filters, not all of them need have been for it; the log of the service tells what is certain."
    "`eventsmith streams status`, in the remarks: `dropped unread`, or `up to`."
    "Raise the limits of the stream if more is to be kept, and find the events elsewhere: at their publisher, or in a backup."
    CONSUMER_PAUSED "EventsmithConsumerPaused" Warning
    "An operator paused the consumer, and it has been so for an hour. Its events wait, and may expire."
    "Who paused it, and why."
    "Resume it once the reason is gone: `nats consumer resume STREAM CONSUMER`."
    NO_LEADER "EventsmithNoLeader" Critical
    "A stream or a consumer has no leader: nothing is stored in the stream, or delivered by the consumer."
    "Which servers of the cluster run, and whether they reach each other. A majority of the replicas has to be there."
    "Start the servers that are down. If a server is gone for good, remove it from the cluster so that another takes its place."
    DRIFT "EventsmithDrift" Warning
    "A stream or a consumer at the server is not as the catalogue says, or is missing. Services refuse to start where it does not fit."
    "`eventsmith streams plan` names each setting, with what it is and what it should be."
    "`eventsmith streams apply`, or bring `eventsmith.toml` to what was decided at the server. What cannot be changed in place the plan says, and how to go on."
    DEAD_LETTERS "EventsmithDeadLetters" Warning
    "Events that this consumer could not handle lie among the dead letters."
    "`eventsmith dlq list` and `eventsmith dlq show`: the reason and the last error of each. `eventsmith trace CORRELATION` shows what led to one."
    "Mend the cause, then `eventsmith dlq replay`; `eventsmith dlq purge` for what is not wanted any more."
    DEAD_LETTERS_EXPIRING "EventsmithDeadLettersExpiring" Critical
    "The oldest dead letter of the consumer is nearly as old as its stream keeps them: three days are left, or a quarter of `max_age` where that is less."
    "`eventsmith dlq list --format json`."
    "Replay them, or raise `max_age` of the stream of dead letters and apply."
    RUNS_FAILING "EventsmithRunsFailing" Warning
    "More than one run in ten does not end well: the handler fails, panics or runs out of time, or the event cannot be decoded."
    "`eventsmith_consumer_runs_total` by outcome and type, and the log of the service, which names event and error."
    "Mend the handler, or what it depends on. Breakers keep events away while a dependency is down."
    HANDLER_SLOW "EventsmithHandlerSlow" Warning
    "More than one run in a hundred takes longer than the consumer's `ack_wait`, or than the largest bound of `messaging_process_duration_seconds` that is no longer. Leases are renewed, so nothing is lost; but a process that dies leaves these events waiting, and each renewal is a message."
    "The dashboard of the service: the time in handlers by type."
    "Make the handler quicker, or raise `ack_wait` in `eventsmith.toml` and apply."
    BREAKER_OPEN "EventsmithBreakerOpen" Warning
    "A breaker is open: what it guards fails, and events are left alone until it recovers."
    "The log of the service: what the breaker counts as failures."
    "Mend what it guards. The breaker closes by itself."
    LEASES_LOST "EventsmithLeasesLost" Warning
    "Leases ended while events were in hand. The server delivers those again, and their runs here were dropped: effects outside may happen twice."
    "Whether the process is starved of processor time or blocks its threads, and whether the connection to the server is slow or lost."
    "Give the service more processor time, move blocking work to threads of its own, or raise `ack_wait`."
    NOT_DEAD_LETTERED "EventsmithNotDeadLettered" Critical
    "Events should have become dead letters, and their dead letters could not be stored. They stay alive and are tried again."
    "The log of the service names the reason: no stream captures `ROOT.dlq.>`, it is full, or the service may not publish there."
    "Provision the stream of dead letters (`eventsmith streams apply`), make room in it, or give the service the permission."
    SERVICE_FAILING "EventsmithServiceFailing" Critical
    "One request in twenty is answered with 429 or 5xx: too many at once, or the handler failed."
    "`eventsmith services stats`, and `eventsmith_service_requests_total` by type and code."
    "429: run more instances, or raise the concurrency. 5xx: the log names request and error."
    COMPONENT_DOWN "EventsmithComponentDown" Critical
    "Processes of the service run, and none of them is at work as a consumer of this name, or none answers: the label `eventsmith_component_kind` says which."
    "Their `/readyz` says what is missing, their logs why."
    "Mend what is named. A process that cannot go on should end, so that it is started again."
    RUNNER_DOWN "EventsmithRunnerDown" Critical
    "Processes have a runner of sagas or a projection, and none of them is at work: sagas stand still, or a read model grows old."
    "The labels name it. The `/readyz` of its processes says what is missing, their logs why; `eventsmith projections status` says where a projection failed."
    "Mend what is named. `eventsmith sagas list` and `eventsmith projections status` show what waits."
    PROJECTION_BEHIND "EventsmithProjectionBehind" Warning
    "A projection has been more than 1,000 events behind for half an hour: readers see an old state."
    "`eventsmith projections status`: whether it is tried again and again at one event, and the last error."
    "Mend its handlers or its store. While it is built anew it is behind for as long as that takes."
    STREAM_NEARLY_FULL "EventsmithStreamNearlyFull" Warning
    "The stream holds nine tenths of what it may. At the limit it drops its oldest messages; a stream of histories or with `discard = \"new\"` refuses new ones. One without `max_age` that drops its oldest is always full, and has no such rule."
    "`eventsmith streams status`: what it holds, and its limits."
    "Raise the limit in `eventsmith.toml` and apply, if the servers have the room; or shorten `max_age`."
    STREAM_FILLING "EventsmithStreamFilling" Warning
    "As the stream grew within the last hour, it will be full in less than three days."
    "Who publishes so much: the overview by stream and type."
    "As for `EventsmithStreamNearlyFull`; or slow down who publishes."
    REPLICA_BEHIND "EventsmithReplicaBehind" Warning
    "A server that stores the stream is offline, or does not keep up with the leader. The stream goes on as long as a majority is there."
    "`nats stream info STREAM`, and the log of that server: its disk, its network."
    "Start or mend it before another fails."
    EXPORTER_DOWN "EventsmithExporterDown" Critical
    "No exporter has read the server for five minutes. Nothing is known of consumers whose service is down, of dead letters, streams and the cluster."
    "Whether `eventsmith exporter` runs and is scraped; its log says why it cannot read the server."
    "Start it, or mend its connection. It needs no more than docs/exporter.md lists."
    EXPORTER_BLIND "EventsmithExporterBlind" Warning
    "The exporter runs and could not read a part of what it exports, which the label `what` names: streams, consumers, ages, dead letters, the catalogue. The figures of that part are absent."
    "The log of the exporter has the reason."
    "Most often a permission is missing: docs/exporter.md lists them."
    CONNECTION_DOWN "EventsmithConnectionDown" Warning
    "A process of a service, which `job` and `instance` name, has had no connection to the server for two minutes."
    "The log of the service: whether the server cannot be reached, or refuses the login."
    "Mend the network or the credentials. The connection comes back by itself."
    PUBLISH_FAILING "EventsmithPublishFailing" Critical
    "Events are not published: no stream captures them or the stream refuses them, the service may not publish them, too many wait for a connection, or no acknowledgement came in time."
    "The labels name the type and the rule; `eventsmith_publish_refused_total` has them by process."
    "`eventsmith streams plan` for missing streams; the error in the log names a missing permission; `refused` is a stream or an account that is full; acknowledgements are late where the cluster has no leader or disks are slow."
    DEAD_LETTERS_OF_OTHERS "EventsmithDeadLettersOfOthers" Warning
    "There are dead letters of consumers that the catalogue does not have: of a service that was renamed or removed, or of another catalogue with the same root."
    "`eventsmith dlq list`: which consumers they are of."
    "`eventsmith dlq replay` to everyone where the events are still wanted, `eventsmith dlq purge` otherwise. No alert tells when they expire."
    DEAD_LETTERS_UNCOUNTED "EventsmithDeadLettersUncounted" Warning
    "There are more dead letters than the exporter counts (100,000), or messages among them that are none."
    "`eventsmith streams status` for how many the stream holds, `eventsmith dlq list` for what they are."
    "Mend what makes so many, then replay or purge them: until then the figures of some consumers are too low."
    MAX_DELIVERIES "EventsmithMaxDeliveries" Warning
    "The server reported that it delivered events as often as `max_deliver` says. Consumers of ours make dead letters of theirs long before."
    "`eventsmith_advisories_total` by stream and consumer."
    "If it is a consumer of ours, its processes die while they run these events: look there first. `EventsmithConsumerUnaccounted` tells whether any are left."
    QUORUM_LOST "EventsmithQuorumLost" Critical
    "A stream or a consumer lost the majority of its servers."
    "`nats server report jetstream`: which servers are there."
    "Start the missing servers."
    LEADERS_CHANGE "EventsmithLeadersChange" Warning
    "Leaders were elected more than 20 times within a quarter of an hour."
    "Whether servers restart, or the network between them drops messages."
    "Mend that. An orderly restart of the cluster causes a few changes for each stream, and the alert ends by itself."
}

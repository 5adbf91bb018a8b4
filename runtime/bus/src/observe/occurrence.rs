//! What happens on a bus, as observers are told.

use std::time::Duration;

/// What a message is an event or a request of, as the catalogue of this program has it. Its texts are few, so that they may be labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageType {
    /// The type, `rule.created`; [`OTHER`](Self::OTHER) where the program has no such type.
    pub name: &'static str,
    /// The version; 0 where it is none that the program knows.
    pub version: u32,
    /// The subject with a wildcard for each value in it.
    pub template: &'static str,
}

impl MessageType {
    /// Of which nothing is known here. (OpenTelemetry's text for what has no value of its own.)
    pub const OTHER: Self = Self { name: "_OTHER", version: 0, template: "_OTHER" };
}

/// How a run ended, or why an event was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunOutcome {
    /// Its handler returned `Ok`.
    Handled,
    /// It was replayed for another consumer.
    NotMeant,
    /// Its handler returned an error to be tried again.
    Failed,
    /// Its handler said that it will never go better.
    Rejected,
    /// Its handler panicked.
    Panicked,
    /// Its handler took longer than it may.
    TimedOut,
    /// It was cut off, as the consumer is shut down.
    CutOff,
    /// Its lease ended.
    LeaseLost,
    /// It was tried as often as it may be.
    Exhausted,
    /// It has no envelope, or violates its schema.
    Undecodable,
    /// It is of a version that is no longer known.
    TooOld,
    /// It is of a version that is not known yet.
    TooNew,
    /// No handler is for it.
    Unrouted,
    /// Its type does not belong on its subject.
    WrongSubject,
}

impl RunOutcome {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Handled,
        Self::NotMeant,
        Self::Failed,
        Self::Rejected,
        Self::Panicked,
        Self::TimedOut,
        Self::CutOff,
        Self::LeaseLost,
        Self::Exhausted,
        Self::Undecodable,
        Self::TooOld,
        Self::TooNew,
        Self::Unrouted,
        Self::WrongSubject,
    ];

    /// As labels and attributes write it, `timed_out`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::NotMeant => "not_meant",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed_out",
            Self::CutOff => "cut_off",
            Self::LeaseLost => "lease_lost",
            Self::Exhausted => "exhausted",
            Self::Undecodable => "undecodable",
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::Unrouted => "unrouted",
            Self::WrongSubject => "wrong_subject",
        }
    }

    /// Whether a handler was called: its time is that of a handler.
    pub const fn is_of_handler(self) -> bool {
        matches!(
            self,
            Self::Handled
                | Self::Failed
                | Self::Rejected
                | Self::Panicked
                | Self::TimedOut
                | Self::CutOff
                | Self::LeaseLost
        )
    }

    /// The type of the error, if it is one.
    pub const fn error(self) -> Option<&'static str> {
        match self {
            Self::Handled | Self::NotMeant => None,
            other => Some(other.as_str()),
        }
    }
}

/// Something that happened. No text in it comes from a payload.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Occurrence<'a> {
    /// An event is stored. One of a batch comes with the time of the batch.
    Published {
        /// What it is.
        message: MessageType,
        /// The stream that has it; empty for one of a fast batch, which ends before that is known.
        stream: &'a str,
        /// Its number there; 0 for one of a fast batch.
        sequence: u64,
        /// Whether the stream had its id already.
        duplicate: bool,
        /// The time until it was acknowledged, with all attempts; nothing for one of a fast batch, which is not acknowledged by itself.
        took: Option<Duration>,
    },
    /// An event is not known to be stored.
    NotPublished {
        /// What it is.
        message: MessageType,
        /// The kind of error, `no_stream`; `cancelled` where nobody waits for it any more.
        error: &'static str,
        /// The rule that it breaks: the keyword of its schema, if it is invalid; the kind of error again otherwise.
        rule: &'a str,
        /// Whether something was sent.
        is_sent: bool,
        /// The time until that was known.
        took: Duration,
    },
    /// An event was delivered to a consumer.
    Received {
        /// The consumer.
        consumer: &'a str,
        /// Its stream.
        stream: &'a str,
        /// What it is.
        message: MessageType,
        /// Its number in the stream.
        sequence: u64,
        /// How often it was delivered, with this time: more than 1 if it is redelivered.
        deliveries: u64,
    },
    /// A live event came to whoever reads it.
    LiveReceived {
        /// What it is.
        message: MessageType,
        /// The kind of error, if it could not be read.
        error: Option<&'static str>,
    },
    /// An event was given to its handler, or found to be for none.
    RunBegun {
        /// The consumer.
        consumer: &'a str,
        /// Its stream.
        stream: &'a str,
        /// What it is.
        message: MessageType,
        /// Its number in the stream.
        sequence: u64,
        /// Which attempt it is, counted from 1.
        attempt: u64,
    },
    /// The run of an event ended.
    RunEnded {
        /// The consumer.
        consumer: &'a str,
        /// Its stream.
        stream: &'a str,
        /// What it is.
        message: MessageType,
        /// Its number in the stream.
        sequence: u64,
        /// How.
        outcome: RunOutcome,
        /// How long it took.
        took: Duration,
        /// How long ago it was stored, by the clock that stored it.
        age: Duration,
    },
    /// An event was acknowledged: the acknowledgement is on its way.
    Acknowledged {
        /// The consumer.
        consumer: &'a str,
        /// Its stream.
        stream: &'a str,
        /// What it is.
        message: MessageType,
        /// Its number in the stream.
        sequence: u64,
    },
    /// An event was nakked, and is redelivered after a while.
    PutOff {
        /// The consumer.
        consumer: &'a str,
        /// Its stream.
        stream: &'a str,
        /// What it is.
        message: MessageType,
        /// Its number in the stream.
        sequence: u64,
        /// How its run ended.
        outcome: RunOutcome,
        /// After how long.
        delay: Duration,
    },
    /// An event was dead-lettered.
    DeadLettered {
        /// The consumer.
        consumer: &'a str,
        /// Its stream.
        stream: &'a str,
        /// What it is.
        message: MessageType,
        /// Its number in the stream; 0 where it is not known any more.
        sequence: u64,
        /// Why, `too-old`, as the dead letter says.
        reason: &'static str,
    },
    /// The lease of an event ended before it was settled.
    LeaseLost {
        /// The consumer.
        consumer: &'a str,
        /// Its stream.
        stream: &'a str,
        /// Its number in the stream.
        sequence: u64,
    },
    /// A circuit breaker changed.
    BreakerChanged {
        /// The consumer or the service.
        owner: &'a str,
        /// Its name: that of a dependency, or the type of event.
        breaker: &'a str,
        /// What it is now: `closed`, `open` or `half_open`.
        state: &'static str,
    },
    /// A request was answered, or was not.
    Requested {
        /// What it is.
        message: MessageType,
        /// The kind of error or the code of the service, if there is no reply.
        error: Option<&'static str>,
        /// Whether something was sent.
        is_sent: bool,
        /// The time until that was known, with all attempts.
        took: Duration,
    },
    /// A service answered a request.
    Answered {
        /// The service.
        service: &'a str,
        /// What it is.
        message: MessageType,
        /// 200 for a reply, else the code of the error.
        code: u16,
        /// The time from its arrival to its answer.
        took: Duration,
    },
    /// An event of a saga was stored.
    SagaTurned {
        /// The saga.
        saga: &'a str,
        /// Its version.
        version: u32,
        /// What the event says: `started`, `done`, `compensating`.
        happened: &'a str,
        /// The state of the instance after it; nothing but for the last event of a turn.
        status: Option<&'a str>,
    },
}

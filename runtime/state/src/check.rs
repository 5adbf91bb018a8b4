//! All histories of an aggregate in a stream, looked through for what `load` would refuse or pass over.

use std::collections::HashMap;
use std::fmt;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::cause::Cause;
use eventsmith_bus::transport::{MessageSelector, StreamMessage};

use crate::linear::{Break, Linear};
use crate::record::{Record, Stray};

/// What is wrong with a history.
///
/// ```
/// use eventsmith::state::Defect;
///
/// let defect = Defect::Gap { id: "a-1".to_owned(), missing: 3, sequence: 17 };
/// assert_eq!(defect.to_string(), "a-1: event 3 is missing before message 17");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// An event is missing.
    Gap {
        /// The id of the aggregate.
        id: String,
        /// The number of the event.
        missing: u64,
        /// The sequence in the stream of the event behind it.
        sequence: u64,
    },
    /// Two events have one number.
    Double {
        /// The id of the aggregate.
        id: String,
        /// The number.
        number: u64,
        /// The sequence in the stream of the event that had it, or one behind it, before.
        first: u64,
        /// The sequence in the stream of the other one.
        second: u64,
    },
    /// A message is no event of the history, though it is on the aggregate's subjects. It is passed over.
    Stray {
        /// The id of the aggregate.
        id: String,
        /// The message, and why it is none.
        stray: Stray,
    },
}

impl Defect {
    /// Whether the aggregate is not loaded any more.
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Self::Stray { .. })
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { id, missing, sequence } => {
                write!(f, "{id}: event {missing} is missing before message {sequence}")
            }
            Self::Double { id, number, first, second } => {
                write!(f, "{id}: messages {first} and {second} are both event {number}")
            }
            Self::Stray { id, stray: Stray { sequence, reason, .. } } => {
                write!(f, "{id}: message {sequence} is no event of the history: {reason}")
            }
        }
    }
}

/// What was looked through.
///
/// ```
/// use eventsmith::state::CheckedHistories;
///
/// assert_eq!(CheckedHistories::default().aggregates, 0);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedHistories {
    /// How many aggregates have a history, or a message on their subjects.
    pub aggregates: u64,
    /// How many messages there are.
    pub messages: u64,
}

/// Reads every message of a stream on the subjects of an aggregate (`AggregateEvents::SUBJECT`), and reports what is wrong with each
/// history. Payloads are not decoded. It takes a request for each message.
///
/// ```
/// use eventsmith::Bus;
/// use eventsmith::error::Cause;
/// use eventsmith::state::check_histories;
///
/// async fn check(bus: &Bus) -> Result<(), Cause> {
///     let checked = check_histories(bus, "RULES_RULE", "rules.domain.rule.*.*", |defect| println!("{defect}")).await?;
///     println!("{} rules", checked.aggregates);
///     Ok(())
/// }
/// ```
///
/// # Errors
/// The server did not answer, or with an error.
pub async fn check_histories(
    bus: &Bus,
    stream: &str,
    subject: &str,
    mut report: impl FnMut(Defect),
) -> Result<CheckedHistories, Cause> {
    let mut histories: HashMap<String, Seen> = HashMap::new();
    let mut checked = CheckedHistories::default();
    let mut from = 1;
    while let Some(found) = next(bus, stream, subject, from).await? {
        from = found.sequence + 1;
        checked.messages += 1;
        let id = found.message.subject.rsplit('.').next().unwrap_or_default().to_owned();
        let seen = histories.entry(id.clone()).or_default();
        if seen.is_read {
            continue;
        }
        let record = match Record::read(found) {
            Ok(record) => record,
            Err(stray) => {
                report(Defect::Stray { id, stray });
                continue;
            }
        };
        if record.number == seen.number + 1 && record.predecessor == seen.sequence {
            (seen.number, seen.sequence) = (record.number, record.sequence());
            continue;
        }
        // It is read as a whole: what looks broken here an operator may have decided later on.
        seen.is_read = true;
        read_whole(bus, (stream, subject), &id, record.sequence(), &mut report).await?;
    }
    checked.aggregates = histories.len() as u64;
    Ok(checked)
}

/// What is known of a history while the stream is read.
#[derive(Default)]
struct Seen {
    number: u64,
    sequence: u64,
    /// Whether all of it has been reported.
    is_read: bool,
}

/// Reports what is wrong with one history, and the strays from a sequence on.
async fn read_whole(
    bus: &Bus,
    (stream, subject): (&str, &str),
    id: &str,
    from: u64,
    report: &mut impl FnMut(Defect),
) -> Result<(), Cause> {
    let above = subject.rsplit_once('.').map_or(subject, |(above, _)| above);
    let filter = format!("{above}.{id}");
    let (mut messages, mut next_from) = (Vec::new(), 1);
    while let Some(found) = next(bus, stream, &filter, next_from).await? {
        next_from = found.sequence + 1;
        messages.push(found);
    }
    let Linear { strays, discarded, breaks, .. } = Linear::of(&messages, (0, 0), None);
    for found in breaks {
        report(match found {
            Break::Gap { missing, sequence } => Defect::Gap { id: id.to_owned(), missing, sequence },
            Break::Double { number, first, second } => Defect::Double { id: id.to_owned(), number, first, second },
        });
    }
    for stray in strays.into_iter().filter(|stray| stray.sequence >= from && !discarded.contains(&stray.sequence)) {
        report(Defect::Stray { id: id.to_owned(), stray });
    }
    Ok(())
}

async fn next(bus: &Bus, stream: &str, subject: &str, from: u64) -> Result<Option<StreamMessage>, Cause> {
    let found = bus.transport().message(stream, MessageSelector::NextOf { subject, from }).await;
    found.map_err(|error| error.0)
}

//! All histories of an aggregate in a stream, looked through for what `load` would refuse or pass over.

use std::collections::HashMap;
use std::fmt;

use eventsmith_bus::bus::Bus;
use eventsmith_bus::cause::Cause;
use eventsmith_bus::transport::{MessageSelector, StreamMessage};

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
    let mut ends: HashMap<String, (u64, u64)> = HashMap::new();
    let mut checked = CheckedHistories::default();
    let mut from = 1;
    while let Some(found) = next(bus, stream, subject, from).await? {
        from = found.sequence + 1;
        checked.messages += 1;
        let id = found.message.subject.rsplit('.').next().unwrap_or_default().to_owned();
        let end = ends.entry(id.clone()).or_default();
        let record = match Record::read(found) {
            Ok(record) => record,
            Err(stray) => {
                report(Defect::Stray { id, stray });
                continue;
            }
        };
        let ((number, before), sequence) = (*end, record.sequence());
        if record.number <= number {
            report(Defect::Double { id, number: record.number, first: before, second: sequence });
        } else if record.number > number + 1 || record.predecessor != before {
            report(Defect::Gap { id, missing: number + 1, sequence });
        }
        *end = (record.number, sequence);
    }
    checked.aggregates = ends.len() as u64;
    Ok(checked)
}

async fn next(bus: &Bus, stream: &str, subject: &str, from: u64) -> Result<Option<StreamMessage>, Cause> {
    let found = bus.transport().message(stream, MessageSelector::NextOf { subject, from }).await;
    found.map_err(|error| error.0)
}

//! What happened to an aggregate: its events with who, when, and caused by what.

use std::ops::Deref;

use eventsmith_event::envelope::Envelope;
use jiff::Timestamp;

pub use crate::record::Stray;

/// An event of a history. It is used like the event itself.
///
/// ```
/// use eventsmith::catalogue::AggregateEvents;
/// use eventsmith::state::HistoryEvent;
///
/// fn tell<E: AggregateEvents>(event: &HistoryEvent<E>) {
///     let who = event.envelope.metadata.get("user_id").and_then(|user| user.as_str()).unwrap_or(&event.envelope.source);
///     println!("{}: {} by {who} at {}", event.number, event.event_type(), event.stored);
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HistoryEvent<E> {
    /// Its number within the aggregate, from 1.
    pub number: u64,
    /// Its sequence in the stream.
    pub sequence: u64,
    /// When it was stored.
    pub stored: Timestamp,
    /// Its envelope: who published it (`source`, `metadata`), and caused by what (`causation_id`, `correlation_id`).
    pub envelope: Envelope,
    /// The command that it came of.
    pub command_id: Option<String>,
    pub(crate) event: E,
}

impl<E> HistoryEvent<E> {
    /// The event alone.
    pub fn into_event(self) -> E {
        self.event
    }
}

impl<E> Deref for HistoryEvent<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.event
    }
}

/// The history of an aggregate.
///
/// ```
/// use eventsmith::catalogue::AggregateEvents;
/// use eventsmith::state::History;
///
/// fn length<E: AggregateEvents>(history: &History<E>) -> usize {
///     history.events.len()
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct History<E> {
    /// The events, in order.
    pub events: Vec<HistoryEvent<E>>,
    /// Messages on the subjects of the aggregate that are no events of it, as they were not appended.
    pub strays: Vec<Stray>,
}

/// A point of a history.
///
/// ```
/// use eventsmith::Timestamp;
/// use eventsmith::state::Point;
///
/// let midnight: Timestamp = "2026-11-01T00:00:00Z".parse()?;
/// assert_ne!(Point::Time(midnight), Point::Number(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Point {
    /// After the event with this number of the aggregate.
    Number(u64),
    /// After the message with this sequence in the stream.
    Sequence(u64),
    /// After what was stored at this time or before.
    Time(Timestamp),
}

impl Point {
    /// Whether an event comes behind it.
    pub(crate) fn is_before(self, number: u64, sequence: u64, stored: Timestamp) -> bool {
        match self {
            Self::Number(last) => number > last,
            Self::Sequence(last) => sequence > last,
            Self::Time(last) => stored > last,
        }
    }
}

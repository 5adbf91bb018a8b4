//! What becomes of events that were published in bulk.

use std::fmt;

use uuid::Uuid;

use crate::publish::PublishError;

/// Events that are stored, all that were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkPublished {
    /// How many there are. Those that the stream held already under their ids are among them.
    pub events: u64,
    /// How many of them went by fast batches; the others were published as by
    /// [`publish_all`](crate::bus::Bus::publish_all).
    pub batched: u64,
    /// Where the last of them is that the stream did not hold already, if there is one.
    pub last: Option<BulkPlace>,
}

/// Where an event is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkPlace {
    /// The stream.
    pub stream: String,
    /// Its number in the stream.
    pub sequence: u64,
}

/// Not all events are known to be stored.
///
/// The first ones are, as many as [`stored`](Self::stored) says. The next one is not, for the reason given. Those behind it
/// that were sent may be stored: whoever publishes from there on again gives them the same [`ids`](Self::ids), within the
/// stream's duplicate window, and each is stored once.
///
/// ```
/// use eventsmith::bulk::BulkError;
/// use eventsmith::{Bus, Event, PublishOptions};
///
/// /// Publishes what an import that failed has left.
/// async fn go_on<E: Event>(bus: &Bus, events: &[E], error: &BulkError) -> Result<u64, BulkError> {
///     let mut bulk = bus.bulk();
///     let mut ids = error.ids().iter().copied();
///     for event in events.iter().skip(error.stored() as usize) {
///         let options = PublishOptions { id: ids.next(), ..PublishOptions::default() };
///         if bulk.push_with(event, options).await.is_err() {
///             break;
///         }
///     }
///     Ok(bulk.finish().await?.events)
/// }
/// ```
#[derive(Debug)]
pub struct BulkError {
    pub(super) stored: u64,
    pub(super) ids: Vec<Uuid>,
    pub(super) reason: Box<PublishError>,
}

impl BulkError {
    /// How many events are stored, from the first on. So this is also the place of the one that is not, counted from 0.
    pub fn stored(&self) -> u64 {
        self.stored
    }

    /// Why the next one is not known to be stored.
    pub fn reason(&self) -> &PublishError {
        &self.reason
    }

    /// The ids of the events behind those that are stored, in order, as far as they have some: all that may be stored are
    /// among them.
    pub fn ids(&self) -> &[Uuid] {
        &self.ids
    }
}

impl fmt::Display for BulkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stored, ids, reason } = self;
        write!(f, "{stored} events are stored; event {stored}, counted from 0, is not known to be: {reason}")?;
        match ids.len() {
            0 | 1 => Ok(()),
            count => write!(f, "; of the {} behind it some may be stored", count - 1),
        }
    }
}

impl std::error::Error for BulkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.reason)
    }
}

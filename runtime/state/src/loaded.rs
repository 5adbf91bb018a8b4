//! An aggregate as events made it: each is decoded, upcast and applied.

use std::ops::Deref;

use eventsmith_event::aggregate::AggregateEvents;
use eventsmith_event::clip::clip;
use eventsmith_event::filter::covers;

use crate::aggregate::Aggregate;
use crate::chain::Chain;
use crate::confine::confined;
use crate::error::StateError;
use crate::history::HistoryEvent;
use crate::record::Record;

/// An aggregate as it is after an event, or before any. It is used like the aggregate itself.
///
/// ```
/// use eventsmith::state::Loaded;
///
/// fn exists<A>(loaded: &Loaded<A>) -> bool {
///     loaded.number > 0
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Loaded<A> {
    /// The number of the last event that it is made of; 0 if there is none.
    pub number: u64,
    /// The sequence in the stream of that event; 0 if there is none.
    pub sequence: u64,
    pub(crate) aggregate: A,
}

impl<A> Loaded<A> {
    /// The aggregate alone.
    pub fn into_aggregate(self) -> A {
        self.aggregate
    }
}

impl<A> Deref for Loaded<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.aggregate
    }
}

impl<A: Default> Default for Loaded<A> {
    /// Before any event.
    fn default() -> Self {
        Self { number: 0, sequence: 0, aggregate: A::default() }
    }
}

/// Decodes an event and applies it.
pub(crate) fn take_in<A: Aggregate>(
    chain: &Chain<'_>,
    state: &mut Loaded<A>,
    record: Record,
) -> Result<A::Event, StateError> {
    let event = decode::<A>(chain, record)?;
    apply(chain.id, state, &event.event)?;
    state.sequence = event.sequence;
    Ok(event.into_event())
}

/// Applies the next event.
pub(crate) fn apply<A: Aggregate>(id: &str, state: &mut Loaded<A>, event: &A::Event) -> Result<(), StateError> {
    let number = state.number + 1;
    confined(|| state.aggregate.apply(event)).map_err(|text| StateError::Panicked {
        aggregate: A::Event::AGGREGATE,
        id: id.to_owned(),
        number,
        text,
    })?;
    state.number = number;
    Ok(())
}

/// Decodes an event, and upcasts it.
pub(crate) fn decode<A: Aggregate>(chain: &Chain<'_>, record: Record) -> Result<HistoryEvent<A::Event>, StateError> {
    let Record { number, command_id, stored, .. } = record;
    let sequence = stored.sequence;
    let failed = |reason: String| StateError::Undecodable {
        aggregate: chain.aggregate,
        id: chain.id.to_owned(),
        stream: chain.stream.to_owned(),
        number,
        sequence,
        reason: clip(reason),
    };
    let (envelope, data) = stored.message.envelope().map_err(|error| failed(error.to_string()))?;
    let described = A::Event::EVENTS.iter().find(|event| event.event_type == envelope.event_type);
    let unknown = || {
        failed(format!("nothing here knows its type {:?}; rebuild with a catalogue that has it", envelope.event_type))
    };
    if !covers(described.ok_or_else(unknown)?.subject, &stored.message.subject) {
        return Err(failed(format!("its type {} does not belong on {}", envelope.event_type, stored.message.subject)));
    }
    // Decoding runs the user's code, too: upcasts.
    let decoded = confined(|| A::Event::decode(&envelope.event_type, envelope.version, data.get().as_bytes()));
    let event = decoded.map_err(&failed)?.ok_or_else(unknown)?.map_err(|error| failed(error.to_string()))?;
    Ok(HistoryEvent { number, sequence, stored: stored.stored, envelope, command_id, event })
}

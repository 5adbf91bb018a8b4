//! What users implement: how events make an aggregate.

use eventsmith_event::aggregate::AggregateEvents;

use crate::snapshot::Snapshots;

/// What the events of one thing make of it. It begins as `Default` has it, before any event.
///
/// ```
/// use eventsmith::catalogue::AggregateEvents;
/// use eventsmith::state::Aggregate;
/// # #[derive(Debug)] enum Refused { Archived }
/// # trait Names { fn is_deletion(&self) -> bool; }
/// # macro_rules! example { ($RuleEvent:ident) => {
///
/// #[derive(Debug, Default)]
/// struct Rule {
///     is_deleted: bool,
/// }
///
/// impl Aggregate for Rule {
///     type Event = $RuleEvent; // generated: `aggregates::RuleEvent`
///
///     fn apply(&mut self, event: &Self::Event) {
///         self.is_deleted |= event.event_type() == "rule.deleted";
///     }
/// }
/// # } }
/// ```
pub trait Aggregate: Default + Send + Sync + 'static {
    /// Its events: the enum that is generated for them, in the module `aggregates`.
    type Event: AggregateEvents;

    /// Takes in an event that is stored, or about to be. It cannot be refused: what may happen is decided before, by the command.
    ///
    /// It sees the same events time and again, and must make the same of them: it asks no clock, no random numbers, and nobody else.
    /// A panic ends the call that loads the aggregate with an error, [`StateError::Panicked`](crate::error::StateError::Panicked).
    fn apply(&mut self, event: &Self::Event);

    /// Where and when what the events made is kept, so that not all of them are read each time; nowhere, unless it says so.
    fn snapshots() -> Option<Snapshots<Self>> {
        None
    }
}

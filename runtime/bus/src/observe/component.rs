//! What works for long on a bus, and can be asked how it fares.

use std::sync::atomic::{AtomicU8, Ordering};

/// Something that works for long: asked by health checks and whoever collects metrics, whenever they like. Must answer at once.
pub trait Component: Send + Sync {
    /// What it is.
    fn kind(&self) -> ComponentKind;
    /// Its name.
    fn name(&self) -> String;
    /// Whether it is at work.
    fn state(&self) -> ComponentState;
    /// Why it is not at work as it should, for people; nothing if there is no more to say than its state does.
    fn trouble(&self) -> Option<String> {
        None
    }
    /// What can be counted or measured of it now.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }
}

/// What a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ComponentKind {
    /// The connection of a bus.
    Connection,
    /// A consumer.
    Consumer,
    /// A service that answers requests.
    Service,
    /// A projection.
    Projection,
    /// A runner of sagas.
    Saga,
}

impl ComponentKind {
    /// As labels write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Consumer => "consumer",
            Self::Service => "service",
            Self::Projection => "projection",
            Self::Saga => "saga",
        }
    }
}

/// How far a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ComponentState {
    /// It was made, and does not run.
    Made,
    /// It looks for what it needs.
    Starting,
    /// It is at work.
    Working,
    /// It was asked to stop, and finishes what it has in hand.
    Stopping,
    /// It has ended, in good order or not.
    Ended,
}

impl ComponentState {
    /// As reports of health write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Starting => "starting",
            Self::Working => "working",
            Self::Stopping => "stopping",
            Self::Ended => "ended",
        }
    }
}

/// One figure of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Of what.
    pub kind: FigureKind,
    /// What tells it from others of its kind: a stream, or the name of a breaker; empty where there is one.
    pub of: String,
    /// The value.
    pub value: u64,
}

/// What is counted or measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FigureKind {
    /// Events of a stream that were not delivered to the consumer yet, when it last looked; for a projection, those not projected.
    Lag,
    /// Events of a stream that are delivered and not acknowledged, over all instances, when it last looked.
    AckPending,
    /// Events of a stream that were fetched and wait for a handler.
    Waiting,
    /// Events of a stream, or requests, that are run.
    Running,
    /// How many may run at the same time.
    Concurrency,
    /// How many may be fetched ahead.
    Prefetch,
    /// Events that failed here and wait to be tried again.
    RetriesWaiting,
    /// Counts events that the stream dropped before anybody got them.
    DroppedUnread,
    /// Counts dead letters that were not stored.
    NotDeadLettered,
    /// Counts how often the consumer came to a stand.
    Stalls,
    /// A breaker: 0 closed, 1 open, 2 half open.
    Breaker,
    /// Counts how often the connection was lost.
    Losses,
}

/// The state of a component, shared with whoever asks.
#[derive(Debug, Default)]
pub struct StateCell(AtomicU8);

impl StateCell {
    const ALL: [ComponentState; 5] = [
        ComponentState::Made,
        ComponentState::Starting,
        ComponentState::Working,
        ComponentState::Stopping,
        ComponentState::Ended,
    ];

    /// The state.
    pub fn get(&self) -> ComponentState {
        Self::ALL.get(usize::from(self.0.load(Ordering::Relaxed))).copied().unwrap_or(ComponentState::Ended)
    }

    /// Changes it.
    pub fn set(&self, state: ComponentState) {
        self.0.store(state as u8, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_kept_as_it_was_set() {
        let cell = StateCell::default();

        assert_eq!(cell.get(), ComponentState::Made);
        for state in StateCell::ALL {
            cell.set(state);
            assert_eq!(cell.get(), state);
        }
    }
}

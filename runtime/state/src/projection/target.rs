//! The contract between what reads streams and what keeps read models.

use eventsmith_bus::bus::Bus;
use futures_util::future::BoxFuture;

use super::checkpoint::Checkpoint;
use super::error::ProjectionError;
use super::generation::Generation;
use super::route::{EventFailure, Incoming, Wanted};

/// Where a read model is kept, and how events change it.
pub trait Target: Send + Sync + 'static {
    /// The events that change it.
    #[doc(hidden)]
    fn wanted(&self) -> Vec<Wanted>;

    /// Begins to write one read model, from what is known to be in it.
    #[doc(hidden)]
    fn open<'a>(&'a self, of: &'a Opening) -> BoxFuture<'a, Result<Box<dyn Writer + 'a>, ProjectionError>>;

    /// Lets a read model of a store that decides itself what is read become the one that is.
    #[doc(hidden)]
    fn serve<'a>(&'a self, of: &'a Opening) -> BoxFuture<'a, Result<(), ProjectionError>>;

    /// Forgets a read model that nobody reads any more.
    #[doc(hidden)]
    fn discard<'a>(&'a self, of: &'a Opening) -> BoxFuture<'a, Result<(), ProjectionError>>;
}

/// Which read model of which projection.
#[derive(Debug, Clone)]
pub struct Opening {
    pub(crate) bus: Bus,
    pub(crate) name: String,
    pub(crate) generation: Generation,
}

/// Writes one read model.
pub trait Writer: Send {
    /// How far it is.
    fn checkpoint(&self) -> &Checkpoint;

    /// Projects events in their order, after which the read model is at a checkpoint. Of those that it has already nothing is done. On an error
    /// none of them counts as projected.
    fn project<'a>(
        &'a mut self,
        events: Vec<Projected<'a>>,
        to: &'a Checkpoint,
    ) -> BoxFuture<'a, Result<(), ProjectFailure>>;

    /// Keeps the checkpoint, where that is not done with every event.
    fn keep(&mut self) -> BoxFuture<'_, Result<(), ProjectFailure>>;
}

/// An event to be projected.
#[derive(Debug, Clone, Copy)]
pub struct Projected<'a> {
    pub(crate) event: &'a Incoming,
    pub(crate) is_replay: bool,
}

/// Why events were not projected.
#[derive(Debug)]
pub enum ProjectFailure {
    /// One of them failed, at this place among them.
    Event(usize, EventFailure),
    /// One of them cannot be stored, and which one shows only where each is projected by itself.
    OneByOne,
    /// Somebody else writes the read model.
    Fenced,
    /// The read model cannot be read or written.
    Store(ProjectionError),
}

impl From<ProjectionError> for ProjectFailure {
    fn from(error: ProjectionError) -> Self {
        Self::Store(error)
    }
}

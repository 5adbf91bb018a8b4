//! Reading what a projection made, whichever of its read models serves.

use std::fmt;
use std::marker::PhantomData;

use eventsmith_bus::bucket::{Entry, Store};
use eventsmith_bus::bus::Bus;
use eventsmith_event::event::State;

use super::documents::prefix;
use super::error::ProjectionError;
use super::generation::Generation;
use super::ledger::Ledger;
use super::target::Opening;

/// The documents that a projection makes, as readers see them: those of the read model that serves. Cheap to clone.
///
/// ```
/// use eventsmith::{Bus, State};
/// use eventsmith::state::{ProjectionError, ReadModel};
///
/// async fn show<S: State + std::fmt::Debug>(bus: &Bus) -> Result<(), ProjectionError> {
///     let balances = ReadModel::<S>::of(bus, "balances");
///     if let Some(balance) = balances.get("a-1").await? {
///         println!("{:?}", *balance);
///     }
///     // Several from one and the same read model, should another one take its place meanwhile:
///     let view = balances.view().await?;
///     for key in view.keys(">").await? {
///         println!("{key}: {:?}", view.get(&key).await?.map(|entry| entry.into_value()));
///     }
///     Ok(())
/// }
/// ```
pub struct ReadModel<S> {
    bus: Bus,
    name: String,
    state: PhantomData<fn() -> S>,
}

/// The documents of one read model of a projection.
///
/// It stays readable when another one takes its place, and is then kept up to date no more, until one more takes the place of that.
///
/// ```
/// use eventsmith::State;
/// use eventsmith::state::{ProjectionError, View};
///
/// async fn count<S: State>(view: &View<S>) -> Result<usize, ProjectionError> {
///     Ok(view.keys(">").await?.len())
/// }
/// ```
pub struct View<S> {
    opening: Opening,
    state: PhantomData<fn() -> S>,
}

impl<S> Clone for ReadModel<S> {
    fn clone(&self) -> Self {
        Self { bus: self.bus.clone(), name: self.name.clone(), state: PhantomData }
    }
}

impl<S> fmt::Debug for ReadModel<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadModel").field(&self.name).finish()
    }
}

impl<S> fmt::Debug for View<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("View").field(&self.opening.name).field(&self.opening.generation).finish()
    }
}

impl<S: State> ReadModel<S> {
    /// The read model of the projection with this name. Nothing is asked of the server yet.
    pub fn of(bus: &Bus, name: impl Into<String>) -> Self {
        Self { bus: bus.clone(), name: name.into(), state: PhantomData }
    }

    /// The document under a key, if there is one. It takes two requests: which read model serves, and the document.
    ///
    /// # Errors
    /// As [`view`](Self::view) and [`View::get`].
    pub async fn get(&self, key: &str) -> Result<Option<Entry<S>>, ProjectionError> {
        self.view().await?.get(key).await
    }

    /// The read model that serves, which stays the same however many documents are read from it.
    ///
    /// # Errors
    /// [`ProjectionError::NotServing`] while the first one is built; [`ProjectionError::Unknown`] where the projection has never run;
    /// [`ProjectionError::Unavailable`].
    pub async fn view(&self) -> Result<View<S>, ProjectionError> {
        let (bus, name) = (self.bus.clone(), self.name.clone());
        let serving = Ledger::of(&bus, &name).serving().await?;
        let serving = serving.value.ok_or_else(|| ProjectionError::Unknown { name: name.clone() })?;
        let generation = serving.generation.ok_or_else(|| ProjectionError::NotServing { name: name.clone() })?;
        Ok(View { opening: Opening { bus, name, generation }, state: PhantomData })
    }
}

impl<S: State> View<S> {
    /// Which of the projection's read models it is.
    pub fn generation(&self) -> Generation {
        self.opening.generation
    }

    /// The document under a key, if there is one.
    ///
    /// # Errors
    /// [`ProjectionError::Unavailable`], also where the key is none or the document cannot be decoded.
    pub async fn get(&self, key: &str) -> Result<Option<Entry<S>>, ProjectionError> {
        let found = self.opening.bus.bucket::<S>().get(&prefix(&self.opening, key)).await;
        let entry =
            found.map_err(|error| ProjectionError::of_bucket(format!("{key} of {}", self.opening.name), error))?;
        Ok(entry.map(|mut entry| {
            key.clone_into(&mut entry.key);
            entry
        }))
    }

    /// The keys that have a document. In a pattern `*` is any token and `>` all that follow: `>` is every key.
    ///
    /// # Errors
    /// [`ProjectionError::Unavailable`], also where that is no pattern.
    pub async fn keys(&self, pattern: &str) -> Result<Vec<String>, ProjectionError> {
        let store = Store::new(&self.opening.bus, S::BUCKET);
        let keys = store.keys(&prefix(&self.opening, pattern)).await;
        let keys = keys.map_err(|error| ProjectionError::of_bucket(format!("keys of {}", self.opening.name), error))?;
        let above = prefix(&self.opening, "");
        Ok(keys.iter().filter_map(|key| key.strip_prefix(&above)).map(ToOwned::to_owned).collect())
    }
}

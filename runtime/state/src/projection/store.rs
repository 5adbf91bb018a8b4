//! A read model in a store of one's own, whose transactions take data and checkpoint together.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use eventsmith_bus::cause::Cause;
use eventsmith_bus::handler::{HandlerError, Received};
use eventsmith_event::event::Event;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::checkpoint::Checkpoint;
use super::error::ProjectionError;
use super::generation::Generation;
use super::route::{EventFailure, Wanted};
use super::target::{Opening, ProjectFailure, Projected, Target, Writer};
use crate::confine::confined_future;

/// A store of one's own, such as a database, in which projections keep read models.
///
/// A transaction takes what handlers write and the checkpoint behind it: both are stored, or neither is. So each event has its effects exactly
/// once, whenever the process dies. A checkpoint is a text that means nothing to the store.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex, PoisonError};
///
/// use eventsmith::HandlerError;
/// use eventsmith::state::{Generation, ProjectionStore};
///
/// /// Totals by their names, and checkpoints: a database of two tables.
/// #[derive(Clone, Default)]
/// struct Totals(Arc<Mutex<(HashMap<String, i64>, HashMap<String, String>)>>);
///
/// impl ProjectionStore for Totals {
///     /// What is to be added to each total.
///     type Transaction = Vec<(String, i64)>;
///
///     async fn checkpoint(&self, name: &str, generation: Generation) -> Result<Option<String>, HandlerError> {
///         let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         Ok(tables.1.get(&format!("{name} {generation}")).cloned())
///     }
///
///     async fn begin(&self, _: &str, _: Generation) -> Result<Self::Transaction, HandlerError> {
///         Ok(Vec::new())
///     }
///
///     async fn commit(
///         &self,
///         transaction: Self::Transaction,
///         name: &str,
///         generation: Generation,
///         expected: Option<&str>,
///         checkpoint: &str,
///     ) -> Result<bool, HandlerError> {
///         let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         let key = format!("{name} {generation}");
///         if tables.1.get(&key).map(String::as_str) != expected {
///             return Ok(false); // another instance was here
///         }
///         for (total, change) in transaction {
///             *tables.0.entry(total).or_default() += change;
///         }
///         tables.1.insert(key, checkpoint.to_owned());
///         Ok(true)
///     }
/// }
/// ```
pub trait ProjectionStore: Send + Sync + 'static {
    /// A transaction that was begun. Dropped, it leaves nothing behind.
    type Transaction: Send + 'static;

    /// The checkpoint of a read model as it was committed last; none if none was.
    ///
    /// # Errors
    /// When the store does not answer; it is asked again.
    fn checkpoint(
        &self,
        name: &str,
        generation: Generation,
    ) -> impl Future<Output = Result<Option<String>, HandlerError>> + Send;

    /// Begins a transaction for the events of a read model.
    ///
    /// # Errors
    /// When the store does not answer; it is asked again.
    fn begin(
        &self,
        name: &str,
        generation: Generation,
    ) -> impl Future<Output = Result<Self::Transaction, HandlerError>> + Send;

    /// Stores a checkpoint with what the transaction holds, if the checkpoint is still the one that is expected. Otherwise, as another
    /// instance has committed meanwhile, nothing is stored and the answer is `false`. Both must be one transaction, and the
    /// comparison must hold until it is committed: a `WHERE` of the statement that writes the checkpoint does it.
    ///
    /// # Errors
    /// When it is not known whether it is stored; the checkpoint is asked for, and what is not stored is done again.
    fn commit(
        &self,
        transaction: Self::Transaction,
        name: &str,
        generation: Generation,
        expected: Option<&str>,
        checkpoint: &str,
    ) -> impl Future<Output = Result<bool, HandlerError>> + Send;

    /// A read model has caught up and is to be the one that is read, such as by a view that is pointed to its tables. It may be called several
    /// times for one, and is called before [`Projections`](super::operator::Projections) say that it serves. Nothing, unless a store says otherwise.
    ///
    /// # Errors
    /// When the store does not answer; it is asked again.
    fn serve(&self, name: &str, generation: Generation) -> impl Future<Output = Result<(), HandlerError>> + Send {
        let _ = (name, generation);
        async { Ok(()) }
    }

    /// Nobody reads a read model any more, and it may be dropped with its checkpoint. Nothing, unless a store says otherwise.
    ///
    /// # Errors
    /// When the store does not answer; it is asked again when the projection runs next.
    fn discard(&self, name: &str, generation: Generation) -> impl Future<Output = Result<(), HandlerError>> + Send {
        let _ = (name, generation);
        async { Ok(()) }
    }
}

/// A read model in a store of one's own.
pub struct Transactions<T: ProjectionStore> {
    store: T,
    routes: Vec<Route<T::Transaction>>,
}

struct Route<X> {
    wanted: Wanted,
    call: Box<Call<X>>,
}

/// Decodes an event and handles it within a transaction.
type Call<X> =
    dyn for<'t> Fn(&'t mut X, Projected<'t>, &'t Opening) -> BoxFuture<'t, Result<(), EventFailure>> + Send + Sync;

impl<T: ProjectionStore> fmt::Debug for Transactions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.routes.iter().map(|route| route.wanted.event_type)).finish()
    }
}

impl<T: ProjectionStore> Transactions<T> {
    pub(crate) fn new(store: T) -> Self {
        Self { store, routes: Vec::new() }
    }

    pub(crate) fn on<E: Event>(
        &mut self,
        handler: impl for<'t> Fn(&'t mut T::Transaction, Received<E>) -> BoxFuture<'t, Result<(), HandlerError>>
        + Send
        + Sync
        + 'static,
    ) {
        let handler = Arc::new(handler);
        let call = call_of(move |transaction, projected, of| {
            let event = projected.event.decode::<E>(&of.bus, projected.is_replay);
            call_handler(transaction, event, Arc::clone(&handler))
        });
        self.routes.push(Route { wanted: Wanted::of::<E>(), call });
    }
}

/// Says of a function that it is one for any lifetimes, which the compiler does not find out by itself.
fn call_of<X>(
    call: impl for<'t> Fn(&'t mut X, Projected<'t>, &'t Opening) -> BoxFuture<'t, Result<(), EventFailure>>
    + Send
    + Sync
    + 'static,
) -> Box<Call<X>> {
    Box::new(call)
}

/// The handler's work, whose panics are failures.
fn call_handler<'t, X: Send, E: Event>(
    transaction: &'t mut X,
    event: Result<Received<E>, EventFailure>,
    handler: Arc<
        impl for<'a> Fn(&'a mut X, Received<E>) -> BoxFuture<'a, Result<(), HandlerError>> + Send + Sync + 'static,
    >,
) -> BoxFuture<'t, Result<(), EventFailure>> {
    async move {
        let event = event?;
        let handled = confined_future(|| handler(transaction, event)).await;
        handled.map_err(|panic| EventFailure::panicked(&panic))?.map_err(EventFailure::of)
    }
    .boxed()
}

impl<T: ProjectionStore> Target for Transactions<T> {
    fn wanted(&self) -> Vec<Wanted> {
        self.routes.iter().map(|route| route.wanted).collect()
    }

    fn open<'a>(&'a self, of: &'a Opening) -> BoxFuture<'a, Result<Box<dyn Writer + 'a>, ProjectionError>> {
        async move {
            let text = self.store.checkpoint(&of.name, of.generation).await;
            let text = text.map_err(|error| failed(of, "its checkpoint cannot be read", error))?;
            let checkpoint = match &text {
                Some(text) => serde_json::from_str(text).map_err(|error| ProjectionError::Checkpoint {
                    name: of.name.clone(),
                    generation: of.generation,
                    reason: error.to_string(),
                })?,
                None => Checkpoint::default(),
            };
            let writer: Box<dyn Writer + 'a> = Box::new(TransactionWriter { target: self, of, text, checkpoint });
            Ok(writer)
        }
        .boxed()
    }

    fn serve<'a>(&'a self, of: &'a Opening) -> BoxFuture<'a, Result<(), ProjectionError>> {
        let serving = self.store.serve(&of.name, of.generation);
        async move { serving.await.map_err(|error| failed(of, "its store does not let it serve", error)) }.boxed()
    }

    fn discard<'a>(&'a self, of: &'a Opening) -> BoxFuture<'a, Result<(), ProjectionError>> {
        let discarding = self.store.discard(&of.name, of.generation);
        async move { discarding.await.map_err(|error| failed(of, "its store does not drop it", error)) }.boxed()
    }
}

fn failed(of: &Opening, what: &str, error: HandlerError) -> ProjectionError {
    let reason = EventFailure::of(error).reason().to_owned();
    let what = format!("the projection {} {}: {what}", of.name, of.generation);
    ProjectionError::unavailable(what, Cause::from(reason))
}

struct TransactionWriter<'a, T: ProjectionStore> {
    target: &'a Transactions<T>,
    of: &'a Opening,
    /// The checkpoint as the store has it.
    text: Option<String>,
    checkpoint: Checkpoint,
}

impl<T: ProjectionStore> TransactionWriter<'_, T> {
    async fn commit(&mut self, events: &[Projected<'_>], to: &Checkpoint) -> Result<(), ProjectFailure> {
        let (of, store) = (self.of, &self.target.store);
        let Opening { name, generation, .. } = of;
        let failed = |what| move |error| ProjectFailure::Store(failed(of, what, error));
        let begun = store.begin(name, *generation).await;
        let mut transaction = begun.map_err(failed("no transaction begins"))?;
        for (index, projected) in events.iter().enumerate() {
            let call = &self.target.routes[projected.event.index].call;
            call(&mut transaction, *projected, self.of)
                .await
                .map_err(|failure| ProjectFailure::Event(index, failure))?;
        }
        let text = to.text().map_err(|error| ProjectionError::unavailable("a checkpoint", Cause::of(error)))?;
        let committed = store.commit(transaction, name, *generation, self.text.as_deref(), &text).await;
        if !committed.map_err(failed("a transaction is not known to be committed"))? {
            return Err(ProjectFailure::Fenced);
        }
        self.text = Some(text);
        self.checkpoint.clone_from(to);
        Ok(())
    }
}

impl<T: ProjectionStore> Writer for TransactionWriter<'_, T> {
    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    fn project<'a>(
        &'a mut self,
        events: Vec<Projected<'a>>,
        to: &'a Checkpoint,
    ) -> BoxFuture<'a, Result<(), ProjectFailure>> {
        async move {
            // Where nothing happened but that messages of others were passed over, that is kept with the next event.
            if events.is_empty() && to.skipped == self.checkpoint.skipped {
                self.checkpoint.clone_from(to);
                return Ok(());
            }
            self.commit(&events, to).await
        }
        .boxed()
    }

    fn keep(&mut self) -> BoxFuture<'_, Result<(), ProjectFailure>> {
        async move {
            let text = self.checkpoint.text().ok();
            if text == self.text {
                return Ok(());
            }
            let to = self.checkpoint.clone();
            self.commit(&[], &to).await
        }
        .boxed()
    }
}

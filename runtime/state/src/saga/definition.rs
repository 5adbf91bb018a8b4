//! What a saga is: its name, its version, what starts it, and its steps in order.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use eventsmith_bus::handler::Received;
use eventsmith_bus::settings::is_legal_name;
use eventsmith_event::event::{Event, State};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::error::SagaError;
use super::inlet::{Inlet, TypedInlet};
use super::options::StartOptions;
use super::step::{AnyStep, Ends, IntoStep, Kind};

/// The shortest and the longest time-out: what servers and clocks can tell.
const SHORTEST: Duration = Duration::from_millis(1);
pub(super) const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The definition of a saga: a workflow across services whose steps are done in order, or undone in reverse.
///
/// An instance goes on under the version that it began with, so whoever changes steps raises the version, and runs the old one beside the
/// new until its instances have ended. What a step *says* may be changed in place, such as its time-out: that holds for what comes.
///
/// ```
/// use std::time::Duration;
///
/// use eventsmith::state::{Saga, Step};
/// use eventsmith::{Event, Request, State};
///
/// /// `S` is the state of the transfer, a document of the catalogue; the others are events and requests of it.
/// fn transfer<S: State, Requested: Event, Withdraw: Request, Deposit: Request>(
///     begin: impl Fn(&Requested) -> Option<(String, S)> + Send + Sync + 'static,
///     withdraw: impl Fn(&S) -> Withdraw + Send + Sync + 'static,
///     give_back: impl Fn(&S) -> Deposit + Send + Sync + 'static,
///     deposit: impl Fn(&S) -> Deposit + Send + Sync + 'static,
/// ) -> Saga<S> {
///     Saga::new("transfer", 1)
///         .starts_on(begin)
///         .step(Step::asks("withdraw", withdraw).timeout(Duration::from_secs(30)).compensate(give_back))
///         .step(Step::asks("deposit", deposit).timeout(Duration::from_secs(30)))
/// }
/// ```
#[must_use = "a saga does nothing before it runs"]
pub struct Saga<S> {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    pub(crate) steps: Vec<AnyStep<S>>,
    pub(crate) starters: Vec<Box<dyn Starter<S>>>,
}

impl<S> fmt::Debug for Saga<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<&str> = self.steps.iter().map(|step| step.plan.name).collect();
        f.debug_struct("Saga")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("steps", &steps)
            .finish_non_exhaustive()
    }
}

impl<S: State> Saga<S> {
    /// A saga without steps yet. The name is the one in `sagas` of a stream in `eventsmith.toml`; versions count from 1.
    pub fn new(name: &'static str, version: u32) -> Self {
        Self { name, version, steps: Vec::new(), starters: Vec::new() }
    }

    /// Starts an instance for each event of a type: under which id and with which state, or none if this says nothing. The event may come
    /// twice, and starts one.
    ///
    /// Of several versions that a runner has, the newest starts. [`Sagas::start`](super::client::Sagas::start) starts one without an event.
    pub fn starts_on<E: Event>(mut self, begin: impl Fn(&E) -> Option<(String, S)> + Send + Sync + 'static) -> Self {
        self.starters.push(Box::new(TypedStarter { begin: Arc::new(begin) }));
        self
    }

    /// Adds a step behind those that are there.
    pub fn step(mut self, step: impl IntoStep<S>) -> Self {
        self.steps.push(step.into_step().0);
        self
    }

    /// Whether it can be run.
    pub(crate) fn check(&self) -> Result<(), SagaError> {
        let wrong =
            |reason: String| SagaError::Definition { saga: self.name.to_owned(), version: self.version, reason };
        if !is_legal_name(self.name) {
            return Err(wrong("its name must be one or more of A-Z a-z 0-9 _ -".to_owned()));
        }
        if self.version == 0 || self.steps.is_empty() {
            return Err(wrong("versions count from 1, and it has one step at least".to_owned()));
        }
        let mut names = BTreeSet::new();
        for AnyStep { plan, kind } in &self.steps {
            if !names.insert(plan.name) {
                return Err(wrong(format!("two of its steps are called {}", plan.name)));
            }
            if matches!(plan.ends, Ends::After(time) if time < SHORTEST || time > LONGEST) {
                return Err(wrong(format!("the time-out of {} must be from 1 ms to 100 years", plan.name)));
            }
            if matches!((kind, &plan.ends), (Kind::Waits, Ends::Never)) {
                return Err(wrong(format!(
                    "{} waits for its time, and has neither a time-out nor a deadline",
                    plan.name
                )));
            }
            if plan.is_irreversible && plan.undo.is_some() {
                return Err(wrong(format!("{} is irreversible, and has a compensation", plan.name)));
            }
        }
        Ok(())
    }
}

/// Begins an instance, with what the event says of its circumstances.
pub(crate) type Begin<S> =
    Arc<dyn Fn(String, S, StartOptions) -> BoxFuture<'static, Result<(), SagaError>> + Send + Sync>;

/// An event that starts a saga.
pub(crate) trait Starter<S>: Send + Sync {
    fn inlet(&self, begin: Begin<S>) -> Box<dyn Inlet>;
}

type BeginWith<S, E> = dyn Fn(&E) -> Option<(String, S)> + Send + Sync;

struct TypedStarter<S, E> {
    begin: Arc<BeginWith<S, E>>,
}

impl<S: State, E: Event> Starter<S> for TypedStarter<S, E> {
    fn inlet(&self, begin: Begin<S>) -> Box<dyn Inlet> {
        let starts = Arc::clone(&self.begin);
        TypedInlet::<E>::boxed(Arc::new(move |event: &Received<E>| match starts(event) {
            Some((id, state)) => begin(id, state, StartOptions::caused_by(event)),
            None => std::future::ready(Ok(())).boxed(),
        }))
    }
}

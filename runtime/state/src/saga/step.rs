//! One step of a saga: what it asks for or waits for, when that is over, and what becomes of it.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use eventsmith_bus::handler::Received;
use eventsmith_event::date_time::DateTime;
use eventsmith_event::event::{Event, Request, State};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::value::to_raw_value;

use super::asking::{Asking, Change, TypedRequest};
use super::choice::{Otherwise, SagaRetry};
use super::error::SagaError;
use super::inlet::{Inlet, TypedInlet};
use super::instance::Versioned;
use super::options::StartOptions;

/// One step of a saga with the state `S`: a request ([`Step::asks`]), an event that is waited for ([`Step::awaits`]), or a time
/// ([`Step::waits`]).
///
/// Whatever its closures are given, they may be called again with it: after a crash, and where somebody else was quicker. They
/// should change the state they are given, and nothing else.
///
/// ```
/// use std::time::Duration;
///
/// use eventsmith::state::{Otherwise, Step};
/// use eventsmith::{Request, State};
///
/// fn reserve<S: State, Reserve: Request, Release: Request>(
///     reserve: impl Fn(&S) -> Reserve + Send + Sync + 'static,
///     release: impl Fn(&S) -> Release + Send + Sync + 'static,
/// ) -> impl Sized {
///     Step::asks("reserve", reserve)
///         .on_refusal(|_, _| Otherwise::GoOn)
///         .timeout(Duration::from_secs(30))
///         .compensate(release)
/// }
/// ```
#[must_use = "a step does nothing before a saga has it"]
pub struct Step<S, K> {
    plan: Plan<S>,
    kind: K,
}

/// A step that makes a request.
pub struct Asks<S, R: Request>(TypedRequest<S, R>);

/// A step that waits for an event.
pub struct Awaits<S, E> {
    find: Arc<Find<E>>,
    take: Arc<Take<S, E>>,
    event: PhantomData<fn(E)>,
}

/// A step that waits for its time.
pub struct Waits;

type Take<S, E> = dyn Fn(&mut S, &E) + Send + Sync;
type IsNeeded<S> = dyn Fn(&S) -> bool + Send + Sync;
type Deadline<S> = dyn Fn(&S) -> Option<DateTime> + Send + Sync;
type Find<E> = dyn Fn(&E) -> Option<String> + Send + Sync;

/// What a step has whatever its kind.
pub(crate) struct Plan<S> {
    pub(crate) name: &'static str,
    pub(crate) when: Option<Box<IsNeeded<S>>>,
    pub(crate) ends: Ends<S>,
    pub(crate) on_timeout: Otherwise,
    pub(crate) retry: SagaRetry,
    pub(crate) undo: Option<Arc<dyn Asking<S>>>,
    pub(crate) undo_retry: SagaRetry,
    pub(crate) is_irreversible: bool,
}

/// When the time of a step is over.
pub(crate) enum Ends<S> {
    Never,
    /// So long after it was its turn.
    After(Duration),
    /// When the state says.
    At(Box<Deadline<S>>),
}

/// A step of any kind.
pub(crate) struct AnyStep<S> {
    pub(crate) plan: Plan<S>,
    pub(crate) kind: Kind<S>,
}

/// What a step does.
pub(crate) enum Kind<S> {
    Asks(Arc<dyn Asking<S>>),
    Awaits(Arc<dyn Awaiting<S>>),
    Waits,
}

/// Becomes a step of any kind.
pub trait IntoStep<S>: sealed::Sealed {
    #[doc(hidden)]
    fn into_step(self) -> sealed::Erased<S>;
}

mod sealed {
    pub trait Sealed {}
    pub struct Erased<S>(pub(crate) super::AnyStep<S>);
}

impl<S: State, R: Request> Step<S, Asks<S, R>> {
    /// A step that makes a request, under an id of its own: it is made again until it is answered, and should be done once by
    /// whoever answers it (`x-request.idempotent`, or `ExecuteOptions::caused_by`).
    pub fn asks(name: &'static str, make: impl Fn(&S) -> R + Send + Sync + 'static) -> Self {
        Self { plan: Plan::new(name), kind: Asks(TypedRequest::new(make)) }
    }

    /// What the reply makes of the state. Without this it changes nothing.
    pub fn on_reply(mut self, take: impl Fn(&mut S, &R::Reply) + Send + Sync + 'static) -> Self {
        self.kind.0.reply = Arc::new(take);
        self
    }

    /// What a refusal makes of the state, and how the saga goes on. Without this the saga is compensated. What was refused was not
    /// done, and is not undone.
    pub fn on_refusal(mut self, decide: impl Fn(&mut S, &R::Error) -> Otherwise + Send + Sync + 'static) -> Self {
        self.kind.0.refusal = Arc::new(decide);
        self
    }

    /// How often the request is made where nobody answers; see [`SagaRetry`]. After the last attempt the saga is compensated, and this step
    /// with it if it may be done.
    pub fn retry(mut self, retry: SagaRetry) -> Self {
        self.plan.retry = retry;
        self
    }
}

impl<S: State, E: Event> Step<S, Awaits<S, E>> {
    /// A step that waits for an event, of which a function says for which instance of the saga it is, by the id; for none if it says
    /// nothing. An event may come before its step, once the instance has begun; of several the first counts.
    pub fn awaits(name: &'static str, find: impl Fn(&E) -> Option<String> + Send + Sync + 'static) -> Self {
        let kind = Awaits { find: Arc::new(find), take: Arc::new(|_: &mut S, _: &E| {}), event: PhantomData };
        Self { plan: Plan::new(name), kind }
    }

    /// What the event makes of the state. Without this it changes nothing.
    pub fn on_event(mut self, take: impl Fn(&mut S, &E) + Send + Sync + 'static) -> Self {
        self.kind.take = Arc::new(take);
        self
    }
}

impl<S: State> Step<S, Waits> {
    /// A step that waits until its time is over, and for nothing else: it is done then. It has a [`timeout`](Self::timeout) or a
    /// [`deadline`](Self::deadline). The server keeps the time, and nothing runs meanwhile.
    ///
    /// Where something may make the wait moot, [`awaits`](Step::awaits) an event until a deadline instead.
    pub fn waits(name: &'static str) -> Self {
        Self { plan: Plan { on_timeout: Otherwise::GoOn, ..Plan::new(name) }, kind: Waits }
    }
}

impl<S: State, K> Step<S, K> {
    /// Leaves the step out unless this holds of the state when it is its turn.
    pub fn when(mut self, is_needed: impl Fn(&S) -> bool + Send + Sync + 'static) -> Self {
        self.plan.when = Some(Box::new(is_needed));
        self
    }

    /// How long the step may take, from when it is its turn, all attempts together; 1 ms at least. Then the saga is compensated, and this step with it, as
    /// it may be done. The server keeps the time: it goes on while no runner does, and ends within a second or so.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.plan.ends = Ends::After(timeout);
        self
    }

    /// Until when the step may take, in place of a [`timeout`](Self::timeout), by the state as it is when it is the step's turn: without
    /// end where it says nothing. What is over already is over at once, and what is further away than 100 years comes then.
    ///
    /// ```
    /// use eventsmith::state::{Otherwise, Step};
    /// use eventsmith::{DateTime, Event, State};
    ///
    /// /// Waits until the day, or until somebody thinks better of it.
    /// fn wait<S: State, Withdrawn: Event>(
    ///     day: impl Fn(&S) -> Option<DateTime> + Send + Sync + 'static,
    ///     id: impl Fn(&Withdrawn) -> Option<String> + Send + Sync + 'static,
    ///     note: impl Fn(&mut S, &Withdrawn) + Send + Sync + 'static,
    /// ) -> impl Sized {
    ///     Step::awaits("withdrawn", id).on_event(note).deadline(day).on_timeout(Otherwise::GoOn)
    /// }
    /// ```
    pub fn deadline(mut self, deadline: impl Fn(&S) -> Option<DateTime> + Send + Sync + 'static) -> Self {
        self.plan.ends = Ends::At(Box::new(deadline));
        self
    }

    /// How the saga goes on when the time of the step is over, instead of being compensated; behind a step that [`waits`](Step::waits) it
    /// goes on without this.
    pub fn on_timeout(mut self, choice: Otherwise) -> Self {
        self.plan.on_timeout = choice;
        self
    }

    /// The request that undoes the step, where the saga is compensated. It must also be right where the step was not done: where nobody
    /// answered, that is not known. A refusal leaves the saga stuck.
    ///
    /// Without this there is nothing to undo.
    pub fn compensate<U: Request>(self, make: impl Fn(&S) -> U + Send + Sync + 'static) -> Self {
        self.compensate_unless(make, |_| false)
    }

    /// [`compensate`](Self::compensate), where some refusals mean that there is nothing to be undone.
    pub fn compensate_unless<U: Request>(
        mut self,
        make: impl Fn(&S) -> U + Send + Sync + 'static,
        is_undone: impl Fn(&U::Error) -> bool + Send + Sync + 'static,
    ) -> Self {
        let mut request = TypedRequest::new(make);
        request.refusal = Arc::new(move |_: &mut S, refusal: &U::Error| match is_undone(refusal) {
            true => Otherwise::GoOn,
            false => Otherwise::Compensate,
        });
        self.plan.undo = Some(Arc::new(request));
        self
    }

    /// How often the request that undoes the step is made where nobody answers; see [`SagaRetry`]. After the last attempt the saga is
    /// stuck.
    pub fn compensation_retry(mut self, retry: SagaRetry) -> Self {
        self.plan.undo_retry = retry;
        self
    }

    /// Says that nothing undoes the step: a saga that would have to is stuck, and an operator undoes it.
    pub fn irreversible(mut self) -> Self {
        self.plan.is_irreversible = true;
        self
    }
}

impl<S> Plan<S> {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            when: None,
            ends: Ends::Never,
            on_timeout: Otherwise::Compensate,
            retry: SagaRetry::default(),
            undo: None,
            undo_retry: SagaRetry::default(),
            is_irreversible: false,
        }
    }
}

impl<S, K> sealed::Sealed for Step<S, K> {}

impl<S: State, R: Request> IntoStep<S> for Step<S, Asks<S, R>> {
    fn into_step(self) -> sealed::Erased<S> {
        sealed::Erased(AnyStep { plan: self.plan, kind: Kind::Asks(Arc::new(self.kind.0)) })
    }
}

impl<S: State, E: Event> IntoStep<S> for Step<S, Awaits<S, E>> {
    fn into_step(self) -> sealed::Erased<S> {
        sealed::Erased(AnyStep { plan: self.plan, kind: Kind::Awaits(Arc::new(self.kind)) })
    }
}

impl<S: State> IntoStep<S> for Step<S, Waits> {
    fn into_step(self) -> sealed::Erased<S> {
        sealed::Erased(AnyStep { plan: self.plan, kind: Kind::Waits })
    }
}

/// An event for an instance of a saga.
pub(crate) struct Signal {
    pub(crate) id: String,
    pub(crate) event_type: &'static str,
    pub(crate) event: Versioned,
    pub(crate) options: StartOptions,
    /// The how many-th time it is tried.
    pub(crate) attempt: u64,
}

/// Takes in an event for an instance.
pub(crate) type SendSignal = Arc<dyn Fn(Signal) -> BoxFuture<'static, Result<(), SagaError>> + Send + Sync>;

/// An event that a step waits for.
pub(crate) trait Awaiting<S>: Send + Sync {
    fn event_type(&self) -> &'static str;

    /// The newest version of the event that is known here.
    fn version(&self) -> u32;

    /// What an event makes of the state.
    fn take(&self, event: &Versioned) -> Result<Change<S>, String>;

    /// Finds the instances that events are for.
    fn inlet(&self, send: SendSignal) -> Box<dyn Inlet>;
}

impl<S: State, E: Event> Awaiting<S> for Awaits<S, E> {
    fn event_type(&self) -> &'static str {
        E::TYPE
    }

    fn version(&self) -> u32 {
        E::VERSION
    }

    fn take(&self, event: &Versioned) -> Result<Change<S>, String> {
        let event = E::decode(event.version, event.data.get().as_bytes());
        let event = event.map_err(|error| format!("the event {} cannot be read: {error}", E::TYPE))?;
        let take = Arc::clone(&self.take);
        Ok(Arc::new(move |state| take(state, &event)))
    }

    fn inlet(&self, send: SendSignal) -> Box<dyn Inlet> {
        let find = Arc::clone(&self.find);
        TypedInlet::<E>::boxed(Arc::new(move |event: &Received<E>| {
            let Some(id) = find(event) else { return std::future::ready(Ok(())).boxed() };
            let options = StartOptions::caused_by(event);
            let data = match to_raw_value(&**event) {
                Ok(data) => data,
                Err(error) => {
                    let reason = eventsmith_bus::cause::Cause::of(error);
                    let about = format!("the event {} cannot be written", E::TYPE);
                    return std::future::ready(Err(SagaError::Unavailable { about, reason })).boxed();
                }
            };
            let (event, attempt) = (Versioned { version: E::VERSION, data }, event.attempt());
            send(Signal { id, event_type: E::TYPE, event, options, attempt })
        }))
    }
}

//! Events that start sagas, or go into them: one handler for each type, whatever it is for.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use eventsmith_bus::consumer::Consumer;
use eventsmith_bus::handler::{HandlerError, Received};
use eventsmith_event::event::Event;
use futures_util::future::BoxFuture;

use super::error::SagaError;

/// What an event leads to.
pub(crate) type Action<E> = Arc<dyn Fn(&Received<E>) -> BoxFuture<'static, Result<(), SagaError>> + Send + Sync>;

/// All that the events of one type lead to.
pub(crate) trait Inlet: Send {
    fn event_type(&self) -> &'static str;

    /// Adds what another inlet of the same type does; gives it back if it is of another type.
    fn join(&mut self, other: Box<dyn Inlet>) -> Option<Box<dyn Inlet>>;

    fn attach(self: Box<Self>, consumer: Consumer) -> Consumer;

    fn as_any(&mut self) -> &mut dyn Any;
}

/// What the events of a type lead to.
pub(crate) struct TypedInlet<E> {
    actions: Vec<Action<E>>,
}

impl<E: Event> TypedInlet<E> {
    pub(crate) fn boxed(action: Action<E>) -> Box<dyn Inlet> {
        Box::new(Self { actions: vec![action] })
    }
}

impl<E: Event> Inlet for TypedInlet<E> {
    fn event_type(&self) -> &'static str {
        E::TYPE
    }

    fn join(&mut self, mut other: Box<dyn Inlet>) -> Option<Box<dyn Inlet>> {
        match other.as_any().downcast_mut::<Self>() {
            Some(same) => {
                self.actions.append(&mut same.actions);
                None
            }
            None => Some(other),
        }
    }

    fn attach(self: Box<Self>, consumer: Consumer) -> Consumer {
        let actions: Arc<[Action<E>]> = self.actions.into();
        consumer.on(move |event: Received<E>| {
            let actions = Arc::clone(&actions);
            async move {
                // What one saga makes of it does not keep it from the others; all of them may be told twice.
                let mut failed = None;
                for action in actions.iter() {
                    failed = failed.or(action(&event).await.err());
                }
                failed.map_or(Ok(()), |error| Err(again(event.attempt(), error)))
            }
        })
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// How long to wait, after each attempt, for an instance that an event may be for and that is not there yet: the event that starts it may be
/// handled at the same time, or be tried again itself.
pub(crate) const WAITS_FOR_START: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5)];

/// When an event is handled again that one of the sagas could not take in.
fn again(attempt: u64, error: SagaError) -> HandlerError {
    let wait = usize::try_from(attempt).ok().and_then(|attempt| WAITS_FOR_START.get(attempt.saturating_sub(1)));
    match (&error, wait) {
        (SagaError::NotFound { .. }, Some(wait)) => HandlerError::retry_after(*wait, error),
        _ => HandlerError::retry(error),
    }
}

/// Inlets of which each type has one.
pub(crate) fn joined(inlets: Vec<Box<dyn Inlet>>) -> Vec<Box<dyn Inlet>> {
    let mut all: Vec<Box<dyn Inlet>> = Vec::new();
    for inlet in inlets {
        let mut left = Some(inlet);
        for known in &mut all {
            left = left.and_then(|inlet| known.join(inlet));
        }
        all.extend(left);
    }
    all
}

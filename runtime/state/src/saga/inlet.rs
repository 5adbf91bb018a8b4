//! Events that start sagas, or go into them: one handler for each type, whatever it is for.

use std::any::Any;
use std::sync::Arc;

use eventsmith_bus::consumer::Consumer;
use eventsmith_bus::handler::Received;
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
                for action in actions.iter() {
                    action(&event).await?;
                }
                Ok(())
            }
        })
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
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

//! What a service is made of: answers to requests, handlers of events, and what goes on besides.

use std::future::Future;
use std::pin::Pin;

use eventsmith::{Consumer, Received, Service};
use tokio::sync::watch;

/// What goes on in a service besides answering and handling, until it is stopped.
pub type Job = Box<dyn FnOnce(Stopped) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send>;

/// Tells that a service is to stop.
#[derive(Debug, Clone)]
pub struct Stopped(pub(crate) watch::Receiver<bool>);

/// The parts of one service; one that answers nothing begins as `Parts::default()`.
#[derive(Default)]
pub struct Parts {
    pub(crate) service: Option<Service>,
    pub(crate) consumer: Option<Consumer>,
    pub(crate) jobs: Vec<Job>,
}

impl Stopped {
    /// Resolves once it is to stop.
    pub async fn wait(mut self) {
        // Whoever could say so is gone: that is to stop, too.
        let _ = self.0.wait_for(|stops| *stops).await;
    }
}

impl Parts {
    /// A service that answers requests.
    pub fn answering(service: Service) -> Self {
        Self { service: Some(service), ..Self::default() }
    }

    /// With handlers of events.
    #[must_use]
    pub fn consuming(self, consumer: Consumer) -> Self {
        Self { consumer: Some(consumer), ..self }
    }

    /// With something that goes on besides.
    #[must_use]
    pub fn with<F>(mut self, job: impl FnOnce(Stopped) -> F + Send + 'static) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.jobs.push(Box::new(move |stopped| Box::pin(job(stopped))));
        self
    }
}

/// A handler that is given what it works with, beside what is received: a clone for each message.
pub fn with<S, M, F, H>(state: &S, handler: H) -> impl FnMut(Received<M>) -> F + Clone + use<S, M, F, H>
where
    S: Clone,
    H: Fn(S, Received<M>) -> F + Clone,
{
    let state = state.clone();
    move |received| handler(state.clone(), received)
}

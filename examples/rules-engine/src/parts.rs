//! What a service is made of, and running it: answers to requests, handlers of events, and what goes on besides.

use std::future::Future;
use std::pin::Pin;

use anyhow::Context;
use eventsmith::{Bus, Consumer, Received, Service};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::services::SERVICES;

/// What goes on in a service besides answering and handling, until it is stopped.
pub type Job = Box<dyn FnOnce(Stopped) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send>;

/// Tells that a service is to stop.
#[derive(Debug, Clone)]
pub struct Stopped(watch::Receiver<bool>);

/// The parts of one service.
pub struct Parts {
    service: Option<Service>,
    consumer: Option<Consumer>,
    jobs: Vec<Job>,
}

/// Services that run, in tasks of this process.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    tasks: JoinSet<anyhow::Result<()>>,
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
        Self { service: Some(service), consumer: None, jobs: Vec::new() }
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

impl Running {
    /// Starts services by their names; all nine without one.
    ///
    /// # Errors
    /// A name that is no service's.
    pub fn start(bus: &Bus, config: &Config, only: &[String]) -> anyhow::Result<Self> {
        let known = SERVICES.map(|(name, _)| name);
        if let Some(unknown) = only.iter().find(|name| !known.contains(&name.as_str())) {
            anyhow::bail!("there is no service {unknown}; there are {}", known.join(", "));
        }
        let mut running = Self { stop: watch::Sender::new(false), tasks: JoinSet::new() };
        for (name, make) in SERVICES {
            if only.is_empty() || only.iter().any(|one| one == name) {
                running.run(name, make(bus, config));
            }
        }
        Ok(running)
    }

    /// Runs the parts of one service.
    pub fn run(&mut self, name: &'static str, parts: Parts) {
        let stopped = || Stopped(self.stop.subscribe());
        if let Some(service) = parts.service {
            let stopped = stopped();
            self.tasks.spawn(async move {
                service.run(stopped.wait()).await.map(drop).with_context(|| format!("{name} stopped answering"))
            });
        }
        if let Some(consumer) = parts.consumer {
            let stopped = stopped();
            self.tasks.spawn(async move {
                consumer.run(stopped.wait()).await.map(drop).with_context(|| format!("{name} stopped consuming"))
            });
        }
        for job in parts.jobs {
            self.tasks.spawn(job(stopped()));
        }
    }

    /// Resolves when a part ends by itself, which it should not.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn failed(&mut self) -> anyhow::Result<()> {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(ended) => ended?,
        }
    }

    /// Stops all of them, and waits until what is in hand is done.
    ///
    /// # Errors
    /// What failed meanwhile.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        Ok(())
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

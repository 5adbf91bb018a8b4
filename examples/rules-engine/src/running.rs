//! Running services, in tasks of this process.

use anyhow::Context;
use eventsmith::Bus;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::parts::{Parts, Stopped};
use crate::services::SERVICES;

/// Services that run, in tasks of this process.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    tasks: JoinSet<anyhow::Result<()>>,
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

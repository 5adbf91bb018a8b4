//! Connects to a server, for the commands that need one.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use eventsmith::{Bus, Config};

/// The server, and how to authenticate.
#[derive(Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// A server to connect to, instead of those of the configuration; may be given more than once
    #[arg(long = "server", value_name = "URL")]
    servers: Vec<String>,
    /// A TOML file to configure the connection, instead of the variables EVENTSMITH_... of the environment
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Connection {
    /// The configuration: from the file or else from the environment, with the servers of the command line.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let mut config = match &self.config {
            Some(file) => Config::from_toml_file(file)?,
            None => Config::from_env()?,
        };
        if !self.servers.is_empty() {
            config.servers = self.servers.iter().map(|url| url.as_str().into()).collect();
        }
        Ok(config)
    }
}

/// Connects, does something with the bus, and shuts the connection down.
pub(crate) fn with_bus<T>(config: Config, work: impl AsyncFnOnce(&Bus) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start the runtime of the connection")?.block_on(async {
        let bus = Bus::connect(config).await?;
        let result = work(&bus).await;
        let closed = bus.shutdown().await;
        let value = result?;
        closed?;
        Ok(value)
    })
}

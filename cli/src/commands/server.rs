//! `eventsmith server`: configurations of nats-server, and keys for development.

mod authority;
mod config;
mod files;
mod keys;
mod options;

use clap::{Args, Subcommand};

use crate::exit::ExitStatus;
use crate::output::Out;

/// Write configurations of nats-server, and make keys and certificates for development
#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Server {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Config(config::Config),
    Keys(keys::Keys),
}

impl Server {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            Command::Config(command) => command.run(out),
            Command::Keys(command) => command.run(),
        }
    }
}

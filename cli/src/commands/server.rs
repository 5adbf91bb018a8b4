//! `eventsmith server`: configurations of nats-server, keys for development, and whether what is deployed is sound.

mod authority;
mod certificate;
mod config;
mod files;
mod keys;
mod options;
mod verify;
mod wanted;

use clap::{Args, Subcommand};

use crate::exit::ExitStatus;
use crate::output::Out;

/// Write configurations of nats-server, make keys and certificates for development, and verify what is there
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
    Verify(verify::Verify),
}

impl Server {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            Command::Config(command) => command.run(out),
            Command::Keys(command) => command.run(),
            Command::Verify(command) => command.run(out),
        }
    }
}

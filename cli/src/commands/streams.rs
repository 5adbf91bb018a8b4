//! `eventsmith streams`: what a server should hold, and how it is doing.

use std::io::Write;

use clap::{Args, Subcommand, ValueEnum};
use eventsmith::Config;
use serde::Serialize;

use crate::Outcome;
use crate::catalogue::Schemas;
use crate::connect::{Connection, with_bus};
use crate::output::Out;
use crate::topology::topology;

/// Bring the streams and consumers of a server to what the catalogue says, and see how they are doing
///
/// The streams are those of eventsmith.toml. Every service has a durable consumer, named after it, on each stream that holds
/// events which it consumes. What else is on the server is left alone.
#[derive(Args)]
pub(crate) struct Streams {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Plan(Plan),
    Apply(Apply),
    Status(Status),
}

/// Print what would change, and change nothing
///
/// Exits with 1 if something is to be done or cannot be done.
#[derive(Args)]
struct Plan {
    #[command(flatten)]
    target: Target,
}

/// Print what is to change, and change it; or nothing, if something of it cannot be done
///
/// Exits with 1 if something cannot be done.
#[derive(Args)]
struct Apply {
    #[command(flatten)]
    target: Target,
}

/// Print how streams and consumers are doing
///
/// Exits with 1 if one of the catalogue is missing.
#[derive(Args)]
struct Status {
    #[command(flatten)]
    schemas: Schemas,
    /// Show all streams that this user may see, whatever the catalogue says
    #[arg(long, conflicts_with = "schemas")]
    all: bool,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args)]
struct Target {
    #[command(flatten)]
    schemas: Schemas,
    /// How many servers are to store each message, whatever the catalogue says: 1 for a server in development
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: Option<u8>,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args)]
struct Format {
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: Kind,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Kind {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

impl Streams {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        match &self.command {
            Command::Plan(Plan { target }) => target.run(out, false),
            Command::Apply(Apply { target }) => target.run(out, true),
            Command::Status(command) => command.run(out),
        }
    }
}

impl Target {
    fn run(&self, out: &mut Out, is_to_be_done: bool) -> anyhow::Result<Outcome> {
        let topology = topology(&self.schemas.load_sound()?);
        let config = self.connection.config()?;
        let config = Config { replicas: self.replicas.or(config.replicas), ..config };
        with_bus(config, async |bus| {
            let plan = bus.plan(topology).await?;
            self.format.write(out, &plan, &plan)?;
            if is_to_be_done && !plan.is_refused() {
                // Whatever happens next, the plan was told before.
                out.flush()?;
                bus.apply(&plan).await?;
                return Ok(Outcome::Clean);
            }
            Ok(if plan.is_empty() { Outcome::Clean } else { Outcome::Findings })
        })
    }
}

impl Status {
    fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        let topology = if self.all { None } else { Some(topology(&self.schemas.load_sound()?)) };
        with_bus(self.connection.config()?, async |bus| {
            let status = bus.status(topology.as_ref()).await?;
            self.format.write(out, &status, format_args!("{}", status.to_string().trim_end()))?;
            Ok(if status.missing.is_empty() { Outcome::Clean } else { Outcome::Findings })
        })
    }
}

impl Format {
    fn write(&self, out: &mut Out, data: &impl Serialize, text: impl std::fmt::Display) -> anyhow::Result<()> {
        match self.format {
            Kind::Text => writeln!(out, "{text}")?,
            Kind::Json => writeln!(out, "{}", serde_json::to_string_pretty(data)?)?,
        }
        Ok(())
    }
}

//! `eventsmith streams`: plans, applies and shows the streams and consumers of a server.

use eventsmith::admin::{Action, BusAdmin};
use std::fmt;
use std::io::Write as _;

use clap::{Args, Subcommand};
use eventsmith::Config;
use serde::Serialize;

use super::data_format::DataFormat;
use crate::catalogue::Schemas;
use crate::connect::{Connection, with_bus};
use crate::exit::ExitStatus;
use crate::output::{Out, counted, note};
use crate::topology::topology;

/// Bring the streams and consumers of a server to what the catalogue says, and show their status
///
/// The streams are those of eventsmith.toml. Every service has a durable consumer, named after it, on each stream that holds
/// events which it consumes. What else is on the server is left alone.
#[derive(Args)]
pub(crate) struct Streams {
    #[command(subcommand)]
    command: StreamsCommand,
}

#[derive(Subcommand)]
enum StreamsCommand {
    Plan(StreamsPlan),
    Apply(StreamsApply),
    Status(StreamsStatus),
}

/// Print what would change, and change nothing
///
/// Exits with 1 if something is to be done, cannot be done, or will not work.
#[derive(Args)]
struct StreamsPlan {
    #[command(flatten)]
    args: PlanArgs,
}

/// Print what is to change, and change it; or nothing, if something of it cannot be done
///
/// Exits with 1 if something cannot be done.
#[derive(Args)]
struct StreamsApply {
    #[command(flatten)]
    args: PlanArgs,
}

/// Print the status of streams and consumers
///
/// Exits with 1 if one of the catalogue is missing.
#[derive(Args)]
struct StreamsStatus {
    #[command(flatten)]
    schemas: Schemas,
    /// Show all streams that this user may see, whatever the catalogue says
    #[arg(long, conflicts_with = "schemas")]
    all: bool,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
    #[command(flatten)]
    connection: Connection,
}

/// What `plan` and `apply` need.
#[derive(Args)]
struct PlanArgs {
    #[command(flatten)]
    schemas: Schemas,
    /// How many servers are to store each message, whatever the catalogue says: 1 for a server in development
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: Option<u8>,
    /// Print every setting of what is created; otherwise text has a line for each stream and consumer
    #[arg(long)]
    verbose: bool,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
    #[command(flatten)]
    connection: Connection,
}

impl Streams {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            StreamsCommand::Plan(StreamsPlan { args }) => args.run(out, false),
            StreamsCommand::Apply(StreamsApply { args }) => args.run(out, true),
            StreamsCommand::Status(status) => status.run(out),
        }
    }
}

impl PlanArgs {
    fn run(&self, out: &mut Out, is_applied: bool) -> anyhow::Result<ExitStatus> {
        let topology = topology(&self.schemas.load_sound()?);
        let config = self.connection.config()?;
        let config = Config { replicas: self.replicas.or(config.replicas), ..config };
        with_bus(config, async |bus| {
            let plan = bus.plan(topology).await?;
            match self.verbose {
                true => print(out, self.format, &plan, &plan)?,
                false => print(out, self.format, &plan, plan.brief())?,
            }
            out.flush()?;
            if self.format != DataFormat::Text {
                // As text the plan ends with it.
                note(format_args!("{}", plan.to_string().lines().last().unwrap_or_default()));
            }
            if is_applied && !plan.is_refused() {
                // The plan is visible already, even if a change of it fails.
                bus.apply(&plan).await?;
                let done = plan.changes.iter().filter(|change| change.action != Action::Keep).count();
                note(format_args!("{} applied", counted(done, "change")));
                return Ok(ExitStatus::Clean);
            }
            if is_applied {
                note(format_args!("nothing applied, as something of it cannot be done"));
            }
            Ok(ExitStatus::findings_if(!plan.is_empty() || !plan.warnings.is_empty()))
        })
    }
}

impl StreamsStatus {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let topology = if self.all { None } else { Some(topology(&self.schemas.load_sound()?)) };
        with_bus(self.connection.config()?, async |bus| {
            let status = bus.status(topology.as_ref()).await?;
            print(out, self.format, &status, status.to_string().trim_end())?;
            out.finish()?;
            note(format_args!("{}, {} missing", counted(status.streams.len(), "stream"), status.missing.len()));
            Ok(ExitStatus::findings_if(!status.missing.is_empty()))
        })
    }
}

fn print(out: &mut Out, format: DataFormat, data: &impl Serialize, text: impl fmt::Display) -> anyhow::Result<()> {
    match format {
        DataFormat::Text => writeln!(out, "{text}")?,
        DataFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(data)?)?,
    }
    Ok(())
}

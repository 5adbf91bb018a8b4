//! `eventsmith projections`: the read models that projections make.

use std::io::Write as _;

use clap::{Args, Subcommand};
use eventsmith::Config;
use eventsmith::admin::BusAdmin as _;
use eventsmith::state::{ModelReport, PROJECTIONS, Phase, ProjectionReport, Projections as State, Skipped};
use serde_json::{Value, json};

use super::data_format::DataFormat;
use crate::connect::{Connection, with_bus};
use crate::exit::ExitStatus;
use crate::format::visible;
use crate::output::{Out, counted, note};

/// Look at projections and their read models, and have one built anew
///
/// The guide is docs/projections.md.
#[derive(Args)]
pub(crate) struct Projections {
    #[command(subcommand)]
    command: ProjectionsCommand,
}

#[derive(Subcommand)]
enum ProjectionsCommand {
    Init(ProjectionsInit),
    List(ProjectionsList),
    Status(ProjectionsStatus),
    Rebuild(ProjectionsRebuild),
}

/// Make the bucket in which projections keep how far they are
///
/// Projections need it, beside the buckets of their read models, which `eventsmith streams apply` makes.
#[derive(Args)]
struct ProjectionsInit {
    /// On how many servers it is stored
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: Option<u8>,
    #[command(flatten)]
    connection: Connection,
}

/// Print all projections that ever ran, a line for each read model
#[derive(Args)]
struct ProjectionsList {
    #[command(flatten)]
    args: ProjectionArgs,
}

/// Print how far read models are, and what keeps them from going on
///
/// Exits with 1 if one that serves, or is being built, has failed, waits with an error, has a side effect that fails, or is
/// made by nobody.
#[derive(Args)]
struct ProjectionsStatus {
    /// Only these projections, by name
    #[arg(value_name = "PROJECTION")]
    names: Vec<String>,
    #[command(flatten)]
    args: ProjectionArgs,
}

/// Have the read model that serves built anew, beside it
///
/// The program that runs builds it, or the one that runs next; it serves once it has caught up.
#[derive(Args)]
struct ProjectionsRebuild {
    /// The projection
    #[arg(value_name = "PROJECTION")]
    name: String,
    #[command(flatten)]
    connection: Connection,
}

/// What commands need that print.
#[derive(Args)]
struct ProjectionArgs {
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
    #[command(flatten)]
    connection: Connection,
}

impl Projections {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            ProjectionsCommand::Init(command) => command.run(),
            ProjectionsCommand::List(command) => command.run(out),
            ProjectionsCommand::Status(command) => command.run(out),
            ProjectionsCommand::Rebuild(command) => command.run(out),
        }
    }
}

impl ProjectionsInit {
    fn run(&self) -> anyhow::Result<ExitStatus> {
        let config = self.connection.config()?;
        let config = Config { replicas: self.replicas.or(config.replicas), ..config };
        with_bus(config, async |bus| Ok(bus.provision(PROJECTIONS).await?))?;
        note(format_args!("the bucket {} is there", PROJECTIONS[0].name));
        Ok(ExitStatus::Clean)
    }
}

impl ProjectionsList {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let found = with_bus(self.args.connection.config()?, async |bus| Ok(State::of(bus).list().await?))?;
        match self.args.format {
            DataFormat::Text => {
                for report in &found {
                    for model in &report.models {
                        writeln!(out, "{}", line(report, model))?;
                    }
                }
            }
            DataFormat::Json => print_json(out, &found)?,
        }
        out.finish()?;
        note(format_args!("{}", counted(found.len(), "projection")));
        Ok(ExitStatus::Clean)
    }
}

impl ProjectionsStatus {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let found = with_bus(self.args.connection.config()?, async |bus| {
            let state = State::of(bus);
            if self.names.is_empty() {
                return Ok(state.list().await?);
            }
            let mut found = Vec::with_capacity(self.names.len());
            for name in &self.names {
                found.push(state.get(name).await?);
            }
            Ok(found)
        })?;
        match self.args.format {
            DataFormat::Text => found.iter().try_for_each(|report| print_text(out, report))?,
            DataFormat::Json => print_json(out, &found)?,
        }
        out.finish()?;
        let models = || found.iter().flat_map(|report| report.models.iter().map(move |model| (report, model)));
        let stuck = models().filter(|(report, model)| is_stuck(report, model)).count();
        note(format_args!("{}, {stuck} stuck", counted(models().count(), "read model")));
        Ok(ExitStatus::findings_if(stuck > 0))
    }
}

impl ProjectionsRebuild {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let config = self.connection.config()?;
        let generation = with_bus(config, async |bus| Ok(State::of(bus).rebuild(&self.name).await?))?;
        writeln!(out, "{generation}")?;
        out.finish()?;
        note(format_args!("{} is to be built as {generation}, and serves once it has caught up", visible(&self.name)));
        Ok(ExitStatus::Clean)
    }
}

/// Whether somebody has to look after a read model that is read, or is to be.
fn is_stuck(report: &ProjectionReport, model: &ModelReport) -> bool {
    let is_wanted = model.serves || model.status.phase == Phase::Rebuilding;
    let is_held_up = model.status.error.is_some() || effects_error(model).is_some();
    // One of before, which readers have no more, may well meet what it does not know.
    let is_of_before = report.serving.is_some_and(|serving| model.status.generation < serving);
    is_wanted && (model.holder.is_none() || is_held_up) || model.status.phase == Phase::Failed && !is_of_before
}

/// What keeps its side effects from going on.
fn effects_error(model: &ModelReport) -> Option<&str> {
    model.status.effects.as_ref()?.error.as_deref()
}

fn line(report: &ProjectionReport, model: &ModelReport) -> String {
    let status = &model.status;
    let serves = if model.serves { ", serves" } else { "" };
    let who = match (&model.holder, status.phase) {
        (Some(_), _) | (None, Phase::Stopped | Phase::Failed) => "",
        (None, _) => ", and nobody makes it",
    };
    let behind = match status.behind() {
        0 => "up to date".to_owned(),
        behind => format!("{behind} behind at most"),
    };
    format!("{} {}: {}{serves}{who}, {behind}", visible(&report.name), status.generation, status.phase)
}

fn print_text(out: &mut Out, report: &ProjectionReport) -> anyhow::Result<()> {
    for model in &report.models {
        let status = &model.status;
        writeln!(out, "{}", line(report, model))?;
        for (stream, progress) in &status.streams {
            let time = progress.time.map(|time| format!(", last event of {time}")).unwrap_or_default();
            writeln!(out, "  {}: at {} of {}{time}", visible(stream), progress.position, progress.end)?;
        }
        writeln!(out, "  {} projected, {} left out", counted_events(status.projected), status.skipped)?;
        if let Some(Skipped { stream, sequence, subject, reason, .. }) = &status.last_skipped {
            let (stream, subject, reason) = (visible(stream), visible(subject), visible(reason));
            writeln!(out, "  left out last: message {sequence} of {stream} ({subject}): {reason}")?;
        }
        if let Some(effects) = &status.effects {
            let behind = match status.effects_behind() {
                0 => "up to date".to_owned(),
                behind => format!("{behind} behind at most"),
            };
            writeln!(out, "  side effects: {} done, {} left out, {behind}", effects.done, effects.skipped)?;
        }
        if let Some(error) = effects_error(model) {
            writeln!(out, "  a side effect is tried again: {}", visible(error))?;
        }
        if let Some(error) = &status.error {
            writeln!(out, "  error: {}", visible(error))?;
        }
        if let Some(heard) = model.heard {
            writeln!(out, "  heard last at {heard}")?;
        }
    }
    Ok(())
}

fn counted_events(count: u64) -> String {
    format!("{count} event{}", if count == 1 { "" } else { "s" })
}

fn print_json(out: &mut Out, found: &[ProjectionReport]) -> anyhow::Result<()> {
    let projections: Vec<Value> = found.iter().map(as_json).collect();
    Ok(writeln!(out, "{}", serde_json::to_string_pretty(&json!({ "projections": projections }))?)?)
}

fn as_json(report: &ProjectionReport) -> Value {
    let models = report.models.iter().map(|model| {
        let status = &model.status;
        let streams = status.streams.iter().map(|(stream, progress)| {
            json!({
                "stream": stream,
                "position": progress.position,
                "end": progress.end,
                "behind": progress.behind(),
                "time": progress.time.map(|time| time.to_string()),
            })
        });
        json!({
            "generation": status.generation.to_string(),
            "phase": status.phase.to_string(),
            "serves": model.serves,
            "behind": status.behind(),
            "streams": streams.collect::<Vec<_>>(),
            "projected": status.projected,
            "skipped": status.skipped,
            "last_skipped": status.last_skipped.as_ref().map(|skipped| json!({
                "stream": skipped.stream,
                "sequence": skipped.sequence,
                "subject": skipped.subject,
                "reason": skipped.reason,
            })),
            "skipped_effects": status.skipped_effects,
            "effects": status.effects.as_ref().map(|effects| json!({
                "positions": effects.streams,
                "behind": status.effects_behind(),
                "done": effects.done,
                "skipped": effects.skipped,
                "error": effects.error,
            })),
            "error": status.error,
            "holder": model.holder,
            "heard": model.heard.map(|heard| heard.to_string()),
        })
    });
    json!({
        "name": report.name,
        "serving": report.serving.map(|generation| generation.to_string()),
        "models": models.collect::<Vec<_>>(),
    })
}

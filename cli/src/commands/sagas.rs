//! `eventsmith sagas`: the workflows that run, and what operators do with them.

mod path;

use std::io::Write as _;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use eventsmith::state::{SagaHistory, SagaStatus, SagaStream, SagaSummary, Sagas as Client};
use eventsmith_codegen::Loaded;
use eventsmith_codegen::{lookup, manifest};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::data_format::DataFormat;
use super::operator::Operator;
use crate::catalogue::Schemas;
use crate::connect::{Connection, with_bus};
use crate::exit::ExitStatus;
use crate::format::visible;
use crate::output::{Out, counted, note};

/// Look at sagas, and help those on that are stuck
///
/// The guide is docs/sagas.md.
#[derive(Args)]
pub(crate) struct Sagas {
    #[command(subcommand)]
    command: SagasCommand,
}

#[derive(Subcommand)]
enum SagasCommand {
    List(SagasList),
    Show(SagasShow),
    Retry(SagasRetry),
    Cancel(SagasCancel),
    Purge(SagasPurge),
}

/// Print the sagas that have not ended, those that changed last at the end
///
/// Also those that are damaged, whether they have ended or not. Exits with 1 if one of them is stuck or damaged.
#[derive(Args)]
struct SagasList {
    #[command(flatten)]
    schemas: Schemas,
    /// Only these sagas, by name
    #[arg(value_name = "SAGA")]
    names: Vec<String>,
    /// Also those that have ended
    #[arg(long)]
    all: bool,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
    #[command(flatten)]
    connection: Connection,
}

/// Draw the path that a saga took, with times
#[derive(Args)]
struct SagasShow {
    #[command(flatten)]
    of: Instance,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
}

/// Let a saga that is stuck try again to undo its step
///
/// A runner does it, as soon as there is one.
#[derive(Args)]
struct SagasRetry {
    #[command(flatten)]
    of: Instance,
    #[command(flatten)]
    operator: Operator,
}

/// End a saga: what runs is undone; what is stuck leaves its step to you, and undoes those before it
///
/// A runner does it, as soon as there is one.
#[derive(Args)]
struct SagasCancel {
    #[command(flatten)]
    of: Instance,
    #[command(flatten)]
    operator: Operator,
    /// Why, as it will stand in the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Remove sagas that ended long ago from their streams, with all that happened to them
///
/// Those that are damaged stay. An id is free again once its saga is gone: choose a time in which nothing that started one comes again. Prints what is
/// removed.
#[derive(Args)]
struct SagasPurge {
    #[command(flatten)]
    schemas: Schemas,
    /// Only these sagas, by name
    #[arg(value_name = "SAGA")]
    names: Vec<String>,
    /// How long ago the last event of a saga must be, such as 30d
    #[arg(long, value_name = "TIME", value_parser = manifest::duration)]
    ended_before: Duration,
    /// Only print what would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: Connection,
}

/// One instance of a saga.
#[derive(Args)]
struct Instance {
    #[command(flatten)]
    schemas: Schemas,
    /// The name of the saga
    #[arg(value_name = "SAGA")]
    saga: String,
    /// The id of the instance
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    connection: Connection,
}

impl Sagas {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            SagasCommand::List(command) => command.run(out),
            SagasCommand::Show(command) => command.run(out),
            SagasCommand::Retry(command) => command.run(),
            SagasCommand::Cancel(command) => command.run(),
            SagasCommand::Purge(command) => command.run(out),
        }
    }
}

impl SagasList {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_bearable()?;
        let streams = streams(&loaded)?;
        let names = chosen(&streams, &self.names)?;
        let all = with_bus(self.connection.config()?, async |bus| {
            let (sagas, mut all) = (Client::in_streams(bus, streams), Vec::new());
            for name in &names {
                all.extend(sagas.list(name).await?);
            }
            Ok(all)
        })?;
        let has_ended = |saga: &SagaSummary| saga.status.is_ended() && saga.damage.is_none();
        let (ended, open): (Vec<_>, Vec<_>) = all.into_iter().partition(has_ended);
        let (ended_count, is_stuck) = (ended.len(), |saga: &SagaSummary| saga.status == SagaStatus::Stuck);
        let stuck = open.iter().filter(|saga| is_stuck(saga)).count();
        let damaged = open.iter().filter(|saga| saga.damage.is_some()).count();
        let mut shown = if self.all { ended } else { Vec::new() };
        let open_count = open.len();
        shown.extend(open);
        shown.sort_by_key(|saga| saga.changed);
        match self.format {
            DataFormat::Text => {
                let width = |text: fn(&SagaSummary) -> usize| shown.iter().map(text).max().unwrap_or_default();
                let (names, ids) = (width(|saga| saga.saga.len()), width(|saga| saga.id.len()));
                for saga in &shown {
                    let step = saga.step.as_deref().map(|step| format!(" at {}", visible(step))).unwrap_or_default();
                    let (name, id) = (visible(&saga.saga), visible(&saga.id));
                    let (changed, version) = (path::time(saga.changed), saga.version);
                    let damage = saga.damage.as_deref().map(|damage| format!(", damaged: {}", visible(damage)));
                    let damage = damage.unwrap_or_default();
                    writeln!(out, "{name:names$}  {id:ids$}  v{version}  {changed}  {}{step}{damage}", saga.status)?;
                }
            }
            DataFormat::Json => {
                let sagas: Vec<Value> = shown.iter().map(summary_as_json).collect();
                writeln!(out, "{}", json!({ "sagas": sagas }))?;
            }
        }
        out.finish()?;
        let of_damaged = if damaged > 0 { format!(", {damaged} damaged") } else { String::new() };
        let open = counted(open_count, "saga");
        note(format_args!("{open} open, {stuck} of them stuck{of_damaged}; {ended_count} ended"));
        Ok(ExitStatus::findings_if(stuck + damaged > 0))
    }
}

impl SagasShow {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let history = self.of.with_sagas(async |sagas, saga, id| Ok(sagas.history(saga, id).await?))?;
        match self.format {
            DataFormat::Text => path::draw(&history, out)?,
            DataFormat::Json => writeln!(out, "{}", as_json(&history)?)?,
        }
        out.finish()?;
        note(format_args!(
            "{} and {}",
            counted(history.events.len(), "event"),
            counted(history.commands.len(), "request")
        ));
        Ok(ExitStatus::findings_if(history.damage.is_some()))
    }
}

impl SagasRetry {
    fn run(&self) -> anyhow::Result<ExitStatus> {
        let by = self.operator.name();
        self.of.with_sagas(async |sagas, saga, id| Ok(sagas.retry(saga, id, &by).await?))?;
        note(format_args!("{} {} is to try again", visible(&self.of.saga), visible(&self.of.id)));
        Ok(ExitStatus::Clean)
    }
}

impl SagasCancel {
    fn run(&self) -> anyhow::Result<ExitStatus> {
        let by = self.operator.name();
        self.of.with_sagas(async |sagas, saga, id| Ok(sagas.cancel(saga, id, &by, &self.reason).await?))?;
        note(format_args!("{} {} is to end", visible(&self.of.saga), visible(&self.of.id)));
        Ok(ExitStatus::Clean)
    }
}

impl SagasPurge {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_bearable()?;
        let streams = streams(&loaded)?;
        let names = chosen(&streams, &self.names)?;
        let mut gone = Vec::new();
        let mut messages = 0;
        with_bus(self.connection.config()?, async |bus| {
            let sagas = Client::in_streams(bus, streams);
            let is_old = |saga: &SagaSummary| {
                let age = Duration::try_from(bus.transport().time().duration_since(saga.changed)).unwrap_or_default();
                saga.status.is_ended() && saga.damage.is_none() && age >= self.ended_before
            };
            for name in &names {
                for saga in sagas.list(name).await?.into_iter().filter(is_old) {
                    if !self.dry_run {
                        messages += sagas.purge(name, &saga.id).await?;
                    }
                    gone.push(saga);
                }
            }
            Ok(())
        })?;
        for saga in &gone {
            let (name, id, changed) = (visible(&saga.saga), visible(&saga.id), path::time(saga.changed));
            writeln!(out, "{name}  {id}  v{}  {changed}  {}", saga.version, saga.status)?;
        }
        out.finish()?;
        let count = counted(gone.len(), "saga");
        match self.dry_run {
            true => note(format_args!("{count} would be removed")),
            false => note(format_args!(
                "{count} removed, {}",
                counted(usize::try_from(messages).unwrap_or(usize::MAX), "message")
            )),
        }
        Ok(ExitStatus::Clean)
    }
}

impl Instance {
    fn with_sagas<T>(&self, work: impl AsyncFnOnce(&Client, &str, &str) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let loaded = self.schemas.load_bearable()?;
        let streams = streams(&loaded)?;
        chosen(&streams, std::slice::from_ref(&self.saga))?;
        with_bus(self.connection.config()?, async |bus| {
            work(&Client::in_streams(bus, streams), &self.saga, &self.id).await
        })
    }
}

/// The streams of the catalogue that hold sagas.
fn streams(loaded: &Loaded) -> anyhow::Result<Vec<SagaStream>> {
    let streams = loaded.catalogue.manifest.streams.iter().filter(|(_, stream)| !stream.sagas.is_empty());
    let streams: Vec<SagaStream> = streams
        .map(|(name, stream)| SagaStream {
            name: name.get_ref().clone(),
            subjects: stream.subjects.iter().map(|subject| subject.get_ref().clone()).collect(),
            sagas: stream.sagas.keys().map(|saga| saga.get_ref().clone()).collect(),
        })
        .collect();
    if streams.is_empty() {
        bail!("no stream of the catalogue holds sagas; `sagas = {{ NAME = \"TYPE OF ITS STATE\" }}` makes it one");
    }
    Ok(streams)
}

/// The sagas that are named, or all.
fn chosen(streams: &[SagaStream], names: &[String]) -> anyhow::Result<Vec<String>> {
    let mut all: Vec<String> = streams.iter().flat_map(|stream| stream.sagas.iter().cloned()).collect();
    all.sort_unstable();
    for name in names {
        if !all.contains(name) {
            let meant = lookup::nearest(name, all.iter().map(String::as_str));
            let known = if meant.is_empty() { all.join(", ") } else { meant.join(", ") };
            bail!("the catalogue has no saga {}; name one of these: {known}", visible(name));
        }
    }
    Ok(if names.is_empty() { all } else { names.to_vec() })
}

fn summary_as_json(saga: &SagaSummary) -> Value {
    json!({
        "saga": saga.saga,
        "id": saga.id,
        "version": saga.version,
        "status": saga.status.as_str(),
        "step": saga.step,
        "changed": saga.changed.to_string(),
        "damage": saga.damage,
    })
}

fn as_json(history: &SagaHistory) -> anyhow::Result<Value> {
    let events: Vec<Value> = history
        .events
        .iter()
        .map(|event| {
            json!({
                "number": event.number,
                "sequence": event.sequence,
                "time": event.stored.to_string(),
                "kind": event.kind.as_str(),
                "step": event.step,
                "command": event.command,
                "detail": event.detail,
                "by": event.by,
            })
        })
        .collect();
    let commands: Vec<Value> = history
        .commands
        .iter()
        .map(|command| {
            json!({
                "command": command.command,
                "sequence": command.sequence,
                "time": command.stored.to_string(),
                "type": command.request_type,
                "version": command.version,
            })
        })
        .collect();
    let steps: Vec<Value> =
        history.steps.iter().map(|(step, outcome)| json!({ "step": step, "outcome": outcome.as_str() })).collect();
    let state: Box<RawValue> = RawValue::from_string(history.state.clone())?;
    let mut all = summary_as_json(&history.summary);
    let rest = json!({
        "correlation_id": history.correlation_id,
        "reason": history.reason,
        "steps": steps,
        "state": serde_json::to_value(state)?,
        "events": events,
        "requests": commands,
        "timeouts": history.timeouts.iter().map(|it| json!({ "command": it.command, "time": it.stored.to_string() })).collect::<Vec<_>>(),
        "inputs": history.inputs.iter().map(|it| json!({ "what": it.what, "by": it.by, "time": it.stored.to_string() })).collect::<Vec<_>>(),
    });
    if let (Value::Object(all), Value::Object(rest)) = (&mut all, rest) {
        all.extend(rest);
    }
    Ok(all)
}

//! `eventsmith aggregates`: the histories of aggregates in their streams.

use std::io::Write as _;

use anyhow::bail;
use clap::{Args, Subcommand};
use eventsmith::state::{Defect, Discard, check_histories, discard};
use eventsmith_codegen::lookup;
use eventsmith_codegen::model::{Aggregate, Catalogue};
use serde_json::{Value, json};

use super::data_format::DataFormat;
use super::operator::Operator;
use crate::catalogue::Schemas;
use crate::connect::{Connection, with_bus};
use crate::exit::ExitStatus;
use crate::format::visible;
use crate::output::{Out, counted, note};

/// Look at the histories of aggregates
///
/// The guide is docs/state.md.
#[derive(Args)]
pub(crate) struct Aggregates {
    #[command(subcommand)]
    command: AggregatesCommand,
}

#[derive(Subcommand)]
enum AggregatesCommand {
    Check(AggregatesCheck),
    Discard(AggregatesDiscard),
}

/// Find histories with gaps or doubles, and messages among them that were not appended
///
/// Every message of each history is read, one by one, and no payload is decoded. Exits with 1 if anything is found.
#[derive(Args)]
struct AggregatesCheck {
    #[command(flatten)]
    schemas: Schemas,
    /// Only these aggregates, by name
    #[arg(value_name = "AGGREGATE")]
    names: Vec<String>,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
    #[command(flatten)]
    connection: Connection,
}

/// Decide between two events of one number in a history: the one that is named does not count
///
/// Nor does what was appended behind it. Nothing is deleted; what it led to elsewhere is yours to mend. Prints the sequences of the events that
/// do not count any more.
#[derive(Args)]
struct AggregatesDiscard {
    #[command(flatten)]
    schemas: Schemas,
    /// The name of the aggregate
    #[arg(value_name = "AGGREGATE")]
    name: String,
    /// Its id
    #[arg(value_name = "ID")]
    id: String,
    /// The sequence in the stream of the event that does not count
    #[arg(value_name = "SEQUENCE")]
    sequence: u64,
    /// Why, as it will stand in the stream
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    operator: Operator,
    #[command(flatten)]
    connection: Connection,
}

impl Aggregates {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            AggregatesCommand::Check(command) => command.run(out),
            AggregatesCommand::Discard(command) => command.run(out),
        }
    }
}

impl AggregatesCheck {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_bearable()?;
        let aggregates = chosen(&loaded.catalogue, &self.names)?;
        let (mut histories, mut messages, mut found) = (0, 0, Vec::new());
        with_bus(self.connection.config()?, async |bus| {
            for aggregate in &aggregates {
                let stream = stream_of(&loaded.catalogue, aggregate)?;
                let report = |defect| found.push((aggregate.name, stream, defect));
                let checked = check_histories(bus, stream, &aggregate.subject(), report).await?;
                histories += checked.aggregates;
                messages += checked.messages;
            }
            Ok(())
        })?;
        match self.format {
            DataFormat::Text => {
                for (name, stream, defect) in &found {
                    writeln!(out, "{stream}: {name} {}", visible(&defect.to_string()))?;
                }
            }
            DataFormat::Json => {
                let defects: Vec<Value> = found.iter().map(as_json).collect();
                writeln!(out, "{}", json!({ "histories": histories, "messages": messages, "defects": defects }))?;
            }
        }
        out.finish()?;
        let fatal = found.iter().filter(|(_, _, defect)| defect.is_fatal()).count();
        let of = |count: u64, what| counted(usize::try_from(count).unwrap_or(usize::MAX), what);
        note(format_args!(
            "{} in {}, {} and {} that was not appended",
            of(histories, "aggregate"),
            of(messages, "message"),
            counted(fatal, "gap or double"),
            counted(found.len() - fatal, "message")
        ));
        Ok(ExitStatus::findings_if(!found.is_empty()))
    }
}

impl AggregatesDiscard {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_bearable()?;
        let names = std::slice::from_ref(&self.name);
        let aggregates = chosen(&loaded.catalogue, names)?;
        let [aggregate] = aggregates.as_slice() else {
            bail!("the catalogue has no aggregate {}", visible(&self.name))
        };
        let (stream, subject, by) =
            (stream_of(&loaded.catalogue, aggregate)?, aggregate.subject(), self.operator.name());
        let gone = with_bus(self.connection.config()?, async |bus| {
            let (id, sequence, reason) = (self.id.as_str(), self.sequence, self.reason.as_str());
            let of = Discard { stream, subject: &subject, id, sequence, by: &by, reason };
            Ok(discard(bus, of).await?)
        })?;
        gone.iter().try_for_each(|sequence| writeln!(out, "{sequence}"))?;
        out.finish()?;
        note(format_args!(
            "{} of {} {} discarded",
            counted(gone.len(), "event"),
            visible(&self.name),
            visible(&self.id)
        ));
        Ok(ExitStatus::Clean)
    }
}

/// The aggregates that are named, or all.
fn chosen<'a>(catalogue: &'a Catalogue, names: &[String]) -> anyhow::Result<Vec<Aggregate<'a>>> {
    let all = catalogue.aggregates();
    if all.is_empty() {
        bail!("no event of the catalogue is of an aggregate; \"x-event\": {{\"aggregate\": ..}} makes it one");
    }
    for name in names {
        if !all.iter().any(|aggregate| aggregate.name == name) {
            let known: Vec<&str> = all.iter().map(|aggregate| aggregate.name).collect();
            let meant = lookup::nearest(name, known.iter().copied());
            let names = if meant.is_empty() { known } else { meant };
            bail!("the catalogue has no aggregate {}; name one of these: {}", visible(name), names.join(", "));
        }
    }
    let is_chosen = |aggregate: &Aggregate<'_>| names.is_empty() || names.iter().any(|name| name == aggregate.name);
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// The stream that holds an aggregate, as the catalogue says.
fn stream_of<'a>(catalogue: &'a Catalogue, aggregate: &Aggregate<'_>) -> anyhow::Result<&'a str> {
    match catalogue.stream_of(aggregate) {
        Some(stream) => Ok(stream),
        None => bail!("eventsmith.toml declares no stream that captures {}", aggregate.subject()),
    }
}

fn as_json((aggregate, stream, defect): &(&str, &str, Defect)) -> Value {
    let (id, kind, sequence) = match defect {
        Defect::Gap { id, sequence, .. } => (id, "gap", *sequence),
        Defect::Double { id, second, .. } => (id, "double", *second),
        Defect::Stray { id, stray, .. } => (id, "stray", stray.sequence),
        _ => return json!({ "aggregate": aggregate, "stream": stream, "message": defect.to_string() }),
    };
    json!({
        "aggregate": aggregate,
        "stream": stream,
        "id": id,
        "kind": kind,
        "sequence": sequence,
        "message": defect.to_string(),
    })
}

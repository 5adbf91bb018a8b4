//! `eventsmith aggregates`: the histories of aggregates in their streams.

use std::io::Write as _;

use anyhow::bail;
use clap::{Args, Subcommand};
use eventsmith::state::{Defect, check_histories};
use eventsmith_codegen::lookup;
use eventsmith_codegen::model::{Aggregate, Catalogue};
use serde_json::{Value, json};

use super::data_format::DataFormat;
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

impl Aggregates {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            AggregatesCommand::Check(command) => command.run(out),
        }
    }
}

impl AggregatesCheck {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_bearable()?;
        let aggregates = self.chosen(&loaded.catalogue)?;
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

    /// The aggregates that are named, or all.
    fn chosen<'a>(&self, catalogue: &'a Catalogue) -> anyhow::Result<Vec<Aggregate<'a>>> {
        let all = catalogue.aggregates();
        if all.is_empty() {
            bail!("no event of the catalogue is of an aggregate; \"x-event\": {{\"aggregate\": ..}} makes it one");
        }
        for name in &self.names {
            if !all.iter().any(|aggregate| aggregate.name == name) {
                let known: Vec<&str> = all.iter().map(|aggregate| aggregate.name).collect();
                let meant = lookup::nearest(name, known.iter().copied());
                let names = if meant.is_empty() { known } else { meant };
                bail!("the catalogue has no aggregate {}; name one of these: {}", visible(name), names.join(", "));
            }
        }
        let is_chosen =
            |aggregate: &Aggregate<'_>| self.names.is_empty() || self.names.iter().any(|name| name == aggregate.name);
        Ok(all.into_iter().filter(is_chosen).collect())
    }
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

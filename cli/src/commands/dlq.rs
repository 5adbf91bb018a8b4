//! `eventsmith dlq`: lists, shows, replays, purges and recovers dead letters.

mod print;
mod select;

use std::io::Write as _;

use anyhow::bail;
use clap::{Args, Subcommand};
use eventsmith::admin::{BusAdmin, DeadLetter, DeadLetterError, DeadLetters, Recovered, ReplayTo, Replayed};
use eventsmith_codegen::lookup;
use serde_json::{Value, json};

use super::data_format::DataFormat;
use crate::catalogue::Schemas;
use crate::connect::{Connection, with_bus};
use crate::exit::ExitStatus;
use crate::output::{Out, counted, note};
use print::{Counts, DeadLetterPrinter};
use select::{FilterArgs, SelectedDeadLetters, SelectionArgs};

/// Look at dead letters, replay them, or purge them
///
/// A dead letter is an event that a consumer did not handle, with the reason. The guide is docs/dead-letters.md.
#[derive(Args)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    command: DlqCommand,
}

#[derive(Subcommand)]
enum DlqCommand {
    List(DlqList),
    Show(DlqShow),
    Replay(DlqReplay),
    Purge(DlqPurge),
    Recover(DlqRecover),
}

/// Print dead letters, a line for each, and how many there are
#[derive(Args)]
struct DlqList {
    #[command(flatten)]
    filter: FilterArgs,
    /// Print only how many there are, by consumer and reason
    #[arg(long)]
    summary: bool,
    #[command(flatten)]
    args: DlqArgs,
}

/// Print some dead letters in full: headers, and payload as it was published
///
/// Exits with 1 if a number has no dead letter.
#[derive(Args)]
struct DlqShow {
    /// The numbers of the dead letters, as `list` prints them
    #[arg(value_name = "NUMBER", required = true)]
    numbers: Vec<u64>,
    #[command(flatten)]
    args: DlqArgs,
}

/// Publish the events of dead letters again, to their original subjects, and delete the dead letters
///
/// Replaying twice stores an event once. Exits with 1 if a number has no dead letter, or one cannot be replayed.
#[derive(Args)]
struct DlqReplay {
    #[command(flatten)]
    selection: SelectionArgs,
    /// Only for the consumer that dead-lettered the event; all others skip it
    #[arg(long)]
    to_consumer: bool,
    #[command(flatten)]
    args: DlqArgs,
}

/// Delete dead letters for good
///
/// Exits with 1 if a number has no dead letter.
#[derive(Args)]
struct DlqPurge {
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    args: DlqArgs,
}

/// Dead-letter what the server no longer delivers for a consumer that no instance serves
///
/// A running service dead-letters what the server reports by advisories. This does the same, and searches around the
/// consumer's ack floor for what no advisory reported. Exits with 1 if events remain that have no dead letter.
#[derive(Args)]
struct DlqRecover {
    /// The stream that the consumer reads
    stream: String,
    /// The durable consumer
    consumer: String,
    #[command(flatten)]
    args: DlqArgs,
}

/// What every command about dead letters needs.
#[derive(Args)]
struct DlqArgs {
    #[command(flatten)]
    schemas: Schemas,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
    #[command(flatten)]
    connection: Connection,
}

impl Dlq {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            DlqCommand::List(list) => list.run(out),
            DlqCommand::Show(show) => show.run(out),
            DlqCommand::Replay(replay) => replay.run(out),
            DlqCommand::Purge(purge) => purge.run(out),
            DlqCommand::Recover(recover) => recover.run(out),
        }
    }
}

impl DlqList {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        self.args.with_dead_letters(self.filter.event(), async |dead_letters, unknown| {
            if let Some(unknown) = unknown {
                note(format_args!("warning: {unknown}"));
            }
            let mut printer = DeadLetterPrinter::new(out, self.args.format, "letters");
            let (mut list, mut counts) = (dead_letters.list(&self.filter.to_filter()), Counts::default());
            while let Some(dead_letter) = list.next().await? {
                counts.add(&dead_letter);
                if !self.summary {
                    printer.print_row(&dead_letter)?;
                }
            }
            if list.foreign() > 0 {
                let (foreign, stream) = (list.foreign(), dead_letters.stream());
                note(format_args!(
                    "warning: {foreign} messages in {stream} have the subject of a dead letter and are none"
                ));
            }
            printer.finish(&counts.to_string(), json!({ "counts": counts.to_json(), "total": counts.total() }))?;
            Ok(ExitStatus::Clean)
        })
    }
}

impl DlqShow {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        self.args.with_dead_letters(None, async |dead_letters, _| {
            let mut printer = DeadLetterPrinter::new(out, self.args.format, "letters");
            let mut selected = SelectedDeadLetters::numbered(dead_letters, &self.numbers);
            let mut count = 0;
            while let Some(dead_letter) = selected.next().await? {
                printer.print_in_full(&dead_letter)?;
                count += 1;
            }
            printer.finish("", json!({}))?;
            note(format_args!("{} shown", counted(count, "dead letter")));
            Ok(selected.exit_status())
        })
    }
}

impl DlqReplay {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let to = if self.to_consumer { ReplayTo::Consumer } else { ReplayTo::Everyone };
        let replay = async |dead_letters: &DeadLetters, dead_letter: &DeadLetter| match dead_letters
            .replay(dead_letter.sequence, to)
            .await
        {
            Ok(Replayed::Now { stream, sequence }) => Ok(Some((
                format!("stored in {stream} as {sequence}"),
                json!({ "stream": stream, "sequence": sequence }),
            ))),
            Ok(Replayed::Before) => Ok(Some(("had been replayed already".to_owned(), json!("before")))),
            // Another process has just replayed or purged it.
            Ok(_) => Ok(Some(("is gone".to_owned(), json!("gone")))),
            Err(error @ DeadLetterError::Replay { .. }) => {
                note(format_args!("error: {error}"));
                Ok(None)
            }
            Err(error) => Err(error),
        };
        self.args.for_each(out, &self.selection, "replayed", replay)
    }
}

impl DlqPurge {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let purge = async |dead_letters: &DeadLetters, dead_letter: &DeadLetter| {
            dead_letters.delete(dead_letter.sequence).await?;
            Ok(Some(("deleted".to_owned(), json!("deleted"))))
        };
        self.args.for_each(out, &self.selection, "purged", purge)
    }
}

impl DlqRecover {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        self.args.with_dead_letters(None, async |dead_letters, _| {
            let Recovered { from_advisories, from_reconciling, unaccounted, .. } =
                dead_letters.recover(&self.stream, &self.consumer).await?;
            let last = format!(
                "{from_advisories} dead-lettered by advisories, {from_reconciling} by the search, \
                 {unaccounted} without a dead letter"
            );
            match self.args.format {
                DataFormat::Text => writeln!(out, "{last}")?,
                DataFormat::Json => {
                    let counts = json!({
                        "from_advisories": from_advisories,
                        "from_reconciling": from_reconciling,
                        "unaccounted": unaccounted,
                    });
                    writeln!(out, "{counts}")?;
                    out.flush()?;
                    note(format_args!("{last}"));
                }
            }
            Ok(if unaccounted > 0 { ExitStatus::Findings } else { ExitStatus::Clean })
        })
    }
}

impl DlqArgs {
    /// Does something with the dead letters of the catalogue, given why it does not know the event that they are selected by, if
    /// so: that may have been in the catalogue when it was dead-lettered, but was more likely mistyped.
    fn with_dead_letters(
        &self,
        event: Option<&str>,
        work: impl AsyncFnOnce(&DeadLetters, Option<String>) -> anyhow::Result<ExitStatus>,
    ) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_readable()?;
        let unknown = event.and_then(|event| lookup::find(&loaded.catalogue, event).err());
        let unknown = unknown.map(|unknown| unknown.to_string());
        let root = loaded.catalogue.manifest.root.get_ref();
        with_bus(self.connection.config()?, async |bus| work(&bus.dead_letters(root).await?, unknown).await)
    }

    /// Does something with each selected dead letter, and prints its result as text and as JSON; `None` is a failure that was
    /// reported.
    fn for_each(
        &self,
        out: &mut Out,
        selection: &SelectionArgs,
        done: &'static str,
        act: impl AsyncFn(&DeadLetters, &DeadLetter) -> Result<Option<(String, Value)>, DeadLetterError>,
    ) -> anyhow::Result<ExitStatus> {
        selection.check()?;
        self.with_dead_letters(selection.event(), async |dead_letters, unknown| {
            let mut printer = DeadLetterPrinter::new(out, self.format, done);
            let mut selected = selection.of(dead_letters);
            let (mut count, mut failed) = (0, 0);
            while let Some(dead_letter) = selected.next().await? {
                if selection.dry_run {
                    printer.print_row(&dead_letter)?;
                } else if let Some((text, data)) = act(dead_letters, &dead_letter).await? {
                    printer.print_result(&dead_letter, &text, &data)?;
                } else {
                    failed += 1;
                    continue;
                }
                count += 1;
            }
            if let Some(unknown) = unknown.filter(|_| count + failed == 0) {
                bail!("{unknown}; no dead letter is of it either, so that nothing is {done}");
            }
            let what = if selection.dry_run { format!("would be {done}") } else { done.to_owned() };
            let rest = if failed > 0 { format!(", {failed} could not be") } else { String::new() };
            let last = format!("{count} {what}{rest}");
            printer.finish(&last, json!({ "total": count, "failed": failed, "dry_run": selection.dry_run }))?;
            Ok(if failed > 0 { ExitStatus::Findings } else { selected.exit_status() })
        })
    }
}

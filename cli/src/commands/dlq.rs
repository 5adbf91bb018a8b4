//! `eventsmith dlq`: what consumers gave up on.

mod letters;
mod print;

use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use eventsmith::{DeadLetter, DeadLetterError, DeadLetterFilter, DeadLetters, DeadReason, ReplayTo, Replayed};
use eventsmith_codegen::manifest;
use serde_json::{Value, json};

use crate::Outcome;
use crate::catalogue::Schemas;
use crate::connect::{Connection, with_bus};
use crate::output::{Out, note};
use letters::Chosen;
use print::{Counts, Printer};

/// Look at dead letters, replay them, or purge them
///
/// A dead letter is an event that a consumer gave up on, with the reason. The guide is docs/dead-letters.md.
#[derive(Args)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(List),
    Show(Show),
    Replay(Replay),
    Purge(Purge),
}

/// Print dead letters, a line for each, and how many there are
#[derive(Args)]
struct List {
    #[command(flatten)]
    filter: Filter,
    /// Print only how many there are, by consumer and reason
    #[arg(long)]
    summary: bool,
    #[command(flatten)]
    place: Place,
}

/// Print all about some dead letters: headers, and payload as it was published
///
/// Exits with 1 if there is no letter of a number.
#[derive(Args)]
struct Show {
    /// The numbers of the letters, as `list` prints them
    #[arg(value_name = "NUMBER", required = true)]
    numbers: Vec<u64>,
    #[command(flatten)]
    place: Place,
}

/// Publish the events of dead letters again, to the subjects they came from, and delete the letters
///
/// Replaying twice stores an event once. Exits with 1 if there is no letter of a number, or one cannot be replayed.
#[derive(Args)]
struct Replay {
    #[command(flatten)]
    choice: Choice,
    /// Only for the consumer that gave up; all others pass over it
    #[arg(long)]
    to_consumer: bool,
    #[command(flatten)]
    place: Place,
}

/// Delete dead letters for good
///
/// Exits with 1 if there is no letter of a number.
#[derive(Args)]
struct Purge {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    place: Place,
}

/// Which letters something is done to. They must be chosen, if only by `--all`.
#[derive(Args)]
struct Choice {
    /// The numbers of the letters, as `list` prints them
    #[arg(value_name = "NUMBER")]
    numbers: Vec<u64>,
    #[command(flatten)]
    filter: Filter,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Print which letters are meant, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
struct Filter {
    /// Those of this consumer
    #[arg(long, value_name = "NAME", value_parser = token)]
    consumer: Option<String>,
    /// Those about events of this stream
    #[arg(long, value_name = "NAME", value_parser = token)]
    stream: Option<String>,
    /// Those about events of this type
    #[arg(long, value_name = "TYPE")]
    event: Option<String>,
    /// Those that died for this reason: undecodable, rejected, exhausted, too-old, too-new or unrouted
    #[arg(long, value_name = "REASON")]
    reason: Option<DeadReason>,
    /// Those that died longer ago than this, such as 30m, 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = manifest::duration)]
    older_than: Option<Duration>,
    /// Those that died no longer ago than this
    #[arg(long, value_name = "TIME", value_parser = manifest::duration)]
    newer_than: Option<Duration>,
}

#[derive(Args)]
struct Place {
    #[command(flatten)]
    schemas: Schemas,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: one object
    Json,
}

/// A name in a subject, where a wildcard would mean more than it says.
fn token(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_token = !text.is_empty() && text.chars().all(legal);
    if is_token { Ok(text.to_owned()) } else { Err("a name has letters, digits, '-' and '_' only".to_owned()) }
}

impl Dlq {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        match &self.command {
            Command::List(list) => list.run(out),
            Command::Show(show) => show.run(out),
            Command::Replay(replay) => replay.run(out),
            Command::Purge(purge) => purge.run(out),
        }
    }
}

impl List {
    fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        self.place.with(async |letters| {
            let mut printer = Printer::new(out, self.place.format, "letters");
            let (mut list, mut counts) = (letters.list(&self.filter.to_filter()), Counts::default());
            while let Some(letter) = list.next().await? {
                counts.add(&letter);
                if !self.summary {
                    printer.letter(&letter)?;
                }
            }
            if list.foreign() > 0 {
                let (foreign, stream) = (list.foreign(), letters.stream());
                note(format_args!(
                    "warning: {foreign} messages in {stream} are where dead letters should be and are none"
                ));
            }
            printer.finish(&counts.to_string(), json!({ "counts": counts.to_json(), "total": counts.total() }))?;
            Ok(Outcome::Clean)
        })
    }
}

impl Show {
    fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        self.place.with(async |letters| {
            let mut printer = Printer::new(out, self.place.format, "letters");
            let mut chosen = Chosen::numbers(letters, &self.numbers);
            while let Some(letter) = chosen.next().await? {
                printer.whole(&letter)?;
            }
            printer.finish("", json!({}))?;
            Ok(chosen.outcome())
        })
    }
}

impl Replay {
    fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        let to = if self.to_consumer { ReplayTo::Consumer } else { ReplayTo::Everyone };
        let replay = async |letters: &DeadLetters, letter: &DeadLetter| match letters.replay(letter.sequence, to).await
        {
            Ok(Replayed::Now { stream, sequence }) => Ok(Some((
                format!("stored in {stream} as {sequence}"),
                json!({ "stream": stream, "sequence": sequence }),
            ))),
            Ok(Replayed::Before) => Ok(Some(("had been replayed already".to_owned(), json!("before")))),
            // Somebody else has just replayed or purged it.
            Ok(_) => Ok(Some(("is gone".to_owned(), json!("gone")))),
            Err(error @ DeadLetterError::Replay { .. }) => {
                note(format_args!("error: {error}"));
                Ok(None)
            }
            Err(error) => Err(error),
        };
        self.choice.each(out, &self.place, "replayed", replay)
    }
}

impl Purge {
    fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        let purge = async |letters: &DeadLetters, letter: &DeadLetter| {
            letters.delete(letter.sequence).await?;
            Ok(Some(("deleted".to_owned(), json!("deleted"))))
        };
        self.choice.each(out, &self.place, "purged", purge)
    }
}

impl Choice {
    /// Does something to each chosen letter, and prints what came of it. `None` stands for a failure that was told.
    fn each(
        &self,
        out: &mut Out,
        place: &Place,
        done: &'static str,
        act: impl AsyncFn(&DeadLetters, &DeadLetter) -> Result<Option<(String, Value)>, DeadLetterError>,
    ) -> anyhow::Result<Outcome> {
        let filter = self.filter.to_filter();
        let is_filtered = filter != DeadLetterFilter::default();
        match (self.numbers.is_empty(), is_filtered, self.all) {
            (true, false, false) => bail!("say which letters: their numbers, a filter such as --consumer, or --all"),
            (false, true, _) | (false, _, true) | (_, true, true) => {
                bail!("numbers, a filter and --all exclude each other; choose by one of them")
            }
            _ => {}
        }
        place.with(async |letters| {
            let mut printer = Printer::new(out, place.format, done);
            let mut chosen = match self.numbers.as_slice() {
                [] => Chosen::filtered(letters, &filter),
                numbers => Chosen::numbers(letters, numbers),
            };
            let (mut count, mut failed) = (0, 0);
            while let Some(letter) = chosen.next().await? {
                if self.dry_run {
                    printer.letter(&letter)?;
                } else if let Some((text, data)) = act(letters, &letter).await? {
                    printer.outcome(&letter, &text, &data)?;
                } else {
                    failed += 1;
                    continue;
                }
                count += 1;
            }
            let what = if self.dry_run { format!("would be {done}") } else { done.to_owned() };
            let rest = if failed > 0 { format!(", {failed} could not be") } else { String::new() };
            let last = format!("{count} {what}{rest}");
            printer.finish(&last, json!({ "total": count, "failed": failed, "dry_run": self.dry_run }))?;
            Ok(if failed > 0 { Outcome::Findings } else { chosen.outcome() })
        })
    }
}

impl Filter {
    fn to_filter(&self) -> DeadLetterFilter {
        DeadLetterFilter {
            consumer: self.consumer.clone(),
            stream: self.stream.clone(),
            event_type: self.event.clone(),
            reason: self.reason,
            older_than: self.older_than,
            newer_than: self.newer_than,
        }
    }
}

impl Place {
    /// Does something with the dead letters of the catalogue.
    fn with(&self, work: impl AsyncFnOnce(&DeadLetters) -> anyhow::Result<Outcome>) -> anyhow::Result<Outcome> {
        let loaded = self.schemas.load_readable()?;
        let root = loaded.catalogue.manifest.root.get_ref();
        with_bus(self.connection.config()?, async |bus| work(&bus.dead_letters(root).await?).await)
    }
}

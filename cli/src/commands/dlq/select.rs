//! Which dead letters a command works on.

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use eventsmith::admin::{DeadLetter, DeadLetterError, DeadLetterFilter, DeadLetterList, DeadLetters, DeadReason};
use eventsmith_codegen::manifest;

use crate::exit::ExitStatus;
use crate::output::note;

/// The dead letters of `replay` and `purge`. They must be selected, if only by `--all`.
#[derive(Args)]
pub(super) struct SelectionArgs {
    /// The numbers of the dead letters, as `list` prints them
    #[arg(value_name = "NUMBER")]
    numbers: Vec<u64>,
    #[command(flatten)]
    filter: FilterArgs,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Print which dead letters are selected, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// A filter of dead letters.
#[derive(Args)]
pub(super) struct FilterArgs {
    /// Those of this consumer
    #[arg(long, value_name = "NAME", value_parser = token)]
    consumer: Option<String>,
    /// Those about events of this stream
    #[arg(long, value_name = "NAME", value_parser = token)]
    stream: Option<String>,
    /// Those about events of this type
    #[arg(long, value_name = "TYPE")]
    event: Option<String>,
    /// Those with this reason: undecodable, rejected, exhausted, max-deliveries, too-old, too-new, unrouted, wrong-subject or malformed
    #[arg(long, value_name = "REASON")]
    reason: Option<DeadReason>,
    /// Those dead-lettered longer ago than this, such as 30m, 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = manifest::duration)]
    older_than: Option<Duration>,
    /// Those dead-lettered no longer ago than this
    #[arg(long, value_name = "TIME", value_parser = manifest::duration)]
    newer_than: Option<Duration>,
}

/// A name in a subject, without wildcards: they would match other names too.
fn token(text: &str) -> Result<String, String> {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_token = !text.is_empty() && text.chars().all(is_legal);
    if is_token { Ok(text.to_owned()) } else { Err("a name has letters, digits, '-' and '_' only".to_owned()) }
}

impl FilterArgs {
    /// The type of the events, if they are selected by it.
    pub(super) fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }

    /// The filter as the library takes it.
    pub(super) fn to_filter(&self) -> DeadLetterFilter {
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

impl SelectionArgs {
    /// The type of the events, if they are selected by it.
    pub(super) fn event(&self) -> Option<&str> {
        self.filter.event()
    }

    /// Checks that dead letters are selected in exactly one way.
    ///
    /// # Errors
    /// In none, or in more than one.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let is_filtered = self.filter.to_filter() != DeadLetterFilter::default();
        match (!self.numbers.is_empty(), is_filtered, self.all) {
            (false, false, false) => {
                bail!("select dead letters by their numbers, a filter such as --consumer, or --all")
            }
            (true, false, false) | (false, true, false) | (false, false, true) => Ok(()),
            _ => bail!("numbers, a filter and --all exclude each other; select by one of them"),
        }
    }

    /// The selected ones of all dead letters.
    pub(super) fn of<'a>(&'a self, dead_letters: &'a DeadLetters) -> SelectedDeadLetters<'a> {
        match self.numbers.as_slice() {
            [] => SelectedDeadLetters::filtered(dead_letters, &self.filter.to_filter()),
            numbers => SelectedDeadLetters::numbered(dead_letters, numbers),
        }
    }
}

/// Selected dead letters, read one after the other.
pub(super) struct SelectedDeadLetters<'a> {
    dead_letters: &'a DeadLetters,
    selection: Selection<'a>,
    missing: usize,
}

enum Selection<'a> {
    Numbers(std::slice::Iter<'a, u64>),
    List(Box<DeadLetterList>),
}

impl<'a> SelectedDeadLetters<'a> {
    /// Those with these numbers.
    pub(super) fn numbered(dead_letters: &'a DeadLetters, numbers: &'a [u64]) -> Self {
        Self { dead_letters, selection: Selection::Numbers(numbers.iter()), missing: 0 }
    }

    fn filtered(dead_letters: &'a DeadLetters, filter: &DeadLetterFilter) -> Self {
        Self { dead_letters, selection: Selection::List(Box::new(dead_letters.list(filter))), missing: 0 }
    }

    /// The next dead letter. A number without one is reported, and skipped.
    pub(super) async fn next(&mut self) -> Result<Option<DeadLetter>, DeadLetterError> {
        let numbers = match &mut self.selection {
            Selection::List(list) => return list.next().await,
            Selection::Numbers(numbers) => numbers,
        };
        for &number in numbers {
            if let Some(dead_letter) = self.dead_letters.get(number).await? {
                return Ok(Some(dead_letter));
            }
            note(format_args!("there is no dead letter {number} in {}", self.dead_letters.stream()));
            self.missing += 1;
        }
        Ok(None)
    }

    /// Clean if every number had a dead letter.
    pub(super) fn exit_status(&self) -> ExitStatus {
        ExitStatus::findings_if(self.missing > 0)
    }
}

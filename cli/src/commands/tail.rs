//! `eventsmith tail`: what passes, valid or not.

pub(super) mod message;

use std::io::Write as _;

use anyhow::bail;
use clap::Args;
use eventsmith::admin::BusAdmin as _;
use eventsmith::{Timestamp, shutdown_signal};
use eventsmith_codegen::lookup;
use eventsmith_codegen::model::Catalogue;
use jiff::SignedDuration;

use super::data_format::DataFormat;
use crate::catalogue::Schemas;
use crate::connect::{Connection, with_bus};
use crate::exit::ExitStatus;
use crate::output::{Out, counted, note};
use message::Judge;

/// Print the messages that pass, and whether they are valid
///
/// Events, commands and queries are printed from now on, as anybody who subscribes gets them. With --since those are printed first that
/// streams hold, of each stream in its order, and then those that are stored; commands and queries are in no stream. It goes on until it is
/// interrupted. Exits with 1 if a message was invalid.
#[derive(Args)]
pub(crate) struct Tail {
    #[command(flatten)]
    schemas: Schemas,
    /// Types of the catalogue, or subjects, which may have wildcards; all subjects of the catalogue without
    #[arg(value_name = "TYPE|SUBJECT")]
    wanted: Vec<String>,
    /// From when on: a time such as 2026-11-30T12:00:00Z, or how long ago, such as 10m or '1h 30m'
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// End after as many messages
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// How to print them: a line for each, or an object for each
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
    #[command(flatten)]
    connection: Connection,
}

/// Reads a time, or how long ago it was.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let ago = || {
        let ago = text.parse::<SignedDuration>().ok().filter(|ago| !ago.is_negative())?;
        Timestamp::now().checked_sub(ago).ok()
    };
    let time = text.parse().ok().or_else(ago);
    time.ok_or_else(|| "write a time such as 2026-11-30T12:00:00Z, or how long ago, such as 10m".to_owned())
}

impl Tail {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_bearable()?;
        let subjects = self.subjects(&loaded.catalogue)?;
        let judge = Judge::new(&loaded);
        with_bus(self.connection.config()?, async |bus| {
            let mut tail = bus.tail(subjects, self.since).await?;
            for stream in tail.skipped() {
                note(format_args!("{stream} is a work queue, which nobody reads but its consumer; it is left out"));
            }
            let shutdown = shutdown_signal();
            let mut shutdown = std::pin::pin!(shutdown);
            let (mut seen, mut invalid) = (0, 0);
            while self.count.is_none_or(|count| seen < count) {
                let message = tokio::select! {
                    _ = &mut shutdown => break,
                    message = tail.next() => message,
                };
                let Some(message) = message else { break };
                let judged = judge.judge(message?)?;
                seen += 1;
                invalid += usize::from(judged.is_invalid());
                match self.format {
                    DataFormat::Text => write!(out, "{judged}")?,
                    DataFormat::Json => writeln!(out, "{}", judged.to_json()?)?,
                }
                out.flush()?;
                if out.is_closed() {
                    break;
                }
            }
            let seen = usize::try_from(seen).unwrap_or(usize::MAX);
            note(format_args!("{}, {invalid} invalid, {} missed", counted(seen, "message"), tail.missed()));
            Ok(ExitStatus::findings_if(invalid > 0))
        })
    }

    fn subjects(&self, catalogue: &Catalogue) -> anyhow::Result<Vec<String>> {
        let root = catalogue.manifest.root.get_ref();
        if self.wanted.is_empty() {
            return Ok(vec![format!("{root}.>")]);
        }
        let mut subjects = Vec::new();
        for wanted in &self.wanted {
            match catalogue.event(wanted) {
                Some(event) if event.kind.is_document() => {
                    bail!(
                        "{wanted} is {}, which nobody sends; see `eventsmith bucket watch {wanted}`",
                        event.kind.described()
                    )
                }
                Some(event) => subjects.extend(event.versions.iter().map(|version| version.subject(event))),
                // What is no type may be meant to be one.
                None if wanted.split('.').any(|token| matches!(token, "*" | ">"))
                    || wanted.strip_prefix(root.as_str()).is_some_and(|rest| rest.starts_with('.')) =>
                {
                    subjects.push(wanted.clone());
                }
                None => drop(lookup::find(catalogue, wanted)?),
            }
        }
        Ok(subjects)
    }
}

//! `eventsmith trace`: everything that is stored under a correlation, in the order of cause.

mod kind;
mod print;
mod tree;

use anyhow::bail;
use clap::Args;
use eventsmith::Timestamp;
use eventsmith::admin::{BusAdmin as _, TraceQuery};

use super::data_format::DataFormat;
use super::tail::time;
use crate::catalogue::Schemas;
use crate::connect::{Connection, with_bus};
use crate::exit::ExitStatus;
use crate::output::{Out, counted, note};
use tree::Tree;

/// Print everything that is stored under a correlation, in the order of cause, with times between
///
/// Looks through all streams whose subjects begin with the catalogue's root: events, dead letters, sagas. It reads the headers of their
/// messages, and no payloads. Requests are stored nowhere, so that what follows from one stands below its id. Exits with 1 if a stream
/// or a message could not be read.
#[derive(Args)]
pub(crate) struct Trace {
    #[command(flatten)]
    schemas: Schemas,
    /// The correlation: `correlation_id` in the envelopes of its messages
    #[arg(value_name = "CORRELATION")]
    correlation: String,
    /// Look at what was stored since then: a time such as 2026-11-30T12:00:00Z, or how long ago, such as 10m or '1h 30m'
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Read the envelopes of messages that have no header Eventsmith-Correlation, too: those of other publishers, and of older versions
    #[arg(long)]
    envelopes: bool,
    /// Print no more messages than these, and say how many there are beyond
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    most: u32,
    /// How to print it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: DataFormat,
    #[command(flatten)]
    connection: Connection,
}

impl Trace {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        if self.correlation.is_empty() {
            bail!("no message has an empty correlation; write that of an envelope, its `correlation_id`");
        }
        let root = self.schemas.load_readable()?.catalogue.manifest.root.get_ref().clone();
        let query = TraceQuery {
            correlation_id: self.correlation.clone(),
            root,
            since: self.since,
            most: usize::try_from(self.most).unwrap_or(usize::MAX),
            envelopes: self.envelopes,
        };
        let found = with_bus(self.connection.config()?, async |bus| Ok(bus.trace(&query).await?))?;
        let tree = Tree::of(&found.messages);
        match self.format {
            DataFormat::Text => print::text(&self.correlation, &found, &tree, out)?,
            DataFormat::Json => print::json(&self.correlation, &found, &tree, out)?,
        }
        out.finish()?;
        let seen: u64 = found.seen.values().sum();
        let all = |count: u64, what| counted(usize::try_from(count).unwrap_or(usize::MAX), what);
        for unread in &found.unread {
            note(format_args!("{}", print::unread(unread)));
        }
        note(format_args!(
            "{} of {} in {}, {} not printed, {} unread",
            counted(found.messages.len(), "message"),
            all(seen, "message"),
            counted(found.seen.len(), "stream"),
            found.left_out,
            found.unread.len()
        ));
        Ok(ExitStatus::findings_if(!found.unread.is_empty()))
    }
}

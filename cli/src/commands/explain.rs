//! `eventsmith explain`: what a payload or a field means.

use std::io::Write as _;

use anyhow::anyhow;
use clap::Args;
use eventsmith_documents::explain;

use crate::catalogue::{Part, Payload, Schemas};
use crate::exit::ExitStatus;
use crate::format::visible;
use crate::output::Out;

/// Print what an event or a field of it means
///
/// What it is, whether it may be left out or null, what it may hold, and what its author says of it.
#[derive(Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    schemas: Schemas,
    /// The event, command, query or document, and a field of it: rule.created/priority, order.placed@1/lines[].sku
    #[arg(value_name = "TYPE[@N][/FIELD]")]
    event: String,
    #[command(flatten)]
    part: Part,
}

impl Explain {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_sound()?;
        let (name, field) =
            self.event.split_once('/').map_or((self.event.as_str(), None), |(name, field)| (name, Some(field)));
        let part = self.part.of();
        let Payload { event, version, file } = Payload::find(&loaded, name, part)?;
        let lines = explain::lines(&loaded, file, field).map_err(|unknown| anyhow!("{}", visible(&unknown)))?;
        writeln!(out, "{} ({})", part.of(&event.event_type, version.number), event.kind.described())?;
        for line in lines {
            writeln!(out, "{}", visible(&line))?;
        }
        out.finish()?;
        Ok(ExitStatus::Clean)
    }
}

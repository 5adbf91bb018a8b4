//! `eventsmith example`: prints a valid sample payload.

use std::io::Write;

use anyhow::anyhow;
use clap::Args;
use eventsmith_codegen::bundle::bundle;
use eventsmith_codegen::lookup;
use eventsmith_codegen::sample::Sampler;

use crate::catalogue::Schemas;
use crate::exit::ExitStatus;
use crate::output::{Out, note};

/// Print a valid sample payload of an event
///
/// It is the first valid one of the schema's examples; without one, a payload is generated.
#[derive(Args)]
pub(crate) struct Example {
    #[command(flatten)]
    schemas: Schemas,
    /// The event, in its newest version unless one is given
    #[arg(value_name = "TYPE[@N]")]
    event: String,
}

impl Example {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_bearable()?;
        let (event, version) = lookup::find(&loaded.catalogue, &self.event)?;
        let sampler = Sampler::new(&bundle(&loaded, &version.file));
        let sampler = sampler.map_err(|error| anyhow!("{} cannot be used: {error}", version.file))?;
        let payload =
            sampler.example().map_err(|error| anyhow!("{}: {error}; write one into its `examples`", version.file))?;
        writeln!(out, "{payload:#}")?;
        out.finish()?;
        note(format_args!("1 example of {}@{}", event.event_type, version.number));
        Ok(ExitStatus::Clean)
    }
}

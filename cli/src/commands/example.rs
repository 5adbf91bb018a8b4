//! `eventsmith example`: prints a valid sample payload.

use std::io::Write;

use anyhow::anyhow;
use clap::Args;
use eventsmith_codegen::bundle::bundle;
use eventsmith_codegen::lint::lint;
use eventsmith_codegen::sample::{NoSample, Sampler};
use eventsmith_codegen::{Diagnostic, Loaded};

use crate::catalogue::{Part, Payload, Schemas};
use crate::exit::ExitStatus;
use crate::output::{Out, note};

/// Print a valid sample payload of an event
///
/// It is the first valid one of the schema's examples; without one, a payload is generated.
#[derive(Args)]
pub(crate) struct Example {
    #[command(flatten)]
    schemas: Schemas,
    /// The event, command or query, in its newest version unless one is given
    #[arg(value_name = "TYPE[@N]")]
    event: String,
    #[command(flatten)]
    part: Part,
}

impl Example {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let (loaded, part) = (self.schemas.load_bearable()?, self.part.of());
        let Payload { event, version, file } = Payload::find(&loaded, &self.event, part)?;
        let sampler = Sampler::new(&bundle(&loaded, file));
        let sampler = sampler.map_err(|error| anyhow!("{file} cannot be used: {error}"))?;
        let payload = sampler.example_text().map_err(|error| no_example(&loaded, file, &error))?;
        writeln!(out, "{payload}")?;
        out.finish()?;
        let part = if part.is_answer() { format!(", its {}", part.as_str()) } else { String::new() };
        note(format_args!("1 example of {}@{}{part}", event.event_type, version.number));
        Ok(ExitStatus::Clean)
    }
}

/// Why there is no example. Where the schema provably accepts nothing, what contradicts what; an example of one's own would not
/// help then.
fn no_example(loaded: &Loaded, file: &str, error: &NoSample) -> anyhow::Error {
    let findings = if error.limit.is_none() { lint(loaded) } else { Vec::new() };
    match findings.into_iter().find(|finding| finding.rule == "unsatisfiable" && finding.file == file) {
        Some(Diagnostic { pointer, message, help, .. }) if pointer.is_empty() => anyhow!("{file}: {message}; {help}"),
        Some(Diagnostic { pointer, message, help, .. }) => anyhow!("{file} at {pointer}: {message}; {help}"),
        None => anyhow!("{file}: {error}; write one into its `examples`"),
    }
}

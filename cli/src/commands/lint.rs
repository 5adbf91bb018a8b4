//! `eventsmith lint`: what is wrong with a catalogue, and what makes its events slow.

use std::io::Write;

use clap::Args;
use eventsmith_codegen::diagnostic::has_errors;
use eventsmith_codegen::paths::{Cause, Path, paths};
use eventsmith_codegen::{Loaded, emit};

use crate::Outcome;
use crate::catalogue::{Schemas, file_from_here, shown};
use crate::output::Out;

/// Print everything that is wrong with the catalogue
///
/// Exits with 1 if there is anything.
#[derive(Args)]
pub(crate) struct Lint {
    #[command(flatten)]
    schemas: Schemas,
    /// Print the events that are decoded by the validator, and the keywords that make them so; they are no findings
    #[arg(long)]
    explain_paths: bool,
}

impl Lint {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        let loaded = self.schemas.load()?;
        let diagnostics = emit::check(&loaded);
        for diagnostic in &diagnostics {
            writeln!(out, "{}", shown(&loaded, diagnostic))?;
        }
        if self.explain_paths && !has_errors(&diagnostics) {
            explain(out, &loaded)?;
        }
        Ok(if diagnostics.is_empty() { Outcome::Clean } else { Outcome::Findings })
    }
}

fn explain(out: &mut Out, loaded: &Loaded) -> anyhow::Result<()> {
    let paths = paths(loaded);
    let (fast, slow): (Vec<&Path>, Vec<&Path>) = paths.iter().partition(|path| path.causes.is_empty());
    for path in slow {
        let reply = if path.is_reply { " reply" } else { "" };
        let causes: Vec<String> = path.causes.iter().map(|cause| described(loaded, cause)).collect();
        writeln!(out, "{} v{}{reply} takes the slow path: {}", path.event_type, path.version, causes.join(", "))?;
    }
    writeln!(out, "{} of {} payloads take the fast path", fast.len(), paths.len())?;
    Ok(())
}

fn described(loaded: &Loaded, cause: &Cause) -> String {
    let file = file_from_here(loaded, &cause.file);
    let position = cause.position.map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
    format!("{} at {file}{position} {}", cause.keyword, cause.pointer)
}

//! The commands, one file each.

mod breaking;
mod completions;
mod dlq;
mod example;
mod generate;
mod lint;
mod man;
mod streams;
mod validate;

use clap::Subcommand;

use crate::Outcome;
use crate::output::Out;

#[derive(Subcommand)]
pub(crate) enum Command {
    Generate(generate::Generate),
    Lint(lint::Lint),
    Breaking(breaking::Breaking),
    Validate(validate::Validate),
    Example(example::Example),
    Streams(streams::Streams),
    Dlq(dlq::Dlq),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    /// Runs the command; an error means that it could not run.
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<Outcome> {
        match self {
            Self::Generate(command) => command.run(out),
            Self::Lint(command) => command.run(out),
            Self::Breaking(command) => command.run(out),
            Self::Validate(command) => command.run(out),
            Self::Example(command) => command.run(out),
            Self::Streams(command) => command.run(out),
            Self::Dlq(command) => command.run(out),
            Self::Completions(command) => command.run(out),
            Self::Man(command) => command.run(out),
        }
    }
}

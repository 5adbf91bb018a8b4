//! `eventsmith flow`: pictures of who publishes, consumes, asks and answers what.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use eventsmith_codegen::lookup;
use eventsmith_documents::site::Figures;
use eventsmith_operations::Landscape;
use eventsmith_operations::flow::{Flow, Observed};

use crate::catalogue::Schemas;
use crate::commands::seen::Seen;
use crate::exit::ExitStatus;
use crate::format::visible;
use crate::fresh::check;
use crate::landscape::landscape;
use crate::output::{Out, counted, note};
use crate::topology::topology;

/// Draw who publishes, consumes, asks and answers what, as the catalogue declares it
///
/// One arrow for each pair of services, with the types: a line for events, dashes for requests. With --observed it also says what was
/// seen of it, what is declared and was never seen, and what was seen and is not declared; it exits with 1 if there is any of the last.
#[derive(Args)]
pub(crate) struct FlowArguments {
    #[command(flatten)]
    schemas: Schemas,
    /// Only what this service has to do with
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only this saga: its stream and its state, as the catalogue knows no steps
    #[arg(long, value_name = "NAME", conflicts_with = "service")]
    saga: Option<String>,
    /// How to draw it
    #[arg(long, value_name = "F", value_enum, default_value_t)]
    format: FlowFormat,
    #[command(flatten)]
    seen: Seen,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write nothing; fail if this file differs from what would be written
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    check: Option<PathBuf>,
}

/// A language of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FlowFormat {
    /// Mermaid, which pages of Markdown draw
    #[default]
    Mermaid,
    /// DOT, which Graphviz draws
    Dot,
}

impl FlowArguments {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let loaded = self.schemas.load_sound()?;
        let landscape = landscape(&loaded, &topology(&loaded));
        let observed = match self.seen.figures()? {
            None => Observed::default(),
            Some(Figures { now, before: None }) => Observed::of(&landscape, &now),
            Some(Figures { now, before: Some((before, time)) }) => Observed::between(&landscape, &before, &now, time),
        };
        let flow = self.flow(&landscape, &observed)?;
        let text = match self.format {
            FlowFormat::Mermaid => flow.to_mermaid(),
            FlowFormat::Dot => flow.to_dot(),
        };
        let mut status = ExitStatus::Clean;
        match (&self.out, &self.check) {
            (Some(file), _) => {
                fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?;
            }
            (None, Some(file)) => {
                let again = self.again(file);
                status = check(out, file, &text, &again)?;
            }
            (None, None) => out.write_all(text.as_bytes())?,
        }
        out.finish()?;
        if self.saga.is_some() {
            note(format_args!(
                "the catalogue knows of a saga its stream and its state; its steps are code, see `eventsmith sagas show`"
            ));
        }
        let (undeclared, unseen) = flow.differences();
        let drawn = format!("{} and {}", counted(flow.nodes.len(), "node"), counted(flow.edges.len(), "arrow"));
        match observed.is_empty() {
            true => note(format_args!("{drawn}")),
            false => {
                note(format_args!("{drawn}; {undeclared} seen and not declared, {unseen} declared and never seen"))
            }
        }
        Ok(if undeclared > 0 { ExitStatus::Findings } else { status })
    }

    fn flow(&self, landscape: &Landscape, observed: &Observed) -> anyhow::Result<Flow> {
        let unknown = |what: &str, name: &str, all: Vec<&str>| {
            let meant = lookup::nearest(name, all.iter().copied());
            let names = if meant.is_empty() { all } else { meant };
            let ways = if names.is_empty() {
                format!("it declares no {what}")
            } else {
                format!("name one of these: {}", names.join(", "))
            };
            anyhow!("the catalogue has no {what} {}; {ways}", visible(name))
        };
        if let Some(name) = &self.service {
            let all = || landscape.services.iter().map(|service| service.name.as_str()).collect();
            return Flow::of_service(landscape, observed, name).ok_or_else(|| unknown("service", name, all()));
        }
        if let Some(name) = &self.saga {
            let all = || landscape.sagas.iter().map(|saga| saga.name.as_str()).collect();
            return Flow::of_saga(landscape, observed, name).ok_or_else(|| unknown("saga", name, all()));
        }
        Ok(Flow::whole(landscape, observed))
    }

    /// The command that writes a file anew.
    fn again(&self, file: &Path) -> String {
        let mut command = "eventsmith flow".to_owned();
        for (option, value) in [("service", &self.service), ("saga", &self.saga)] {
            if let Some(value) = value {
                command.push_str(&format!(" --{option} {value}"));
            }
        }
        if self.format == FlowFormat::Dot {
            command.push_str(" --format dot");
        }
        format!("{command} --out {}", file.display())
    }
}

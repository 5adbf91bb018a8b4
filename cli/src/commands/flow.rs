//! `eventsmith flow`: pictures of who publishes, consumes, asks and answers what.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, ValueEnum};
use eventsmith_codegen::{lookup, manifest};
use eventsmith_operations::Landscape;
use eventsmith_operations::flow::{Flow, Observed};
use eventsmith_operations::prometheus::{self, Sample};

use crate::catalogue::Schemas;
use crate::exit::ExitStatus;
use crate::format::visible;
use crate::fresh::check;
use crate::landscape::landscape;
use crate::output::{Out, counted, note};
use crate::topology::topology;

/// The largest file with figures that is read, in bytes.
const LARGEST: u64 = 256 << 20;

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
    /// Figures of services and the exporter, as Prometheus reads them: what /metrics says, or several of that one after the other.
    /// Given twice, first the earlier and then the later, with --between
    #[arg(long, value_name = "FILE", num_args = 1)]
    observed: Vec<PathBuf>,
    /// How much later the second --observed was taken, such as 5m: then rates are drawn, in one second
    #[arg(long, value_name = "DURATION", value_parser = manifest::duration)]
    between: Option<Duration>,
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
        let observed = self.observed(&landscape)?;
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
        match self.observed.is_empty() {
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

    fn observed(&self, landscape: &Landscape) -> anyhow::Result<Observed> {
        match (self.observed.as_slice(), self.between) {
            ([], None) => Ok(Observed::default()),
            ([one], None) => Ok(Observed::of(landscape, &samples(one)?)),
            ([earlier, later], Some(time)) => {
                Ok(Observed::between(landscape, &samples(earlier)?, &samples(later)?, time))
            }
            ([_, _], None) => bail!("two files need --between, how much later the second was taken"),
            (_, Some(_)) => bail!("--between is the time between two files: give --observed twice, the earlier first"),
            _ => bail!("no more than two files can be compared: give --observed once or twice"),
        }
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

fn samples(file: &Path) -> anyhow::Result<Vec<Sample>> {
    let name = file.display();
    let size = fs::metadata(file).with_context(|| format!("{name} cannot be read"))?.len();
    if size > LARGEST {
        bail!("{name} has {size} bytes, and figures are read up to {LARGEST}");
    }
    let text = fs::read_to_string(file).with_context(|| format!("{name} cannot be read"))?;
    prometheus::read(&text)
        .map_err(|(line, problem)| anyhow!("{name}:{line}: no figure as Prometheus has them: {problem}"))
}

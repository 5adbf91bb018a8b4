//! The options of commands that show what was seen of a catalogue at work.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use eventsmith_codegen::manifest;
use eventsmith_documents::site::Figures;
use eventsmith_operations::prometheus::{self, Sample};

/// The largest file with figures that is read, in bytes.
const LARGEST: u64 = 256 << 20;

/// What was seen.
#[derive(Args)]
pub(super) struct Seen {
    /// Figures of services and the exporter, as Prometheus reads them: what /metrics says, or several of that one after the other.
    /// Given twice, first the earlier and then the later, with --between
    #[arg(long, value_name = "FILE", num_args = 1)]
    observed: Vec<PathBuf>,
    /// How much later the second --observed was taken, such as 5m: then rates are shown, in one second
    #[arg(long, value_name = "DURATION", value_parser = manifest::duration)]
    between: Option<Duration>,
}

impl Seen {
    /// The figures that were given, if any were.
    pub(super) fn figures(&self) -> anyhow::Result<Option<Figures>> {
        match (self.observed.as_slice(), self.between) {
            ([], None) => Ok(None),
            ([one], None) => Ok(Some(Figures { now: samples(one)?, before: None })),
            ([earlier, later], Some(time)) => {
                Ok(Some(Figures { before: Some((samples(earlier)?, time)), now: samples(later)? }))
            }
            ([_, _], None) => bail!("two files need --between, how much later the second was taken"),
            (_, Some(_)) => bail!("--between is the time between two files: give --observed twice, the earlier first"),
            _ => bail!("no more than two files can be compared: give --observed once or twice"),
        }
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

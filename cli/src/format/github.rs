//! `github`: workflow commands, which become annotations.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use std::collections::BTreeMap;
use std::io::Write;

use eventsmith_codegen::Severity;
use eventsmith_codegen::diagnostic::Position;

use super::finding::Finding;
use super::paths::RepositoryPaths;
use super::visible::{visible, visible_lines};

/// How many annotations of a kind GitHub makes of the commands of one step. What is beyond them is in the log alone.
const MOST: usize = 10;

/// Prints workflow commands, and says where GitHub stops to make annotations of them.
#[derive(Default)]
pub(super) struct GithubPrinter {
    /// How many there were of each severity.
    counts: BTreeMap<Severity, usize>,
}

impl GithubPrinter {
    pub(super) fn write(
        &mut self,
        out: &mut impl Write,
        paths: &RepositoryPaths,
        finding: &Finding,
    ) -> anyhow::Result<()> {
        let severity = finding.diagnostic.severity;
        let command = match severity {
            Severity::Advice => "notice",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let count = self.counts.entry(severity).or_default();
        *count += 1;
        if *count == MOST + 1 {
            let text = format!("GitHub shows the first {MOST} of each kind in a step; the log of this step has all");
            writeln!(out, "::notice title=eventsmith::{text}")?;
        }
        annotate(out, paths, finding, command)
    }
}

fn annotate(out: &mut impl Write, paths: &RepositoryPaths, finding: &Finding, command: &str) -> anyhow::Result<()> {
    let diagnostic = &finding.diagnostic;
    write!(out, "::{command} file={}", property(&paths.relative(&diagnostic.file)))?;
    if let Some(Position { line, column }) = diagnostic.position {
        write!(out, ",line={line},col={column}")?;
    }
    let mut message = visible(&diagnostic.message).into_owned();
    for (label, text) in [("at", &diagnostic.pointer), ("help:", &diagnostic.help)] {
        if !text.is_empty() {
            message.push_str(&format!("\n{label} {}", visible_lines(text)));
        }
    }
    writeln!(out, ",title={}::{}", property(diagnostic.rule), data(&message))?;
    Ok(())
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

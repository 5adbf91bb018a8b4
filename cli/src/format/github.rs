//! `github`: workflow commands, which become annotations.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use std::io::Write;

use eventsmith_codegen::Severity;
use eventsmith_codegen::diagnostic::Position;

use super::finding::Finding;
use super::paths::RepositoryPaths;
use super::visible::{visible, visible_lines};

pub(super) fn write(out: &mut impl Write, paths: &RepositoryPaths, finding: &Finding) -> anyhow::Result<()> {
    let diagnostic = &finding.diagnostic;
    let command = match diagnostic.severity {
        Severity::Advice => "notice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
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

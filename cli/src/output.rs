//! Standard output and standard error, whose readers may close them.

use std::fmt;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

use anyhow::Context as _;
use eventsmith_codegen::{Diagnostic, Severity};

/// Standard output. A reader that has gone away (`| head`) is no error: the rest is dropped, and the exit status is
/// that of the command.
pub(crate) struct Out {
    inner: BufWriter<StdoutLock<'static>>,
    closed: bool,
}

impl Out {
    pub(crate) fn stdout() -> Self {
        Self { inner: BufWriter::new(io::stdout().lock()), closed: false }
    }

    /// Whether its reader has gone away.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Writes what is still buffered.
    pub(crate) fn finish(&mut self) -> anyhow::Result<()> {
        self.flush().context("cannot write to standard output")
    }

    fn unless_closed<T>(&mut self, result: io::Result<T>, otherwise: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(otherwise)
            }
            result => result,
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        let result = self.inner.write(bytes);
        self.unless_closed(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.inner.flush();
        self.unless_closed(result, ())
    }
}

/// Prints a line on standard error. A closed standard error is no error.
pub(crate) fn note(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// How many there are of something, in words: `1 error`, `2 errors`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// How many findings there are of each severity, in words.
pub(crate) fn counted_findings<'a>(findings: impl IntoIterator<Item = &'a Diagnostic>) -> String {
    let (mut errors, mut warnings, mut advice) = (0, 0, 0);
    for finding in findings {
        match finding.severity {
            Severity::Error => errors += 1,
            Severity::Warning => warnings += 1,
            Severity::Advice => advice += 1,
        }
    }
    format!("{}, {}, {advice} advice", counted(errors, "error"), counted(warnings, "warning"))
}

/// An error and its causes in one line, without those that the text above them repeats already.
pub(crate) fn with_causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    let mut above = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        // Some say of what kind they are, and then repeat their own cause: `IO error: no route`.
        let said = cause.split_once(": ").map_or(&*cause, |(_, said)| said);
        if !above.contains(said) {
            text += if text.is_empty() { "" } else { ": " };
            text += &cause;
            above = cause;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_that_is_repeated_above_is_printed_once() {
        let repeated = anyhow!("no route").context("cannot connect to a: no route; is a server running there?");
        let kind = anyhow!("IO error: no route").context("cannot connect to a: no route; is a server running there?");
        let other = anyhow!("no route").context("cannot connect to a");
        let more = anyhow!("b: no route").context("cannot connect to a");

        assert_eq!(with_causes(&repeated), "cannot connect to a: no route; is a server running there?");
        assert_eq!(with_causes(&kind), with_causes(&repeated));
        assert_eq!(with_causes(&other), "cannot connect to a: no route");
        assert_eq!(with_causes(&more), "cannot connect to a: b: no route");
    }
}

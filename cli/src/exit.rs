//! How a command ends.

use std::process::ExitCode;

use eventsmith_codegen::Severity;

/// The exit status of a command that could run. One that could not run returns an error instead, and exits with 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// 0: nothing was found.
    Clean,
    /// 1: something was found.
    Findings,
}

impl ExitStatus {
    /// The exit status of a command that found something of these severities: advice alone fails nothing.
    pub(crate) fn of(found: impl IntoIterator<Item = Severity>) -> Self {
        Self::findings_if(found.into_iter().any(|severity| severity > Severity::Advice))
    }

    /// `Findings` if there are any.
    pub(crate) fn findings_if(has_findings: bool) -> Self {
        if has_findings { Self::Findings } else { Self::Clean }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Clean => Self::SUCCESS,
            ExitStatus::Findings => Self::from(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_alone_is_clean() {
        assert_eq!(ExitStatus::of([Severity::Advice]), ExitStatus::Clean);
        assert_eq!(ExitStatus::of([Severity::Advice, Severity::Warning]), ExitStatus::Findings);
    }
}

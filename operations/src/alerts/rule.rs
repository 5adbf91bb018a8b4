//! What an alert and a rule are.

use std::time::Duration;

/// The first line of every file that is written.
pub const WRITTEN: &str = "# Written by `eventsmith alerts` from the catalogue; `--check` in CI says when it is stale.";

/// One kind of alert, and what to do about it.
#[derive(Debug, Clone, Copy)]
pub struct Alert {
    /// Its name.
    pub name: &'static str,
    /// How urgent it is.
    pub severity: Severity,
    /// What it says, and when.
    pub meaning: &'static str,
    /// Where to look.
    pub look: &'static str,
    /// What to do.
    pub act: &'static str,
}

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Somebody has to act now: something is lost, or stands still.
    Critical,
    /// Somebody has to look today.
    Warning,
}

impl Severity {
    /// The value of the label `severity`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}

/// One rule: an alert about one consumer, stream or service.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) alert: &'static Alert,
    /// The file that it stands in, without its end.
    pub(crate) file: String,
    /// What it is about.
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) expression: String,
    /// For how long the expression must hold.
    pub(crate) hold: Duration,
    pub(crate) summary: String,
    pub(crate) description: String,
    /// Series over which it fires, and over which it does not: each a selector and values, one a minute.
    pub(crate) fires: Vec<Series>,
    pub(crate) silent: Vec<Series>,
    /// How much of the series the expression looks back at.
    pub(crate) window: Duration,
}

/// A series of a test: a selector, its first value, and by how much it grows in each minute.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) selector: String,
    pub(crate) first: f64,
    pub(crate) step: f64,
}

impl Series {
    pub(crate) fn level(selector: impl Into<String>, value: f64) -> Self {
        Self { selector: selector.into(), first: value, step: 0.0 }
    }

    pub(crate) fn growing(selector: impl Into<String>, step: f64) -> Self {
        Self { selector: selector.into(), first: 0.0, step }
    }
}

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
    /// The labels that the series of the test that fires leave on the alert, beside those.
    pub(crate) kept: Vec<(&'static str, &'static str)>,
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

/// What the people read whom an alert reaches: a summary and a description.
pub(super) type Said = (String, String);

impl Rule {
    /// A rule of a file about what its labels name, which fires once the expression has held for so long.
    pub(super) fn new(
        alert: &'static Alert,
        (file, labels): (&str, &[(&'static str, &str)]),
        expression: String,
        hold: Duration,
        (summary, description): Said,
    ) -> Self {
        Self {
            alert,
            file: file.to_owned(),
            labels: labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            kept: Vec::new(),
            expression,
            hold,
            summary,
            description,
            fires: Vec::new(),
            silent: Vec::new(),
            window: Duration::ZERO,
        }
    }

    /// The series of its tests: over the first it fires, over the others it does not.
    pub(super) fn tested(self, fires: Vec<Series>, silent: Vec<Series>) -> Self {
        Self { fires, silent, ..self }
    }

    /// The same; one series each, with these levels.
    pub(super) fn at(self, selector: &str, fires: f64, silent: f64) -> Self {
        self.tested(vec![Series::level(selector, fires)], vec![Series::level(selector, silent)])
    }

    /// The expression looks back so far.
    pub(super) fn within(self, window: Duration) -> Self {
        Self { window, ..self }
    }

    /// The series leave these labels on the alert.
    pub(super) fn keeping(self, kept: &[(&'static str, &'static str)]) -> Self {
        Self { kept: kept.to_vec(), ..self }
    }

    /// What has no leader by this figure.
    pub(super) fn no_leader(
        alert: &'static Alert,
        of: (&str, &[(&'static str, &str)]),
        selector: &str,
        said: Said,
    ) -> Self {
        let expression = format!("max({selector}) == 0");
        Self::new(alert, of, expression, Duration::from_secs(60), said).at(selector, 0.0, 1.0)
    }
}

/// A series of a test: a selector, its first value, and by how much it grows in each minute.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) selector: String,
    /// For how many minutes it is not there at first.
    pub(crate) absent: u32,
    pub(crate) first: f64,
    pub(crate) step: f64,
}

impl Series {
    pub(crate) fn level(selector: impl Into<String>, value: f64) -> Self {
        Self { selector: selector.into(), absent: 0, first: value, step: 0.0 }
    }

    pub(crate) fn growing(selector: impl Into<String>, step: f64) -> Self {
        Self { selector: selector.into(), absent: 0, first: 0.0, step }
    }

    /// A counter that comes into being with its first value, and stays there.
    pub(crate) fn born(selector: impl Into<String>, absent: u32, value: f64) -> Self {
        Self { selector: selector.into(), absent, first: value, step: 0.0 }
    }
}

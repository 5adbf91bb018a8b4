//! What a rule is. The files below define the rules that are not those of `eventsmith lint`; each rule of lint is defined in its
//! own file, and [`lint::rules`](crate::lint::rules) lists them all.

pub(crate) mod evolution;
pub(crate) mod loading;
pub(crate) mod payload;
pub(crate) mod switch;

use crate::diagnostic::Severity;

/// One rule. Its id stands in every finding and names its page in the documentation.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The stable id, `bad-json`.
    pub id: &'static str,
    /// Which command reports it.
    pub family: Family,
    /// How bad its findings are, unless `eventsmith.toml` says otherwise.
    pub severity: Severity,
    /// What it looks for and why, in a sentence or two.
    pub purpose: &'static str,
    /// An example that it finds.
    pub bad: &'static str,
    /// The same example as it should be.
    pub good: &'static str,
}

/// Which command reports the findings of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Every command that reads a catalogue, and build scripts.
    Loading,
    /// `eventsmith lint`.
    Lint,
    /// `eventsmith breaking`.
    Evolution,
    /// `eventsmith validate`.
    Payload,
}

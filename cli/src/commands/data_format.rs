//! How a command prints what is no finding: the state of a server, plans, dead letters.

use clap::ValueEnum;

/// A format of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum DataFormat {
    /// For people
    #[default]
    Text,
    /// For programs: one object
    Json,
}

//! Who decides, where a decision is written down.

use clap::Args;

/// Who does it.
#[derive(Args)]
pub(crate) struct Operator {
    /// Who does it, as it will stand in the history; the user's name on this machine otherwise
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl Operator {
    /// The name that is written down.
    pub(crate) fn name(&self) -> String {
        let of_machine = || ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        self.by.clone().or_else(of_machine).unwrap_or_else(|| "an operator".to_owned())
    }
}

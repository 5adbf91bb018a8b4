//! `eventsmith backup`: makes backups of streams and buckets, lists, verifies and restores them.

mod create;
mod list;
mod print;
mod restore;
mod steps;
mod verify;

use clap::{Args, Subcommand};

use crate::exit::ExitStatus;
use crate::output::Out;

/// Back up the streams and buckets of a server, verify backups, and restore them
///
/// A backup is a folder with manifest.json and a file for each stream, as the server's own snapshots are. What was acknowledged before it
/// began is in it. Consumers go on, once restored, behind what they had acknowledged when it began.
#[derive(Args)]
pub(crate) struct Backup {
    #[command(subcommand)]
    command: BackupCommand,
}

#[derive(Subcommand)]
enum BackupCommand {
    Create(create::BackupCreate),
    List(list::BackupList),
    Verify(verify::BackupVerify),
    Restore(restore::BackupRestore),
}

impl Backup {
    pub(crate) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        match &self.command {
            BackupCommand::Create(command) => command.run(out),
            BackupCommand::List(command) => command.run(out),
            BackupCommand::Verify(command) => command.run(out),
            BackupCommand::Restore(command) => command.run(out),
        }
    }
}

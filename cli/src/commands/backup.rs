//! `eventsmith backup`: makes backups of streams and buckets, lists, verifies and restores them.

mod create;
mod list;
mod restore;
mod verify;

use std::io::{IsTerminal as _, stderr};

use clap::{Args, Subcommand};
use eventsmith::admin;

use crate::exit::ExitStatus;
use crate::output::Out;
use crate::progress::Progress;

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

/// The progress of one stream after the other, on a terminal.
struct Steps {
    current: Option<Progress>,
}

impl Steps {
    fn new() -> Self {
        Self { current: None }
    }

    fn take(&mut self, progress: admin::Progress<'_>) {
        match progress {
            admin::Progress::Begins { bytes, .. } => {
                self.finish();
                // What is sent is compressed: how much that will be is not known where a stream is read.
                self.current = Some(Progress::new(stderr().is_terminal(), Some(bytes)));
            }
            admin::Progress::Bytes(bytes) => self.current.iter_mut().for_each(|current| current.advance(bytes)),
            _ => {}
        }
    }

    fn finish(&mut self) {
        if let Some(current) = self.current.take() {
            current.finish();
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.finish();
    }
}

/// What is said of a damaged or tampered file, the same for `verify` and `restore`.
fn hash_argument(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(text.to_ascii_lowercase()) } else { Err("no SHA-256: 64 hexadecimal digits".to_owned()) }
}

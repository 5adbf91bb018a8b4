//! `eventsmith server config`: a complete configuration for each node, and the users, which all of them include.

use anyhow::bail;
use clap::Args;
use eventsmith_operations::server;

use super::wanted::Wanted;
use crate::exit::ExitStatus;
use crate::fresh;
use crate::output::{Out, counted, note};

/// Write the configuration of nats-server that the catalogue needs: NODE.conf for each node, and users.conf, which they include
///
/// TLS, accounts, a user for each service and operator with its permissions, limits that hold the streams. It holds no secret.
#[derive(Args)]
pub(super) struct Config {
    #[command(flatten)]
    wanted: Wanted,
    /// Only users.conf: after keys were rotated or revoked, or permissions have changed
    #[arg(long)]
    users: bool,
    /// Write nothing; fail if the files differ from what would be written
    #[arg(long)]
    check: bool,
}

impl Config {
    pub(super) fn run(&self, out: &mut Out) -> anyhow::Result<ExitStatus> {
        let (landscape, permissions, options) = self.wanted.look()?;
        let written = match self.users {
            true => server::users_file(&permissions, &options).map(|file| vec![file]),
            false => server::files(&landscape, &permissions, &options),
        };
        let files = match written {
            Ok(files) => files,
            Err(problems) => {
                for problem in &problems {
                    note(format_args!("error: {}\n    help: {}", problem.message, problem.help));
                }
                bail!("there is no such configuration: {}", counted(problems.len(), "problem"));
            }
        };
        let folder = &self.wanted.out;
        if !self.check {
            fresh::write(folder, &files)?;
            let users = counted(permissions.users.len() + 1, "user");
            note(format_args!("{} written below {}: {users}", counted(files.len(), "file"), folder.display()));
            return Ok(ExitStatus::Clean);
        }
        let stale = match files.as_slice() {
            // What else is in the folder is not looked at.
            [users] if self.users => {
                let checked = fresh::check(out, &folder.join(&users.path), &users.text, &options.command)?;
                usize::from(checked == ExitStatus::Findings)
            }
            files => fresh::check_all(out, folder, files, |text| text.starts_with(server::WRITTEN), &options.command)?,
        };
        out.finish()?;
        note(format_args!("{} compared, {stale} stale", counted(files.len(), "file")));
        Ok(ExitStatus::findings_if(stale > 0))
    }
}

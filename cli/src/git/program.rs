//! The program `git`, run where a repository is.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// What git tells the hooks that it runs of its repository, and what they hand on to all that they run.
const OF_HOOKS: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// The parts of what git prints with `-z`.
pub(super) fn parts(printed: &[u8]) -> impl Iterator<Item = &[u8]> {
    printed.split(|byte| *byte == 0).filter(|part| !part.is_empty())
}

/// How git is run for one repository.
pub(super) struct Git {
    /// Where it runs.
    here: PathBuf,
    /// The variables that it is not to see.
    hidden: &'static [&'static str],
}

impl Git {
    /// For the repository that a folder lies in, with the top of what is checked out there. A hook may run for another one.
    ///
    /// # Errors
    /// The folder is in no repository, or git cannot be run.
    pub(super) fn of(folder: &Path) -> anyhow::Result<(Self, PathBuf)> {
        let git = Self { here: folder.to_owned(), hidden: OF_HOOKS };
        match git.top() {
            // Schema files are a stranger's, and may look like a repository without a checkout: what it says counts for nothing.
            Ok(top) if !top.join(".git").exists() && env::var_os("GIT_DIR").is_none() => {
                bail!("{} holds the files of a git repository, and is no checkout of one", top.display())
            }
            Ok(top) => Ok((git, top)),
            // A repository apart from its files is known by the environment alone, perhaps relative to the current folder.
            Err(_) if env::var_os("GIT_DIR").is_some() => {
                let git =
                    Self { here: env::current_dir().context("cannot determine the current folder")?, hidden: &[] };
                let top = git.top()?;
                Ok((git, top))
            }
            Err(error) => Err(error),
        }
    }

    fn top(&self) -> anyhow::Result<PathBuf> {
        let found = self.text(["rev-parse", "--is-inside-git-dir", "--show-toplevel"])?;
        let (is_inside, top) = found.split_once('\n').context("git does not say where the repository is")?;
        // Git before 2.38 does not know the setting that forbids it.
        if is_inside.trim() != "false" {
            bail!(
                "{} is laid out as a repository of its own: remove HEAD, config, objects and refs",
                self.here.display()
            );
        }
        fs::canonicalize(top.trim_end_matches(['\n', '\r'])).context("git's top folder cannot be found")
    }

    pub(super) fn command(&self) -> Command {
        let mut git = Command::new("git");
        git.current_dir(&self.here);
        // Files that a stranger's pull request brings may look like a repository, with branches of their own that would decide what
        // is published; only one that is known by its `.git` is meant.
        git.args(["-c", "safe.bareRepository=explicit"]);
        // A commit is what its id says, whatever stands in for it in this clone.
        git.env("GIT_NO_REPLACE_OBJECTS", "1");
        for name in self.hidden {
            git.env_remove(name);
        }
        git
    }

    /// What git prints as text.
    pub(super) fn text<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> anyhow::Result<String> {
        String::from_utf8(self.output(arguments)?).context("git prints what is not UTF-8")
    }

    /// What git prints. When it fails, its message is the error.
    pub(super) fn output<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> anyhow::Result<Vec<u8>> {
        let output = self.command().args(arguments).stdin(Stdio::null()).output();
        let output = output.context("git cannot be run; is it installed?")?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            let message = message.trim().trim_start_matches("fatal: ");
            bail!("git: {}", if message.is_empty() { "no message" } else { message });
        }
        Ok(output.stdout)
    }
}

//! Paths that a stranger's pull request may have made links.

use std::env;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Refuses a path below the current folder that leads out of it by a symbolic link. Whoever means another place names it.
pub(crate) fn refuse_link_out(path: &Path) -> Result<(), String> {
    let Ok(here) = env::current_dir() else { return Ok(()) };
    let Ok(top) = fs::canonicalize(&here) else { return Ok(()) };
    let written = lexical(&here.join(path));
    if !written.starts_with(&here) {
        return Ok(());
    }
    refuse_link_out_of(&top, path)
}

/// Refuses a path that leads out of a folder, which is a real path. What does not exist leads nowhere.
pub(crate) fn refuse_link_out_of(top: &Path, path: &Path) -> Result<(), String> {
    match fs::canonicalize(path) {
        Ok(real) if !real.starts_with(top) => {
            Err(format!("{} is a symbolic link out of {}, which is not followed", path.display(), top.display()))
        }
        _ => Ok(()),
    }
}

/// A path without `.` and `..`, as it is written.
pub(crate) fn lexical(path: &Path) -> PathBuf {
    let mut steps = PathBuf::new();
    for step in path.components() {
        match step {
            Component::CurDir => {}
            Component::ParentDir => {
                steps.pop();
            }
            other => steps.push(other),
        }
    }
    steps
}
